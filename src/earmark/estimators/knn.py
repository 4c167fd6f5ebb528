"""`knn`: the nearest neighbours among descriptors, and the vote that `knn-kl` shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.estimators.base import TrainableModel
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph
from earmark.estimators.parameters import BALANCED, Search, Whole, param
from earmark.estimators.scaling import Scaling
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress

_TINY = 1e-6  # fraction of a vote that every neighbour has: decides where all are equally far


class Neighbours(TrainableModel):
    """Base of the families of nearest neighbours: write `_proba` with `_vote`, and its graph.

    The neighbours vote with the weight by which they are nearer than the next one (S. Dudani, IEEE Trans.
    SMC-6 (4), 1976): where two of them are equally far, which one is taken makes no difference, so that the
    probabilities have no jumps. The class priors act as one extra vote, so that no probability is zero.
    """

    k: int
    class_weight: str | None

    def _remember(self, train: Examples) -> None:
        train = self._weighted(train)
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
        P: np.ndarray = (k * votes[:, :-1] / votes[:, -1:] + self._prior) / (k + 1)
        return P

    def _vote_graph(self, g: Graph, distances: str) -> bytes:
        """Graph that ends with the same."""
        k, n_classes = self._count(), len(self.classes_)
        near, nearest = g.several("TopK", distances, np.array([k + 1]), n=2, largest=0, axis=1)
        ends = [np.array([0]), np.array([k]), np.array([k + 1]), np.array([1])]
        furthest = g("Slice", near, ends[1], ends[2], ends[3])
        lead = g("Sub", furthest, g("Slice", near, ends[0], ends[1], ends[3]))
        weights = g("Add", lead, g("Mul", g("Add", g("Abs", furthest), np.array(1.0)), np.array(_TINY)))
        counted = g("Gather", self._votes, g("Slice", nearest, ends[0], ends[1], ends[3]), axis=0)
        votes = g(
            "ReduceSum", g("Mul", g("Unsqueeze", weights, np.array([2])), counted), np.array([1]), keepdims=0
        )
        of_class = g("Slice", votes, ends[0], np.array([n_classes]), ends[3])
        total = g("Slice", votes, np.array([n_classes]), np.array([n_classes + 1]), ends[3])
        P = g("Mul", g("Div", of_class, total), np.array(k / (k + 1)))
        P = g.to(g("Add", P, self._prior / (k + 1)), np.float32)
        return g.finish(**{self.head: (P, n_classes)})


@dataclass(kw_only=True, eq=False, repr=False)
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

    k: int = param(12, Whole(least=1), search=Search(3, 40, log=True))
    class_weight: str | None = param("balanced", BALANCED)

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        self._scaling = Scaling.of(train.X)
        self._examples = self._scaling(train.X)
        self._remember(train)
        progress("training", 1, 1, {})

    def _proba(self, X: Array) -> np.ndarray:
        # In double precision: a square of a difference by way of a product loses half of the digits.
        rows = self._scaling(X)
        squares = (rows**2).sum(axis=1, keepdims=True) + (self._examples**2).sum(axis=1)
        return self._vote(np.sqrt(np.maximum(squares - 2 * rows @ self._examples.T, 0)))

    def to_onnx(self) -> bytes:
        """Graph that holds the examples."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        rows = self._scaling.graph(g, INPUTS[self.input])
        squares = g("ReduceSum", g("Mul", rows, rows), np.array([1]), keepdims=1)
        squares = g("Add", squares, (self._examples**2).sum(axis=1)[None])
        product = g("Mul", g("MatMul", rows, self._examples.T), np.array(-2.0))
        return self._vote_graph(g, g("Sqrt", g("Max", g("Add", squares, product), np.array(0.0))))
