"""What a trained model answers on a part of the data, and the figures that go into its card."""

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

Ask = Callable[[Array], Array]

BATCH = 64  # windows to ask about at a time


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to a part of the data: those tracks that have a label.

    Parameters
    ----------
    by_track, by_window : Table
        Labels and scores; a track is the mean of its windows, as in `earmark.classify`.
    """

    by_track: Table
    by_window: Table

    def __len__(self) -> int:
        return len(self.by_track.truth)

    def figures(self, *, leaky: bool, seed: int) -> tuple[Estimate, ...]:
        """Figures that can be told, with intervals that resample groups."""
        found = estimates(self.by_track, self.by_window, leaky=leaky, seed=seed)
        return tuple(figure for figure in found if math.isfinite(figure.value))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes, or the mean average precision where a track may have several labels."""
        truth, scores = self.by_track.truth, self.by_track.scores
        if (truth.sum(axis=1) != 1).any():
            return metrics.mean_average_precision(truth, scores)
        return metrics.balanced_accuracy(truth, scores)


def answers(ask: Ask, part: Part, manifest: Manifest) -> Answers | None:
    """Answers to the windows of a part; None if no track of it has a label.

    Parameters
    ----------
    ask : callable
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
    scores = np.concatenate([ask(X[i : i + BATCH]) for i in range(0, len(X), BATCH)]).astype(np.float64)
    tracks, owners = np.unique(part.tracks[known], return_inverse=True)
    means = mean_rows(scores, fractions, owners)
    truth, means = metrics.validate(labels[tracks], means)
    groups = manifest.groups[tracks]
    return Answers(
        Table(truth, means, groups, np.arange(len(tracks))),
        Table(truth[owners], scores, groups[owners], owners.astype(np.int64)),
    )


def card_metrics(found: Sequence[Estimate], split: Split, part: str) -> list[dict[str, Any]]:
    """Figures as a card has them; none of a leaky split, whose figures mean nothing."""
    where = {"split": f"{split.protocol}, {part}", "split_digest": split.digest}
    return [
        {
            "name": figure.name,
            **{key: _rounded(getattr(figure, key)) for key in ("value", "low", "high")},
            "n": figure.n,
            **where,
        }
        for figure in found
        if not split.leaky
    ]


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
