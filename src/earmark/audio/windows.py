"""A source as a row of short clips."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from earmark.audio.clip import Clip
from earmark.audio.source import Source
from earmark.audio.stream import AudioStream, open_audio
from earmark.errors import InputError, TooShortError


def windows(
    source: Source,
    *,
    window: float = 3.0,
    hop: float | None = None,
    sr: int | None = 22050,
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
        Only so many parts of so many seconds, spread evenly over the source and reached by seeking; a source
        that is not longer than all of them together is read in full.

    Yields
    ------
    Clip
        Of `window` seconds each. Sound at the end that fills no window is dropped.

    Raises
    ------
    TooShortError
        If not one window fits.
    """
    hop = window if hop is None else hop
    for name, value in (("window", window), ("hop", hop)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}={value} s", hint="Accepted is more than 0 s")
    with open_audio(source, sr=sr) as stream:
        count = 0
        for part_start, part_duration in _parts(stream, start, duration, excerpts):
            for clip in _slide(stream, window, hop, part_start, part_duration):
                count += 1
                yield clip
        if not count:
            raise TooShortError(
                f"{stream.path or 'The source'} is shorter than window={window:g} s",
                hint="Use a shorter window",
            )


def _parts(
    stream: AudioStream, start: float, duration: float | None, excerpts: tuple[int, float] | None
) -> list[tuple[float, float | None]]:
    """Starts and lengths of the parts to read."""
    whole = stream.info.duration
    if excerpts is None or whole is None:
        return [(start, duration)]
    n, length = excerpts
    if n < 1 or not length > 0:
        raise InputError(
            f"excerpts={excerpts}", hint="Accepted is (how many, seconds each), such as (3, 10.0)"
        )
    span = min(whole - start, duration if duration is not None else math.inf)
    if n * length >= span:
        return [(start, duration)]
    gap = (span - n * length) / n
    return [(start + gap / 2 + i * (length + gap), length) for i in range(n)]


def _slide(
    stream: AudioStream, window: float, hop: float, start: float, duration: float | None
) -> Iterator[Clip]:
    """Windows of one part, holding no more than one window and one block."""
    window_length, hop_length = round(window * stream.sr), max(1, round(hop * stream.sr))
    kept, skip, index = np.empty(0, np.float32), 0, 0
    for block in stream.blocks(start=start, duration=duration):
        kept = np.concatenate([kept, block])
        while len(kept) - skip >= window_length:
            y = kept[skip : skip + window_length].copy()
            at = start + index * hop_length / stream.sr
            yield Clip(y, stream.sr, stream.path, at, tuple(stream.warnings))
            skip, index = skip + hop_length, index + 1
        kept, skip = kept[min(skip, len(kept)) :], max(0, skip - len(kept))
