"""What a model is: the protocol, its output, and the base class of models of spectrograms.

A model is any object with a `card` and a `predict_proba`; nothing has to be inherited. Whoever writes
a family of models writes less with `SpectrogramModel`: there, `forward` is all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ContractError, InputError
from earmark.models.card import ModelCard

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """All outputs of a model for a batch of windows.

    Parameters
    ----------
    heads : dict of str to np.ndarray [shape=(n, n_classes)]
        Probabilities, or amounts, by the name of the head.
    embedding : np.ndarray [shape=(n, embedding_size)] or None
        A description of the sound: near for what sounds alike.
    """

    heads: dict[str, Array] = field(default_factory=dict)
    embedding: Array | None = None


@runtime_checkable
class Model(Protocol):
    """What `earmark.classify` needs of a model.

    ``embed(X) -> [shape=(n, embedding_size)]`` and ``forward(X) -> ModelOutput`` are optional: with the
    second, all heads and the embedding come out of one pass.
    """

    @property
    def card(self) -> ModelCard:
        """Input, heads and provenance of the model."""
        ...

    def predict_proba(self, X: Array) -> Array:
        """Probabilities of the first head.

        Parameters
        ----------
        X : np.ndarray, float32 [shape=(n, n_mels, n_frames)]
            Log-mel windows in absolute dB, as `ModelCard.spec` makes them.

        Returns
        -------
        np.ndarray [shape=(n, n_classes)]
        """
        ...


def as_batch(X: object, card: ModelCard) -> Array:
    """Windows as a model takes them, or an error that names what is wrong with them.

    Parameters
    ----------
    X : np.ndarray, floating [shape=(n, n_mels, n_frames) or (n, d)]
        Log-mel windows in absolute dB; or what `card.input` says: those of several front ends, joined, or
        descriptors.
    card : ModelCard
        States what one input is.

    Returns
    -------
    np.ndarray, float32 [shape=(n, n_mels, n_frames) or (n, d)]
        `X` itself where nothing had to be converted. It is never written to.

    Raises
    ------
    InputError
        Not an array of floats, of another shape, or with NaN or infinite values.
    """
    if not isinstance(X, np.ndarray):
        raise InputError(f"X is a {type(X).__name__}", hint="Accepted: a NumPy array of floats.")
    mel = card.input != "descriptors"
    if not np.issubdtype(X.dtype, np.floating):
        quantised = "Accepted: decibels as floats; quantised spectrograms must be scaled back first."
        raise InputError(f"X.dtype={X.dtype}", hint=quantised if mel else "Accepted: descriptors as floats.")
    if X.ndim != len(card.input_shape) + 1 or X.shape[1:] != card.input_shape:
        taken = ", ".join(map(str, card.input_shape))
        raise InputError(
            f"X.shape={X.shape}; model {card.name!r} takes (n, {taken})",
            hint=f"Accepted: windows of {_described_input(card)}.",
        )
    if not np.isfinite(X).all():
        silence = "Accepted: finite dB; silence is -100 dB." if mel else "Accepted: finite descriptors."
        raise InputError("X holds NaN or infinite values", hint=silence)
    return np.ascontiguousarray(X, dtype=np.float32)


def _described_input(card: ModelCard) -> str:
    if card.input == "descriptors":
        return "the descriptors that its card names"
    bands = [f"{frames.spec.n_mels} mel bands by {frames.n_frames} frames" for frames in card.front_ends]
    joined = "time last" if len(bands) == 1 else "time last, each flattened, one after another"
    return f"{', '.join(bands)} ({card.window:g} s), {joined}"


class SpectrogramModel(ABC):
    """Base of models of log-mel windows: write `forward`, and the rest is here.

    Attributes
    ----------
    card : ModelCard
        Input, heads and provenance of the model.
    """

    card: ModelCard

    @abstractmethod
    def forward(self, X: Array) -> ModelOutput:
        """All heads and the embedding of windows that `as_batch` has checked.

        Parameters
        ----------
        X : np.ndarray, float32 [shape=(n, n_mels, n_frames)]
            Log-mel windows in absolute dB; to be read, not written.

        Returns
        -------
        ModelOutput
            A row for each window, one array for each head of the card.
        """

    def predict_proba(self, X: Array) -> Array:
        """Probabilities of the first head.

        Parameters
        ----------
        X : np.ndarray, floating [shape=(n, n_mels, n_frames)]
            Log-mel windows in absolute dB.

        Returns
        -------
        np.ndarray, float32 [shape=(n, n_classes)]

        Raises
        ------
        InputError
            As `as_batch` raises it.
        """
        return self.forward(as_batch(X, self.card)).heads[self.card.heads[0].name]

    def embed(self, X: Array) -> Array:
        """Embeddings.

        Parameters
        ----------
        X : np.ndarray, floating [shape=(n, n_mels, n_frames)]
            Log-mel windows in absolute dB.

        Returns
        -------
        np.ndarray, float32 [shape=(n, embedding_size)]
            Of no columns where the model has no embedding.

        Raises
        ------
        InputError
            As `as_batch` raises it.
        """
        batch = as_batch(X, self.card)
        embedding = self.forward(batch).embedding
        return np.empty((len(batch), 0), np.float32) if embedding is None else embedding

    def predict_spectrogram(self, S_db: Array) -> Array:
        """Probabilities of the first head for log-mels that were computed before.

        Parameters
        ----------
        S_db : np.ndarray, floating [shape=(n, n_mels, n_frames) or (n_mels, n_frames)]
            Log-mel windows, or a single one, in absolute dB (``ref=1.0``, no ``top_db``).

        Returns
        -------
        np.ndarray, float32 [shape=(n, n_classes)]

        Raises
        ------
        InputError
            As `as_batch` raises it, and where the input of the model is not one log-mel.
        """
        if self.card.input != "log_mel":
            several = f"the log-mels of {len(self.card.front_ends)} front ends"
            taken = several if self.card.input == "log_mels" else self.card.input
            raise InputError(
                f"model {self.card.name!r} takes {taken}, not one spectrogram",
                hint=f"Try: predict_proba with {taken}, classify with the sound, or a model of one front "
                "end, such as earmark-lite.",
            )
        single = isinstance(S_db, np.ndarray) and S_db.ndim == 2
        return self.predict_proba(S_db[np.newaxis] if single else S_db)


def checked_output(model: Model, X: Array) -> ModelOutput:
    """All outputs of a model for windows, whichever of the optional methods it has; checked.

    Parameters
    ----------
    model : Model
        Any object with `card` and `predict_proba`.
    X : np.ndarray, float32 [shape=(n, n_mels, n_frames)]
        Log-mel windows in absolute dB, finite.

    Returns
    -------
    ModelOutput
        One array for each head that the model gives.

    Raises
    ------
    ContractError
        The output has another shape than the card states, or is not finite.
    """
    output = call(model, X)
    if model.card.heads[0].name not in output.heads:
        raise ContractError(f"model {model.card.name!r} does not give its head {model.card.heads[0].name!r}")
    for name, values in output.heads.items():
        head = model.card.head(name)
        _check_rows(model.card, name, values, (len(X), len(head.classes) if head else -1))
    if output.embedding is not None:
        _check_rows(model.card, "embedding", output.embedding, (len(X), model.card.embedding_size))
    return output


def call(model: Model, X: Array) -> ModelOutput:
    """What `checked_output` gives, unchecked: for the contract suite."""
    loose = cast(Any, model)
    if hasattr(model, "forward"):
        return cast(ModelOutput, loose.forward(X))
    embedding = loose.embed(X) if hasattr(model, "embed") else None
    return ModelOutput({model.card.heads[0].name: model.predict_proba(X)}, embedding)


def _check_rows(card: ModelCard, name: str, values: Array, shape: tuple[int, int]) -> None:
    if np.shape(values) != shape:
        raise ContractError(
            f"model {card.name!r}: {name} has shape {np.shape(values)}, its card states {shape}",
            hint="Try: earmark.check_model(model).",
        )
    if not np.isfinite(values).all():
        raise ContractError(f"model {card.name!r}: {name} holds NaN or infinite values")
