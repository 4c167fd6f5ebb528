"""What every decoder does, and the two steps that they share: one channel, and a check of the samples."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from earmark.audio.info import AudioInfo
from earmark.errors import BadSamplesError

# Samples per channel decoded at a time: long enough that Python's share is small, short enough for the cache.
CHUNK_LENGTH = 65_536


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


def downmix(channels: np.ndarray) -> np.ndarray:
    """Mean of the channels [shape=(n_channels, n)] -> [shape=(n,)], float32.

    Summing channel by channel is 16 times faster than ``mean(axis=0)`` on interleaved stereo.
    """
    if len(channels) == 1:
        return channels[0]
    mono = np.add(channels[0], channels[1])
    for channel in channels[2:]:
        mono += channel
    mono *= np.float32(1 / len(channels))
    return mono


def check_finite(y: np.ndarray, *, name: str, offset: int, sr: int) -> None:
    """Refuse NaN and Inf.

    A dot product reads the samples once at memory speed; only a suspicious one is looked at again, for its
    square may overflow where the samples are merely huge.

    Raises
    ------
    BadSamplesError
        Telling the first bad sample and its time.
    """
    if math.isfinite(float(np.dot(y, y))):
        return
    bad = np.flatnonzero(~np.isfinite(y))
    if len(bad):
        raise BadSamplesError(
            f"{name} holds a sample of y={y[bad[0]]} at {(offset + bad[0]) / sr:.3f} s",
            hint="Every sample must be a finite number: export the file again, or replace them (numpy.nan_to_num)",
        )
