"""What tempo and key need of a sound: one number for each frame, and the mean chroma."""

from __future__ import annotations

import numpy as np

from earmark.features import ChromaStream, FeatureSpec, estimate_key, tempo
from earmark.models.base import Array


class FrameTrack:
    """The onsets and the chroma of a sound so far.

    Parameters
    ----------
    spec : FeatureSpec
        The front end: its rate and hop give the time between frames.

    Attributes
    ----------
    chroma : ChromaStream
        Takes the spectra of all frames.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self.chroma = ChromaStream(spec)
        self._onsets: list[Array] = []
        self._latest: tuple[tuple[int, int], float | None] | None = None  # frames, and their tempo

    def push(self, onsets: Array) -> None:
        """Take the next values of the onset envelope [shape=(k,)]."""
        self._onsets.append(onsets)
        self._latest = None

    @property
    def onsets(self) -> Array:
        """The onset envelope, one value a frame [shape=(n_frames,)]."""
        if len(self._onsets) != 1:
            self._onsets = [np.concatenate([np.zeros(0, np.float32), *self._onsets])]
        return self._onsets[0]

    def tempo(self, start: float = 0.0, end: float | None = None) -> float | None:
        """Return the tempo in beats per minute from `start` to `end` seconds; None where nothing begins."""
        frames_per_second = self.spec.sr / self.spec.hop_length
        onsets = self.onsets
        first, stop = round(start * frames_per_second), len(onsets)
        if end is not None and round(end * frames_per_second) < stop - 1:  # the sound ends in the last frame
            stop = round(end * frames_per_second)
        if self._latest is None or self._latest[0] != (first, stop):  # a song's only part is the whole
            found = tempo(onsets[first:stop], self.spec) if first < stop else 0.0
            self._latest = (first, stop), found or None
        return self._latest[1]

    def key(self) -> str | None:
        """Return the key of the whole, such as ``"A minor"``; None where no pitch class stands out."""
        return estimate_key(self.chroma.mean()) or None
