"""`knn-kl`: neighbours by the Kullback-Leibler divergence between Gaussians of MFCC frames.

The way of the first programs for GTZAN. A window becomes the mean m and the covariance S of its MFCC; from
a window p to an example q it is as far as (M. Mandel and D. Ellis, ISMIR 2005, equation 3, one direction)

    2 KL(p || q) = tr(Sq^-1 Sp) + (mp - mq)' Sq^-1 (mp - mq) - d + ln det Sq - ln det Sp

The last term is the same for all examples, and a vote by differences of distances never sees it. What is
left is linear in the numbers of Sp + mp mp' and mp: all distances are a single matrix product.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.features import mfcc
from earmark.models.base import Array
from earmark.models.graph import Graph
from earmark.models.knn import Neighbours
from earmark.models.onnx import INPUTS
from earmark.models.registry import register
from earmark.models.trainable import Examples, Progress


@register("knn-kl", summary="Nearest neighbours between Gaussians of MFCC frames, as the first demos had it")
class KnnKl(Neighbours):
    """Nearest neighbours by Kullback-Leibler divergence.

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

    def __init__(
        self, *, k: int = 12, n_mfcc: int = 13, ridge: float = 0.01, class_weight: str | None = "balanced"
    ) -> None:
        self.k = k
        self.n_mfcc = n_mfcc
        self.ridge = ridge
        self.class_weight = class_weight

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        if not self.ridge > 0:
            raise InputError(f"ridge={self.ridge!r}", hint="Accepted: above 0.")
        self._to_mfcc = mfcc(np.eye(self.shape_[0], dtype=np.float32), n_mfcc=self.n_mfcc).astype(np.float64)
        self._mean, self._scale = np.zeros((self.n_mfcc, 1)), np.ones((self.n_mfcc, 1))
        frames = self._cepstra(train.X)
        self._mean = frames.mean(axis=(0, 2))[:, None]
        self._scale = 1 / np.maximum(frames.std(axis=(0, 2)), 1e-6)[:, None]
        means, moments = self._gaussians(train.X)
        eye = np.eye(self.n_mfcc) * self.ridge
        covariances = moments - means[:, :, None] * means[:, None] + eye
        inverses = np.linalg.inv(covariances)
        pulls = np.einsum("nij,nj->ni", inverses, means)
        self._to_distance = np.concatenate([inverses.reshape(len(means), -1), -2 * pulls], axis=1).T
        self._own = np.einsum("ni,ni->n", pulls, means) + np.linalg.slogdet(covariances)[1]
        self._remember(train)
        progress(1, 1, {})

    def _cepstra(self, X: Array) -> np.ndarray:
        """Standardised MFCC [shape=(n, n_mfcc, n_frames)]."""
        cepstra: np.ndarray = (self._to_mfcc @ X - self._mean) * self._scale
        return cepstra

    def _gaussians(self, X: Array) -> tuple[np.ndarray, np.ndarray]:
        """Means [shape=(n, n_mfcc)] and second moments [shape=(n, n_mfcc, n_mfcc)] over time."""
        cepstra = self._cepstra(X)
        return cepstra.mean(axis=2), cepstra @ cepstra.transpose(0, 2, 1) / X.shape[2]

    def _proba(self, X: Array) -> np.ndarray:
        means, moments = self._gaussians(X)
        moments = moments + np.eye(self.n_mfcc) * self.ridge
        numbers = np.concatenate([moments.reshape(len(X), -1), means], axis=1)
        return self._vote(numbers @ self._to_distance + self._own)

    def to_onnx(self) -> bytes:
        """Graph that holds a column of the matrix of distances for each example."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", self.shape_[0], "n_frames"))
        cepstra = g("MatMul", self._to_mfcc, g.to(INPUTS[self.input], np.float64))
        cepstra = g("Mul", g("Sub", cepstra, self._mean[None]), self._scale[None])
        n_frames = g("Gather", g("Shape", cepstra), np.array(2), axis=0)
        moments = g("MatMul", cepstra, g("Transpose", cepstra, perm=[0, 2, 1]))
        moments = g("Div", moments, g.to(n_frames, np.float64))
        moments = g("Add", moments, np.eye(self.n_mfcc)[None] * self.ridge)
        moments = g("Reshape", moments, np.array([-1, self.n_mfcc**2]))
        means = g("ReduceMean", cepstra, np.array([2]), keepdims=0)
        distances = g("MatMul", g("Concat", moments, means, axis=1), self._to_distance)
        return self._vote_graph(g, g("Add", distances, self._own[None]))

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "k": trial.suggest_int("k", 3, 40, log=True),
            "n_mfcc": trial.suggest_int("n_mfcc", 8, 30),
            "ridge": trial.suggest_float("ridge", 1e-3, 1, log=True),
        }
