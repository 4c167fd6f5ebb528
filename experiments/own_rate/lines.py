"""What is learnt over the frozen ears: straight lines from the means of a track, each penalised as a whole.

Every fit is of standardised values, clipped at five deviations; `Line` is what ships of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

Array = np.ndarray


@dataclass
class Scaler:
    """Standardises what the ears say."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, X: Array) -> Scaler:
        return cls(X.mean(0), X.std(0) + 1e-4)

    def __call__(self, X: Array) -> Array:
        return np.clip((X - self.mean) / self.deviation, -5, 5)


@dataclass
class Line:
    """Logits ``X @ weight + bias`` of standardised values."""

    weight: Array
    bias: Array

    def __call__(self, X: Array) -> Array:
        return X @ self.weight + self.bias


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def fitted(X: Array, loss: Callable[[torch.Tensor], torch.Tensor], n: int, C: float) -> Line:
    """Weights and offsets under which ``loss`` of the logits, and the squares of the weights by 2 C, are least."""
    x = torch.from_numpy(np.asarray(X, np.float64))
    weight = torch.zeros(x.shape[1], n, dtype=torch.double, requires_grad=True)
    bias = torch.zeros(n, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(x @ weight + bias) + (weight**2).sum() / (2 * C)
        value.backward()
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return Line(weight.detach().numpy(), bias.detach().numpy())


def one_of(X: Array, shares: Array, weights: Array, C: float) -> Line:
    """Logistic regression on what share of an example each class has [shape=(n, n_classes)]."""
    y, w = torch.from_numpy(np.asarray(shares, np.float64)), torch.from_numpy(np.asarray(weights, np.float64))
    return fitted(X, lambda logits: -(w[:, None] * y * torch.log_softmax(logits, 1)).sum(), y.shape[1], C)


def each(X: Array, known: Array, weights: Array, C: float) -> Line:
    """A logistic regression for each column of 0, 1 and NaN [shape=(n, n_labels)], which is not asked about."""
    asked = torch.from_numpy(~np.isnan(known) * np.asarray(weights)[:, None])
    y = torch.from_numpy(np.nan_to_num(np.asarray(known, np.float64)))
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    return fitted(X, lambda logits: (asked * bce(logits, y, reduction="none")).sum(), y.shape[1], C)


def ridge(X: Array, y: Array, weights: Array, penalty: float) -> Line:
    """Least squares with a penalty on the squares of the weights."""
    w = weights[:, None]
    mean, centre = (w * X).sum(0) / w.sum(), (w * y).sum(0) / w.sum()
    Z = X - mean
    weight = np.linalg.solve((w * Z).T @ Z + penalty * np.eye(X.shape[1]), (w * Z).T @ (y - centre))
    return Line(weight, centre - mean @ weight)
