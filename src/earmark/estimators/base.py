"""What can be trained: the base class of all families, and the way from a fitted one to a bundle.

A family is one file with one class: a constructor that only stores its parameters, `_fit`, `_proba` and
`to_onnx`. What every family must do alike (refuse bad input with reason, name its classes, balance them,
hold something back for early stopping) is here. Fitted and saved by `to_bundle`, it is a model like any
other: from then on nothing knows how it was made.
"""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from earmark.errors import InputError, MissingExtraError, ModelError
from earmark.features import FeatureSpec
from earmark.models.base import Array
from earmark.models.bundle import save_bundle
from earmark.models.card import Head, Input, ModelCard
from earmark.progress import Progress, no_progress

AXES = {"log_mel": "(n, n_mels, n_frames)", "descriptors": "(n, d)"}


@dataclass(frozen=True, eq=False)
class Examples:
    """What a family learns from, checked.

    Parameters
    ----------
    X : np.ndarray, float32 [shape=(n, n_mels, n_frames) or (n, d)]
        Log-mel windows in dB, or descriptors.
    targets : np.ndarray, float32 [shape=(n, n_classes)]
        1 where the class applies, else 0; one 1 in each row unless there are several labels.
    weights : np.ndarray, float64 [shape=(n,)]
        How much each example counts; their mean is 1.
    groups : np.ndarray or None [shape=(n,)]
        What must stay together wherever something is held back, such as the artist.
    """

    X: Array
    targets: Array
    weights: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def codes(self) -> np.ndarray:
        """Number of the class of each example [shape=(n,)]; where there is one label."""
        codes: np.ndarray = self.targets.argmax(axis=1)
        return codes

    def take(self, rows: np.ndarray) -> Examples:
        """Some of the examples, by number or mask."""
        groups = None if self.groups is None else self.groups[rows]
        return Examples(self.X[rows], self.targets[rows], self.weights[rows], groups)

    def balanced(self) -> Examples:
        """The same with weights that make the classes of one label count alike.

        As scikit-learn's ``class_weight="balanced"``. Of several labels it would be a weight for each
        column: a family that can do that does it itself.
        """
        share = self.weights @ self.targets / self.weights.sum()
        weights = self.weights * (self.targets @ (1 / np.maximum(share * self.targets.shape[1], 1e-12)))
        return Examples(self.X, self.targets, weights / weights.mean(), self.groups)


class TrainableModel(ABC):
    """Base of the families. The constructor of each takes keywords and only stores them.

    Attributes
    ----------
    input : {"log_mel", "descriptors"}
        What it hears.
    head : str
        Name of the answer, in the graph and on the card.
    classes_ : np.ndarray of str [shape=(n_classes,)]
        Classes in the order of the columns, once trained.
    multilabel_ : bool
        Whether several of them may apply at once.
    shape_ : tuple of int
        Shape of one input.
    priors_ : dict of str to float
        Share of each class in what it learned from, as the training weighs it: what it believes before it
        hears anything. Empty where several labels may apply.
    embedding_size_ : int
        Numbers in an embedding, for families whose graph has an output ``embedding``.
    """

    input: ClassVar[Input]

    head: str = "genres"
    classes_: np.ndarray
    multilabel_: bool
    shape_: tuple[int, ...]
    priors_: dict[str, float]
    embedding_size_: int = 0

    @abstractmethod
    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        """Learn from nothing. `classes_`, `multilabel_`, `shape_` and `priors_` are set already."""

    @abstractmethod
    def _proba(self, X: Array) -> np.ndarray:
        """Probabilities [shape=(n, n_classes)] of input that was checked, n > 0."""

    @abstractmethod
    def to_onnx(self) -> bytes:
        """Graph from ``S_db`` or ``X`` (as `input` says) to `head`, equal to `predict_proba` to 1e-4."""

    @property
    def balances(self) -> bool:
        """Whether it makes the classes of one label count alike."""
        return self.get_params().get("class_weight") == "balanced"

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {}

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
        """Learn from examples, from nothing each time.

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
            What must stay together where a family holds something back, such as the artist.
        sample_weight : sequence of float [shape=(n,)], optional
            How much each example counts.
        valid : tuple of X and y, optional
            For early stopping; never learned from.
        progress : callable, optional
            Called after each step of ``"training"``; an error that it raises ends the training.

        Raises
        ------
        InputError
            Anything of another shape or type, not finite, fewer than two classes, a class without
            examples, or one in `valid` that is not among them.
        MissingExtraError
            A package that the family needs is not installed.
        """
        X = self._checked(X)
        if not len(X):
            raise InputError("X holds no examples", hint="Give at least one for each of two classes.")
        self.shape_ = X.shape[1:]
        names, targets = _targets(y, len(X), classes)
        self.classes_, self.multilabel_ = names, np.ndim(y) == 2
        weights = _weights(sample_weight, targets)
        train = Examples(X, targets, weights, _groups(groups, len(X)))
        held = None
        if valid is not None:
            rows = self._checked(valid[0])
            held_targets = _encode(valid[1], len(rows), names, multilabel=self.multilabel_)
            held = Examples(rows, held_targets, np.ones(len(rows)))
        self.priors_ = self._beliefs(train)
        self._fit(train, held, progress or no_progress)
        return self

    def _beliefs(self, train: Examples) -> dict[str, float]:
        """Share of each class as the training weighs it; of several labels it is the family's: not known."""
        if self.multilabel_:
            return {}
        seen = train.balanced() if self.balances else train
        shares = seen.weights @ seen.targets / seen.weights.sum()
        if not shares.all():  # a class whose every example weighs nothing
            return {}
        return {str(name): float(share) for name, share in zip(self.classes_, shares, strict=True)}

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
            raise ModelError(f"{type(self).__name__} is not trained", hint="Call fit(X, y) first.")

    def _checked(self, X: object) -> Array:
        if not isinstance(X, np.ndarray) or not np.issubdtype(X.dtype, np.floating):
            found = f"X.dtype={X.dtype}" if isinstance(X, np.ndarray) else f"X is a {type(X).__name__}"
            raise InputError(found, hint=f"Give an array of floats [shape={AXES[self.input]}].")
        if X.ndim != AXES[self.input].count(",") + 1 or 0 in X.shape[1:]:
            raise InputError(f"X.shape={X.shape}", hint=f"Accepted: {AXES[self.input]}, the {self.input}.")
        if not np.isfinite(X).all():
            raise InputError("X holds NaN or infinite values", hint="Leave out what could not be measured.")
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
        The columns of X, in order; needed where the model hears descriptors.
    spec, window, hop
        How X was made; `hop` is the window unless given.
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
    head = Head(model.head, tuple(map(str, model.classes_)), "multilabel" if model.multilabel_ else "softmax")
    card = ModelCard(
        name=name,
        heads=(head,),
        input=model.input,
        descriptor_names=tuple(descriptor_names),
        spec=spec or FeatureSpec(),
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
    )
    if card.input_shape != model.shape_:
        raise InputError(
            f"the card says an input of shape {card.input_shape}, the model was trained on {model.shape_}",
            hint="Give the spec and window, or the descriptor_names, that X was made with.",
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


def _targets(y: Any, n: int, classes: Sequence[str] | None) -> tuple[np.ndarray, Array]:
    """Names of the classes and targets [shape=(n, n_classes)], every class with examples."""
    multilabel = np.ndim(y) == 2
    if classes is not None:
        names = np.array([str(name) for name in classes])
    elif multilabel:
        names = np.arange(np.shape(y)[1]).astype(str)
    else:
        names = np.unique(_names(y, n))
    if len(names) < 2:
        raise InputError(f"y has {len(names)} class(es): {names.tolist()}", hint="At least two are needed.")
    if len(np.unique(names)) < len(names):
        raise InputError(f"classes={names.tolist()} names a class twice")
    targets = _encode(y, n, names, multilabel=multilabel)
    shares = targets.mean(axis=0)
    lacking = names[(shares == 0) | (shares == 1)].tolist()
    if lacking:
        raise InputError(
            f"nothing to tell by: all examples or none are of {', '.join(map(repr, lacking))}",
            hint="Every class needs examples, and examples that are not of it.",
        )
    return names, targets


def _encode(y: Any, n: int, names: np.ndarray, *, multilabel: bool) -> Array:
    """Targets [shape=(n, n_classes)] of labels that are all among the names."""
    if multilabel:
        return _zeros_and_ones(y, (n, len(names)))
    labels = _names(y, n)
    order = np.argsort(names)
    places = order[np.searchsorted(names, labels, sorter=order).clip(max=len(names) - 1)]
    unknown = np.unique(labels[names[places] != labels]).tolist()
    if unknown:
        raise InputError(
            f"y holds {', '.join(map(repr, unknown[:3]))}", hint=f"Classes: {', '.join(names.tolist())}."
        )
    targets: Array = np.eye(len(names), dtype=np.float32)[places]
    return targets


def _names(y: Any, n: int) -> np.ndarray:
    labels = np.asarray(y, dtype=object)
    if labels.ndim != 1 or len(labels) != n:
        raise InputError(f"y.shape={labels.shape}, X holds {n} examples", hint="One label for each.")
    strange = [label for label in labels if not isinstance(label, str) or not label]
    if strange:
        raise InputError(
            f"y holds {strange[0]!r}, a {type(strange[0]).__name__}",
            hint="Labels are texts, or an array of 0 and 1 [shape=(n, n_classes)] for several at once.",
        )
    names: np.ndarray = labels.astype(str)
    return names


def _zeros_and_ones(y: Any, shape: tuple[int, int]) -> Array:
    values = np.asarray(y)
    if values.shape != shape or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"y has shape {values.shape} and type {values.dtype}", hint=f"Accepted: 0 and 1, shape {shape}."
        )
    targets: Array = values.astype(np.float32)
    return targets


def _weights(sample_weight: Any, targets: Array) -> np.ndarray:
    n = len(targets)
    if sample_weight is None:
        return np.ones(n)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            f"sample_weight of shape {weights.shape}", hint=f"{n} finite numbers, 0 or more, not all 0."
        )
    scaled: np.ndarray = weights / weights.mean()
    return scaled


def _groups(groups: Any, n: int) -> np.ndarray | None:
    if groups is None:
        return None
    named = np.asarray(groups).astype(str)
    if named.shape != (n,):
        raise InputError(f"groups.shape={named.shape}, X holds {n} examples", hint="One for each.")
    return named
