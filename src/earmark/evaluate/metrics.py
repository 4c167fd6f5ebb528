"""How good a table of scores is: pure functions from arrays to numbers.

All take the same two tables, one row for each track (or window), one column for each class: `truth` is 1
where a label applies, and `scores` are probabilities. With one label a track these are the metrics of the
textbooks; with several, the prediction, which is the class of the highest score, is a hit if it is among
the labels. A row whose scores are all 0 (silence) has no prediction and is never a hit.

`weights` are how often a row counts, which is all that a bootstrap needs: see `earmark.evaluate.bootstrap`.
`Scored` computes once what does not depend on them; each of its metrics is also a function of the two tables.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
P = ParamSpec("P")
T = TypeVar("T")

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
            hint="Accepted: both (n, n_classes), with at least one row and one class.",
        )
    if not np.isin(marks, (0, 1)).all():
        raise InputError(
            "truth holds other values than 0 and 1", hint="Accepted: 1 where a label applies, else 0."
        )
    if not np.isfinite(values).all() or values.min() < -SLACK or values.max() > 1 + SLACK:
        span = f"scores from {np.nanmin(values):g} to {np.nanmax(values):g}"
        raise InputError(
            f"{span}, {np.isnan(values).sum()} of them NaN", hint="Accepted: probabilities from 0 to 1."
        )
    nothing = np.flatnonzero(~marks.any(axis=1))
    if nothing.size:
        raise InputError(
            f"row {nothing[0]} has no label", hint="Try: leave out rows that belong to none of the classes."
        )
    return marks.astype(bool), values


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often predictions of about the same confidence are correct.

    Parameters
    ----------
    confidence, accuracy : np.ndarray [shape=(n_bins,)]
        Mean of each bin; NaN for an empty one.
    n : np.ndarray [shape=(n_bins,)]
        How many predictions it has.
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


class Scored:
    """Two tables, and everything about them that does not depend on weights.

    Parameters
    ----------
    truth : np.ndarray, bool [shape=(n, n_classes)]
    scores : np.ndarray [shape=(n, n_classes)]
        As `validate` gives them.
    """

    def __init__(self, truth: Bools, scores: Floats) -> None:
        self.truth, self.scores = truth, scores

    @cached_property
    def order(self) -> Ints:
        """Classes of each row, best first; of equal scores, earlier columns first [shape=(n, n_classes)]."""
        return np.argsort(-self.scores, axis=1, kind="stable")

    @cached_property
    def given(self) -> Bools:
        """Mark the prediction of each row [shape=(n, n_classes)]; none where all scores are 0."""
        marks = np.zeros(self.scores.shape, dtype=bool)
        rows = np.arange(len(self.scores))
        best = self.order[:, 0]
        marks[rows, best] = self.scores[rows, best] > 0
        return marks

    @cached_property
    def right(self) -> Floats:
        """1 for each hit [shape=(n,)]."""
        found: Bools = np.any(self.given & self.truth, axis=1)
        return found.astype(np.float64)

    @cached_property
    def _counted(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Tables of 0 and 1: labels, hits among them, predictions, correct predictions, labels that count."""
        truth, hit = self.truth, self.right[:, None] > 0
        wanted = truth & (self.given | ~hit)  # a hit on one label is no miss of another
        tables = truth, truth & hit, self.given, self.given & truth, wanted
        return tuple(table.astype(np.float64) for table in tables)  # type: ignore[return-value]

    @cached_property
    def _ranks(self) -> tuple[Ints, Floats, Ints, Ints]:
        """For each class: rows from the highest score down, their labels, where runs of ties begin and end.

        All are [shape=(n, n_classes)]; the ends are exclusive.
        """
        n = len(self.scores)
        rows = np.argsort(-self.scores, axis=0, kind="stable")
        values = np.take_along_axis(self.scores, rows, axis=0)
        place = np.arange(n)[:, None]
        new = np.vstack([np.ones((1, values.shape[1]), bool), values[1:] != values[:-1]])
        first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
        last = np.vstack([new[1:], np.ones((1, values.shape[1]), bool)])
        end = np.minimum.accumulate(np.where(last, place + 1, n)[::-1], axis=0)[::-1]
        return rows, np.take_along_axis(self.truth, rows, axis=0).astype(np.float64), first, end

    def accuracy(self, *, weights: Floats | None = None, k: int = 1) -> float:
        """Fraction of hits; with `k`, the fraction of rows that have a label among the `k` highest scores."""
        right = self.right if k == 1 else hits(self.truth, self.scores, k=k)
        return float(np.average(right, weights=weights))

    def recalls(self, *, weights: Floats | None = None) -> Floats:
        """Fraction of hits among the rows that have a label, for each label [shape=(n_classes,)].

        NaN for a label that no row has. With one label a track this is the recall of each class.
        """
        w, (truth, found, *_) = self._ones(weights), self._counted
        return _ratio(w @ found, w @ truth)

    def precisions(self, *, weights: Floats | None = None) -> Floats:
        """Fraction of hits among the rows predicted as a label [shape=(n_classes,)]; NaN if none was."""
        w, (_, _, given, right, _) = self._ones(weights), self._counted
        return _ratio(w @ right, w @ given)

    def f1_scores(self, *, weights: Floats | None = None) -> Floats:
        """F1 of each class that some row has [shape=(n_classes,)]; NaN for the others.

        Twice the hits over the number of rows that have the label and of those predicted as it. With
        several labels a track only the predicted label counts: a hit on one label is no miss of another.
        """
        w, (truth, _, given, right, wanted) = self._ones(weights), self._counted
        return np.where(w @ truth > 0, _ratio(2 * (w @ right), w @ given + w @ wanted), np.nan)

    def roc_aucs(self, *, weights: Floats | None = None) -> Floats:
        """Area under the ROC curve of each class [shape=(n_classes,)].

        The probability that a row with the label scores higher than one without, ties counting half (Hanley &
        McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC) curve").
        NaN where all rows or none have the label.
        """
        w, positive, first, end = self._ranked(weights)
        above = _summed(positive)
        before, through = (np.take_along_axis(above, at, axis=0) for at in (first, end))
        negative = w - positive
        pairs = ((before + through) / 2 * negative).sum(axis=0)
        return _ratio(pairs, positive.sum(axis=0) * negative.sum(axis=0))

    def average_precisions(self, *, weights: Floats | None = None) -> Floats:
        """Average precision of each class [shape=(n_classes,)]: the mean precision at the labels' ranks.

        The sum over thresholds of precision times the rise of recall, without interpolation, as in
        scikit-learn. NaN where no row has the label.
        """
        w, positive, _, end = self._ranked(weights)
        n_found, n_all = (np.take_along_axis(_summed(table), end, axis=0) for table in (positive, w))
        precision = np.divide(n_found, n_all, out=np.zeros(w.shape), where=n_all > 0)
        return _ratio((positive * precision).sum(axis=0), positive.sum(axis=0))

    def reliability(self, *, weights: Floats | None = None, n_bins: int = N_BINS) -> Reliability:
        """Confidence against accuracy in bins of equal width from 0 to 1."""
        w, sure = self._ones(weights), confidence(self.scores)
        bins = np.clip(np.ceil(sure * n_bins).astype(int) - 1, 0, n_bins - 1)  # a bin has its upper end
        n, sums, n_hits = (
            np.bincount(bins, x, n_bins).astype(np.float64) for x in (w, w * sure, w * self.right)
        )
        return Reliability(_ratio(sums, n), _ratio(n_hits, n), n)

    def balanced_accuracy(self, *, weights: Floats | None = None) -> float:
        """Mean of `recalls`, so that each class counts the same however many tracks it has."""
        return _mean(self.recalls(weights=weights))

    def macro_f1(self, *, weights: Floats | None = None) -> float:
        """Mean of `f1_scores`."""
        return _mean(self.f1_scores(weights=weights))

    def roc_auc(self, *, weights: Floats | None = None) -> float:
        """Mean of `roc_aucs`."""
        return _mean(self.roc_aucs(weights=weights))

    def mean_average_precision(self, *, weights: Floats | None = None) -> float:
        """Mean of `average_precisions` (mAP)."""
        return _mean(self.average_precisions(weights=weights))

    def ece(self, *, weights: Floats | None = None) -> float:
        """Expected calibration error of the predictions, in ten bins."""
        return self.reliability(weights=weights).ece

    def _ones(self, weights: Floats | None) -> Floats:
        return np.ones(len(self.truth)) if weights is None else np.asarray(weights, dtype=np.float64)

    def _ranked(self, weights: Floats | None) -> tuple[Floats, Floats, Ints, Ints]:
        rows, marks, first, end = self._ranks
        w = self._ones(weights)[rows]
        return w, w * marks, first, end


def hits(truth: Bools, scores: Floats, *, k: int = 1) -> Bools:
    """Whether a label is among the `k` highest scores [shape=(n,)].

    Of equal scores, those of earlier columns go first.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    answered = np.take_along_axis(scores, best, axis=1) > 0
    found: Bools = np.any(np.take_along_axis(truth, best, axis=1) & answered, axis=1)
    return found


def confidence(scores: Floats) -> Floats:
    """Score of the predicted class, the highest of each row [shape=(n,)]."""
    highest: Floats = scores.max(axis=1)
    return highest


def _function(method: Callable[Concatenate[Scored, P], T]) -> Callable[Concatenate[Bools, Floats, P], T]:
    """Return a method of `Scored` as a function of the two tables, for callers that need one metric once."""

    @functools.wraps(method)
    def function(truth: Bools, scores: Floats, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(Scored(truth, scores), *args, **kwargs)

    return function


accuracy = _function(Scored.accuracy)
recalls = _function(Scored.recalls)
balanced_accuracy = _function(Scored.balanced_accuracy)
precisions = _function(Scored.precisions)
f1_scores = _function(Scored.f1_scores)
macro_f1 = _function(Scored.macro_f1)
roc_aucs = _function(Scored.roc_aucs)
roc_auc = _function(Scored.roc_auc)
average_precisions = _function(Scored.average_precisions)
mean_average_precision = _function(Scored.mean_average_precision)
reliability = _function(Scored.reliability)
ece = _function(Scored.ece)


def risk_coverage(truth: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """Error rate when only the most confident predictions are kept.

    El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".

    Returns
    -------
    coverage, risk : np.ndarray [shape=(n,)]
        Coverage 1/n, 2/n ... 1, and the error rate among so many of the most confident. Predictions of equal
        confidence share their errors evenly, so that their order does not matter.
    """
    sure, missed = confidence(scores), ~hits(truth, scores)
    values, place = np.unique(-sure, return_inverse=True)
    n = np.bincount(place, minlength=len(values))
    shared = np.repeat(np.bincount(place, missed, len(values)) / n, n)
    counts = np.arange(1, len(sure) + 1)
    return counts / len(sure), np.cumsum(shared) / counts


def confusion(truth: Bools, scores: Floats) -> Ints:
    """Confusion matrix of counts [shape=(n_classes, n_classes)], rows true, columns predicted.

    A hit of several labels counts once, on the diagonal; a miss counts once in the row of each of its labels.
    Rows without a prediction are left out.
    """
    scored = Scored(truth, scores)
    given = scored.given
    counted = np.where(scored.right[:, None] > 0, given, truth)
    return counted.astype(np.int64).T @ given.astype(np.int64)


def _summed(values: Floats) -> Floats:
    """Sums of the first 0, 1, ... n rows [shape=(n + 1, n_classes)]."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return ratio


def _mean(values: Floats) -> float:
    """Mean of the values that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
