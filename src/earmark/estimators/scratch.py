"""`scratch-logistic` and `scratch-mlp`: learning with NumPy and nothing else, for those who learn.

Everything that a library would do is on this page. A network turns standardised descriptors H_0 into
probabilities, layer by layer,

    A_i = H_i W_i + b_i         H_(i+1) = max(A_i, 0), but at the end P = softmax(A)

and is as wrong as the mean over examples of -sum(T log P), T being 1 for the right class. How that changes
with each weight follows from the end to the beginning by the chain rule (D. Rumelhart, G. Hinton and
R. Williams, Nature 323, 1986): for softmax and logarithm together it is simply

    dA = (P - T) / n            dW_i = H_i' dA_i        db_i = sum of the rows of dA_i
    dA_(i-1) = dA_i W_i' where A_(i-1) > 0, else 0

The weights then go downhill, with momentum, until held-back examples are no longer answered better.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.estimators.base import Examples, TrainableModel
from earmark.estimators.graph import Graph
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress

Layer = tuple[np.ndarray, np.ndarray]  # weights [shape=(n_in, n_out)] and bias [shape=(n_out,)]


def softmax(A: np.ndarray) -> np.ndarray:
    """Probabilities that sum to one over each row [shape=(n, n_classes)]; no level is too high."""
    powers = np.exp(A - A.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def sigmoid(A: np.ndarray) -> np.ndarray:
    """Probability of each class for itself [shape=(n, n_classes)]; no level is too high."""
    chances: np.ndarray = 0.5 * (1 + np.tanh(0.5 * A))
    return chances


def activations(layers: list[Layer], X: np.ndarray) -> list[np.ndarray]:
    """Input of each layer, and what comes out of the last before it is made probabilities."""
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
    """How wrong a network is, and how that changes with each of its numbers.

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
        Whether each class is a question of its own: sigmoid instead of softmax.

    Returns
    -------
    loss : float
        Mean cross entropy and penalty.
    gradients : list of (weights, bias)
        Its derivative, in the shape of the layers.
    """
    H = activations(layers, X)
    P = sigmoid(H[-1]) if multilabel else softmax(H[-1])
    share = weights[:, None] / len(X)
    wrong = targets * np.log(P + 1e-300)
    if multilabel:
        wrong += (1 - targets) * np.log(1 - P + 1e-300)
    loss = -(share * wrong).sum() + l2 / 2 * sum((W**2).sum() for W, _ in layers)
    gradients = []
    dA = share * (P - targets)
    for i in range(len(layers) - 1, -1, -1):
        W = layers[i][0]
        gradients.append((H[i].T @ dA + l2 * W, dA.sum(axis=0)))
        dA = (dA @ W.T) * (H[i] > 0)
    return float(loss), gradients[::-1]


class Scratch(TrainableModel):
    """Base of both: gradient descent with momentum and early stopping."""

    input = "descriptors"

    hidden: tuple[int, ...]
    l2: float
    learning_rate: float
    momentum: float
    batch: int
    epochs: int
    patience: int
    class_weight: str | None
    seed: int

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        rng = np.random.default_rng(self.seed)
        if self.class_weight == "balanced" and not self.multilabel_:
            train = train.balanced()
        if valid is None:
            train, valid = _held_back(train, rng)
        X = train.X.astype(np.float64)
        self._mean, spread = X.mean(axis=0), X.std(axis=0)
        self._scale = 1 / np.where(spread > 1e-9 * (1 + np.abs(self._mean)), spread, 1.0)
        sizes = [X.shape[1], *self.hidden, len(self.classes_)]
        # Deviations that keep the size of what passes through (K. He et al., ICCV 2015).
        self.layers_ = [
            (rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)), np.zeros(n_out))
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        self._descend(self._standardised(train.X), train, valid, rng, progress)

    def _descend(
        self, X: np.ndarray, train: Examples, valid: Examples, rng: np.random.Generator, progress: Progress
    ) -> None:
        X_valid, speed = self._standardised(valid.X), [(0 * W, 0 * b) for W, b in self.layers_]
        best, layers, since = np.inf, self.layers_, 0
        for epoch in range(1, self.epochs + 1):
            losses = []
            for rows in _batches(len(X), self.batch, rng):
                loss, gradients = loss_and_gradients(
                    layers, X[rows], train.targets[rows], train.weights[rows], **self._penalty()
                )
                losses.append(loss)
                layers, speed = self._step(layers, speed, gradients)
            heard, _ = loss_and_gradients(
                layers, X_valid, valid.targets, valid.weights, l2=0.0, multilabel=self.multilabel_
            )
            progress("training", epoch, self.epochs, {"loss": float(np.mean(losses)), "valid_loss": heard})
            since += 1
            if heard < best:
                best, self.layers_, since = heard, layers, 0
            if since >= self.patience:
                return

    def _penalty(self) -> dict[str, Any]:
        return {"l2": self.l2, "multilabel": self.multilabel_}

    def _step(
        self, layers: list[Layer], speed: list[Layer], gradients: list[Layer]
    ) -> tuple[list[Layer], list[Layer]]:
        """Go on in the direction so far, turned towards downhill (B. Polyak, 1964)."""
        turned = [
            (self.momentum * v - self.learning_rate * dW, self.momentum * u - self.learning_rate * db)
            for (v, u), (dW, db) in zip(speed, gradients, strict=True)
        ]
        return [(W + v, b + u) for (W, b), (v, u) in zip(layers, turned, strict=True)], turned

    def _standardised(self, X: Array) -> np.ndarray:
        rows: np.ndarray = (X - self._mean) * self._scale
        return rows

    def _proba(self, X: Array) -> np.ndarray:
        A = activations(self.layers_, self._standardised(X))[-1]
        return sigmoid(A) if self.multilabel_ else softmax(A)

    def to_onnx(self) -> bytes:
        """Graph of the standardisation and the layers."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        X = g("Mul", g("Sub", g.to(INPUTS[self.input], np.float64), self._mean), self._scale)
        P = g.dense(X, self.layers_, multilabel=self.multilabel_)
        return g.finish(**{self.head: (P, len(self.classes_))})

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "l2": trial.suggest_float("l2", 1e-4, 1, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-3, 0.1, log=True),
        }


class ScratchLogistic(Scratch):
    """Logistic regression by gradient descent: a network without hidden layers.

    Parameters
    ----------
    l2 : float
        Strength of the ridge penalty.
    learning_rate, momentum : float
        Length of a step, and how much of the last one goes on.
    batch : int
        Examples for a step.
    epochs, patience : int
        Rounds at most, and rounds without progress on held-back examples before it ends.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Draws what is held back and the order.
    """

    hidden = ()

    def __init__(
        self,
        *,
        l2: float = 0.03,
        learning_rate: float = 0.02,
        momentum: float = 0.9,
        batch: int = 32,
        epochs: int = 300,
        patience: int = 30,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.l2 = l2
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.class_weight = class_weight
        self.seed = seed


class ScratchMlp(Scratch):
    """Neural network with rectified hidden layers.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    l2 : float
        Strength of the ridge penalty.
    learning_rate, momentum : float
        Length of a step, and how much of the last one goes on.
    batch : int
        Examples for a step.
    epochs, patience : int
        Rounds at most, and rounds without progress on held-back examples before it ends.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Draws the first weights, what is held back and the order.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (64,),
        l2: float = 0.05,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        batch: int = 32,
        epochs: int = 300,
        patience: int = 30,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.l2 = l2
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.class_weight = class_weight
        self.seed = seed


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    if size < 1:
        raise InputError(f"batch={size}", hint="At least 1.")
    order = rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def _held_back(
    examples: Examples, rng: np.random.Generator, share: float = 0.15
) -> tuple[Examples, Examples]:
    """Examples to learn from and, whole groups of them, to stop by; no class loses its last example."""
    groups = np.arange(len(examples)).astype(str) if examples.groups is None else examples.groups
    held = np.zeros(len(examples), dtype=bool)
    left = examples.targets.sum(axis=0)
    for group in rng.permutation(np.unique(groups)):
        rows = groups == group
        without = left - examples.targets[rows].sum(axis=0)
        if held.sum() + rows.sum() <= share * len(examples) + 1 and (without > 0).all():
            held, left = held | rows, without
    if not held.any():  # too few to hold anything back: stop by what was learned
        return examples, examples
    return examples.take(~held), examples.take(held)
