"""What every decoder does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from earmark.audio.info import AudioInfo

# Samples per channel decoded at a time: long enough that Python's part is small, short enough for the cache.
CHUNK_LENGTH = 65_536

Channels = Sequence[np.ndarray] | np.ndarray  # one array of float32 [shape=(n,)] for each channel


class Decoder(Protocol):
    """The channels of a source at its own rate, from any sample on.

    Attributes
    ----------
    info : AudioInfo
        What the header says.
    n_claimed : int or None
        How many samples there are by the header, where headers of this format are exact about it.
    end : int or None
        How many samples there are, once `read` has come to the end.
    warnings : list of str
        What went wrong without being fatal.
    """

    info: AudioInfo
    n_claimed: int | None
    end: int | None
    warnings: list[str]

    def seek(self, sample: int) -> None:
        """Make `read` continue at this sample, counted from the first that it gives."""

    def read(self) -> Channels:
        """Return the next samples of every channel; an empty list at the end. Valid until the next call.

        The number of channels may change from one call to the next.
        """

    def close(self) -> None:
        """Free what the decoder holds."""
