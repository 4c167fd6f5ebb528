"""What the families that scikit-learn trains have in common: standardise, estimate, export by skl2onnx."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from earmark.estimators.base import Examples, TrainableModel, requires_extra
from earmark.estimators.graph import OPSET
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


class ScikitModel(TrainableModel):
    """Base of the families that scikit-learn trains: write `_estimator`, and perhaps `space`."""

    input = "descriptors"
    class_weight: str | None = None
    takes_weights: ClassVar[bool] = True

    @abstractmethod
    def _estimator(self, train: Examples) -> Any:
        """Untrained scikit-learn classifier of the parameters."""

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        with requires_extra():
            from sklearn import config_context
            from sklearn.preprocessing import StandardScaler
        if self.class_weight == "balanced" and not self.multilabel_:
            train = train.balanced()
        self._scaler = StandardScaler().fit(train.X.astype(np.float64))
        self._classifier = self._estimator(train)
        labels = train.targets.astype(int) if self.multilabel_ else train.codes
        options = {"sample_weight": train.weights} if self.takes_weights else {}
        with config_context(enable_metadata_routing=self.multilabel_):
            self._classifier.fit(self._standardised(train.X), labels, **options)
        progress("training", 1, 1, {})

    def _standardised(self, X: Array) -> np.ndarray:
        rows: np.ndarray = self._scaler.transform(X.astype(np.float64))
        return rows

    def _proba(self, X: Array) -> np.ndarray:
        rows: np.ndarray = self._classifier.predict_proba(self._standardised(X))
        return rows

    def to_onnx(self) -> bytes:
        """Graph of the standardisation and the classifier."""
        self._require_fitted()
        with requires_extra():
            from skl2onnx import to_onnx
            from skl2onnx.common.data_types import FloatTensorType
            from sklearn.pipeline import make_pipeline
        pipeline = make_pipeline(self._scaler, self._classifier)
        with warnings.catch_warnings():  # skl2onnx asks SVC for attributes that are on their way out
            warnings.simplefilter("ignore", FutureWarning)
            graph = to_onnx(
                pipeline,
                initial_types=[(INPUTS[self.input], FloatTensorType([None, *self.shape_]))],
                options={id(self._classifier): {"zipmap": False}},
                target_opset=OPSET,
            )
        return only_probabilities(graph, self.head)


def one_for_each(classifier: Any) -> Any:
    """One such classifier for each of several labels, given the same weights."""
    from sklearn import config_context
    from sklearn.multiclass import OneVsRestClassifier

    with config_context(enable_metadata_routing=True):
        return OneVsRestClassifier(classifier.set_fit_request(sample_weight=True))


def only_probabilities(graph: Any, name: str) -> bytes:
    """Graph with one output, the probabilities under that name: labels are the card's business."""
    from onnx import helper

    last = graph.graph.output[-1]
    made = helper.make_tensor_value_info(name, 1, ["n", last.type.tensor_type.shape.dim[-1].dim_value])
    graph.graph.node.append(helper.make_node("Identity", [last.name], [name]))
    del graph.graph.output[:]
    graph.graph.output.append(made)
    serialised: bytes = graph.SerializeToString()
    return serialised
