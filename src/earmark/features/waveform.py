"""Two descriptors of the waveform itself: loudness and zero crossings, in the frames of the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Bools, Float32, Float64
from earmark.features.spec import FeatureSpec
from earmark.features.stft import CHUNK, Framer, samples

if TYPE_CHECKING:
    from earmark.audio import Clip

_SILENT = np.float32(1e-10)  # smaller values have no sign, as in librosa


def rms(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Float32:
    """Return the root mean square of each frame [shape=(n_frames,)]; full scale is 1.

    The frames are those of `log_mel`, without window, with silence beyond the ends.
    """
    spec = spec or FeatureSpec()
    framer = Framer(spec.n_fft, spec.hop_length)
    y = samples(source, spec)
    return np.concatenate([frame_rms(framer.push(y)), frame_rms(framer.close())])


def frame_rms(frames: Float32) -> Float32:
    """Return the root mean square of each row [shape=(k,)]."""
    parts = [frames[start : start + CHUNK] for start in range(0, len(frames), CHUNK)]
    power = [np.vecdot(part, part) / np.float32(part.shape[1]) for part in parts]
    loudness: Float32 = np.sqrt(np.concatenate([np.zeros(0, dtype=np.float32), *power]))
    return loudness


def zero_crossing_rate(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Float32:
    """Return the rate of sign changes per sample in each frame [shape=(n_frames,)].

    Beyond the ends the first and the last sample are repeated, so that nothing crosses there.
    """
    spec = spec or FeatureSpec()
    crossings = ZeroCrossings(spec)
    return np.concatenate([crossings.push(samples(source, spec)), crossings.close()])


class ZeroCrossings:
    """Zero-crossing rate of sound that arrives in blocks, in constant memory."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._tail: Float64 = np.zeros(spec.n_fft // 2)  # counts that later frames need
        self._count = 0.0  # crossings up to the last sample
        self._negative: Bools = np.zeros(0, dtype=bool)  # whether the last sample is

    def push(self, block: Float32) -> Float32:
        """Take samples [shape=(n,)] and give the rates of the frames that are complete now [shape=(k,)]."""
        negative = block < -_SILENT
        signs = np.concatenate([self._negative if len(self._negative) else negative[:1], negative])
        counts = self._count + np.cumsum(signs[1:] != signs[:-1], dtype=np.float64)
        self._negative = signs[-1:]
        self._count = float(counts[-1]) if len(counts) else self._count
        return self._rates(counts)

    def close(self) -> Float32:
        """Give the rates of the last frames, which reach beyond the end."""
        return self._rates(np.full(self._spec.n_fft // 2, self._count))

    def _rates(self, counts: Float64) -> Float32:
        """Return the rates of the frames that these counts complete, cut as `Framer` does it."""
        n_fft, hop_length = self._spec.n_fft, self._spec.hop_length
        x = np.concatenate([self._tail, counts])
        k = max(0, 1 + (len(x) - n_fft) // hop_length)
        self._tail = x[k * hop_length :]
        rates: Float32 = (x[n_fft - 1 :: hop_length][:k] - x[::hop_length][:k]).astype(np.float32)
        return rates / np.float32(n_fft)
