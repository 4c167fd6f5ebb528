"""`embedding`: a frozen pre-trained model as feature extractor under a small classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from earmark.errors import InputError, ModelError
from earmark.estimators.base import Inputs, TrainableModel, requires_extra
from earmark.estimators.examples import Examples
from earmark.estimators.index import build, family
from earmark.estimators.parameters import Settings, Text, param
from earmark.models.base import Array
from earmark.models.card import ModelCard
from earmark.models.onnx import EMBEDDING, INPUTS, OnnxModel
from earmark.models.registry import load_model
from earmark.progress import Progress
from earmark.vocabulary import DEFAULT_MODEL

BATCH = 16  # windows at a time, as in `classify`: more leave the cache


@dataclass(kw_only=True, eq=False, repr=False)
class Embedding(TrainableModel):
    """Classifier on the embeddings of a pre-trained model, which is not trained further.

    Parameters
    ----------
    bundle : str
        Name or folder of a bundle whose card has an `embedding_size`.
    classifier : str
        Name of a family of descriptors, such as ``logistic`` or ``svm``.
    params : mapping, optional
        Parameters of that family.
    """

    input: ClassVar[Any] = "embeddings"  # of what the bundle takes, as `inputs` reads it on the card

    bundle: str = param(DEFAULT_MODEL, Text())
    classifier: str = param("logistic", Text())
    params: Mapping[str, Any] | None = param(None, Settings())

    def check(self) -> None:
        """Check the parameters, and those of the classifier.

        Raises
        ------
        InputError
            Names the first one with an illegal value, and what is accepted.
        UnknownModelError
            No family has the name `classifier`.
        """
        super().check()
        kind = family(self.classifier)
        if kind.input != "descriptors":
            raise InputError(
                f"classifier={self.classifier!r} takes {kind.input}, not descriptors",
                hint="Accepted: a family of descriptors, such as logistic or svm.",
            )
        build(self.classifier, self.params)

    def inputs(self) -> Inputs:
        """What X holds: what the bundle takes, as its card states it."""
        card = self.frozen().card
        return Inputs(card.input, card.spec, card.more_specs)

    def frozen(self) -> OnnxModel:
        """Return the pre-trained model.

        Raises
        ------
        ModelError
            The bundle has no weights with an embedding of log-mels.
        """
        return self._base if hasattr(self, "_base") else self._loaded()

    def trained_part(self) -> TrainableModel:
        """Return the classifier, untrained, which takes embeddings."""
        self.check()
        classifier = build(self.classifier, self.params)
        classifier.head = self.head
        return classifier

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import: those of the classifier."""
        return build(self.classifier, self.params).packages()

    def check_ready(self, shape: tuple[int, ...]) -> None:
        """Refuse a missing package, a bundle without an embedding, and windows that it does not take."""
        super().check_ready(shape)
        self._load(shape)

    @property
    def balances(self) -> bool:
        """Whether the classifier makes the classes of one label count alike."""
        return build(self.classifier, self.params).balances

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        self._base = self._load(self.shape_)
        self.based_on_ = (self._base.card.as_base(),)
        embeddings = self._embed(train.X)
        self.embedding_size_ = embeddings.shape[1]
        self._classifier = self.trained_part()
        self._classifier.fit(
            embeddings,
            self._labels(train),
            classes=self.classes_.tolist(),
            groups=train.groups,
            sample_weight=train.weights,
            valid=None if valid is None else (self._embed(valid.X), self._labels(valid)),
            progress=progress,
        )

    @classmethod
    def joined(cls, base: OnnxModel, classifier: TrainableModel) -> Self:
        """Join a pre-trained model and a classifier that was trained on its embeddings.

        Parameters
        ----------
        base : OnnxModel
            Takes log-mel windows, by one or several front ends; its card has an `embedding_size`.
        classifier : TrainableModel
            Of descriptors, trained.

        Raises
        ------
        InputError
            The classifier takes other inputs than these embeddings.
        """
        model = cls(bundle=base.card.name)
        model._base = base
        return model.with_trained(classifier)

    def with_trained(self, part: TrainableModel) -> Self:
        """Return this model with its classifier, trained on embeddings of the bundle.

        Raises
        ------
        InputError
            The classifier takes other inputs than these embeddings.
        """
        base = self.frozen()
        if part.shape_ != (base.card.embedding_size,):
            raise InputError(
                f"the classifier takes {part.shape_}, not embeddings of {base.card.embedding_size}",
                hint="Accepted: a classifier that was trained on the embeddings of this bundle.",
            )
        self.head = part.head
        self._base, self._classifier = base, part
        self.classes_, self.multilabel_ = part.classes_, part.multilabel_
        self.priors_, self.shape_ = part.priors_, base.card.input_shape
        self.based_on_, self.embedding_size_ = (base.card.as_base(),), base.card.embedding_size
        return self

    def _loaded(self) -> OnnxModel:
        kept: tuple[str, OnnxModel] | None = getattr(self, "_kept", None)
        if kept is not None and kept[0] == self.bundle:
            return kept[1]
        model = load_model(self.bundle)
        descriptors = model.card.input == "descriptors"
        if not isinstance(model, OnnxModel) or not model.card.embedding_size or descriptors:
            raise ModelError(
                f"bundle={self.bundle!r} has no weights with an embedding of log-mels",
                hint="Accepted: a bundle whose card has an embedding_size, such as earmark-base.",
            )
        self._kept = self.bundle, model
        return model

    def _load(self, shape: tuple[int, ...]) -> OnnxModel:
        model = self._loaded()
        if model.card.input_shape != shape:
            taken = model.card.input_shape
            raise InputError(
                f"X holds windows of shape {shape}; bundle={self.bundle!r} takes {taken}",
                hint="Accepted: windows as its card describes them.",
            )
        return model

    def _labels(self, examples: Examples) -> np.ndarray:
        labels: np.ndarray = examples.targets if self.multilabel_ else self.classes_[examples.codes]
        return labels

    def _embed(self, X: Array) -> Array:
        rows = [self._base.embed(X[start : start + BATCH]) for start in range(0, len(X), BATCH)]
        return np.concatenate(rows)

    def embed(self, X: Array) -> Array:
        """Embeddings of the pre-trained model [shape=(n, embedding_size)]."""
        self._require_fitted()
        return self._embed(X)

    def _proba(self, X: Array) -> np.ndarray:
        return self._classifier.predict_proba(self._embed(X))

    def to_onnx(self) -> bytes:
        """Both graphs in one; the embedding is an output too."""
        self._require_fitted()
        with requires_extra("train"):
            from onnx import compose, load_model_from_string
        base = compose.add_prefix(load_model_from_string(self._base.weights), "frozen/")
        classifier = compose.add_prefix(load_model_from_string(self._classifier.to_onnx()), "classifier/")
        base, classifier = _same_version(base, classifier)
        embedding, head = f"frozen/{EMBEDDING}", f"classifier/{self.head}"
        merged = compose.merge_models(
            base,
            classifier,
            io_map=[(embedding, f"classifier/{INPUTS['descriptors']}")],
            outputs=[head],
        )
        taken = INPUTS[self._base.card.input]
        return _renamed(
            merged,
            {taken: f"frozen/{taken}"},
            {
                self.head: (head, len(self.classes_)),
                EMBEDDING: (embedding, self.embedding_size_),
            },
        )

    @classmethod
    def space(cls, trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests: those of the default classifier."""
        return {"params": {"C": trial.suggest_float("C", 1e-4, 10, log=True)}}


def classifier_of(joined: OnnxModel) -> OnnxModel:
    """Return the classifier of a trained `Embedding` by itself: from embeddings to its head.

    Parameters
    ----------
    joined : OnnxModel
        Of a bundle that `Embedding.to_onnx` made.

    Returns
    -------
    OnnxModel
        Its input is a row of ``embedding_size`` numbers for each window.
    """
    with requires_extra("train"):
        from onnx import TensorProto, helper, load_model_from_string
    whole, (head, *_) = load_model_from_string(joined.weights), joined.card.heads
    taken, size = f"frozen/{EMBEDDING}", joined.card.embedding_size
    nodes: list[Any] = []
    needed = {head.name}
    for node in reversed(whole.graph.node):  # what the head is computed from, back to the embedding
        if needed.intersection(node.output) and taken not in node.output:
            nodes.insert(0, node)
            needed.update(node.input)
    name = INPUTS["descriptors"]
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [taken]), *nodes],
        "classifier",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])],
        [value for value in whole.graph.output if value.name == head.name],
        [constant for constant in whole.graph.initializer if constant.name in needed],
    )
    alone = helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    names = tuple(f"embedding_{i}" for i in range(size))
    card = ModelCard(joined.card.name, (head,), input="descriptors", descriptor_names=names)
    return OnnxModel(card, alone.SerializeToString())


def _same_version(first: Any, second: Any) -> tuple[Any, Any]:
    """Two graphs brought to the newer operators and format of both, as merging wants them."""
    from onnx import version_converter

    for model in (first, second):  # a graph that was merged itself may state its operators several times
        once = {operators.domain: operators for operators in model.opset_import}
        del model.opset_import[:]
        model.opset_import.extend(once.values())
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
