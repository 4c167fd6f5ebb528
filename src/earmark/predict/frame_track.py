"""Tempo and key of a sound, from its frames as they come."""

from __future__ import annotations

from earmark.features import FeatureSpec, KeyCandidate, PulseStream, TempoCandidate, TonalStream
from earmark.models.base import Array

_Place = tuple[int, int, int, float | None]


class FrameTrack:
    """The beats and the notes of a sound so far.

    Parameters
    ----------
    spec : FeatureSpec
        The front end: its rate and hop give the time between frames.

    Attributes
    ----------
    pulse : PulseStream
        Takes the log-mel of all frames.
    tonal : TonalStream
        Takes their spectra.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self.pulse = PulseStream(spec)
        self.tonal = TonalStream(spec)
        self._latest: tuple[_Place, tuple[TempoCandidate, ...]] | None = None

    @property
    def onsets(self) -> Array:
        """The onset envelope, one value a frame [shape=(n_frames,)]."""
        return self.pulse.onsets

    def tempo_candidates(
        self, start: float = 0.0, end: float | None = None, *, expected: float | None = None
    ) -> tuple[TempoCandidate, ...]:
        """Return the tempi from `start` to `end` seconds, most probable first; none where nothing begins.

        `expected` is the tempo to expect, in beats per minute, such as that of `expected_tempo`.
        """
        frames_per_second = self.spec.sr / self.spec.hop_length
        n = self.pulse.n_frames
        first, stop = round(start * frames_per_second), n
        if end is not None and round(end * frames_per_second) < n - 1:  # the sound ends in the last frame
            stop = round(end * frames_per_second)
        place = (first, stop, n, expected)
        if self._latest is None or self._latest[0] != place:  # a song's only part is the whole
            found = self.pulse.candidates(first, stop, expected=expected) if first < stop else ()
            self._latest = place, found
        return self._latest[1]

    def tempo(
        self, start: float = 0.0, end: float | None = None, *, expected: float | None = None
    ) -> float | None:
        """Return the tempo in beats per minute from `start` to `end` seconds; None where nothing begins."""
        found = self.tempo_candidates(start, end, expected=expected)
        return found[0].tempo if found else None

    def key_candidates(self) -> tuple[KeyCandidate, ...]:
        """Return the 24 keys, most probable first; none where no pitch class stands out."""
        return self.tonal.key_candidates()

    def key(self) -> str | None:
        """Return the key of the whole, such as ``"A minor"``; None where no pitch class stands out."""
        found = self.key_candidates()
        return found[0].key if found else None
