"""What is measured: figures with intervals, of the whole, of classes and of groups."""

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
class Figure:
    """A number with its 95 % interval.

    Parameters
    ----------
    name : str
        What it measures.
    value, low, high : float
        The number and the ends of its interval; NaN where they cannot be told.
    n : int
        Tracks, or windows, that it is over.
    share : bool
        Whether it is read as per cent.
    leaky : bool
        Whether it means nothing, because the model was taught with the same tracks.
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    share: bool = True
    leaky: bool = False

    @property
    def shown(self) -> str:
        """The value as it is read: with ``leaky`` beside it where it is."""
        return self._written(self.value) + (" leaky" if self.leaky else "")

    @property
    def interval(self) -> str:
        """The interval as it is read; empty where there is none."""
        if not math.isfinite(self.low + self.high):
            return ""
        return f"{self._written(self.low).removesuffix(' %')} to {self._written(self.high)}"

    def _written(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        return f"{100 * value:.1f} %" if self.share else f"{value:.3f}"


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told; NaN where no track has it."""

    label: str
    n: int
    recall: float
    precision: float
    f1: float
    roc_auc: float
    average_precision: float


@dataclass(frozen=True)
class GroupFigures:
    """A group (artist) and how many of its tracks were missed."""

    name: str
    n: int
    n_missed: int
    labels: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class TrackAnswer:
    """A track, and what the model answers.

    Parameters
    ----------
    id, path, group : str
        Of the track.
    labels : tuple of str
        Classes that it has.
    answer : str
        Class of the highest score; ``""`` for silence.
    score : float
        Of the answer.
    hit : bool
        Whether the answer is among the labels.
    verdict : str
        As of `earmark.predict.Prediction`.
    start : float
        Where the answer scores highest, in seconds.
    """

    id: str
    path: str
    group: str
    labels: tuple[str, ...]
    answer: str
    score: float
    hit: bool
    verdict: str
    start: float = 0.0


@dataclass(frozen=True, eq=False)
class Table:
    """What all figures are computed from: one row for each track that has a label, or window of it.

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
class Wanted:
    """A figure to be computed.

    Parameters
    ----------
    name : str
        Of the figure.
    measure : callable
        From ``weights`` of the tracks to the figure.
    n : int
        Rows that it is over.
    plain : bool
        Whether it is a plain share of rows, whose resamples have no bias.
    share : bool
        Whether it is read as per cent.
    """

    name: str
    measure: Weighted
    n: int
    plain: bool = False
    share: bool = True


def figures(
    by_track: Table, by_window: Table, *, leaky: bool = False, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[Figure, ...]:
    """All figures with intervals that resample groups, the most telling first.

    Parameters
    ----------
    by_track, by_window : Table
        Answers; no rows of windows where these are not known.
    leaky : bool
        Whether the figures mean nothing.
    n_resamples, seed
        Of the bootstrap.
    """
    wanted = wanted_figures(by_track, by_window)

    def all_of(weights: Floats) -> list[float]:
        return [one.measure(weights=weights) for one in wanted]

    plain = [not one.plain for one in wanted]
    spans = bootstrap(all_of, by_track.groups, n_resamples=n_resamples, seed=seed, centred=plain)
    values = all_of(np.ones(len(by_track.truth)))
    return tuple(
        Figure(one.name, value, span.low, span.high, one.n, one.share, leaky)
        for one, value, span in zip(wanted, values, spans, strict=True)
    )


def wanted_figures(by_track: Table, by_window: Table) -> list[Wanted]:
    """Figures that these answers allow, the most telling first."""
    truth, scores = by_track.truth, by_track.scores
    n, n_classes = truth.shape
    present = truth.any(axis=0)

    scored = metrics.Scored(truth, scores)
    wanted = [Wanted("track accuracy", scored.accuracy, n, plain=True)]
    if len(by_window.truth):
        wanted.append(
            Wanted("window accuracy", _window_accuracy(by_window), len(by_window.truth), plain=True)
        )
    wanted.append(Wanted("balanced accuracy", scored.balanced_accuracy, n))
    if n_classes > 3:
        among_3 = metrics.hits(truth, scores, k=3)
        wanted.append(Wanted("top-3 accuracy", partial(_share, among_3), n, plain=True))
    if 1 < present.sum() < n_classes:
        closed = metrics.hits(truth[:, present], scores[:, present])
        name = f"accuracy among the {present.sum()} classes of the data"
        wanted.append(Wanted(name, partial(_share, closed), n, plain=True))
    others = {
        "macro F1": scored.macro_f1,
        "ROC-AUC": scored.roc_auc,
        "mAP": scored.mean_average_precision,
        "ECE": scored.ece,
    }
    return wanted + [Wanted(name, measure, n, share=False) for name, measure in others.items()]


def _share(right: Bools, *, weights: Floats) -> float:
    return float(np.average(right, weights=weights))


def _window_accuracy(table: Table) -> Weighted:
    n = np.bincount(table.owners)
    n_right = np.bincount(table.owners, metrics.hits(table.truth, table.scores))

    def measure(*, weights: Floats) -> float:
        n_all = float(weights[: len(n)] @ n)
        return float(weights[: len(n)] @ n_right) / n_all if n_all > 0 else math.nan

    return measure


def class_figures(table: Table, names: tuple[str, ...]) -> tuple[ClassFigures, ...]:
    """Figures of each class that some track has, or that was answered."""
    truth, scores = table.truth, table.scores
    counts, answered = truth.sum(axis=0).tolist(), metrics.confusion(truth, scores).sum(axis=0)
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
    return tuple(ClassFigures(*row) for row, n in zip(rows, answered, strict=True) if row[1] or n)


def group_figures(tracks: Sequence[TrackAnswer]) -> tuple[GroupFigures, ...]:
    """Groups with misses, most misses first; tracks of unknown group are left out."""
    of: dict[str, list[TrackAnswer]] = {}
    for track in tracks:
        if track.group:
            of.setdefault(track.group, []).append(track)
    found = []
    for name, members in of.items():
        missed = [track for track in members if not track.hit]
        if missed:
            labels = dict.fromkeys(label for track in missed for label in track.labels)
            heard_as = dict.fromkeys(track.answer or "silence" for track in missed)
            found.append(GroupFigures(name, len(members), len(missed), tuple(labels), tuple(heard_as)))
    return tuple(sorted(found, key=lambda g: (-g.n_missed, -g.n_missed / g.n, g.name)))
