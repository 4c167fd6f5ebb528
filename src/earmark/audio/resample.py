"""Changing the sampling rate of a stream, on the same grid wherever it is entered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

# Output samples made and dropped before a start, so that the filter has settled: soxr's longest at quality
# HQ is a few hundred.
SETTLE_LENGTH = 2048


def entry(first: int, *, sr_in: int, sr_out: int) -> tuple[int, int]:
    """Where to enter the source so that output sample `first` is the one that a full run would make.

    With the ratio of the rates in lowest terms, out/in = L/M, output sample j*L sits exactly on input sample
    j*M. Entering there keeps every later output on the grid of the whole file.

    Returns
    -------
    sample : int
        Sample of the source to begin at.
    drop : int
        Output samples to drop.
    """
    if sr_in == sr_out:
        return first, 0
    divisor = math.gcd(sr_in, sr_out)
    up, down = sr_out // divisor, sr_in // divisor
    steps = max(0, first - SETTLE_LENGTH) // up
    return steps * down, first - steps * up


def resample_stream(chunks: Iterable[np.ndarray], *, sr_in: int, sr_out: int) -> Iterator[np.ndarray]:
    """Change the rate of a stream of chunks (soxr, quality HQ, as `librosa.load` does).

    n input samples give n * sr_out / sr_in output samples, to the nearest whole number, and the same ones
    as in one shot, bit for bit, whatever the division into chunks.
    """
    resampler = Resampler(sr_in, sr_out)
    for chunk in chunks:
        yield resampler.push(chunk)
    if sr_in != sr_out:
        yield resampler.close()


class Resampler:
    """Changes the rate of sound that arrives in chunks, as `resample_stream` does.

    Parameters
    ----------
    sr_in, sr_out : int
        In Hz.

    Examples
    --------
    >>> resampler = Resampler(44100, 22050)
    >>> n = len(resampler.push(np.zeros(44100, np.float32)))
    >>> n + len(resampler.close())
    22050
    """

    def __init__(self, sr_in: int, sr_out: int) -> None:
        self._stream = None
        if sr_in != sr_out:
            import soxr

            self._stream = soxr.ResampleStream(sr_in, sr_out, 1, dtype="float32", quality="HQ")

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take samples [shape=(n,)] and return those that are ready, the caller's to keep."""
        if self._stream is None:
            return y.copy()  # a decoder will write its next chunk over this one
        made: np.ndarray = self._stream.resample_chunk(y)
        return made

    def close(self) -> np.ndarray:
        """Return the last samples."""
        if self._stream is None:
            return np.empty(0, np.float32)
        made: np.ndarray = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        return made
