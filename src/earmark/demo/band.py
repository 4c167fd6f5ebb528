"""The band and its mixing desk: notes at beats on tracks, and tracks into one sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from earmark.demo.drums import Drum
from earmark.demo.synth import Wave, compressed, convolved, equalised
from earmark.vocabulary import PITCH_CLASSES

MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
ROOTS = {"minor": (0, 5, 3, 4), "major": (0, 3, 4, 0)}  # one chord a bar, as degrees of the scale
PEAK = 0.89  # -1 dB of full scale, the head room that mastering leaves
RUMBLE = ((5, -60), (20, -20), (32, -2), (50, 0), (20000, 0))  # what a record does without


class Band:
    """Time, pitch and chance for everybody who plays.

    A pitch is a degree of the scale (0 is the tonic) in an octave; degrees run on above 6 and below 0.

    Parameters
    ----------
    bpm : float
        Tempo in beats per minute.
    key : str
        As ``"A minor"``.
    n : int
        Samples to play.
    sr : int
        Sampling rate in Hz.
    rng : np.random.Generator
        The players' small liberties.
    """

    def __init__(self, *, bpm: float, key: str, n: int, sr: int, rng: np.random.Generator) -> None:
        self.bpm, self.sr, self.rng, self.n = bpm, sr, rng, n
        tonic, mode = key.split()
        self.tonic, self.scale, self.roots = PITCH_CLASSES.index(tonic), MODES[mode], ROOTS[mode]

    @property
    def n_beats(self) -> int:
        """Beats that begin within the clip."""
        return int(np.ceil(self.n / self.sr * self.bpm / 60 - 1e-9))

    def track(self) -> Track:
        """Return an empty track."""
        return Track(self)

    def midi(self, degree: int, octave: int) -> int:
        """MIDI number of a scale degree; octave 4 begins at middle C (60)."""
        rise, step = divmod(degree, 7)
        return 12 * (octave + 1 + rise) + self.tonic + self.scale[step]

    def lowest(self, degree: int, string: int) -> int:
        """MIDI number of a scale degree in its lowest place on an instrument with that lowest string."""
        return string + (self.midi(degree, 0) - string) % 12

    def triad(self, root: int, octave: int) -> list[int]:
        """MIDI numbers of the triad on a degree; the dominant is major in minor keys too."""
        notes = [self.midi(root + step, octave) for step in (0, 2, 4)]
        if root % 7 == 4:
            notes[1] = notes[0] + 4
        return notes


class Track:
    """What one player plays [`y`: shape=(n,)]."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self.y = np.zeros(band.n)

    def add(
        self, y: Wave, beat: float, *, level: float = 1.0, late: float = 0.0, loose: float = 0.003
    ) -> None:
        """Put a sound at a beat, `late` seconds after it, a few milliseconds early or late as people play."""
        band = self._band
        at = round((beat * 60 / band.bpm + late + band.rng.normal(0, loose)) * band.sr)
        at = max(at, 0)
        y = y[: max(band.n - at, 0)]
        self.y[at : at + len(y)] += y * (level * band.rng.uniform(0.88, 1.0))

    def note(self, play: Callable[..., Wave], midi: float, beat: float, beats: float, **mix: float) -> None:
        """One note of an instrument, held for some beats."""
        self.add(play(midi, round(beats * 60 / self._band.bpm, 4), self._band.sr), beat, **mix)

    def hit(self, drum: Drum, beat: float, *, level: float = 1.0) -> None:
        """One stroke of a drum."""
        self.add(drum(self._band.sr, self._band.rng), beat, level=level, loose=0.001)


def in_room(y: Wave, response: Wave, *, wet: float) -> Wave:
    """Sound, and as much of its echo."""
    return y + wet * convolved(y, response)


def mastered(y: Wave, sr: int, *, drive: float) -> Wave:
    """Mix made into a record: glued by a compressor, pressed into a limiter, faded at the end."""
    y = equalised(y, sr, RUMBLE)
    y = y / max(float(np.percentile(np.abs(y), 99.8)), 1e-9)
    y = compressed(y, sr, threshold=0.25, ratio=2, attack=0.02, release=0.15)
    y = np.tanh(drive * y / max(float(np.percentile(np.abs(y), 99.8)), 1e-9))
    n_fade = min(len(y), round(0.05 * sr))
    y[len(y) - n_fade :] *= np.linspace(1, 0, n_fade)
    return PEAK * y / max(float(np.abs(y).max()), 1e-9)
