"""Mean and variance of values that arrive in pieces.

Pieces are joined by the formula of T. Chan, G. Golub and R. LeVeque ("Updating formulae and a pairwise
algorithm for computing sample variances", 1979), which loses no digits where sums of squares would.
"""

from __future__ import annotations

import numpy as np

from earmark.arrays import Float64, Floats


class Moments:
    """Mean and variance over time of the rows of a matrix that arrives in pieces [shape=(d, k)].

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add(np.array([[1.0, 2.0]]))
    >>> moments.add(np.array([[6.0]]))
    >>> moments.n, moments.mean.tolist(), moments.var.round(3).tolist()
    (3, [3.0], [4.667])
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean: Float64 = np.zeros(0)
        self._squares: Float64 = np.zeros(0)  # sum of squared distances from the mean

    def add(self, rows: Floats) -> None:
        """Take k more columns, maybe none."""
        k = rows.shape[1]
        if k == 0:
            return
        mean = rows.mean(axis=1, dtype=np.float64)
        squares = k * rows.var(axis=1, dtype=np.float64)
        if self.n:
            step = mean - self.mean
            squares += self._squares + step**2 * (self.n * k / (self.n + k))
            mean = self.mean + step * (k / (self.n + k))
        self.n += k
        self.mean, self._squares = mean, squares

    @property
    def var(self) -> Float64:
        """Variance of each row [shape=(d,)]; of nothing, that of no rows."""
        return self._squares / max(self.n, 1)
