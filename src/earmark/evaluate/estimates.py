"""Metrics with intervals, of the whole, of classes and of groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from earmark.evaluate import metrics
from earmark.evaluate.bootstrap import N_RESAMPLES, bootstrap

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Weighted = Callable[..., float]


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval.

    Parameters
    ----------
    name : str
        What it measures.
    value, low, high : float
        The value and the ends of its interval; NaN where they are undefined.
    n : int
        Tracks, or windows, that it is over.
    is_fraction : bool
        Whether it is a fraction, written as per cent.
    leaky : bool
        Whether it means nothing, because the model was trained on the same tracks.
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    is_fraction: bool = True
    leaky: bool = False

    @property
    def text(self) -> str:
        """The value for people, with ``leaky`` beside it where it is."""
        return self._written(self.value) + (" leaky" if self.leaky else "")

    @property
    def interval(self) -> str:
        """The interval for people; empty where there is none."""
        if not math.isfinite(self.low + self.high):
            return ""
        return f"{self._written(self.low).removesuffix(' %')} to {self._written(self.high)}"

    def _written(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        return f"{100 * value:.1f} %" if self.is_fraction else f"{value:.3f}"


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one class; NaN where no track has it."""

    label: str
    n: int
    recall: float
    precision: float
    f1: float
    roc_auc: float
    average_precision: float


@dataclass(frozen=True)
class GroupErrors:
    """A group (artist) and how many of its tracks were misclassified."""

    name: str
    n: int
    n_missed: int
    labels: tuple[str, ...]
    predicted: tuple[str, ...]


@dataclass(frozen=True)
class TrackResult:
    """A track and the prediction for it.

    Parameters
    ----------
    id, path, group : str
        Of the track.
    labels : tuple of str
        Classes that it has.
    predicted : str
        Class of the highest score; ``""`` for silence.
    score : float
        Of `predicted`.
    hit : bool
        Whether `predicted` is among the labels.
    verdict : str
        As of `earmark.predict.Prediction`.
    start : float
        Where `predicted` scores highest, in seconds.
    """

    id: str
    path: str
    group: str
    labels: tuple[str, ...]
    predicted: str
    score: float
    hit: bool
    verdict: str
    start: float = 0.0


@dataclass(frozen=True, eq=False)
class Table:
    """What all metrics are computed from: one row for each labelled track, or window of it.

    Parameters
    ----------
    truth : np.ndarray, bool [shape=(n, n_classes)]
    scores : np.ndarray [shape=(n, n_classes)]
    groups : np.ndarray of str [shape=(n,)]
    owners : np.ndarray [shape=(n,)]
        Number of the track of each row.
    """

    truth: Bools
    scores: Floats
    groups: NDArray[np.str_]
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric to be computed.

    Parameters
    ----------
    name : str
        Of the metric.
    measure : callable
        From ``weights`` of the tracks to the value.
    n : int
        Rows that it is over.
    plain : bool
        Whether it is a plain fraction of rows, whose resamples have no bias.
    is_fraction : bool
        Whether it is a fraction, written as per cent.
    """

    name: str
    measure: Weighted
    n: int
    plain: bool = False
    is_fraction: bool = True


def estimates(
    by_track: Table, by_window: Table, *, leaky: bool = False, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[Estimate, ...]:
    """Return all metrics with intervals that resample groups, the most important first.

    Parameters
    ----------
    by_track, by_window : Table
        Scores; no rows of windows where these are not known.
    leaky : bool
        Whether the metrics mean nothing.
    n_resamples, seed
        Of the bootstrap.
    """
    wanted = metrics_of(by_track, by_window)

    def all_of(weights: Floats) -> list[float]:
        return [one.measure(weights=weights) for one in wanted]

    plain = [not one.plain for one in wanted]
    spans = bootstrap(all_of, by_track.groups, n_resamples=n_resamples, seed=seed, centred=plain)
    values = all_of(np.ones(len(by_track.truth)))
    return tuple(
        Estimate(one.name, value, span.low, span.high, one.n, one.is_fraction, leaky)
        for one, value, span in zip(wanted, values, spans, strict=True)
    )


def metrics_of(by_track: Table, by_window: Table) -> list[Metric]:
    """Return the metrics that these scores allow, the most important first."""
    truth, scores = by_track.truth, by_track.scores
    n, n_classes = truth.shape
    present = truth.any(axis=0)

    scored = metrics.Scored(truth, scores)
    wanted = [Metric("track accuracy", scored.accuracy, n, plain=True)]
    if len(by_window.truth):
        wanted.append(
            Metric("window accuracy", _window_accuracy(by_window), len(by_window.truth), plain=True)
        )
    wanted.append(Metric("balanced accuracy", scored.balanced_accuracy, n))
    if n_classes > 3:
        among_3 = metrics.hits(truth, scores, k=3)
        wanted.append(Metric("top-3 accuracy", partial(_fraction, among_3), n, plain=True))
    if 1 < present.sum() < n_classes:
        closed = metrics.hits(truth[:, present], scores[:, present])
        name = f"accuracy among the {present.sum()} classes of the data"
        wanted.append(Metric(name, partial(_fraction, closed), n, plain=True))
    others = {
        "macro F1": scored.macro_f1,
        "ROC-AUC": scored.roc_auc,
        "mAP": scored.mean_average_precision,
        "ECE": scored.ece,
    }
    return wanted + [Metric(name, measure, n, is_fraction=False) for name, measure in others.items()]


def _fraction(right: Bools, *, weights: Floats) -> float:
    return float(np.average(right, weights=weights))


def _window_accuracy(table: Table) -> Weighted:
    n = np.bincount(table.owners)
    n_right = np.bincount(table.owners, metrics.hits(table.truth, table.scores))

    def measure(*, weights: Floats) -> float:
        n_all = float(weights[: len(n)] @ n)
        return float(weights[: len(n)] @ n_right) / n_all if n_all > 0 else math.nan

    return measure


def class_metrics(table: Table, names: tuple[str, ...]) -> tuple[ClassMetrics, ...]:
    """Return the metrics of each class that some track has, or that was predicted."""
    truth, scores = table.truth, table.scores
    counts, predicted = truth.sum(axis=0).tolist(), metrics.confusion(truth, scores).sum(axis=0)
    rows = zip(
        names,
        counts,
        metrics.recalls(truth, scores).tolist(),
        metrics.precisions(truth, scores).tolist(),
        metrics.f1_scores(truth, scores).tolist(),
        metrics.roc_aucs(truth, scores).tolist(),
        metrics.average_precisions(truth, scores).tolist(),
        strict=True,
    )
    return tuple(ClassMetrics(*row) for row, n in zip(rows, predicted, strict=True) if row[1] or n)


def group_errors(tracks: Sequence[TrackResult]) -> tuple[GroupErrors, ...]:
    """Return the groups with errors, most errors first; tracks of unknown group are left out."""
    of: dict[str, list[TrackResult]] = {}
    for track in tracks:
        if track.group:
            of.setdefault(track.group, []).append(track)
    found = []
    for name, members in of.items():
        missed = [track for track in members if not track.hit]
        if missed:
            labels = dict.fromkeys(label for track in missed for label in track.labels)
            predicted = dict.fromkeys(track.predicted or "silence" for track in missed)
            found.append(GroupErrors(name, len(members), len(missed), tuple(labels), tuple(predicted)))
    return tuple(sorted(found, key=lambda g: (-g.n_missed, -g.n_missed / g.n, g.name)))
