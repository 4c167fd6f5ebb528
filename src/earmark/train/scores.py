"""The scores of a trained model on a part of the data, and the metrics that go into its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.data import Manifest, Split
from earmark.evaluate import metrics
from earmark.evaluate.estimates import Estimate, Table, estimates
from earmark.models.base import Array
from earmark.predict.window_scores import mean_rows
from earmark.train.dataset import Part

PredictProba = Callable[[Array], Array]

BATCH = 64  # windows in one call of the model


@dataclass(frozen=True, eq=False)
class PartScores:
    """Scores of a part of the data: of those tracks that have a label.

    Parameters
    ----------
    by_track, by_window : Table
        Labels and scores; a track is the mean of its windows, as in `earmark.classify`.
    """

    by_track: Table
    by_window: Table

    def __len__(self) -> int:
        return len(self.by_track.truth)

    def metrics(self, *, leaky: bool, seed: int) -> tuple[Estimate, ...]:
        """Metrics that are defined here, with intervals that resample groups."""
        found = estimates(self.by_track, self.by_window, leaky=leaky, seed=seed)
        return tuple(metric for metric in found if math.isfinite(metric.value))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes, or the mean average precision where a track may have several labels."""
        truth, scores = self.by_track.truth, self.by_track.scores
        if (truth.sum(axis=1) != 1).any():
            return metrics.mean_average_precision(truth, scores)
        return metrics.balanced_accuracy(truth, scores)


def score_part(predict_proba: PredictProba, part: Part, manifest: Manifest) -> PartScores | None:
    """Score the windows of a part; None if no track of it has a label.

    Parameters
    ----------
    predict_proba : callable
        From windows to probabilities [shape=(n, n_classes)], columns in the order of ``manifest.classes``.
    part : Part
        The windows.
    manifest : Manifest
        The tracks.
    """
    labels = manifest.indicators().astype(bool)
    known = np.flatnonzero(labels[part.tracks].any(axis=1))
    if not len(known):
        return None
    X, fractions = part.X[known], part.fractions[known]
    batches = [predict_proba(X[i : i + BATCH]) for i in range(0, len(X), BATCH)]
    scores = np.concatenate(batches).astype(np.float64)
    tracks, owners = np.unique(part.tracks[known], return_inverse=True)
    means = mean_rows(scores, fractions, owners)
    truth, means = metrics.validate(labels[tracks], means)
    groups = manifest.groups[tracks]
    return PartScores(
        Table(truth, means, groups, np.arange(len(tracks))),
        Table(truth[owners], scores, groups[owners], owners.astype(np.int64)),
    )


def card_metrics(found: Sequence[Estimate], split: Split, part: str) -> list[dict[str, Any]]:
    """Metrics as a card has them; none of a leaky split, whose metrics mean nothing."""
    where = {"split": f"{split.protocol}, {part}", "split_digest": split.digest}
    return [
        {
            "name": metric.name,
            **{key: _rounded(getattr(metric, key)) for key in ("value", "low", "high")},
            "n": metric.n,
            **where,
        }
        for metric in found
        if not split.leaky
    ]


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
