"""`mlp`: a small neural network of descriptors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earmark.errors import ModelError
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Layer
from earmark.estimators.parameters import BALANCED, SEED, Real, Search, Whole, Wholes, param
from earmark.estimators.scikit import ScikitModel
from earmark.progress import Progress


@dataclass(kw_only=True, eq=False, repr=False)
class Mlp(ScikitModel):
    """Neural network on standardised descriptors, trained by Adam for a fixed number of epochs.

    Nothing is held out for early stopping: the ridge penalty does its work.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    alpha : float
        Strength of the ridge penalty.
    learning_rate : float
        Of Adam.
    epochs : int
        Passes over the examples.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Random seed of the first weights and of the order of the examples.
    """

    hidden: Sequence[int] = param((128,), Wholes(), search=Search(16, 512, log=True))
    alpha: float = param(10.0, Real(least=0), search=Search(1e-3, 30, log=True))
    learning_rate: float = param(1e-3, Real(above=0), search=Search(1e-4, 1e-2, log=True))
    epochs: int = param(100, Whole(least=1))
    class_weight: str | None = param("balanced", BALANCED)
    seed: int = param(0, SEED)

    def _classifier_of(self, train: Examples) -> Any:
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
        with warnings.catch_warnings():  # the number of epochs is a choice, not a failure to converge
            warnings.filterwarnings("ignore", message=".*Maximum iterations")
            warnings.filterwarnings("ignore", category=RuntimeWarning)  # of overflow: an error below
            try:
                super()._fit(train, valid, progress)
            except ValueError as error:  # scikit-learn's only error once the examples are checked
                raise ModelError(
                    f"the training diverged: {error}",
                    hint=f"Try: a learning_rate below {self.learning_rate:g}.",
                ) from error

    def _layers(self) -> list[Layer]:
        return list(zip(self._classifier.coefs_, self._classifier.intercepts_, strict=True))
