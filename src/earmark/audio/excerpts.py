"""Which parts of a long source to read instead of all of it."""

from __future__ import annotations

import math

_Part = tuple[float, float | None]  # start and duration in seconds


def spread(
    whole: float | None,
    excerpts: tuple[int, float] | None,
    *,
    start: float = 0.0,
    duration: float | None = None,
) -> list[_Part]:
    """Lay excerpts over a source, each in the middle of an equal part of it.

    Parameters
    ----------
    whole : float or None
        Length of the source in seconds, if known: see `AudioStream.measured_duration`.
    excerpts : (int, float) or None
        So many parts of so many seconds each; None for no parts.
    start, duration : float
        What of the source they are taken from, as in `load`.

    Returns
    -------
    list of (float, float or None)
        Start and duration of each; ``(start, duration)`` alone where excerpts would leave nothing out, or the
        length is not known.
    """
    if excerpts is None or whole is None:
        return [(start, duration)]
    n, length = excerpts
    span = min(whole - start, math.inf if duration is None else duration)
    if n * length >= span:
        return [(start, duration)]
    part = span / n
    return [(start + i * part + (part - length) / 2, length) for i in range(n)]
