"""`knn`: the nearest neighbours among descriptors, and the vote that `knn-kl` shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.estimators.base import Examples, TrainableModel
from earmark.estimators.graph import Graph
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress

_TINY = 1e-6  # share of a vote that every neighbour has: decides where all are equally far


class Neighbours(TrainableModel):
    """Base of the families that ask the nearest examples: write `_distances` and its graph.

    The neighbours vote with the weight by which they are nearer than the next one (S. Dudani, IEEE Trans.
    SMC-6 (4), 1976): where two of them are equally far, which one is taken makes no difference, so that the
    answer has no jumps. What is known without asking, the share of each class, has one vote more: nothing is
    impossible because a few neighbours are of another opinion.
    """

    k: int
    class_weight: str | None

    def _remember(self, train: Examples) -> None:
        if not isinstance(self.k, int) or self.k < 1:
            raise InputError(f"k={self.k!r}", hint="Accepted: a whole number, 1 or more.")
        if self.class_weight == "balanced" and not self.multilabel_:
            train = train.balanced()
        self._votes = np.column_stack([train.targets * train.weights[:, None], train.weights])
        self._prior = train.weights @ train.targets / train.weights.sum()

    def _count(self) -> int:
        return min(self.k, len(self._votes) - 1)

    def _vote(self, distances: np.ndarray) -> np.ndarray:
        """Probabilities [shape=(n, n_classes)] from distances [shape=(n, n_examples)]."""
        k = self._count()
        nearest = np.argpartition(distances, k, axis=1)[:, : k + 1]
        near = np.take_along_axis(distances, nearest, axis=1)
        order = np.argsort(near, axis=1, kind="stable")
        nearest, near = np.take_along_axis(nearest, order, axis=1), np.take_along_axis(near, order, axis=1)
        weights = near[:, k:] - near[:, :k] + _TINY * (1 + np.abs(near[:, k:]))
        votes = np.einsum("nk,nkc->nc", weights, self._votes[nearest[:, :k]])
        shares: np.ndarray = (k * votes[:, :-1] / votes[:, -1:] + self._prior) / (k + 1)
        return shares

    def _vote_graph(self, g: Graph, distances: str) -> bytes:
        """Graph that ends with the same."""
        k, n_classes = self._count(), len(self.classes_)
        near, nearest = g.several("TopK", distances, np.array([k + 1]), n=2, largest=0, axis=1)
        ends = [np.array([0]), np.array([k]), np.array([k + 1]), np.array([1])]
        furthest = g("Slice", near, ends[1], ends[2], ends[3])
        lead = g("Sub", furthest, g("Slice", near, ends[0], ends[1], ends[3]))
        weights = g("Add", lead, g("Mul", g("Add", g("Abs", furthest), np.array(1.0)), np.array(_TINY)))
        asked = g("Gather", self._votes, g("Slice", nearest, ends[0], ends[1], ends[3]), axis=0)
        votes = g(
            "ReduceSum", g("Mul", g("Unsqueeze", weights, np.array([2])), asked), np.array([1]), keepdims=0
        )
        counted = g("Slice", votes, ends[0], np.array([n_classes]), ends[3])
        total = g("Slice", votes, np.array([n_classes]), np.array([n_classes + 1]), ends[3])
        shares = g("Mul", g("Div", counted, total), np.array(k / (k + 1)))
        shares = g.to(g("Add", shares, self._prior / (k + 1)), np.float32)
        return g.finish(**{self.head: (shares, n_classes)})

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {"k": trial.suggest_int("k", 3, 40, log=True)}


class Knn(Neighbours):
    """Nearest neighbours by Euclidean distance between standardised descriptors.

    Parameters
    ----------
    k : int
        How many vote.
    class_weight : {"balanced", None}
        Whether the vote of a rare class counts for more.
    """

    input = "descriptors"

    def __init__(self, *, k: int = 12, class_weight: str | None = "balanced") -> None:
        self.k = k
        self.class_weight = class_weight

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        X = train.X.astype(np.float64)
        self._mean, spread = X.mean(axis=0), X.std(axis=0)
        self._scale = 1 / np.where(spread > 1e-9 * (1 + np.abs(self._mean)), spread, 1.0)
        self._examples = (X - self._mean) * self._scale
        self._remember(train)
        progress("training", 1, 1, {})

    def _proba(self, X: Array) -> np.ndarray:
        # In double precision: a square of a difference by way of a product loses half of the digits.
        rows = (X - self._mean) * self._scale
        squares = (rows**2).sum(axis=1, keepdims=True) + (self._examples**2).sum(axis=1)
        return self._vote(np.sqrt(np.maximum(squares - 2 * rows @ self._examples.T, 0)))

    def to_onnx(self) -> bytes:
        """Graph that holds the examples."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        rows = g("Mul", g("Sub", g.to(INPUTS[self.input], np.float64), self._mean), self._scale)
        squares = g("ReduceSum", g("Mul", rows, rows), np.array([1]), keepdims=1)
        squares = g("Add", squares, (self._examples**2).sum(axis=1)[None])
        product = g("Mul", g("MatMul", rows, self._examples.T), np.array(-2.0))
        return self._vote_graph(g, g("Sqrt", g("Max", g("Add", squares, product), np.array(0.0))))
