"""A piece of sound in memory."""

from __future__ import annotations

import operator
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
        Sampling rate in Hz; any whole number, as of NumPy, becomes an int.
    path : str or None
        Name of the source, for messages and results; ``"-"`` for standard input, None for an array.
    start : float
        Where in the source the clip begins, in seconds.
    warnings : tuple of str
        What went wrong on the way without being fatal, such as a truncated file.

    Raises
    ------
    InputError
        If `y` is not one channel of float32, or `sr` is not a whole number above 0.
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
                hint="Accepted: one channel of float32. Try: y.mean(axis=0).astype('float32').",
            )
        object.__setattr__(self, "sr", checked_sr(self.sr))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr

    def __repr__(self) -> str:
        return f"Clip({self.path or 'array'}, start={self.start:g} s, {self.duration:.2f} s at {self.sr} Hz)"


def checked_sr(sr: object) -> int:
    """Return a sampling rate as an int.

    Raises
    ------
    InputError
        If it is no whole number above 0: 44100.0 is refused too, for the ratio of two rates must be exact.
    """
    try:
        number = -1 if isinstance(sr, bool) else operator.index(sr)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number <= 0:
        raise InputError(f"sr={sr!r} Hz", hint="Accepted: a whole number above 0, such as 44100.")
    return int(number)
