"""`knn-kl`: neighbours by the Kullback-Leibler divergence between Gaussians of MFCC frames.

The way of the first programs for GTZAN. A window becomes the mean m and the covariance S of its MFCC; from
a window p to an example q it is as far as both divergences together (M. Mandel and D. Ellis, Song-level
features and support vector machines for music classification, ISMIR 2005), twice which is

    tr(Sq^-1 Sp) + tr(Sp^-1 Sq) + (mp - mq)' (Sp^-1 + Sq^-1) (mp - mq) - 2 d

The determinants cancel. What depends on p alone is the same for all examples, and a vote by differences of
distances never sees it. The rest is linear in four things that are known of p: Sp + mp mp', mp, Sp^-1 and
Sp^-1 mp. So all distances are a single matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.errors import InputError
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph
from earmark.estimators.knn import Neighbours
from earmark.estimators.parameters import BALANCED, Real, Search, Whole, param
from earmark.features import mfcc
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


@dataclass(kw_only=True, eq=False, repr=False)
class KnnKl(Neighbours):
    """Nearest neighbours by symmetric Kullback-Leibler divergence.

    Parameters
    ----------
    k : int
        How many vote.
    n_mfcc : int
        Coefficients, from the lowest.
    ridge : float
        Added to the diagonal of each covariance, where 1 is the variance of a coefficient over all frames:
        windows of silence have none of their own.
    class_weight : {"balanced", None}
        Whether the vote of a rare class counts for more.
    """

    input = "log_mel"

    k: int = param(12, Whole(least=1), search=Search(3, 40, log=True))
    n_mfcc: int = param(13, Whole(least=1), search=Search(8, 30))
    ridge: float = param(0.1, Real(above=0), search=Search(1e-3, 1, log=True))
    class_weight: str | None = param("balanced", BALANCED)

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        if self.n_mfcc > self.shape_[0]:
            raise InputError(
                f"n_mfcc={self.n_mfcc}", hint=f"Accepted: at most the {self.shape_[0]} bands of the windows."
            )
        self._to_mfcc = mfcc(np.eye(self.shape_[0], dtype=np.float32), n_mfcc=self.n_mfcc).astype(np.float64)
        self._mean, self._scale = np.zeros((self.n_mfcc, 1)), np.ones((self.n_mfcc, 1))
        frames = self._cepstra(train.X)
        self._mean = frames.mean(axis=(0, 2))[:, None]
        self._scale = 1 / np.maximum(frames.std(axis=(0, 2)), 1e-6)[:, None]
        moments, means, inverses, pulls = self._gaussians(train.X)
        flat = (len(means), -1)
        columns = [inverses.reshape(flat), -2 * pulls, moments.reshape(flat), -2 * means]
        self._to_distance = np.concatenate(columns, axis=1).T
        self._own = np.einsum("ni,ni->n", pulls, means)
        self._remember(train)
        progress("training", 1, 1, {})

    def _cepstra(self, X: Array) -> np.ndarray:
        """Standardised MFCC [shape=(n, n_mfcc, n_frames)]."""
        cepstra: np.ndarray = (self._to_mfcc @ X - self._mean) * self._scale
        return cepstra

    def _gaussians(self, X: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What is known of each window: S + m m', m, S^-1 and S^-1 m [shape=(n, d, d) or (n, d)]."""
        cepstra = self._cepstra(X)
        means = cepstra.mean(axis=2)
        moments = cepstra @ cepstra.transpose(0, 2, 1) / X.shape[2] + np.eye(self.n_mfcc) * self.ridge
        inverses = np.linalg.inv(moments - means[:, :, None] * means[:, None])
        return moments, means, inverses, np.einsum("nij,nj->ni", inverses, means)

    def _proba(self, X: Array) -> np.ndarray:
        numbers = np.concatenate([part.reshape(len(X), -1) for part in self._gaussians(X)], axis=1)
        return self._vote(numbers @ self._to_distance + self._own)

    def to_onnx(self) -> bytes:
        """Graph that holds a column of the matrix of distances for each example."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", self.shape_[0], "n_frames"))
        cepstra = g("MatMul", self._to_mfcc, g.to(INPUTS[self.input], np.float64))
        cepstra = g("Mul", g("Sub", cepstra, self._mean[None]), self._scale[None])
        means = g("ReduceMean", cepstra, np.array([2]), keepdims=1)
        n_frames = g.to(g("Gather", g("Shape", cepstra), np.array(2), axis=0), np.float64)
        moments = g("Div", g("MatMul", cepstra, g("Transpose", cepstra, perm=[0, 2, 1])), n_frames)
        moments = g("Add", moments, np.eye(self.n_mfcc)[None] * self.ridge)
        squares = g("MatMul", means, g("Transpose", means, perm=[0, 2, 1]))
        inverses = _inverse_graph(g, g("Sub", moments, squares), self.n_mfcc)
        known = [moments, means, inverses, g("MatMul", inverses, means)]
        rows = [g("Flatten", part, axis=1) for part in known]
        distances = g("MatMul", g("Concat", *rows, axis=1), self._to_distance)
        return self._vote_graph(g, g("Add", distances, self._own[None]))


def _inverse_graph(g: Graph, matrices: str, d: int) -> str:
    """Inverses of positive definite matrices [shape=(n, d, d)], for which ONNX has no operator.

    Gauss and Jordan's elimination of [A | I], without pivots: the diagonal stays positive.
    """
    work = g("Concat", matrices, g("Add", g("Mul", matrices, np.array(0.0)), np.eye(d)[None]), axis=2)
    for k in range(d):
        here, after = np.array([k]), np.array([k + 1])
        row = g("Slice", work, here, after, np.array([1]))
        row = g("Div", row, g("Slice", row, here, after, np.array([2])))
        column = g("Sub", g("Slice", work, here, after, np.array([2])), np.eye(d)[None, :, k : k + 1])
        work = g("Sub", work, g("MatMul", column, row))
    return g("Slice", work, np.array([d]), np.array([2 * d]), np.array([2]))
