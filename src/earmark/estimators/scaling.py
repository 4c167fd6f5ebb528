"""Standardisation of descriptors, in NumPy and in a graph alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.estimators.graph import Graph
from earmark.models.base import Array


@dataclass(frozen=True, eq=False)
class Scaling:
    """Subtract a mean from each column and multiply by the inverse of its standard deviation.

    Parameters
    ----------
    mean, scale : np.ndarray, float64 [shape=(d,)]
        Of the training examples; a column that is constant there is not scaled.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, X: Array) -> Scaling:
        """Scaling that gives these rows [shape=(n, d)] mean 0 and deviation 1."""
        rows = X.astype(np.float64)
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        return cls(mean, 1 / np.where(spread > 1e-9 * (1 + np.abs(mean)), spread, 1.0))

    def __call__(self, X: Array) -> np.ndarray:
        """Standardised rows, float64 [shape=(n, d)]."""
        rows: np.ndarray = (X - self.mean) * self.scale
        return rows

    def graph(self, g: Graph, value: str) -> str:
        """The same of a value in a graph."""
        return g("Mul", g("Sub", g.to(value, np.float64), self.mean), self.scale)
