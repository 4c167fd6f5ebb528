"""A piece of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.errors import InputError


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of sound: the only way that sound travels through earmark.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples, float32, mono (the mean of the channels), full scale 1. Never clipped: a lossy decoder
        may overshoot full scale.
    sr : int
        Sampling rate in Hz.
    path : str or None
        Name of the source, for messages and results; ``"-"`` for standard input, None for an array.
    start : float
        Where in the source the clip begins, in seconds.
    warnings : tuple of str
        What went wrong on the way without being fatal, such as a truncated file.

    Raises
    ------
    InputError
        If `y` is not one channel of float32, or `sr` is not positive.
    """

    y: np.ndarray
    sr: int
    path: str | None = None
    start: float = 0.0
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, dtype = np.shape(self.y), getattr(self.y, "dtype", type(self.y).__name__)
        if len(shape) != 1 or dtype != np.float32:
            raise InputError(
                f"y.shape={shape}, y.dtype={dtype}",
                hint="Accepted is one channel of float32: y.mean(axis=0).astype('float32') for (channels, n)",
            )
        if not self.sr > 0:
            raise InputError(f"sr={self.sr} Hz", hint="Accepted is more than 0 Hz")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr

    def __repr__(self) -> str:
        return f"Clip({self.path or 'array'}, start={self.start:g} s, {self.duration:.2f} s at {self.sr} Hz)"
