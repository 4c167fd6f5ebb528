"""From samples to power spectra: frames, window, one float32 real FFT, in chunks that stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from .mel import Float32
from .spec import FeatureSpec

CHUNK = 64  # frames at a time: 0.5 MB of samples and of spectrum, the size of a level-2 cache


class Framer:
    """Cuts a stream of samples into overlapping frames.

    The sound is taken to lie in silence: half a frame of zeros before and after, so that frame i is
    centred on sample ``i * hop_length``, and n samples give ``1 + n // hop_length`` frames.
    """

    def __init__(self, frame_length: int, hop_length: int) -> None:
        self._frame_length = frame_length
        self._hop_length = hop_length
        self._tail = np.zeros(frame_length // 2, dtype=np.float32)

    def push(self, block: Float32) -> Float32:
        """Return the frames that are complete now, a view [shape=(k, frame_length)]."""
        x = np.concatenate([self._tail, block])
        k = max(0, 1 + (len(x) - self._frame_length) // self._hop_length)
        self._tail = x[k * self._hop_length :]
        if k == 0:
            return np.empty((0, self._frame_length), dtype=np.float32)
        view = np.lib.stride_tricks.sliding_window_view(x, self._frame_length)
        return view[:: self._hop_length][:k]

    def close(self) -> Float32:
        """Return the last frames, those that reach into the silence after the end."""
        return self.push(np.zeros(self._frame_length // 2, dtype=np.float32))


@lru_cache(maxsize=16)
def hann(n: int) -> Float32:
    """Return the periodic Hann window [shape=(n,)]."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
    window.flags.writeable = False
    return window


class PowerSpectrum:
    """Power spectra of frames, in buffers that are used again for each chunk."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._window = hann(spec.n_fft)
        self._frames = np.empty((CHUNK, spec.n_fft), dtype=np.float32)
        self._spectrum: Any = np.empty((CHUNK, spec.n_bins), dtype=np.complex64)
        self._power = np.empty((CHUNK, spec.n_bins), dtype=np.float32)

    def chunks(self, frames: Float32) -> Iterator[tuple[slice, Float32]]:
        """Yield places and power ``|X|**2`` [shape=(k <= CHUNK, n_bins)], each valid until the next."""
        for start in range(0, len(frames), CHUNK):
            part = frames[start : start + CHUNK]
            yield slice(start, start + len(part)), self._transform(part)

    def _transform(self, frames: Float32) -> Float32:
        k = len(frames)
        windowed = np.multiply(frames, self._window, out=self._frames[:k])
        spectrum = np.fft.rfft(windowed, out=self._spectrum[:k])
        # Squaring the real view in place, then adding pairs: no complex temporary, and unlike np.abs it
        # is quick on every processor (hypot is vectorised with AVX-512 alone).
        parts: Float32 = spectrum.view(np.float32)
        np.multiply(parts, parts, out=parts)
        return np.add(parts[:, 0::2], parts[:, 1::2], out=self._power[:k])
