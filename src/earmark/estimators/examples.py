"""Training examples: what `fit` is given, checked and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.models.base import Array


@dataclass(frozen=True, eq=False)
class Examples:
    """Training examples, checked.

    Parameters
    ----------
    X : np.ndarray, float32 [shape=(n, n_mels, n_frames) or (n, d)]
        Log-mel windows in dB, or descriptors.
    targets : np.ndarray, float32 [shape=(n, n_classes)]
        1 where the class applies, else 0; one 1 in each row unless there are several labels.
    weights : np.ndarray, float64 [shape=(n,)]
        How much each example counts; their mean is 1.
    groups : np.ndarray or None [shape=(n,)]
        What must stay together wherever something is held out, such as the artist.
    """

    X: Array
    targets: Array
    weights: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def codes(self) -> np.ndarray:
        """Column of the class of each example [shape=(n,)]; where there is one label."""
        codes: np.ndarray = self.targets.argmax(axis=1)
        return codes

    def take(self, rows: np.ndarray) -> Examples:
        """Some of the examples, by number or mask."""
        groups = None if self.groups is None else self.groups[rows]
        return Examples(self.X[rows], self.targets[rows], self.weights[rows], groups)

    def balanced(self) -> Examples:
        """The same with weights that make the classes of one label count alike.

        As scikit-learn's ``class_weight="balanced"``. Of several labels it would be a weight for each
        column: a family that can do that does it itself.
        """
        prior = self.weights @ self.targets / self.weights.sum()
        weights = self.weights * (self.targets @ (1 / np.maximum(prior * self.targets.shape[1], 1e-12)))
        return Examples(self.X, self.targets, weights / weights.mean(), self.groups)


def targets_of(y: Any, n: int, classes: Sequence[str] | None) -> tuple[np.ndarray, Array]:
    """Names of the classes and targets [shape=(n, n_classes)], every class with examples."""
    multilabel = np.ndim(y) == 2
    if classes is not None:
        names = np.array([str(name) for name in classes])
    elif multilabel:
        names = np.arange(np.shape(y)[1]).astype(str)
    else:
        names = np.unique(_names(y, n))
    if len(names) < 2:
        raise InputError(f"classes={names.tolist()}", hint="Accepted: two or more classes.")
    if len(np.unique(names)) < len(names):
        raise InputError(f"classes={names.tolist()} names a class twice")
    targets = encode(y, n, names, multilabel=multilabel)
    fractions = targets.mean(axis=0)
    lacking = names[(fractions == 0) | (fractions == 1)].tolist()
    if lacking:
        raise InputError(
            f"class {', '.join(map(repr, lacking))} has no positive or no negative examples",
            hint="Accepted: at least one example of every class, and one that is not of it.",
        )
    return names, targets


def encode(y: Any, n: int, names: np.ndarray, *, multilabel: bool) -> Array:
    """Targets [shape=(n, n_classes)] of labels that are all among the names."""
    if multilabel:
        return _zeros_and_ones(y, (n, len(names)))
    labels = _names(y, n)
    order = np.argsort(names)
    columns = order[np.searchsorted(names, labels, sorter=order).clip(max=len(names) - 1)]
    unknown = np.unique(labels[names[columns] != labels]).tolist()
    if unknown:
        raise InputError(
            f"y holds {', '.join(map(repr, unknown[:3]))}", hint=f"Accepted: {', '.join(names.tolist())}."
        )
    targets: Array = np.eye(len(names), dtype=np.float32)[columns]
    return targets


def _names(y: Any, n: int) -> np.ndarray:
    labels = np.asarray(y, dtype=object)
    if labels.ndim != 1 or len(labels) != n:
        raise InputError(f"y.shape={labels.shape}, X holds {n} examples", hint="Accepted: a label for each.")
    others = [label for label in labels if not isinstance(label, str) or not label]
    if others:
        raise InputError(
            f"y holds {others[0]!r}, a {type(others[0]).__name__}",
            hint="Accepted: texts, or an array of 0 and 1 [shape=(n, n_classes)] for several labels.",
        )
    names: np.ndarray = labels.astype(str)
    return names


def _zeros_and_ones(y: Any, shape: tuple[int, int]) -> Array:
    values = np.asarray(y)
    if values.shape != shape or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"y has shape {values.shape} and type {values.dtype}", hint=f"Accepted: 0 and 1, shape {shape}."
        )
    targets: Array = values.astype(np.float32)
    return targets


def weights_of(sample_weight: Any, targets: Array) -> np.ndarray:
    """Weights of the examples, of mean 1 [shape=(n,)]."""
    n = len(targets)
    if sample_weight is None:
        return np.ones(n)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            f"sample_weight of shape {weights.shape}",
            hint=f"Accepted: {n} finite numbers, 0 or more, not all 0.",
        )
    scaled: np.ndarray = weights / weights.mean()
    return scaled


def groups_of(groups: Any, n: int) -> np.ndarray | None:
    """Names of the groups [shape=(n,)], if there are any."""
    if groups is None:
        return None
    named = np.asarray(groups).astype(str)
    if named.shape != (n,):
        raise InputError(f"groups.shape={named.shape}, X holds {n} examples", hint="Accepted: one for each.")
    return named
