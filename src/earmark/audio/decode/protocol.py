"""What every decoder does, and the two steps that they share: one channel, and a check of the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from earmark.audio.info import AudioInfo
from earmark.errors import BadSamplesError

# Samples per channel decoded at a time: long enough that Python's share is small, short enough for the cache.
CHUNK_LENGTH = 65_536

_LARGEST = 1e15


class Decoder(Protocol):
    """Mono sound at the rate of the source, from any sample on.

    Attributes
    ----------
    info : AudioInfo
        What the source says of itself.
    n_claimed : int or None
        How many samples the source should have, where its word can be trusted.
    warnings : list of str
        What went wrong without being fatal.
    """

    info: AudioInfo
    n_claimed: int | None
    warnings: list[str]

    def seek(self, sample: int) -> None:
        """Make `read` go on at this sample, counted from the first that it gives."""

    def read(self) -> np.ndarray:
        """Return the next samples [shape=(n,)], float32; none at the end. Valid until the next call."""

    def close(self) -> None:
        """Free what the decoder holds."""


class Downmix:
    """Mean of the channels, into one buffer that is used again for every chunk.

    Summing channel by channel is 16 times faster than ``mean(axis=0)`` on interleaved stereo, and a buffer
    that stays where it is spares the system a new one for every chunk.
    """

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.float32)

    def __call__(self, channels: Sequence[np.ndarray], *, full_scale: float = 1.0) -> np.ndarray:
        """Mix down channels of one length [shape=(n,)] to float32, divided by `full_scale`.

        Valid until the next call.
        """
        n = len(channels[0])
        if n > len(self._buffer):
            self._buffer = np.empty(n, np.float32)
        mono = self._buffer[:n]
        second = channels[1] if len(channels) > 1 else np.float32(0)
        with np.errstate(over="ignore", invalid="ignore"):  # `check_finite` reports what comes of it
            np.add(channels[0], second, out=mono, casting="unsafe", dtype=np.float32)
            for channel in channels[2:]:
                np.add(mono, channel, out=mono, casting="unsafe")
            mono *= np.float32(1 / (len(channels) * full_scale))
        return mono


def check_samples(y: np.ndarray, *, name: str, offset: int, sr: int) -> None:
    """Refuse NaN, Inf and numbers so far beyond full scale (1e15) that filtering them would give Inf.

    A dot product reads the samples once at memory speed; it overflows before any of them can do harm.

    Raises
    ------
    BadSamplesError
        Telling the first bad sample and its time.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(np.dot(y, y))):
            return
        bad = np.flatnonzero(~(np.abs(y) < _LARGEST))
    if len(bad):
        raise BadSamplesError(
            f"{name} holds a sample of y={y[bad[0]]} at {(offset + bad[0]) / sr:.3f} s",
            hint="Full scale is 1, and every sample must be a finite number: export the file again",
        )
