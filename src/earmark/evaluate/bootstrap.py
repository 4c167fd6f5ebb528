"""How far chance may have moved a metric: bootstrap over groups, and tests between two models.

Tracks of one artist succeed and fail together, so a bootstrap over tracks gives intervals that are too
narrow. Here whole groups are drawn, with replacement (Davison and Hinkley 1997, "Bootstrap methods and
their application", section 3.8), and a track counts as often as its group was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import InputError

Floats = NDArray[np.float64]

N_RESAMPLES = 1000
LEVEL = 0.95
_Z = 1.959964  # standard deviations of a normal distribution within which 95 % lie, to each side


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of a metric; NaN where it cannot be estimated.

    Parameters
    ----------
    low, high : float
        Ends.
    """

    low: float
    high: float


def group_weights(groups: ArrayLike, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Iterator[Floats]:
    """How often each row counts, in each of many resamples.

    Parameters
    ----------
    groups : array_like of str [shape=(n,)]
        Name of the group of each row.
    n_resamples : int
        How many times as many groups are drawn, with replacement, as there are.
    seed : int
        The same seed draws the same groups.

    Yields
    ------
    np.ndarray [shape=(n,)]
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(n_resamples):
        drawn = rng.integers(0, len(names), len(names))
        yield np.bincount(drawn, minlength=len(names)).astype(np.float64)[place.reshape(-1)]


def bootstrap(
    statistic: Callable[[Floats], ArrayLike],
    groups: ArrayLike,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    centred: Sequence[bool] | bool = False,
) -> list[Interval]:
    """Percentile intervals of metrics.

    Parameters
    ----------
    statistic : callable
        From weights [shape=(n,)] to one or several metrics.
    groups : array_like of str [shape=(n,)]
        Name of the group of each row.
    n_resamples, seed
        See `group_weights`.
    level : float
        Confidence level of the intervals, between 0 and 1.
    centred : bool, or sequence of bool
        Whether to move the percentiles of all, or of some metrics by the bias of resampling (the mean of the
        resamples less the metric; Davison and Hinkley 1997, section 2.1.2). Calibration errors, and means
        over classes of few tracks, are larger in most resamples than in the data, because chance acts twice;
        their percentiles would lie beside the metric. Plain fractions do not need this.

    Returns
    -------
    list of Interval
        One for each metric; NaN with a single group.

    Raises
    ------
    InputError
        Arguments out of range.
    """
    if n_resamples < 1 or not 0 < level < 1:
        raise InputError(
            f"n_resamples={n_resamples}, level={level}", hint="Accepted: at least 1, and between 0 and 1."
        )
    names = np.asarray(groups)
    rows = np.array(
        [np.atleast_1d(statistic(w)) for w in group_weights(names, n_resamples=n_resamples, seed=seed)]
    )
    if len(np.unique(names)) < 2:
        return [Interval(math.nan, math.nan)] * rows.shape[1]
    values = np.atleast_1d(np.asarray(statistic(np.ones(len(names))), dtype=np.float64)).tolist()
    moved = [centred] * len(values) if isinstance(centred, bool) else centred
    return [
        _interval(column, level, around=value if move else None)
        for column, value, move in zip(rows.T, values, moved, strict=True)
    ]


def _interval(resampled: Floats, level: float, *, around: float | None) -> Interval:
    known = resampled[np.isfinite(resampled)]
    if not known.size or (around is not None and not math.isfinite(around)):
        return Interval(math.nan, math.nan)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).tolist()
    if around is None:
        return Interval(low, high)
    bias = float(known.mean()) - around
    least, most = float(known.min()), float(known.max())
    return Interval(min(around, max(low - bias, least)), max(around, min(high - bias, most)))


def wilson(fraction: float, n: int) -> Interval:
    """Return the 95 % interval of a fraction of few cases.

    By the score of Wilson 1927 ("Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22): unlike the bootstrap, it is wide where all of few
    cases were right.

    Parameters
    ----------
    fraction : float
        From 0 to 1.
    n : int
        How many independent cases it is of.

    Examples
    --------
    >>> found = wilson(1.0, 10)
    >>> round(found.low, 3), found.high
    (0.722, 1.0)
    """
    if n < 1 or not 0 <= fraction <= 1:
        raise InputError(f"fraction={fraction}, n={n}", hint="Accepted: 0 to 1, of at least one case.")
    z2 = _Z**2
    middle = (fraction + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(fraction * (1 - fraction) / n + z2 / (4 * n * n))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def mcnemar(hits_a: ArrayLike, hits_b: ArrayLike) -> float:
    """Probability of such a difference between two models if both were equally good.

    The exact test of McNemar 1947 ("Note on the sampling error of the difference between correlated
    proportions or percentages"): of the tracks that only one of them got right, each has half by chance.
    Two-sided. It takes tracks as independent; with large groups trust the interval of the difference.

    Parameters
    ----------
    hits_a, hits_b : array_like of bool [shape=(n,)]
        Whether each was right, on the same tracks.

    Returns
    -------
    float
        From 0 to 1; 1 where they were never right alone.
    """
    a, b = np.asarray(hits_a, dtype=bool), np.asarray(hits_b, dtype=bool)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"hits_a.shape={a.shape}, hits_b.shape={b.shape}", hint="Accepted: the same tracks for both."
        )
    n_a, n_b = int((a & ~b).sum()), int((b & ~a).sum())
    n, fewer = n_a + n_b, min(n_a, n_b)
    # Sum of the binomial tail in logarithms: 2 ** n has no float from a thousand tracks on.
    log_n = math.lgamma(n + 1) - n * math.log(2)
    tail = sum(math.exp(log_n - math.lgamma(k + 1) - math.lgamma(n - k + 1)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)
