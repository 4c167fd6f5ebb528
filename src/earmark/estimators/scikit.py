"""What the families that scikit-learn trains as layers have in common: standardise, fit, export."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from earmark.estimators.base import TrainableModel, requires_extra
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph, Layer
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


class ScikitModel(TrainableModel):
    """Base of families whose classifier is a stack of dense layers: write `_classifier_of` and `_layers`."""

    input = "descriptors"

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import."""
        return ("sklearn", "onnx")

    @abstractmethod
    def _classifier_of(self, train: Examples) -> Any:
        """Untrained scikit-learn classifier with the parameters."""

    @abstractmethod
    def _layers(self) -> list[Layer]:
        """Weights and biases of the trained classifier, as scikit-learn keeps them."""

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        with requires_extra("train"):
            from sklearn import config_context
            from sklearn.preprocessing import StandardScaler
        train = self._weighted(train)
        self._scaler = StandardScaler().fit(train.X.astype(np.float64))
        self._classifier = self._classifier_of(train)
        labels = train.targets.astype(int) if self.multilabel_ else train.codes
        with config_context(enable_metadata_routing=self.multilabel_):
            self._classifier.fit(self._standardised(train.X), labels, sample_weight=train.weights)
        progress("training", 1, 1, {})

    def _standardised(self, X: Array) -> np.ndarray:
        rows: np.ndarray = self._scaler.transform(X.astype(np.float64))
        return rows

    def _proba(self, X: Array) -> np.ndarray:
        rows: np.ndarray = self._classifier.predict_proba(self._standardised(X))
        return rows

    def to_onnx(self) -> bytes:
        """Graph of the standardisation and the layers."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        X = g("Sub", g.to(INPUTS[self.input], np.float64), self._scaler.mean_)
        *hidden, (W, b) = self._layers()
        if len(self.classes_) == 2 and not self.multilabel_:  # one output: the second class against the first
            W, b = np.column_stack([0 * W, W]), np.append(0 * b, b)
        layers = [*hidden, (W, b)]
        P = g.dense(g("Div", X, self._scaler.scale_), layers, multilabel=self.multilabel_)
        return g.finish(**{self.head: (P, len(self.classes_))})
