"""A source as a row of short clips."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from earmark.audio.clip import Clip
from earmark.audio.decode.protocol import CHUNK_LENGTH
from earmark.audio.source import Source
from earmark.audio.stream import AudioStream, open_audio
from earmark.errors import InputError, TooShortError
from earmark.rates import DEFAULT_SR

_Part = tuple[float, float | None]  # start and duration in seconds


def windows(
    source: Source,
    *,
    window: float = 3.0,
    hop: float | None = None,
    sr: int | None = DEFAULT_SR,
    start: float = 0.0,
    duration: float | None = None,
    excerpts: tuple[int, float] | None = None,
) -> Iterator[Clip]:
    """Cut a source into windows, reading it as a stream.

    Parameters
    ----------
    source, sr, start, duration
        As in `load`.
    window : float
        Length of each window in seconds.
    hop : float, optional
        From the beginning of one window to the next, in seconds; by default, windows touch.
    excerpts : (int, float), optional
        Only so many parts of so many seconds each, spread evenly over the source and reached by seeking. A
        source that is not longer than all of them together, or whose length is not known (a pipe), is read in
        full.

    Yields
    ------
    Clip
        Of `window` seconds each. Sound at the end that fills no window is left out.

    Raises
    ------
    TooShortError
        If not one window fits.
    InputError
        If an argument is out of range.
    """
    hop = window if hop is None else hop
    for name, value in (("window", window), ("hop", hop)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}={value} s", hint="Accepted is more than 0 s")
    if excerpts is not None and not (excerpts[0] >= 1 and excerpts[1] >= window):
        raise InputError(
            f"excerpts={excerpts}",
            hint=f"Accepted is (how many, seconds each), each of window={window:g} s or more: (3, 10.0)",
        )
    stream = open_audio(source, sr=sr)
    parts = spread(stream.info.duration, excerpts, start=start, duration=duration)
    return _windows(stream, parts, window=window, hop=hop)


def spread(
    whole: float | None,
    excerpts: tuple[int, float] | None,
    *,
    start: float = 0.0,
    duration: float | None = None,
) -> list[_Part]:
    """Say which parts of a source to read: excerpts in the middle of equal shares of it.

    Parameters
    ----------
    whole : float or None
        Length of the source in seconds, if known.
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
    share = span / n
    return [(start + i * share + (share - length) / 2, length) for i in range(n)]


def _windows(stream: AudioStream, parts: list[_Part], *, window: float, hop: float) -> Iterator[Clip]:
    with stream:
        empty = True
        for part in parts:
            try:
                for clip in _slide(stream, part, window=window, hop=hop):
                    empty = False
                    yield clip
            except TooShortError:
                continue  # the file promised more than it holds
        if empty:
            raise TooShortError(
                f"{stream.path or 'The source'} is shorter than window={window:g} s",
                hint="Use a shorter window, or an earlier start",
            )


def _slide(stream: AudioStream, part: _Part, *, window: float, hop: float) -> Iterator[Clip]:
    """Cut one part, holding no more sound than two windows or two blocks."""
    start, duration = part
    window_length, hop_length = max(1, round(window * stream.sr)), max(1, round(hop * stream.sr))
    kept, base, begin = np.empty(0, np.float32), 0, 0  # sample `base` of the part is the first in `kept`
    blocks = stream.blocks(start=start, duration=duration, block_length=max(window_length, CHUNK_LENGTH))
    for block in blocks:
        kept = np.concatenate([kept, block])
        while begin + window_length <= base + len(kept):
            y = kept[begin - base : begin - base + window_length].copy()
            yield Clip(y, stream.sr, stream.path, start + begin / stream.sr, tuple(stream.warnings))
            begin += hop_length
        done = min(begin - base, len(kept))
        kept, base = kept[done:], base + done
