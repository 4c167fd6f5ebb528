"""How good a table of scores is: pure functions from arrays to numbers.

All take the same two tables, one row for each track (or window), one column for each class: `truth` is 1
where a label applies, and `scores` are probabilities. With one label a track these are the figures of the
textbooks; with several, the answer, which is the class of the highest score, is a hit if it is among the
labels. A row whose scores are all 0 (silence) has no answer and is never a hit.

`weights` say how often a row counts, which is all that a bootstrap needs: see `earmark.evaluate.resampling`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

N_BINS = 10  # of confidence; more would be empty with the few hundred tracks that test sets have
SLACK = 1e-4  # how far a probability may be outside 0 to 1: networks in float32 round


def validate(truth: ArrayLike, scores: ArrayLike) -> tuple[Bools, Floats]:
    """Check that two tables can be measured against each other.

    Parameters
    ----------
    truth : array_like of 0 and 1 [shape=(n, n_classes)]
        Where labels apply.
    scores : array_like [shape=(n, n_classes)]
        Probabilities.

    Returns
    -------
    truth : np.ndarray, bool [shape=(n, n_classes)]
    scores : np.ndarray, float64 [shape=(n, n_classes)]

    Raises
    ------
    InputError
        Other shapes, no rows, values that are no probabilities, or a row without any label.
    """
    marks, values = np.asarray(truth), np.asarray(scores, dtype=np.float64)
    if marks.ndim != 2 or marks.shape != values.shape or not marks.size:
        raise InputError(
            f"truth.shape={marks.shape}, scores.shape={values.shape}",
            hint="Both are (n, n_classes) with at least one row and one class.",
        )
    if not np.isin(marks, (0, 1)).all():
        raise InputError("truth holds other values than 0 and 1", hint="1 where a label applies.")
    if not np.isfinite(values).all() or values.min() < -SLACK or values.max() > 1 + SLACK:
        span = f"scores from {np.nanmin(values):g} to {np.nanmax(values):g}"
        raise InputError(f"{span}, {np.isnan(values).sum()} of them NaN", hint="Probabilities from 0 to 1.")
    nothing = np.flatnonzero(~marks.any(axis=1))
    if nothing.size:
        raise InputError(f"row {nothing[0]} has no label", hint="Leave out what none of the classes fits.")
    return marks.astype(bool), values


def hits(truth: Bools, scores: Floats, *, k: int = 1) -> Bools:
    """Whether a label is among the `k` highest scores [shape=(n,)].

    Of equal scores, those of earlier columns go first.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    answered = np.take_along_axis(scores, best, axis=1) > 0
    found: Bools = np.any(np.take_along_axis(truth, best, axis=1) & answered, axis=1)
    return found


def confidence(scores: Floats) -> Floats:
    """Score of the answer, which is the highest of each row [shape=(n,)]."""
    highest: Floats = scores.max(axis=1)
    return highest


def accuracy(truth: Bools, scores: Floats, *, weights: Floats | None = None, k: int = 1) -> float:
    """Share of hits; with `k`, the share of rows that have a label among the `k` highest scores."""
    return float(np.average(hits(truth, scores, k=k), weights=weights))


def recalls(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> Floats:
    """Share of hits among the rows that have a label, for each label [shape=(n_classes,)].

    NaN for a label that no row has. With one label a track this is the recall of each class.
    """
    n_true = _ones(truth, weights) @ truth
    n_hits = (_ones(truth, weights) * hits(truth, scores)) @ truth
    return _ratio(n_hits, n_true)


def balanced_accuracy(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> float:
    """Mean of `recalls`, so that each class counts the same however many tracks it has."""
    return _mean(recalls(truth, scores, weights=weights))


def precisions(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> Floats:
    """Share of hits among the rows that got a label as their answer [shape=(n_classes,)]; NaN if none did."""
    w, given = _ones(truth, weights), _answers(scores)
    return _ratio(w @ (given & truth), w @ given)


def f1_scores(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> Floats:
    """F1 of each class that some row has [shape=(n_classes,)]; NaN for the others.

    Twice the hits over the number of rows that have the label or got it as their answer, both counted. With
    several labels a track only the answer's label is looked for: a hit asks for no other label.
    """
    w, given = _ones(truth, weights), _answers(scores)
    wanted = truth & ~(hits(truth, scores)[:, None] & ~given)  # a hit on one label is no miss of another
    f1 = _ratio(2 * (w @ (given & truth)), w @ given + w @ wanted)
    return np.where(w @ truth > 0, f1, np.nan)


def macro_f1(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> float:
    """Mean of `f1_scores`."""
    return _mean(f1_scores(truth, scores, weights=weights))


def roc_aucs(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> Floats:
    """Area under the ROC curve of each class [shape=(n_classes,)].

    The probability that a row with the label scores higher than one without, ties counted half (Hanley and
    McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC) curve"). NaN
    where all rows or none have the label.
    """
    areas = np.full(truth.shape[1], np.nan)
    for column, steps in enumerate(_steps(truth, scores, _ones(truth, weights))):
        positive, negative = steps
        n_both = positive.sum() * negative.sum()
        if n_both > 0:
            above = np.cumsum(positive) - positive  # steps go from the highest score down
            areas[column] = float(negative @ (above + positive / 2)) / n_both
    return areas


def average_precisions(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> Floats:
    """Average precision of each class [shape=(n_classes,)]: the mean precision at the labels' ranks.

    The sum over thresholds of precision times the rise of recall, without interpolation, as scikit-learn has
    it. NaN where no row has the label.
    """
    means = np.full(truth.shape[1], np.nan)
    for column, (positive, negative) in enumerate(_steps(truth, scores, _ones(truth, weights))):
        n_true = positive.sum()
        if n_true > 0:
            precision = _ratio(np.cumsum(positive), np.cumsum(positive + negative))
            means[column] = float(np.nansum(positive * precision) / n_true)
    return means


def roc_auc(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> float:
    """Mean of `roc_aucs`."""
    return _mean(roc_aucs(truth, scores, weights=weights))


def mean_average_precision(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> float:
    """Mean of `average_precisions` (mAP)."""
    return _mean(average_precisions(truth, scores, weights=weights))


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often answers of about the same confidence are right.

    Parameters
    ----------
    confidence, accuracy : np.ndarray [shape=(n_bins,)]
        Mean of each bin; NaN for an empty one.
    n : np.ndarray [shape=(n_bins,)]
        How many answers it has.
    """

    confidence: Floats
    accuracy: Floats
    n: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy.

        Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
        """
        gaps = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float(gaps @ self.n / self.n.sum())


def reliability(
    truth: Bools, scores: Floats, *, weights: Floats | None = None, n_bins: int = N_BINS
) -> Reliability:
    """Confidence against accuracy in bins of equal width from 0 to 1."""
    w, sure = _ones(truth, weights), confidence(scores)
    bins = np.clip(np.ceil(sure * n_bins).astype(int) - 1, 0, n_bins - 1)  # a bin has its upper end
    right = hits(truth, scores)
    n, sums, n_hits = (np.bincount(bins, x, n_bins).astype(np.float64) for x in (w, w * sure, w * right))
    return Reliability(_ratio(sums, n), _ratio(n_hits, n), n)


def ece(truth: Bools, scores: Floats, *, weights: Floats | None = None) -> float:
    """Expected calibration error of the answers, in ten bins."""
    return reliability(truth, scores, weights=weights).ece


def risk_coverage(truth: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """Share of misses when only the surest answers are taken.

    El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".

    Returns
    -------
    coverage, risk : np.ndarray [shape=(n,)]
        Coverage 1/n, 2/n ... 1, and the share of misses among so many of the surest. Answers that are equally
        sure share their misses evenly, so that their order does not matter.
    """
    sure, missed = confidence(scores), ~hits(truth, scores)
    values, place = np.unique(-sure, return_inverse=True)
    n = np.bincount(place, minlength=len(values))
    shared = np.repeat(np.bincount(place, missed, len(values)) / n, n)
    counts = np.arange(1, len(sure) + 1)
    return counts / len(sure), np.cumsum(shared) / counts


def area_under_risk(truth: Bools, scores: Floats) -> float:
    """Mean of the risk over all coverages (AURC): low where the sure answers are right."""
    return float(risk_coverage(truth, scores)[1].mean())


def confusion(truth: Bools, scores: Floats) -> Ints:
    """How often each class was answered for each [shape=(n_classes, n_classes)], rows true, columns answered.

    A hit of several labels counts once, on the diagonal of its answer; a miss counts once in the row of each
    of its labels. Rows without an answer are left out.
    """
    given = _answers(scores)
    counted = np.where(hits(truth, scores)[:, None], given, truth)
    return counted.astype(np.int64).T @ given.astype(np.int64)


def _answers(scores: Floats) -> Bools:
    """Mark the answer of each row [shape=(n, n_classes)]."""
    marks = np.zeros(scores.shape, dtype=bool)
    best = scores.argmax(axis=1)
    marks[np.arange(len(scores)), best] = scores.max(axis=1) > 0
    return marks


def _steps(truth: Bools, scores: Floats, weights: Floats) -> list[tuple[Floats, Floats]]:
    """Weight of the rows with and without each label at each score that occurs, from the highest down."""
    order = np.argsort(-scores, axis=0, kind="stable")
    steps = []
    for column in range(scores.shape[1]):
        rows = order[:, column]
        values, marks, w = scores[rows, column], truth[rows, column], weights[rows]
        starts = np.flatnonzero(np.diff(values, prepend=np.inf))
        positive = np.add.reduceat(w * marks, starts)
        steps.append((positive, np.add.reduceat(w, starts) - positive))
    return steps


def _ones(truth: Bools, weights: Floats | None) -> Floats:
    return np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return ratio


def _mean(values: Floats) -> float:
    """Mean of the values that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
