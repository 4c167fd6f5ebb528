"""`mlp`: a small neural network of descriptors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from earmark.estimators.base import Examples
from earmark.estimators.graph import Graph
from earmark.estimators.scikit import ScikitModel
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


class Mlp(ScikitModel):
    """Neural network on standardised descriptors, trained by Adam for a fixed number of rounds.

    Nothing is held back for early stopping: the ridge penalty does its work.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    alpha : float
        Strength of the ridge penalty.
    learning_rate : float
        Of Adam.
    epochs : int
        Rounds over the examples.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Draws the first weights and the order of examples.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (128,),
        alpha: float = 10.0,
        learning_rate: float = 1e-3,
        epochs: int = 100,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.class_weight = class_weight
        self.seed = seed

    def _estimator(self, train: Examples) -> Any:
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(
            tuple(self.hidden),
            alpha=self.alpha,
            learning_rate_init=self.learning_rate,
            max_iter=self.epochs,
            n_iter_no_change=self.epochs,
            random_state=self.seed,
        )

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        with warnings.catch_warnings():  # the number of rounds is a choice, not a failure to converge
            warnings.filterwarnings("ignore", message=".*Maximum iterations")
            super()._fit(train, valid, progress)

    def to_onnx(self) -> bytes:
        """Graph of the standardisation and the layers: of two labels, skl2onnx 1.20 would make one."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        X = g("Sub", g.to(INPUTS[self.input], np.float64), self._scaler.mean_)
        layers = list(zip(self._classifier.coefs_, self._classifier.intercepts_, strict=True))
        if len(self.classes_) == 2 and not self.multilabel_:  # one output: the second class against the first
            W, b = layers[-1]
            layers[-1] = (np.column_stack([0 * W, W]), np.append(0 * b, b))
        P = g.dense(g("Div", X, self._scaler.scale_), layers, multilabel=self.multilabel_)
        return g.finish(**{self.head: (P, len(self.classes_))})

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "hidden": [trial.suggest_int("hidden", 16, 512, log=True)],
            "alpha": trial.suggest_float("alpha", 1e-3, 30, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        }
