"""The chroma of the last seconds of a stream, at any time, beside that of the whole."""

from __future__ import annotations

from collections import deque

import numpy as np

from earmark.arrays import Float32, Float64
from earmark.features.chroma import ChromaStream, chroma
from earmark.features.spec import FeatureSpec

_FIRST_TUNING_SECONDS = 8.0  # of sound before the tuning is estimated first; then at each doubling


class RecentChroma(ChromaStream):
    """A `ChromaStream` that also gives the mean over its last seconds, in constant memory and time.

    Until the tuning of the recording is settled after its first minute, it is estimated after 8, 16 and 32 s,
    and what was counted before is tuned anew each time.

    Parameters
    ----------
    spec : FeatureSpec
        How the spectra are made.
    seconds : float
        How much `recent_mean` looks back.

    Examples
    --------
    >>> stream = RecentChroma(seconds=5.0)
    >>> _ = stream.push(np.ones((500, 1025), dtype=np.float32))
    >>> stream.recent_mean().shape
    (12,)
    """

    def __init__(self, spec: FeatureSpec | None = None, *, seconds: float = 60.0) -> None:
        super().__init__(spec)
        self._longest = self.spec.n_frames(seconds)
        self._sums: deque[tuple[Float64, int]] = deque()  # of the chroma of some frames, and how many
        self._n_recent = 0
        self._estimated = 0.0
        self._next_estimate = self.spec.n_frames(_FIRST_TUNING_SECONDS)

    def push(self, power: Float32) -> Float32:
        """Take spectra and give the chroma that are ready, as `ChromaStream.push`."""
        is_settled = self._tuning is not None
        ready = super().push(power)
        self._count(ready if is_settled else self._tuned(power))
        return ready

    def recent_mean(self) -> Float64:
        """Return the mean chroma of the last seconds [shape=(12,)]: what `estimate_key` takes."""
        if self._tuning is None and self.n_frames >= self._next_estimate:
            self._next_estimate *= 2
            self._estimated = self._estimate()
            self._sums.clear()
            self._n_recent = 0
            for held, _ in self._held:
                self._count(self._tuned(held))
        total: Float64 = sum((one for one, _ in self._sums), np.zeros(12))
        return total / max(self._n_recent, 1)

    def _tuned(self, power: Float32) -> Float32:
        tuning = self._estimated if self._tuning is None else self._tuning
        return chroma(np.sqrt(power).T, self.spec, tuning=tuning)

    def _count(self, columns: Float32) -> None:
        self._sums.append((columns.sum(axis=1, dtype=np.float64), columns.shape[1]))
        self._n_recent += columns.shape[1]
        while self._n_recent - self._sums[0][1] >= self._longest:
            self._n_recent -= self._sums.popleft()[1]
