"""Where the music of a source changes: stretches of windows whose genres are alike.

Optimal partitioning (B. Jackson et al., "An algorithm for optimal partitioning of data on an interval", IEEE
Signal Processing Letters 12(2), 2005): of all ways to divide the windows, the one with the least sum of
squared distances of their genre scores from the mean of their part, plus a penalty for each part. One window
that differs does not pay for a part, two minutes that differ a little do.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.predict.window_scores import WindowScores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORTEST = 6.0  # seconds of a part: two windows of 3 s, below which a change is rather a mistake
# What a part must save: squared distance of genre scores times seconds. Measured with the shipped weights
# on 70 clips of 30 s of GTZAN and 145 joins of 15 s each of three genres: at 4, no clip falls into two
# parts, 278 of 286 changes are found within 3 s and 3 that are none; at 2, 9 % of the clips fall apart; at 8,
# 36 changes are missed.
PENALTY = 4.0
_MARGIN = 1e-6  # rounding: costs that differ by less are equal


@dataclass(frozen=True)
class Span:
    """A stretch of windows whose genres are alike.

    Parameters
    ----------
    start, end : float
        In seconds.
    scores : WindowScores
        Of its windows; silent ones are left out.
    """

    start: float
    end: float
    scores: WindowScores


def spans(scores: WindowScores, *, end: float) -> tuple[Span, ...]:
    """Divide a source where its genres change.

    Neighbours whose best genre is the same are one span. The time of a change is estimated within the window
    that covers it, from how much its scores resemble those on either side.

    Parameters
    ----------
    scores : WindowScores
        Of the windows of a continuous source, in order of time.
    end : float
        Where the source ends, in seconds.

    Returns
    -------
    tuple of Span
        In order of time, each at least `SHORTEST` long unless it is the only one; none for silence. Silence
        longer than a window between two of them belongs to neither.
    """
    loud = scores.take(~scores.silent)
    if not len(loud):
        return ()
    rows = loud.heads[loud.card.heads[0].name].astype(np.float64)
    seconds = loud.weights * loud.card.hop
    edges = _merged([0, *_changes(rows, seconds), len(loud)], rows, seconds)
    starts, ends = _times(edges, rows, loud, end)
    pieces = [loud.take(slice(first, last)) for first, last in itertools.pairwise(edges)]
    return tuple(Span(*span) for span in zip(starts, ends, pieces, strict=True))


def _changes(rows: Floats, seconds: Floats) -> list[int]:
    """Numbers of the windows that begin a part, but for the first."""
    centred = rows - seconds @ rows / seconds.sum()  # the cost is the same, and rounding far less
    sums = np.vstack([np.zeros(rows.shape[1]), np.cumsum(centred * seconds[:, np.newaxis], axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((centred**2).sum(axis=1) * seconds)])
    times = np.concatenate([[0.0], np.cumsum(seconds)])
    # How many windows end early enough for a part to follow.
    n_before = np.searchsorted(times, times - SHORTEST + 1e-6, side="right")
    n = len(rows)
    best = np.full(n + 1, np.inf)  # cost of the first windows in whole parts
    best[0] = 0.0
    previous = np.zeros(n + 1, int)
    begins = _Begins(sums, squares, times)
    for stop in range(1, n + 1):
        for begin in range(n_before[stop - 1], n_before[stop]):
            begins.add(begin, best[begin])
        if len(begins):
            least, previous[stop] = begins.cheapest(stop)
            best[stop] = least + PENALTY
    changes: list[int] = []
    stop = int(previous[n])
    while stop > 0:
        changes.insert(0, stop)
        stop = int(previous[stop])
    return changes


class _Begins:
    """Windows that the last part may begin with, without those that no longer can.

    A begin whose cost up to some window is more than that of the best parts up to there, the penalty
    included, stays worse than a part that begins at that window, whatever follows (R. Killick et al.,
    "Optimal detection of changepoints with a linear computational cost", Journal of the American Statistical
    Association 107, 2012). It is dropped once a part may begin there; the result is that of all begins.
    """

    def __init__(self, sums: Floats, squares: Floats, times: Floats) -> None:
        self._sums, self._squares, self._times = sums, squares, times
        self._norms = (sums**2).sum(axis=1)
        self._numbers = np.empty(len(times), int)
        # What stays the same of a begin, a row for each: its sums; its cost, norm and time.
        self._own_sums = np.empty_like(sums)
        self._own = np.empty((3, len(times)))
        self._n = 0
        self._worse: dict[int, Ints] = {}  # by window: begins that a part from there on replaces

    def __len__(self) -> int:
        return self._n

    def add(self, begin: int, cost: float) -> None:
        """Take a begin, with the cost of the best parts before it; inf if there are none."""
        if not np.isfinite(cost):
            return
        worse = self._worse.pop(begin, None)
        if worse is not None:
            self._drop(worse)
        self._numbers[self._n] = begin
        self._own_sums[self._n] = self._sums[begin]
        self._own[:, self._n] = cost - self._squares[begin], self._norms[begin], self._times[begin]
        self._n += 1

    def cheapest(self, stop: int) -> tuple[float, int]:
        """Cost of the best parts up to a window, without the penalty of the last, and where that begins."""
        cost, norm, time = self._own[:, : self._n]
        # The squared distance from the mean of the part, with the square of the sum multiplied out.
        square = self._own_sums[: self._n] @ (-2 * self._sums[stop])
        square += norm
        square += self._norms[stop]
        square /= self._times[stop] - time
        total = np.subtract(cost, square, out=square)
        place = int(total.argmin())
        least = float(total[place])
        worse = total > least + PENALTY + _MARGIN
        if worse.any():
            self._worse[stop] = self._numbers[: self._n][worse]
        return least + float(self._squares[stop]), int(self._numbers[place])

    def _drop(self, begins: Ints) -> None:
        stays = np.isin(self._numbers[: self._n], begins, invert=True)
        n = int(np.count_nonzero(stays))
        for values in (self._numbers, self._own_sums, self._own.T):
            values[:n] = values[: self._n][stays]
        self._n = n


def _merged(edges: Sequence[int], rows: Floats, seconds: Floats) -> list[int]:
    """Edges without those between two parts that have the same best genre."""
    best = [
        int((seconds[first:last] @ rows[first:last]).argmax()) for first, last in itertools.pairwise(edges)
    ]
    inner = [edge for edge, a, b in zip(edges[1:-1], best, best[1:], strict=False) if a != b]
    return [edges[0], *inner, edges[-1]]


def _times(
    edges: Sequence[int], rows: Floats, loud: WindowScores, end: float
) -> tuple[list[float], list[float]]:
    """Start and end of each part in seconds."""
    window = loud.card.window
    starts, ends = [float(loud.starts[0])], []
    for before, edge, after in zip(edges, edges[1:-1], edges[2:], strict=False):
        last, first = float(loud.starts[edge - 1]), float(loud.starts[edge])
        if first > last + window + 1e-6:  # silence between them
            ends.append(last + window)
            starts.append(first)
        else:
            overlap = max(0.0, last + window - first)
            pure = window - overlap  # what of the last window is not in the first
            change = last + overlap / 2 + pure * _resemblance(rows[before:edge], rows[edge:after])
            ends.append(change)
            starts.append(change)
    last = float(loud.starts[-1]) + window
    return starts, [*ends, end if end - last < window else last]  # a remainder that no window covers is sound


def _resemblance(a: Floats, b: Floats) -> float:
    """How much of the last window of `a` and the first of `b` together sounds like `a`: 1 if they are pure.

    Each is taken for a mixture of the means of the other windows on either side.
    """
    of_a, of_b = (a[:-1] if len(a) > 1 else a).mean(axis=0), (b[1:] if len(b) > 1 else b).mean(axis=0)
    axis = of_a - of_b
    size = float(axis @ axis) or 1.0
    return float(sum(np.clip((row - of_b) @ axis / size, 0, 1) for row in (a[-1], b[0])))
