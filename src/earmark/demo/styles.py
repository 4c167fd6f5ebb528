"""Three pieces for the demo band, which read like lead sheets, and the clips that it plays.

A band that never existed plays a song that nobody wrote, so that tests and `make demo` need no recording.
Tempo and key are stated, so that what earmark finds can be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from earmark.audio import Clip
from earmark.demo import drums
from earmark.demo import instruments as play
from earmark.demo.band import MODES, Band, in_room, mastered
from earmark.demo.synth import Wave, compressed, room
from earmark.errors import InputError
from earmark.vocabulary import PITCH_CLASSES

# (beat within four bars, degree, beats): one tune, which every style dresses in its own way.
TUNE = (
    (0, 4, 1.5), (1.5, 2, 0.5), (2, 0, 2), (4, 5, 1.5), (5.5, 4, 0.5), (6, 2, 2),
    (8, 3, 1), (9, 5, 1), (10, 4, 2), (12, 2, 1), (13, 1, 1), (14, 0, 2),
)  # fmt: skip
# (beat of the bar, half) that a rock guitar accents; beats of the bar on which a house chord is struck.
ACCENTS = {(0, 0.0), (2, 0.0), (3, 0.0), (3, 0.5)}
STABS = ((0.5,), (0.5,), (0.5,), (0.5, 0.75))
DOMINANT = 4  # degree of the scale
BROKEN = (0, 1, 2, 1)  # notes of the triad in the order that the left hand breaks it


def _rock(band: Band) -> Wave:
    """Drums in a room, a bass with a pick, two guitars of power chords, a lead that bends."""
    sr = band.sr
    kit = in_room(_rock_drums(band), room(0.55, sr, damping=0.25, early=0.03, seed=1), wet=0.4)
    kit = compressed(kit, sr, threshold=0.25, ratio=3, attack=0.012, release=0.1)
    bass = play.bass_amplifier(_rock_bass(band), sr)
    guitars = _power_chords(band, detune=-0.05, treble_db=0.0) + _power_chords(
        band, detune=0.04, treble_db=2.0
    )
    lead = play.guitar_amplifier(_lead(band), sr, drive=25.0, bias=0.8, treble_db=3.0)
    lead = in_room(lead, room(1.2, sr, damping=0.3, early=0.05, seed=2), wet=0.3)
    return 1.3 * kit + 0.5 * bass + 0.6 * guitars + 0.4 * lead


def _rock_drums(band: Band) -> Wave:
    """Back beat on open hats, a crash every four bars and a fill before it."""
    kit = band.track()
    fill = (drums.snare, drums.snare, drums.high_tom, drums.low_tom)
    for beat in range(band.n_beats):
        if beat % 16 == 0:
            kit.hit(drums.crash, beat, level=0.9)
        kit.hit(drums.open_hat, beat, level=0.65)
        kit.hit(drums.open_hat, beat + 0.5, level=0.45)
        if beat % 16 == 15:
            for quarter, stroke in enumerate(fill):
                kit.hit(stroke, beat + quarter / 4, level=0.8)
        else:
            kit.hit(drums.snare if beat % 2 else drums.kick, beat)
        if beat % 4 == 2:
            kit.hit(drums.kick, beat + 0.5, level=0.85)
    return kit.y


def _rock_bass(band: Band) -> Wave:
    """Roots in eighths."""
    bass = band.track()
    for beat in range(band.n_beats):
        root = band.lowest(band.roots[beat // 4 % 4], 28)
        bass.note(play.bass_guitar, root, beat, 0.5)
        bass.note(play.bass_guitar, root, beat + 0.5, 0.5, level=0.8)
    return bass.y


def _power_chords(band: Band, *, detune: float, treble_db: float) -> Wave:
    """One guitarist: root, fifth and octave in eighths, open on the accents and muted between them."""
    guitar = band.track()
    for beat in range(band.n_beats):
        root = band.lowest(band.roots[beat // 4 % 4], 40) + detune
        for half in (0.0, 0.5):
            muted = (beat % 4, half) not in ACCENTS
            sound = partial(play.guitar_string, muted=muted)
            beats, level = (0.5, 0.35) if muted else (1.0, 0.4)
            for string, step in enumerate((0, 7, 12)):  # the pick takes 4 ms from string to string
                late = 0.004 * string
                guitar.note(sound, root + step, beat + half, beats, level=level, late=late, loose=0.002)
    return play.guitar_amplifier(guitar.y, band.sr, drive=3.0, bias=0.25, treble_db=treble_db)


def _lead(band: Band) -> Wave:
    """The tune low on the neck; its long notes are bent up from the degree below."""
    lead = band.track()
    for beat, degree, beats in _tune(band):
        midi = band.midi(degree, 3)
        bend = midi - band.midi(degree - 1, 3) if beats >= 1.5 else 0
        lead.note(partial(play.lead_string, bend=bend), midi, beat, beats)
    return lead.y


def _house(band: Band) -> Wave:
    """Four on the floor under a bass, stabs and a hook that duck, claps, hats."""
    sr = band.sr
    floor, kit = band.track(), band.track()
    for beat in range(band.n_beats):
        floor.hit(drums.machine_kick, beat)
        kit.hit(drums.open_hat, beat + 0.5, level=0.7)
        for quarter in range(4):
            kit.hit(drums.closed_hat, beat + quarter / 4, level=0.5 if quarter == 3 else 0.3)
        if beat % 2:
            kit.hit(drums.clap, beat, level=0.9)
    small = room(0.4, sr, damping=0.1, early=0.02, seed=4)
    return floor.y + 0.6 * in_room(kit.y, small, wet=0.15) + _ducked(_house_music(band), band)


def _house_music(band: Band) -> Wave:
    """Bass between the beats, stabs off them, a pad, the tune as a hook."""
    bass, chords = band.track(), band.track()
    for beat in range(band.n_beats):
        root = band.roots[beat // 4 % 4]
        for at in (0.25, 0.5, 0.75):
            bass.note(play.synth_bass, band.midi(root, 1), beat + at, 0.24, loose=0.0)
        for at in STABS[beat % 4]:
            for midi in band.triad(root, 4):
                chords.note(play.saw_stab, midi, beat + at, 0.4, level=0.5, loose=0.0)
        if beat % 4 == 0:
            for midi in band.triad(root, 3):
                chords.note(play.pad, midi, beat, 4, level=0.35, loose=0.0)
    for at, degree, beats in _tune(band):
        chords.note(play.pluck_lead, band.midi(degree, 5), at, beats, loose=0.0)
    hall = room(1.4, band.sr, damping=0.2, early=0.04, seed=3)
    return 0.5 * bass.y + 0.3 * in_room(chords.y, hall, wet=0.3)


def _ducked(y: Wave, band: Band) -> Wave:
    """Side-chain: what has been played makes room on every beat and is back half a beat later."""
    beat = np.arange(len(y)) / band.sr * band.bpm / 60
    return y * (0.25 + 0.75 * np.clip((beat % 1.0) / 0.5, 0, 1) ** 1.5)


def _ballad(band: Band) -> Wave:
    """A piano breaks chords under the tune, a cello below it, strings behind both."""
    keys, section, cello = band.track(), band.track(), band.track()
    for beat in range(band.n_beats):
        root = band.roots[beat // 4 % 4]
        chord = band.triad(root, 3)
        if beat % 4 == 0:
            top = band.midi(root + 6, 3) if root == DOMINANT else chord[0] + 12  # its seventh wants home
            low = band.lowest(root, 40)
            for midi in (low, *(note + 12 for note in (*chord, top))):
                section.note(play.strings, midi, beat, 4.15, level=0.4, loose=0.02)
            keys.note(play.piano, low, beat, 4)
        for half in (0, 1):
            midi = chord[BROKEN[(2 * beat + half) % 4]] + (12 if beat % 4 >= 2 else 0)
            keys.note(play.piano, midi, beat + half / 2, 2.0, level=0.55, loose=0.006)
    for at, degree, beats in _tune(band):
        keys.note(play.piano, band.midi(degree, 5), at, beats, loose=0.006)
        cello.note(play.cello, band.midi(degree, 3), at, beats, loose=0.01)
    hall = room(2.0, band.sr, damping=0.35, early=0.07, seed=5)
    return in_room(0.5 * keys.y + 0.15 * cello.y + 0.1 * section.y, hall, wet=0.3)


def _tune(band: Band) -> Iterator[tuple[float, int, float]]:
    """(beat, degree, beats) of the tune, over and over."""
    for start in range(0, band.n_beats, 16):
        yield from (
            (start + beat, degree, beats) for beat, degree, beats in TUNE if start + beat < band.n_beats
        )


@dataclass(frozen=True)
class Style:
    """One style of the demo band, and the tempo and key it plays in.

    Parameters
    ----------
    name : str
        As `demo_clip` takes it.
    summary : str
        Who plays.
    bpm : float
        Tempo in beats per minute.
    key : str
        Key, as ``"A minor"``.
    drive : float
        How hard the mix is pushed into the limiter: loud records 2 and more, quiet ones 1.
    arrange : callable
        Plays the notes of a `Band` and mixes them.
    """

    name: str
    summary: str
    bpm: float
    key: str
    drive: float
    arrange: Callable[[Band], Wave]


STYLES = {
    style.name: style
    for style in (
        Style("rock", "drums, bass, two distorted guitars, a lead", 132.0, "E minor", 1.4, _rock),
        Style("house", "four on the floor, off-beat bass, stabs, a hook", 124.0, "A minor", 1.4, _house),
        Style("ballad", "piano, cello and strings, no drums", 80.0, "C major", 1.0, _ballad),
    )
}


def demo_clip(
    style: str = "rock",
    *,
    seconds: float = 8.0,
    sr: int = 22050,
    seed: int = 0,
    bpm: float | None = None,
    key: str | None = None,
) -> Clip:
    """A few seconds of music, synthesised.

    Parameters
    ----------
    style : str
        One of `STYLES`: ``"rock"``, ``"house"`` or ``"ballad"``.
    seconds : float
        Duration, 0.1 to 600 s; the band repeats its four bars.
    sr : int
        Sampling rate, 8000 to 192000 Hz.
    seed : int
        The players' small liberties with time and loudness, and the noise of the drums.
    bpm : float, optional
        Tempo, 40 to 240 beats per minute, instead of the style's own.
    key : str, optional
        Key such as ``"F# minor"``, instead of the style's own.

    Returns
    -------
    Clip
        Mono, peak at -1 dB, the same samples for the same arguments.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> demo_clip("house", seconds=4).duration
    4.0
    """
    if style not in STYLES:
        raise InputError(f"no demo style={style!r}", hint=f"Accepted: {', '.join(STYLES)}.")
    chosen = STYLES[style]
    bpm, key = chosen.bpm if bpm is None else bpm, chosen.key if key is None else key
    _check("seconds", seconds, 0.1, 600)
    _check("sr", sr, 8000, 192000)
    _check("bpm", bpm, 40, 240)
    tonic, _, mode = key.partition(" ")
    if tonic not in PITCH_CLASSES or mode not in MODES:
        raise InputError(
            f"no such key={key!r}", hint='Accepted: a key with sharps, such as "A minor" or "F# major".'
        )
    rng = np.random.default_rng(seed)
    band = Band(bpm=bpm, key=key, n=round(seconds * sr), sr=sr, rng=rng)
    y = mastered(chosen.arrange(band), sr, drive=chosen.drive)
    return Clip(y=y.astype(np.float32), sr=sr, path=f"demo-{style}")


def demo_medley(*, seconds: float = 30.0, sr: int = 22050, seed: int = 0) -> Clip:
    """All styles in turn, each for an equal part of the time: what `make demo` classifies.

    Each in its own tempo, all in one key (A minor), so that the medley has a key as a song has, while its
    genre, mood and tempo change twice.

    Parameters
    ----------
    seconds : float
        Duration of the whole, 0.3 to 1800 s.
    sr : int
        Sampling rate, 8000 to 192000 Hz.
    seed : int
        As in `demo_clip`.

    Returns
    -------
    Clip
        Mono, peak at -1 dB.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    edges = np.rint(np.linspace(0, seconds * sr, len(STYLES) + 1)).astype(int)
    parts = []
    for style, n in zip(STYLES.values(), np.diff(edges), strict=True):
        parts.append(demo_clip(style.name, seconds=n / sr, sr=sr, seed=seed, key="A minor").y)
    return Clip(y=np.concatenate(parts), sr=sr, path="demo-medley")


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name}={value!r} is out of range", hint=f"Accepted: {low:g} to {high:g}.")
