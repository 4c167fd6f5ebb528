"""`embedding`: any bundle as a frozen listener, and any family of descriptors on what it hears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from earmark.errors import InputError, ModelError
from earmark.estimators.base import Examples, TrainableModel, requires_extra
from earmark.estimators.index import family
from earmark.models.base import Array
from earmark.models.onnx import EMBEDDING, INPUTS, OnnxModel
from earmark.models.registry import load_model
from earmark.progress import Progress

BATCH = 16  # windows at a time, as in `classify`: more leave the cache


class Embedding(TrainableModel):
    """Classifier on the embeddings of a model that stays as it is.

    Parameters
    ----------
    bundle : str
        Name or folder of a bundle whose card has an `embedding_size`.
    classifier : str
        Name of a family that hears descriptors, such as ``logistic`` or ``svm``.
    params : mapping, optional
        Parameters of that family.
    """

    input = "log_mel"

    def __init__(
        self,
        *,
        bundle: str = "earmark-base",
        classifier: str = "logistic",
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.bundle = bundle
        self.classifier = classifier
        self.params = params

    @property
    def balances(self) -> bool:
        """Whether the classifier makes the classes of one label count alike."""
        return family(self.classifier)(**(self.params or {})).balances

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        kind = family(self.classifier)
        if kind.input != "descriptors":
            raise InputError(
                f"classifier={self.classifier!r} hears {kind.input}",
                hint="Choose a family of descriptors, such as logistic or svm.",
            )
        self._listener = self._load()
        heard = self._embed(train.X)
        self.embedding_size_ = heard.shape[1]
        self._classifier = kind(**(self.params or {}))
        self._classifier.head = self.head
        names = self.classes_.tolist()
        self._classifier.fit(
            heard,
            self._labels(train),
            classes=names,
            groups=train.groups,
            sample_weight=train.weights,
            valid=None if valid is None else (self._embed(valid.X), self._labels(valid)),
            progress=progress,
        )

    def _load(self) -> OnnxModel:
        model = load_model(self.bundle)
        if not isinstance(model, OnnxModel) or not model.card.embedding_size:
            raise ModelError(
                f"bundle={self.bundle!r} has no weights with an embedding",
                hint="Give a bundle whose card has an embedding_size, such as earmark-base.",
            )
        if model.card.input != self.input or model.card.input_shape != self.shape_:
            taken = model.card.input_shape
            raise InputError(
                f"X holds windows of shape {self.shape_}; bundle={self.bundle!r} takes {taken}",
                hint="Cut windows as its card says.",
            )
        return model

    def _labels(self, examples: Examples) -> np.ndarray:
        labels: np.ndarray = examples.targets if self.multilabel_ else self.classes_[examples.codes]
        return labels

    def _embed(self, X: Array) -> Array:
        rows = [self._listener.embed(X[start : start + BATCH]) for start in range(0, len(X), BATCH)]
        return np.concatenate(rows)

    def embed(self, X: Array) -> Array:
        """What the frozen model hears [shape=(n, embedding_size)]."""
        self._require_fitted()
        return self._embed(X)

    def _proba(self, X: Array) -> np.ndarray:
        return self._classifier.predict_proba(self._embed(X))

    def to_onnx(self) -> bytes:
        """Both graphs in one; the embedding is an output too."""
        self._require_fitted()
        with requires_extra():
            from onnx import compose, load_model_from_string
        listener = compose.add_prefix(load_model_from_string(self._listener.weights), "frozen/")
        classifier = compose.add_prefix(load_model_from_string(self._classifier.to_onnx()), "classifier/")
        listener, classifier = _alike(listener, classifier)
        embedding, head = f"frozen/{EMBEDDING}", f"classifier/{self.head}"
        merged = compose.merge_models(
            listener,
            classifier,
            io_map=[(embedding, f"classifier/{INPUTS['descriptors']}")],
            outputs=[head],
        )
        return _renamed(
            merged,
            {INPUTS[self.input]: f"frozen/{INPUTS[self.input]}"},
            {
                self.head: (head, len(self.classes_)),
                EMBEDDING: (embedding, self.embedding_size_),
            },
        )

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {"params": {"C": trial.suggest_float("C", 1e-4, 10, log=True)}}


def _alike(first: Any, second: Any) -> tuple[Any, Any]:
    """Two graphs brought to the newer operators and format of both, as merging wants them."""
    from onnx import version_converter

    versions = [
        next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        for model in (first, second)
    ]
    graphs = [
        model if version == max(versions) else version_converter.convert_version(model, max(versions))
        for model, version in zip((first, second), versions, strict=True)
    ]
    for graph in graphs:
        graph.ir_version = max(first.ir_version, second.ir_version)
    return graphs[0], graphs[1]


def _renamed(model: Any, inputs: dict[str, str], outputs: dict[str, tuple[str, int]]) -> bytes:
    """The graph with public names for its one input and its outputs."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Identity", [public], [inner]) for public, inner in inputs.items()]
    nodes += model.graph.node
    nodes += [helper.make_node("Identity", [inner], [public]) for public, (inner, _) in outputs.items()]
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    for public, inner in inputs.items():
        next(value for value in model.graph.input if value.name == inner).name = public
    made = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, (_, size) in outputs.items()
    ]
    model.graph.output.extend(made)
    serialised: bytes = model.SerializeToString()
    return serialised
