"""`scratch-logistic` and `scratch-mlp`: training with NumPy and nothing else, for those who learn.

Everything that a library would do is in this file. A network turns standardised descriptors H_0 into
probabilities, layer by layer,

    A_i = H_i W_i + b_i         H_(i+1) = max(A_i, 0), but at the end P = softmax(A)

and is as wrong as the mean over examples of -sum(T log P), T being 1 for the right class. How that changes
with each weight follows from the end to the beginning by the chain rule (D. Rumelhart, G. Hinton and
R. Williams, Nature 323, 1986): for softmax and logarithm together it is simply

    dA = (P - T) / n            dW_i = H_i' dA_i        db_i = sum of the rows of dA_i
    dA_(i-1) = dA_i W_i' where A_(i-1) > 0, else 0

The weights then move against the gradient, with momentum, until the loss on held-out examples stops falling.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.estimators.base import TrainableModel, diverged
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph, Layer
from earmark.estimators.parameters import BALANCED, FRACTION, SEED, Real, Search, Whole, Wholes, param
from earmark.estimators.scaling import Scaling
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


def softmax(A: np.ndarray) -> np.ndarray:
    """Probabilities that sum to one over each row [shape=(n, n_classes)]; without overflow."""
    powers = np.exp(A - A.max(axis=1, keepdims=True))
    P: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return P


def sigmoid(A: np.ndarray) -> np.ndarray:
    """Probability of each class by itself [shape=(n, n_classes)]; without overflow."""
    P: np.ndarray = 0.5 * (1 + np.tanh(0.5 * A))
    return P


def activations(layers: list[Layer], X: np.ndarray) -> list[np.ndarray]:
    """Input of each layer, and the logits."""
    H = [X]
    for i, (W, b) in enumerate(layers):
        A = H[-1] @ W + b
        H.append(A if i == len(layers) - 1 else np.maximum(A, 0))
    return H


def loss_and_gradients(
    layers: list[Layer],
    X: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    l2: float,
    multilabel: bool,
) -> tuple[float, list[Layer]]:
    """Loss of a network, and its gradient.

    Parameters
    ----------
    layers : list of (weights, bias)
        The network.
    X : np.ndarray [shape=(n, d)]
        Standardised descriptors.
    targets : np.ndarray [shape=(n, n_classes)]
        1 where the class applies, else 0.
    weights : np.ndarray [shape=(n,)]
        How much each example counts.
    l2 : float
        Strength of the ridge penalty ``l2 / 2 * sum(W ** 2)``.
    multilabel : bool
        Whether several classes may apply: sigmoid instead of softmax.

    Returns
    -------
    loss : float
        Mean cross entropy and penalty.
    gradients : list of (weights, bias)
        Its derivative, in the shape of the layers.
    """
    H = activations(layers, X)
    P = sigmoid(H[-1]) if multilabel else softmax(H[-1])
    per_example = weights[:, None] / len(X)
    likelihood = targets * np.log(P + 1e-300)
    if multilabel:
        likelihood += (1 - targets) * np.log(1 - P + 1e-300)
    loss = -(per_example * likelihood).sum() + l2 / 2 * sum((W**2).sum() for W, _ in layers)
    gradients = []
    dA = per_example * (P - targets)
    for i in range(len(layers) - 1, -1, -1):
        W = layers[i][0]
        gradients.append((H[i].T @ dA + l2 * W, dA.sum(axis=0)))
        dA = (dA @ W.T) * (H[i] > 0)
    return float(loss), gradients[::-1]


@dataclass(kw_only=True, eq=False, repr=False)
class Scratch(TrainableModel):
    """Base of both: gradient descent with momentum and early stopping.

    Parameters
    ----------
    l2 : float
        Strength of the ridge penalty.
    learning_rate, momentum : float
        Length of a step, and how much of the last one is added to it.
    batch : int
        Examples for a step.
    epochs, patience : int
        Passes over the examples at most, and passes without progress on held-out examples before it ends.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Random seed of the first weights, of what is held out and of the order.
    """

    l2: float = param(0.03, Real(least=0), search=Search(1e-4, 1, log=True))
    learning_rate: float = param(0.02, Real(above=0), search=Search(1e-3, 0.1, log=True))
    momentum: float = param(0.9, FRACTION)
    batch: int = param(32, Whole(least=1))
    epochs: int = param(300, Whole(least=1))
    patience: int = param(30, Whole(least=1))
    class_weight: str | None = param("balanced", BALANCED)
    seed: int = param(0, SEED)

    input = "descriptors"

    @property
    def _sizes(self) -> Sequence[int]:
        """Units of each hidden layer."""
        return ()

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        rng = np.random.default_rng(self.seed)
        train = self._weighted(train)
        if valid is None:
            train, valid = _held_out(train, rng)
        self._scaling = Scaling.of(train.X)
        sizes = [train.X.shape[1], *self._sizes, len(self.classes_)]
        # Deviations that keep the size of what passes through (K. He et al., ICCV 2015).
        self.layers_ = [
            (rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)), np.zeros(n_out))
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        self._descend(self._scaling(train.X), train, valid, rng, progress)

    def _descend(
        self, X: np.ndarray, train: Examples, valid: Examples, rng: np.random.Generator, progress: Progress
    ) -> None:
        X_valid, velocity = self._scaling(valid.X), [(0 * W, 0 * b) for W, b in self.layers_]
        best, layers, stale = np.inf, self.layers_, 0
        for epoch in range(1, self.epochs + 1):
            losses = []
            for rows in _batches(len(X), self.batch, rng):
                loss, gradients = loss_and_gradients(
                    layers, X[rows], train.targets[rows], train.weights[rows], **self._penalty()
                )
                losses.append(loss)
                layers, velocity = self._step(layers, velocity, gradients)
            mean_loss = float(np.mean(losses))
            valid_loss, _ = loss_and_gradients(
                layers, X_valid, valid.targets, valid.weights, l2=0.0, multilabel=self.multilabel_
            )
            if not np.isfinite([mean_loss, valid_loss]).all():
                raise diverged(mean_loss, epoch, self.learning_rate)
            progress("training", epoch, self.epochs, {"loss": mean_loss, "valid_loss": valid_loss})
            stale += 1
            if valid_loss < best:
                best, self.layers_, stale = valid_loss, layers, 0
            if stale >= self.patience:
                return

    def _penalty(self) -> dict[str, Any]:
        return {"l2": self.l2, "multilabel": self.multilabel_}

    def _step(
        self, layers: list[Layer], velocity: list[Layer], gradients: list[Layer]
    ) -> tuple[list[Layer], list[Layer]]:
        """Gradient descent with momentum (B. Polyak, 1964)."""
        velocity = [
            (self.momentum * v - self.learning_rate * dW, self.momentum * u - self.learning_rate * db)
            for (v, u), (dW, db) in zip(velocity, gradients, strict=True)
        ]
        return [(W + v, b + u) for (W, b), (v, u) in zip(layers, velocity, strict=True)], velocity

    def _proba(self, X: Array) -> np.ndarray:
        A = activations(self.layers_, self._scaling(X))[-1]
        return sigmoid(A) if self.multilabel_ else softmax(A)

    def to_onnx(self) -> bytes:
        """Graph of the standardisation and the layers."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        P = g.dense(self._scaling.graph(g, INPUTS[self.input]), self.layers_, multilabel=self.multilabel_)
        return g.finish(**{self.head: (P, len(self.classes_))})


@dataclass(kw_only=True, eq=False, repr=False)
class ScratchLogistic(Scratch):
    """Logistic regression by gradient descent: a network without hidden layers. Parameters of `Scratch`."""


@dataclass(kw_only=True, eq=False, repr=False)
class ScratchMlp(Scratch):
    """Neural network with rectified hidden layers.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer; the other parameters are those of `Scratch`.
    """

    hidden: Sequence[int] = param((64,), Wholes())
    l2: float = param(0.05, Real(least=0), search=Search(1e-4, 1, log=True))
    learning_rate: float = param(0.01, Real(above=0), search=Search(1e-3, 0.1, log=True))

    @property
    def _sizes(self) -> Sequence[int]:
        """Units of each hidden layer."""
        return self.hidden


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    order = rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def _held_out(
    examples: Examples, rng: np.random.Generator, fraction: float = 0.15
) -> tuple[Examples, Examples]:
    """Examples to train on and, in whole groups, to stop by; no class loses its last example."""
    groups = np.arange(len(examples)).astype(str) if examples.groups is None else examples.groups
    held = np.zeros(len(examples), dtype=bool)
    left = examples.targets.sum(axis=0)
    for group in rng.permutation(np.unique(groups)):
        rows = groups == group
        without = left - examples.targets[rows].sum(axis=0)
        if held.sum() + rows.sum() <= fraction * len(examples) + 1 and (without > 0).all():
            held, left = held | rows, without
    if not held.any():  # too few to hold anything out: stop by the training loss
        return examples, examples
    return examples.take(~held), examples.take(held)
