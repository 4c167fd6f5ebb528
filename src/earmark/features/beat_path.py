"""Beats as the best path through the probabilities of a beat, its period free to drift around a tempo.

A sequence of beats is scored by the log odds of a beat at each, and punished for every change of its period.
So the hidden state is a place and a period, as in the bar-pointer model of F. Krebs, S. Böck and G. Widmer
("An efficient state-space model for joint tempo and meter tracking", ISMIR 2015), where the tempo may change
at beats only; what lies between two beats is skipped, for nothing is decided there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64, Indices

_WIDTH = 0.12  # relative: how far a period may be from that of the tempo
_CHANGE = 500.0  # what a change of period costs, times its logarithm squared: 5 % as much as 1.2 of log odds
_MOST_PERIODS = 32  # that are tried; a beat of more than 3 s has them further apart
_LEAST = 0.01  # probability that any frame has; one minus it, that any has at most
_CLEAR = 0.2  # probability that the first and the last beat have at least, or half of the highest
_FAINT = 0.05  # a highest probability below which there is no beat


def beat_path(beat: Float32, period: float) -> Indices:
    """Return the frames of the beats [shape=(n_beats,)].

    Parameters
    ----------
    beat : np.ndarray [shape=(n,)]
        Probability of a beat in each frame.
    period : float
        Of the tempo, in frames.
    """
    if not len(beat) or beat.max() < _FAINT:
        return np.zeros(0, dtype=np.intp)
    period = min(period, 2 * len(beat))
    low, high = max(2, int(period / (1 + _WIDTH))), max(3, int(np.ceil(period * (1 + _WIDTH))))
    periods = np.unique(np.rint(np.linspace(low, high, min(high - low + 1, _MOST_PERIODS))).astype(np.intp))
    path = _best_path(_log_odds(beat), periods)
    clear = np.flatnonzero(beat >= min(_CLEAR, 0.5 * float(beat.max())))
    kept: Indices = path[(path >= clear[0] - 1) & (path <= clear[-1] + 1)]
    return kept


def _log_odds(beat: Float32) -> Float64:
    p = np.clip(beat.astype(np.float64), _LEAST, 1 - _LEAST)
    odds: Float64 = np.log(p) - np.log(1 - p)
    return odds


def _best_path(odds: Float64, periods: Indices) -> Indices:
    """Return the frames of the best sequence, each a period after the one before.

    No period is shorter than the first, so that so many frames at a time depend on nothing among themselves.
    Behind the end as many frames as the longest period are free: in each sequence one beat falls there.
    """
    n, columns = len(odds), np.arange(len(periods))
    shortest, longest = int(periods[0]), int(periods[-1])
    odds = np.concatenate([odds, np.zeros(longest)])
    cost = _CHANGE * np.log(periods[:, None] / periods) ** 2
    # Of the frames before, the total of the best sequence to a beat there, by the period that follows.
    total = np.zeros((longest, len(periods)))
    back = np.zeros((len(odds), len(periods)), dtype=np.uint8)
    best, end = -np.inf, (n, 0)
    for start in range(0, len(odds), shortest):
        stop = min(start + shortest, len(odds))
        places = longest + np.arange(stop - start)[:, None] - periods
        here = total[places, columns] + odds[start:stop, None]
        options = here[:, :, None] - cost
        back[start:stop] = options.argmax(axis=1)
        total = np.concatenate([total, options.max(axis=1)])[-longest:]
        behind = here[max(0, n - start) :]
        if behind.size and behind.max() > best:
            frame, period = np.unravel_index(behind.argmax(), behind.shape)
            best, end = float(behind.max()), (max(n, start) + int(frame), int(period))
    return _walked_back(back, periods, end)[:-1]


def _walked_back(back: npt.NDArray[np.uint8], periods: Indices, end: tuple[int, int]) -> Indices:
    frame, period = end
    path = []
    while frame >= 0:
        path.append(frame)
        frame -= int(periods[period])
        period = int(back[frame, period]) if frame >= 0 else 0
    return np.array(path[::-1], dtype=np.intp)
