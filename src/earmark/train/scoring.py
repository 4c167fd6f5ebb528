"""What a trained model answers on a part of the data, by track, and the figures that go into its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.data import Manifest, Split
from earmark.evaluate import metrics
from earmark.evaluate.resampling import bootstrap
from earmark.models.base import Array
from earmark.train.dataset import Part

Ask = Callable[[Array], Array]

BATCH = 64  # windows to ask about at a time
SINGLE = {
    "accuracy": metrics.accuracy,
    "balanced accuracy": metrics.balanced_accuracy,
    "macro F1": metrics.macro_f1,
}
SEVERAL = {"ROC-AUC": metrics.roc_auc, "mAP": metrics.mean_average_precision}


@dataclass(frozen=True, eq=False)
class TrackScores:
    """Mean answers of the tracks of a part.

    Parameters
    ----------
    truth : np.ndarray, bool [shape=(n, n_classes)]
        Labels.
    scores : np.ndarray [shape=(n, n_classes)]
        Mean probabilities of the windows of each track.
    groups : np.ndarray of str [shape=(n,)]
        Group of each.
    windows_right : float
        Share of single windows that were answered right.
    n_windows : int
        How many there were.
    """

    truth: np.ndarray
    scores: np.ndarray
    groups: np.ndarray
    windows_right: float
    n_windows: int

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, over `n` tracks."""

    name: str
    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        span = f" ({self.low:.3f} to {self.high:.3f})" if np.isfinite([self.low, self.high]).all() else ""
        return f"{self.name} {self.value:.3f}{span}"


def ask(model: Ask, X: Array) -> Array:
    """Probabilities of windows [shape=(n, n_classes)], batch by batch."""
    return np.concatenate([model(X[i : i + BATCH]) for i in range(0, len(X), BATCH)])


def by_track(scores: Array, part: Part, manifest: Manifest) -> TrackScores | None:
    """Mean over the windows of each track; None if no track of the part has a label.

    Parameters
    ----------
    scores : np.ndarray [shape=(n, n_classes)]
        Of the windows of `part`, columns in the order of ``manifest.classes``.
    part : Part
        The windows.
    manifest : Manifest
        The tracks.
    """
    labels = manifest.indicators().astype(bool)
    known = labels[part.tracks].any(axis=1)
    if not known.any():
        return None
    tracks, place = np.unique(part.tracks[known], return_inverse=True)
    sums = np.zeros((len(tracks), scores.shape[1]))
    np.add.at(sums, place, scores[known])
    means = sums / np.bincount(place)[:, None]
    truth, means = metrics.validate(labels[tracks], means)
    window_truth, window_scores = metrics.validate(labels[part.tracks[known]], scores[known])
    right = metrics.accuracy(window_truth, window_scores)
    return TrackScores(truth, means, manifest.groups[tracks], right, int(known.sum()))


def figures(scored: TrackScores, *, multilabel: bool, seed: int = 0) -> list[Figure]:
    """Figures with intervals that resample groups; those that cannot be told are left out."""
    wanted = SEVERAL if multilabel else SINGLE

    def all_of(weights: np.ndarray | None = None) -> list[float]:
        return [measure(scored.truth, scored.scores, weights=weights) for measure in wanted.values()]

    spans = bootstrap(all_of, scored.groups, seed=seed)
    return [
        Figure(name, value, span.low, span.high, len(scored))
        for name, value, span in zip(wanted, all_of(), spans, strict=True)
        if np.isfinite(value)
    ]


def card_metrics(found: list[Figure], split: Split, part: str) -> list[dict[str, Any]]:
    """Figures as a card has them; none of a leaky split, whose figures mean nothing."""
    if split.leaky:
        return []
    return [
        {
            "name": figure.name,
            "value": round(figure.value, 4),
            "low": _finite(figure.low),
            "high": _finite(figure.high),
            "n": figure.n,
            "split": f"{split.protocol}, {part}",
            "split_digest": split.digest,
        }
        for figure in found
    ]


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
