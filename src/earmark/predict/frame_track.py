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

    def push(self, onsets: Array) -> None:
        """Take the next values of the onset envelope [shape=(k,)]."""
        self._onsets.append(onsets)

    @property
    def onsets(self) -> Array:
        """The onset envelope, one value a frame [shape=(n_frames,)]."""
        return np.concatenate([np.zeros(0, np.float32), *self._onsets])

    def tempo(self, start: float = 0.0, end: float | None = None) -> float | None:
        """Return the tempo in beats per minute from `start` to `end` seconds; None where nothing begins."""
        frames_per_second = self.spec.sr / self.spec.hop_length
        stop = None if end is None else round(end * frames_per_second)
        envelope = self.onsets[round(start * frames_per_second) : stop]
        return (tempo(envelope, self.spec) or None) if len(envelope) else None

    def key(self) -> str | None:
        """Return the key of the whole, such as ``"A minor"``; None where no pitch class stands out."""
        return estimate_key(self.chroma.mean()) or None
