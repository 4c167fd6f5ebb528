"""The base class of all families that can be trained, and the way from a fitted one to a bundle.

A family is one file with one class: parameters declared by `earmark.estimators.parameters.param`, `_fit`,
`_proba` and `to_onnx`. What every family does alike (check its parameters and its input, name the classes,
weight them) is here. Fitted and saved by `to_bundle`, it is a model like any other.
"""

from __future__ import annotations

import importlib
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from earmark.errors import InputError, MissingExtraError, ModelError
from earmark.estimators.examples import Examples, encode, groups_of, targets_of, weights_of
from earmark.estimators.parameters import Parameter, declared
from earmark.features import FeatureSpec
from earmark.models.base import Array
from earmark.models.bundle import save_bundle
from earmark.models.card import Head, Input, ModelCard
from earmark.progress import Progress, no_progress

if TYPE_CHECKING:
    from earmark.models.onnx import OnnxModel

_MOST_WRONG = 0.3  # training examples whose class has a probability of 0: more, and the training diverged
EXTRAS = {"torch": "torch", "safetensors": "torch", "transformers": "hub"}  # the others are in "train"
AXES = {"log_mel": "(n, n_mels, n_frames)", "log_mels": "(n, d)", "descriptors": "(n, d)"}


class Inputs(NamedTuple):
    """What X holds, as a card states it.

    Parameters
    ----------
    input : {"log_mel", "log_mels", "descriptors"}
        The kind.
    spec : FeatureSpec
        The front end.
    more_specs : tuple of FeatureSpec
        Those beside it, for ``log_mels``.
    """

    input: Input
    spec: FeatureSpec = FeatureSpec()
    more_specs: tuple[FeatureSpec, ...] = ()


class TrainableModel(ABC):
    """Base of the families. The constructor of each takes keywords and only stores them.

    Attributes
    ----------
    input : {"log_mel", "descriptors"}
        What X holds. For a model whose parameters decide it, `inputs` states that.
    head : str
        Name of the output, in the graph and on the card.
    classes_ : np.ndarray of str [shape=(n_classes,)]
        Classes in the order of the columns, once trained.
    multilabel_ : bool
        Whether several of them may apply at once.
    shape_ : tuple of int
        Shape of one input.
    priors_ : dict of str to float
        Prior of each class: its fraction of the training examples, as the training weighs them. Empty where
        several labels may apply.
    based_on_ : tuple of mapping
        The models that it builds on, as `ModelCard.based_on` states them.
    embedding_size_ : int
        Numbers in an embedding, for families whose graph has an output ``embedding``.
    """

    input: ClassVar[Input]

    head: str = "genres"
    classes_: np.ndarray
    multilabel_: bool
    shape_: tuple[int, ...]
    priors_: dict[str, float]
    based_on_: tuple[Mapping[str, Any], ...] = ()
    embedding_size_: int = 0

    @abstractmethod
    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        """Train from scratch. `classes_`, `multilabel_`, `shape_` and `priors_` are set already."""

    @abstractmethod
    def _proba(self, X: Array) -> np.ndarray:
        """Probabilities [shape=(n, n_classes)] of input that was checked, n > 0."""

    @abstractmethod
    def to_onnx(self) -> bytes:
        """Graph from ``S_db`` or ``X`` (as `inputs` says) to `head`, equal to `predict_proba` to 1e-4."""

    def inputs(self) -> Inputs:
        """What X holds: `input`, by the default front end."""
        return Inputs(self.input)

    def frozen(self) -> OnnxModel | None:
        """Return the model on whose embeddings it is trained, which stays as it is; None where all is."""
        return None

    def trained_part(self) -> TrainableModel:
        """Return what is trained: itself, or a classifier of the embeddings of `frozen`."""
        return self

    def with_trained(self, part: TrainableModel) -> TrainableModel:
        """Return the whole model, from what `inputs` says, once `trained_part` is trained."""
        return part

    def packages(self) -> tuple[str, ...]:
        """Packages, beyond earmark's own, that `fit` and `to_onnx` import."""
        return ("onnx",)

    def check_ready(self, shape: tuple[int, ...]) -> None:
        """Refuse what would fail in `fit`, before anything is computed for it.

        Parameters
        ----------
        shape : tuple of int
            Shape of one input: (n_mels, n_frames) or (d,).

        Raises
        ------
        MissingExtraError
            A package is not installed.
        InputError
            The family does not take inputs of that shape.
        """
        for package in self.packages():
            with requires_extra(EXTRAS.get(package, "train")):
                importlib.import_module(package)

    @property
    def balances(self) -> bool:
        """Whether it makes the classes of one label count alike."""
        return self.get_params().get("class_weight") == "balanced"

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Declarations of the parameters by name, in the order of the constructor."""
        return declared(cls)

    @classmethod
    def space(cls, trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests: those declared with a `search`."""
        return {
            name: parameter.accepted.suggest(trial, name, parameter.search)
            for name, parameter in cls.parameters().items()
            if parameter.search is not None
        }

    def check(self) -> None:
        """Check the parameters.

        Raises
        ------
        InputError
            Names the first one with an illegal value, and what is accepted.
        """
        for name, parameter in self.parameters().items():
            parameter.check(getattr(self, name))

    def get_params(self) -> dict[str, Any]:
        """Parameters of the constructor by name, as they are now."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"

    def fit(
        self,
        X: Array,
        y: Any,
        *,
        classes: Sequence[str] | None = None,
        groups: Any = None,
        sample_weight: Any = None,
        valid: tuple[Array, Any] | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Train on examples, from scratch each time.

        Parameters
        ----------
        X : np.ndarray, floating [shape=(n, n_mels, n_frames) or (n, d)]
            What `input` says: log-mel windows in absolute dB, or descriptors.
        y : sequence of str [shape=(n,)], or array of 0 and 1 [shape=(n, n_classes)]
            The class of each example, or whether each class applies.
        classes : sequence of str, optional
            Classes in the order of the columns; by default the names in `y`, sorted, or the numbers of
            the columns.
        groups : sequence [shape=(n,)], optional
            What must stay together where a family holds something out, such as the artist.
        sample_weight : sequence of float [shape=(n,)], optional
            How much each example counts.
        valid : tuple of X and y, optional
            For early stopping; never trained on.
        progress : callable, optional
            Called after each step of ``"training"``; an error that it raises ends the training.

        Raises
        ------
        InputError
            A parameter is illegal; anything is of another shape or type, or not finite; there are fewer than
            two classes, a class without examples, or one in `valid` that is not among them.
        ModelError
            The training diverged.
        MissingExtraError
            A package that the family needs is not installed.
        """
        train, held = self._prepare(
            X, y, classes=classes, groups=groups, sample_weight=sample_weight, valid=valid
        )
        with self._unfitted_on_error():
            self._fit(train, held, progress or no_progress)
            self._require_converged(train)
        return self

    def _prepare(
        self, X: Array, y: Any, *, classes: Sequence[str] | None, groups: Any, sample_weight: Any, valid: Any
    ) -> tuple[Examples, Examples | None]:
        """Check the parameters and whatever `fit` was given; set what `_fit` relies on."""
        self.check()
        X = self._checked(X)
        if not len(X):
            raise InputError("X holds no examples", hint="Accepted: at least one for each of two classes.")
        names, targets = targets_of(y, len(X), classes)
        train = Examples(X, targets, weights_of(sample_weight, targets), groups_of(groups, len(X)))
        held = None
        if valid is not None:
            rows = self._checked(valid[0])
            encoded = encode(valid[1], len(rows), names, multilabel=np.ndim(y) == 2)
            held = Examples(rows, encoded, np.ones(len(rows)))
        self.shape_, self.multilabel_, self.based_on_ = X.shape[1:], np.ndim(y) == 2, ()
        self.classes_ = names
        self.priors_ = self._class_priors(train)
        return train, held

    @contextmanager
    def _unfitted_on_error(self) -> Iterator[None]:
        """A training that failed leaves no model that passes for a trained one."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # `_require_converged` looks at the outcome
                yield
        except BaseException:
            del self.classes_
            raise

    def _require_converged(self, train: Examples) -> None:
        """Refuse a model that gives NaN for what it was trained on, or is certain and wrong of it."""
        some = train.take(np.unique(np.linspace(0, len(train) - 1, 64).astype(int)))
        P = self._proba(some.X)
        of_truth = np.where(some.targets > 0, P, 1 - P) if self.multilabel_ else P[some.targets > 0]
        wrong = float((of_truth < 1e-6).mean())
        if np.isfinite(P).all() and wrong < _MOST_WRONG:
            return
        found = f"{wrong:.0%} of its training examples are impossible to it" if wrong else "it gives NaN"
        slower = "a smaller learning_rate, or " if "learning_rate" in self.get_params() else ""
        raise ModelError(
            f"the training diverged: {found}", hint=f"Try: {slower}parameters nearer to their defaults."
        )

    def _weighted(self, train: Examples) -> Examples:
        """The examples with the weights that `class_weight` asks for, where there is one label."""
        return train.balanced() if self.balances and not self.multilabel_ else train

    def _class_priors(self, train: Examples) -> dict[str, float]:
        """Prior of each class as the training weighs it; of several labels it is the family's: not known."""
        if self.multilabel_:
            return {}
        weighted = train.balanced() if self.balances else train
        priors = weighted.weights @ weighted.targets / weighted.weights.sum()
        if not priors.all():  # a class whose every example weighs nothing
            return {}
        return {str(name): float(prior) for name, prior in zip(self.classes_, priors, strict=True)}

    def predict_proba(self, X: Array) -> Array:
        """Probabilities of the classes.

        Parameters
        ----------
        X : np.ndarray, floating [shape=(n, n_mels, n_frames) or (n, d)]
            As for `fit`.

        Returns
        -------
        np.ndarray, float32 [shape=(n, n_classes)]
            Rows sum to one, unless there are several labels.

        Raises
        ------
        InputError
            X has another shape than in training, another type, or values that are not finite.
        ModelError
            Not trained yet.
        """
        self._require_fitted()
        X = self._checked(X)
        if X.shape[1:] != self.shape_:
            raise InputError(f"X.shape={X.shape}; trained on {('n', *self.shape_)}".replace("'", ""))
        if not len(X):
            return np.empty((0, len(self.classes_)), np.float32)
        return np.ascontiguousarray(self._proba(X), dtype=np.float32)

    def _require_fitted(self) -> None:
        if not hasattr(self, "classes_"):
            raise ModelError(f"{type(self).__name__} is not trained", hint="Try: fit(X, y) first.")

    def _checked(self, X: object) -> Array:
        kind = self.inputs().input
        if not isinstance(X, np.ndarray) or not np.issubdtype(X.dtype, np.floating):
            found = f"X.dtype={X.dtype}" if isinstance(X, np.ndarray) else f"X is a {type(X).__name__}"
            raise InputError(found, hint=f"Accepted: an array of floats [shape={AXES[kind]}].")
        if X.ndim != AXES[kind].count(",") + 1 or 0 in X.shape[1:]:
            raise InputError(f"X.shape={X.shape}", hint=f"Accepted: {AXES[kind]}, the {kind}.")
        if not np.isfinite(X).all():
            raise InputError("X holds NaN or infinite values", hint="Accepted: finite numbers.")
        return np.ascontiguousarray(X, dtype=np.float32)


def to_bundle(
    model: TrainableModel,
    folder: str | os.PathLike[str],
    *,
    name: str,
    descriptor_names: Sequence[str] = (),
    spec: FeatureSpec | None = None,
    window: float = 3.0,
    hop: float | None = None,
    summary: str = "",
    licence: str = "",
    metrics: Sequence[Mapping[str, Any]] = (),
    training_data: Sequence[Mapping[str, Any]] = (),
    split_digest: str = "",
    calibration: Mapping[str, Any] | None = None,
    thresholds: Mapping[str, Any] | None = None,
    limits: Sequence[str] = (),
) -> ModelCard:
    """Write a trained model as a bundle, which `load_model` and everything else takes.

    Parameters
    ----------
    model : TrainableModel
        Trained.
    folder : path
        Where to, as for `save_bundle`.
    name : str
        Name of the model.
    descriptor_names : sequence of str
        The columns of X, in order; needed where X holds descriptors.
    spec, window, hop
        How X was made; `hop` is the window unless given, `spec` that of `TrainableModel.inputs`.
    summary : str
        One line; by default the family and its parameters.
    licence, metrics, training_data, split_digest, calibration, thresholds, limits
        As in `ModelCard`.

    Returns
    -------
    ModelCard
        The card as it was written.

    Raises
    ------
    ModelError
        Not trained.
    InputError
        The card does not fit the input that the model was trained on, or is not valid.
    OutputError
        The folder cannot be written.
    """
    model._require_fitted()
    inputs = model.inputs()
    head = Head(model.head, tuple(map(str, model.classes_)), "multilabel" if model.multilabel_ else "softmax")
    card = ModelCard(
        name=name,
        heads=(head,),
        input=inputs.input,
        more_specs=inputs.more_specs,
        descriptor_names=tuple(descriptor_names),
        spec=spec or inputs.spec,
        window=window,
        hop=window if hop is None else hop,
        embedding_size=model.embedding_size_,
        summary=summary or repr(model),
        licence=licence,
        metrics=tuple(metrics),
        training_data=tuple(training_data),
        split_digest=split_digest,
        calibration=calibration or {},
        thresholds=thresholds or {},
        priors={model.head: model.priors_} if model.priors_ else {},
        limits=tuple(limits),
        based_on=model.based_on_,
    )
    if card.input_shape != model.shape_:
        raise InputError(
            f"the card says an input of shape {card.input_shape}, the model was trained on {model.shape_}",
            hint="Accepted: the spec and window, or the descriptor_names, that X was made with.",
        )
    return save_bundle(folder, card, model.to_onnx())


@contextmanager
def requires_extra(extra: str = "train") -> Iterator[None]:
    """Turn a failed import inside into an error that names the extra to install.

    Raises
    ------
    MissingExtraError
        An import inside failed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"a package for training cannot be imported: {error}",
            hint=f"Try: pip install 'earmark[{extra}]'.",
        ) from error


def diverged(loss: float, epoch: int, learning_rate: float) -> ModelError:
    """The error of a training whose loss is not finite."""
    return ModelError(
        f"the training diverged: the loss is {loss:g} in epoch {epoch}",
        hint=f"Try: a learning_rate below {learning_rate:g}.",
    )
