"""Demo music, synthesised here: drums, bass, chords and a tune in three styles.

A band that never existed plays a song that nobody wrote, so that tests and `make demo` need no
recording. Tempo and key are stated, so that what earmark finds can be checked. Instruments are sums
of partials and bursts of filtered noise; the arrangements stand below them and read like a lead sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from earmark.audio import Clip
from earmark.errors import InputError
from earmark.vocabulary import PITCH_CLASSES

Wave = NDArray[np.float64]
MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PEAK = 0.89  # -1 dB of full scale, the head room that mastering leaves


def _time(seconds: float, sr: int) -> Wave:
    return np.arange(max(1, round(seconds * sr))) / sr


def _hz(midi: float) -> float:
    return float(440.0 * 2.0 ** ((midi - 69) / 12))


def _hold(seconds: float, sr: int, *, attack: float = 0.005, release: float = 0.03) -> Wave:
    """Envelope that is one except for a raised-cosine start and end: notes without clicks."""
    t = _time(seconds, sr)
    rise = np.clip(t / attack, 0, 1)
    fall = np.clip((seconds - t) / release, 0, 1)
    return (0.5 - 0.5 * np.cos(np.pi * rise)) * (0.5 - 0.5 * np.cos(np.pi * fall))


def _filter(y: Wave, sr: int, *, low_hz: float = 0.0, high_hz: float = np.inf, order: int = 4) -> Wave:
    """Zero-phase Butterworth-shaped band pass, drawn on the spectrum of the whole note."""
    n = len(y)
    f = np.fft.rfftfreq(2 * n, 1 / sr)
    gain = np.ones_like(f)
    if low_hz > 0:
        ratio = (f / low_hz) ** order
        gain *= ratio / (1 + ratio)
    if np.isfinite(high_hz):
        gain /= 1 + (f / high_hz) ** order
    return np.fft.irfft(np.fft.rfft(y, 2 * n) * gain)[:n]


def _partials(
    hz: float,
    t: Wave,
    gains: Wave,
    *,
    decays: Wave | float = 0.0,
    stretch: float = 0.0,
    vibrato: float = 0.0,
) -> Wave:
    """Sum of partials k at k * hz * sqrt(1 + stretch * k^2), each with its own decay (1/s).

    The stretch is that of a stiff string (Fletcher, Blackham & Stratton 1962, eq. 3). Partials near
    the Nyquist rate are left out rather than folded.
    """
    sr = 1 / (t[1] - t[0]) if len(t) > 1 else 1.0
    decays = np.broadcast_to(decays, gains.shape)
    # Vibrato of a few cents, 5.3 times a second, as its integral: a wobble of the time axis.
    warped = t - vibrato * np.cos(2 * np.pi * 5.3 * t) / (2 * np.pi * 5.3)
    y = np.zeros_like(t)
    for k, (gain, decay) in enumerate(zip(gains, decays, strict=True), start=1):
        f = k * hz * np.sqrt(1 + stretch * k * k)
        if f > 0.45 * sr:
            break
        # Phases by the golden angle: fixed, and never all in step, which would make a spike.
        y += gain * np.exp(-decay * t) * np.sin(2 * np.pi * f * warped + 2.39996 * k * k)
    return y


def _sum(waves: Iterable[Wave]) -> Wave:
    total: Wave = np.add.reduce(list(waves))
    return total


def _noise(seconds: float, sr: int, rng: np.random.Generator, *, low_hz: float, high_hz: float) -> Wave:
    return _filter(rng.standard_normal(len(_time(seconds, sr))), sr, low_hz=low_hz, high_hz=high_hz)


# ---------------------------------------------------------------- instruments with a pitch
# Each maps (midi, seconds, sr) to a note of about unit peak. Notes repeat, so they are remembered.


def _string(midi: float, seconds: float, sr: int, *, pluck: float, damping: float, n: int = 24) -> Wave:
    """Plucked string: the comb of the plucking point, high partials dying first."""
    k = np.arange(1.0, n + 1)
    gains = np.abs(np.sin(np.pi * k * pluck)) / k
    return _partials(_hz(midi), _time(seconds, sr), gains, decays=damping * (0.4 + 0.35 * k), stretch=2e-5)


@lru_cache(maxsize=64)
def _power_chord(midi: int, seconds: float, sr: int, detune: float, muted: bool) -> Wave:
    """Root, fifth and octave of an electric guitar into a valve amplifier and its cabinet."""
    damping = 3.5 if muted else 0.8
    notes = [midi + detune + step for step in (0, 7, 12)]
    chord = _sum(_string(note, seconds, sr, pluck=0.13, damping=damping, n=16) for note in notes)
    driven = np.tanh(14.0 * chord + 0.15)
    return 0.8 * _filter(driven, sr, low_hz=95, high_hz=4600) * _hold(seconds, sr, release=0.02)


@lru_cache(maxsize=64)
def _lead_guitar(midi: int, seconds: float, sr: int) -> Wave:
    t = _time(seconds, sr)
    k = np.arange(1.0, 17)
    y = _partials(_hz(midi), t, 1.0 / k**0.9, decays=0.25 * k, vibrato=0.0035)
    return 0.6 * _filter(np.tanh(2.5 * y), sr, low_hz=200, high_hz=4200) * _hold(seconds, sr, release=0.06)


@lru_cache(maxsize=64)
def _bass_guitar(midi: int, seconds: float, sr: int) -> Wave:
    y = _string(midi, seconds, sr, pluck=0.21, damping=2.0, n=14)
    return np.tanh(1.3 * y) * _hold(seconds, sr)


@lru_cache(maxsize=64)
def _synth_bass(midi: int, seconds: float, sr: int) -> Wave:
    """Saw wave through a low pass that closes: each partial decays at its own rate."""
    k = np.arange(1.0, 25)
    y = _partials(_hz(midi), _time(seconds, sr), 1.0 / k, decays=0.8 * k)
    return 0.8 * np.tanh(1.5 * y) * _hold(seconds, sr, release=0.015)


@lru_cache(maxsize=64)
def _saw_stab(midi: int, seconds: float, sr: int) -> Wave:
    """Three saws a few cents apart: the wide chord of a house record."""
    t = _time(seconds, sr)
    k = np.arange(1.0, 31)
    gains = 1.0 / k / (1 + (k * _hz(midi) / 4500) ** 2)
    y = _sum(_partials(_hz(midi + cents / 100), t, gains, decays=1.2 + 0.3 * k) for cents in (-9, 0, 8))
    return 0.5 * y * _hold(seconds, sr, attack=0.004, release=0.05)


@lru_cache(maxsize=64)
def _bell(midi: int, seconds: float, sr: int) -> Wave:
    """Frequency modulation at 1 : 3.5 (Chowning 1973): the glassy lead of an electric piano."""
    t = _time(seconds, sr)
    hz = _hz(midi)
    index = 1.6 * np.exp(-7 * t)
    y = np.sin(2 * np.pi * hz * t + index * np.sin(2 * np.pi * 3.5 * hz * t))
    return 0.7 * y * np.exp(-4 * t) * _hold(seconds, sr, attack=0.002)


@lru_cache(maxsize=64)
def _piano(midi: int, seconds: float, sr: int) -> Wave:
    """Stiff string struck at an eighth, two detuned strings a note, a soft felt."""
    t = _time(seconds, sr)
    k = np.arange(1.0, 21)
    hz = _hz(midi)
    gains = np.abs(np.sin(np.pi * k / 8)) / k * np.exp(-k * hz / 3000)
    decays = 0.5 + 0.9 * (hz / 440) + 0.35 * k
    y = _sum(_partials(hz * bend, t, gains, decays=decays, stretch=3e-4) for bend in (1.0, 1.0008))
    return 0.9 * y * _hold(seconds, sr, attack=0.003, release=0.12)


@lru_cache(maxsize=64)
def _strings(midi: int, seconds: float, sr: int) -> Wave:
    """Section of bowed strings: slow attack, vibrato, three players who nearly agree."""
    t = _time(seconds, sr)
    k = np.arange(1.0, 19)
    gains = 1.0 / k / (1 + (k * _hz(midi) / 1900) ** 2)
    y = _sum(
        _partials(_hz(midi + cents / 100), t + 0.017 * i, gains, vibrato=0.0022 + 0.0004 * i)
        for i, cents in enumerate((-6, 1, 7))
    )
    return 0.35 * y * _hold(seconds, sr, attack=0.3, release=0.4)


# ---------------------------------------------------------------- drums: (sr, rng) -> a hit


def _kick(sr: int, _: np.random.Generator) -> Wave:
    """Sine that falls from 170 Hz to 48 Hz, the sweep integrated to a phase, and a click."""
    t = _time(0.32, sr)
    phase = 2 * np.pi * (48 * t + 122 * (1 - np.exp(-32 * t)) / 32)
    click = 0.25 * np.sin(2 * np.pi * 1500 * t) * np.exp(-400 * t)
    return (np.sin(phase) * np.exp(-9 * t) + click) * _hold(0.32, sr, attack=0.001)


def _snare(sr: int, rng: np.random.Generator) -> Wave:
    t = _time(0.25, sr)
    shell = np.sin(2 * np.pi * 187 * t) + 0.6 * np.sin(2 * np.pi * 331 * t)
    wires = _noise(0.25, sr, rng, low_hz=1200, high_hz=9000)
    return (0.5 * shell * np.exp(-26 * t) + 0.5 * wires * np.exp(-17 * t)) * _hold(0.25, sr, attack=0.001)


def _clap(sr: int, rng: np.random.Generator) -> Wave:
    """Three hands within 30 ms and the room that answers."""
    t = _time(0.22, sr)
    hands = _sum(np.where(t >= at, np.exp(-220 * np.maximum(t - at, 0)), 0) for at in (0.0, 0.011, 0.023))
    room = np.where(t >= 0.025, np.exp(-20 * np.maximum(t - 0.025, 0)), 0)
    return 0.6 * _noise(0.22, sr, rng, low_hz=900, high_hz=5000) * (hands + 0.7 * room)


def _cymbal(seconds: float, decay: float, low_hz: float) -> Callable[[int, np.random.Generator], Wave]:
    def hit(sr: int, rng: np.random.Generator) -> Wave:
        noise = _noise(seconds, sr, rng, low_hz=low_hz, high_hz=16000)
        return 0.45 * noise * np.exp(-decay * _time(seconds, sr)) * _hold(seconds, sr, attack=0.001)

    return hit


_closed_hat = _cymbal(0.08, 60, 6500)
_open_hat = _cymbal(0.28, 12, 5500)
_crash = _cymbal(1.8, 2.6, 3500)


# ---------------------------------------------------------------- the mixing desk


class _Band:
    """Plays notes at beats into a dry and a reverberant bus, both stereo-free.

    A pitch is a degree of the scale (0 is the tonic) in an octave; degrees run on above 6 and below 0.
    """

    def __init__(self, *, bpm: float, key: str, n: int, sr: int, rng: np.random.Generator) -> None:
        self.bpm, self.sr, self.rng = bpm, sr, rng
        tonic, mode = key.split()
        self.tonic, self.scale, self.roots = PITCH_CLASSES.index(tonic), MODES[mode], ROOTS[mode]
        self.dry, self.wet = np.zeros(n), np.zeros(n)

    @property
    def n_beats(self) -> int:
        """Beats that begin within the clip."""
        return int(np.ceil(len(self.dry) / self.sr * self.bpm / 60 - 1e-9))

    def midi(self, degree: int, octave: int) -> int:
        """MIDI number of a scale degree; octave 4 begins at middle C (60)."""
        rise, step = divmod(degree, 7)
        return 12 * (octave + 1 + rise) + self.tonic + self.scale[step]

    def triad(self, root: int, octave: int) -> list[int]:
        """MIDI numbers of the triad on a degree; the dominant is major in minor keys too."""
        notes = [self.midi(root + step, octave) for step in (0, 2, 4)]
        if root % 7 == 4:
            notes[1] = notes[0] + 4
        return notes

    def add(self, y: Wave, beat: float, *, level: float, room: float = 0.0, loose: float = 0.003) -> None:
        """Mix a note in at a beat, a few milliseconds early or late as people play."""
        at = round((beat * 60 / self.bpm + self.rng.normal(0, loose)) * self.sr)
        at = max(at, 0)
        y = y[: max(len(self.dry) - at, 0)] * (level * self.rng.uniform(0.92, 1.0))
        self.dry[at : at + len(y)] += y
        if room:
            self.wet[at : at + len(y)] += room * y

    def note(self, play: Callable[..., Wave], midi: int, beat: float, beats: float, **mix: float) -> None:
        """One note of an instrument, held for some beats."""
        self.add(play(midi, round(beats * 60 / self.bpm, 4), self.sr), beat, **mix)

    def hit(self, drum: Callable[..., Wave], beat: float, **mix: float) -> None:
        """One stroke of a drum."""
        self.add(drum(self.sr, self.rng), beat, loose=0.001, **mix)

    def master(self, drive: float) -> Wave:
        """Dry and reverberated sound together, limited by soft clipping, faded at the end."""
        y = self.dry + _reverb(self.wet, self.sr, self.rng)
        y = np.tanh(drive * y / max(float(np.percentile(np.abs(y), 99.8)), 1e-9))
        y = _filter(y, self.sr, low_hz=25)
        n_fade = min(len(y), round(0.05 * self.sr))
        y[len(y) - n_fade :] *= np.linspace(1, 0, n_fade)
        return PEAK * y / max(float(np.abs(y).max()), 1e-9)


def _reverb(y: Wave, sr: int, rng: np.random.Generator) -> Wave:
    """Hall of 1.6 s: convolution with noise that decays, darker than it begins."""
    t = _time(1.6, sr)
    hall = _filter(rng.standard_normal(len(t)), sr, low_hz=250, high_hz=3500)
    hall *= np.exp(-6.9 / 1.6 * t) * np.clip(t / 0.012, 0, 1)
    hall /= np.sqrt(np.sum(hall**2))
    size = len(y) + len(t)
    return np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(hall, size), size)[: len(y)]


# ---------------------------------------------------------------- the arrangements

ROOTS = {"minor": (0, 5, 3, 4), "major": (0, 3, 4, 0)}  # one chord a bar, as degrees of the scale
# (beat within four bars, degree, beats): one tune, which every style dresses in its own way.
TUNE = (
    (0, 4, 1.5), (1.5, 2, 0.5), (2, 0, 2), (4, 5, 1.5), (5.5, 4, 0.5), (6, 2, 2),
    (8, 3, 1), (9, 5, 1), (10, 4, 2), (12, 2, 1), (13, 1, 1), (14, 0, 2),
)  # fmt: skip


def _rock(band: _Band) -> None:
    """Power chords in eighths, a back beat, a lead guitar."""
    for beat in range(band.n_beats):
        root = band.roots[beat // 4 % 4]
        if beat % 16 == 0:
            band.hit(_crash, beat, level=0.5, room=0.2)
        band.hit(_snare if beat % 2 else _kick, beat, level=0.95, room=0.12 if beat % 2 else 0.0)
        if beat % 4 == 2:
            band.hit(_kick, beat + 0.5, level=0.8)
        for half in (0.0, 0.5):
            band.hit(_open_hat, beat + half, level=0.6 if half else 0.8)
            band.note(_bass_guitar, band.midi(root, 1), beat + half, 0.5, level=0.55)
            muted = not (beat % 4 == 0 and half == 0.0)
            for detune in (-0.06, 0.05):  # played twice, as on records
                guitar = partial(_power_chord, detune=detune, muted=muted)
                band.note(guitar, band.midi(root, 2), beat + half, 0.5 if muted else 0.95, level=0.5)
    _play_tune(band, _lead_guitar, octave=4, level=0.3, room=0.35)


def _house(band: _Band) -> None:
    """Four on the floor, off-beat bass and stabs that duck under the kick, claps, open hats."""
    for beat in range(band.n_beats):
        root = band.roots[beat // 4 % 4]
        band.hit(_open_hat, beat + 0.5, level=0.55)
        for quarter in (0.25, 0.75):
            band.hit(_closed_hat, beat + quarter, level=0.3)
        for half in (0.5, 0.75):
            band.note(_synth_bass, band.midi(root, 1), beat + half, 0.24, level=0.6, loose=0.0)
        if beat % 2:
            band.hit(_clap, beat, level=0.75, room=0.25)
        for at in {0: (0.0, 0.75), 1: (0.5,), 2: (0.25, 0.75), 3: (0.5,)}[beat % 4]:
            for midi in band.triad(root, 3):
                band.note(_saw_stab, midi, beat + at, 0.4, level=0.26, room=0.3, loose=0.0)
    _play_tune(band, _bell, octave=5, level=0.3, room=0.5)
    _duck(band)
    for beat in range(band.n_beats):
        band.hit(_kick, beat, level=1.15)


def _duck(band: _Band) -> None:
    """Side-chain: what has been played makes room on every beat and is back half a beat later."""
    beat = np.arange(len(band.dry)) / band.sr * band.bpm / 60
    gain = 0.35 + 0.65 * np.clip((beat % 1.0) / 0.5, 0, 1) ** 1.5
    band.dry *= gain
    band.wet *= gain


def _ballad(band: _Band) -> None:
    """A piano breaks chords over held strings and a low bowed bass."""
    broken = (0, 1, 2, 1)
    for beat in range(band.n_beats):
        root = band.roots[beat // 4 % 4]
        chord = band.triad(root, 3)
        if beat % 4 == 0:
            for midi in [*chord, chord[0] + 12]:
                band.note(_strings, midi + 12, beat, 4.15, level=0.17, room=0.5)
            band.note(_strings, chord[0] - 12, beat, 4.1, level=0.3, room=0.3)
            band.note(_piano, chord[0] - 12, beat, 4, level=0.6, room=0.25)
        for i, half in enumerate((0.0, 0.5)):
            midi = chord[broken[(2 * beat + i) % 4]] + (12 if beat % 4 >= 2 else 0)
            band.note(_piano, midi, beat + half, 1.4, level=0.42, room=0.3, loose=0.006)
    _play_tune(band, _piano, octave=5, level=0.6, room=0.4)


def _play_tune(band: _Band, play: Callable[..., Wave], *, octave: int, level: float, room: float) -> None:
    for start in range(0, band.n_beats, 16):
        for beat, degree, beats in TUNE:
            if start + beat < band.n_beats:
                band.note(play, band.midi(degree, octave), start + beat, beats, level=level, room=room)


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
        Plays the notes.
    """

    name: str
    summary: str
    bpm: float
    key: str
    drive: float
    arrange: Callable[[_Band], None]


STYLES = {
    style.name: style
    for style in (
        Style("rock", "drums, bass, power chords, a lead guitar", 132.0, "E minor", 2.5, _rock),
        Style("house", "four on the floor, off-beat bass, stabs, bells", 124.0, "A minor", 1.6, _house),
        Style("ballad", "piano and strings, no drums", 80.0, "C major", 1.0, _ballad),
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
        raise InputError(f"no demo style={style!r}", hint=f"Choose one of {', '.join(STYLES)}.")
    chosen = STYLES[style]
    bpm, key = chosen.bpm if bpm is None else bpm, chosen.key if key is None else key
    _check("seconds", seconds, 0.1, 600)
    _check("sr", sr, 8000, 192000)
    _check("bpm", bpm, 40, 240)
    tonic, _, mode = key.partition(" ")
    if tonic not in PITCH_CLASSES or mode not in MODES:
        raise InputError(f"no such key={key!r}", hint='Say it as "A minor" or "F# major", with sharps.')
    rng = np.random.default_rng(seed)
    band = _Band(bpm=bpm, key=key, n=round(seconds * sr), sr=sr, rng=rng)
    chosen.arrange(band)
    return Clip(y=band.master(chosen.drive).astype(np.float32), sr=sr, path=f"demo-{style}")


def demo_medley(*, seconds: float = 24.0, sr: int = 22050, seed: int = 0) -> Clip:
    """All styles in turn, each for an equal part of the time: what `make demo` classifies.

    They share one tempo (124 beats per minute; the ballad counts it in half) and one key (A minor), so
    that the medley has a tempo and a key as a song has, while its genre changes twice.

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
        bpm = 62.0 if style.name == "ballad" else 124.0
        parts.append(demo_clip(style.name, seconds=n / sr, sr=sr, seed=seed, bpm=bpm, key="A minor").y)
    return Clip(y=np.concatenate(parts), sr=sr, path="demo-medley")


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name}={value!r} is out of range", hint=f"Accepted: {low:g} to {high:g}.")
