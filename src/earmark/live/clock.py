"""Which sample of which stream a moment of a session is: rates change, and samples are dropped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Stream:
    number: int
    rate: int
    start: float  # s of the session at which it begins
    first: int  # index of its first sample


class StreamClock:
    """The streams of a session, each at a rate of its own, one after the other.

    Parameters
    ----------
    rate : int
        Of the first, in Hz.
    first : int
        Index of its first sample.

    Examples
    --------
    >>> clock = StreamClock(48000)
    >>> clock.begin(44100, at=2.0)
    >>> clock.place(1.5), clock.place(2.5)
    ((0, 72000), (1, 22050))
    """

    def __init__(self, rate: int, *, first: int = 0) -> None:
        self._streams = [_Stream(0, rate, 0.0, first)]

    @property
    def rate(self) -> int:
        """Rate of the current stream in Hz."""
        return self._streams[-1].rate

    @property
    def number(self) -> int:
        """Number of the current stream, from 0."""
        return self._streams[-1].number

    def begin(self, rate: int, *, at: float, first: int = 0) -> None:
        """Begin the next stream `at` seconds of the session."""
        # Answers lag by less than a second: the one before is needed for a moment, older ones no more.
        self._streams = [self._streams[-1], _Stream(self.number + 1, rate, at, first)]

    def place(self, seconds: float) -> tuple[int, int]:
        """Return the number of a stream, and the index of its sample at that time of the session."""
        stream = next((one for one in reversed(self._streams) if one.start <= seconds), self._streams[0])
        return stream.number, stream.first + round((seconds - stream.start) * stream.rate)
