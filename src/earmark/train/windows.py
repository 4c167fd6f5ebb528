"""The features of a file for training: the recipe of the numbers, and the numbers themselves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from earmark.audio import load
from earmark.estimators.embedding import BATCH
from earmark.features import FeatureSpec, FrameStream, log_mel
from earmark.features.descriptors import SCHEMA as DESCRIPTORS_SCHEMA
from earmark.features.subsonic import without_subsonic
from earmark.models import Head, ModelCard, OnnxModel
from earmark.models.card import Input
from earmark.models.windows import (
    WindowCutter,
    cut_windows,
    described,
    descriptor_names,
    sound_windows,
    step_power,
    window_starts,
)
from earmark.storage import digest

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Entry = dict[str, Array]

_BLOCK_LENGTH = 16 * 3 * 22050  # samples whose windows are embedded together


@dataclass(frozen=True)
class Embedder:
    """Which model gives the embeddings that are kept instead of its inputs.

    Parameters
    ----------
    sha256 : str
        Of its weights.
    size : int
        Numbers in an embedding.
    """

    sha256: str
    size: int

    @classmethod
    def of(cls, model: OnnxModel) -> Embedder:
        """Return that of a model."""
        return cls(hashlib.sha256(model.weights).hexdigest(), model.card.embedding_size)


@dataclass(frozen=True)
class Recipe:
    """What is computed from a file.

    Parameters
    ----------
    input : {"log_mel", "log_mels", "descriptors"}
        The whole log-mel spectrogram, from which windows of any length are cut later; or one row for each
        window: its log-mels by several front ends, joined, or its descriptors.
    spec : FeatureSpec
        The front end.
    window, hop : float
        Length of a window and distance between two, in seconds.
    more_specs : tuple of FeatureSpec
        The front ends beside `spec`, for ``log_mels``.
    embedder : Embedder, optional
        The model whose embeddings of the windows are kept, a row for each, and not the log-mels.

    Raises
    ------
    InputError
        Any of them out of range.
    """

    input: Input = "log_mel"
    spec: FeatureSpec = field(default_factory=FeatureSpec)
    window: float = 3.0
    hop: float = 3.0
    more_specs: tuple[FeatureSpec, ...] = ()
    embedder: Embedder | None = None

    def __post_init__(self) -> None:
        _ = self.card  # refuses what no card could state

    @cached_property
    def card(self) -> ModelCard:
        """Card of a model with this input: windows are counted by it, as in `earmark.classify`."""
        names = descriptor_names(self.spec) if self.input == "descriptors" else ()
        return ModelCard(
            name="recipe",
            heads=(Head("genres", ("any",)),),
            input=self.input,
            more_specs=self.more_specs,
            descriptor_names=names,
            spec=self.spec,
            window=self.window,
            hop=self.hop,
        )

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change whenever the numbers would."""
        facts: dict[str, object] = {
            "schema": "earmark.cache/2",
            "input": self.input,
            "spec": self.spec.digest,
        }
        if self.has_rows:  # a spectrogram is kept whole, whatever is cut from it
            facts |= {"length": self.card.window_length, "hop_frames": self.card.hop_frames}
        if self.input == "descriptors":
            facts |= {"names": self.card.descriptor_names, "descriptors": DESCRIPTORS_SCHEMA}
        if self.more_specs:
            facts |= {"more_specs": [spec.digest for spec in self.more_specs]}
        if self.embedder is not None:
            facts |= {"embeddings": [self.embedder.sha256, self.embedder.size]}
        return digest(facts)

    @property
    def has_rows(self) -> bool:
        """Whether a row for each window is kept, instead of a spectrogram to cut them from."""
        return self.input != "log_mel" or self.embedder is not None

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of what is trained on for one window: (n_mels, n_frames) or (d,)."""
        return self.card.input_shape if self.embedder is None else (self.embedder.size,)

    def starts(self, k: int) -> Ints:
        """Return the first frame of each window of k frames, as `earmark.classify` has them [shape=(n,)]."""
        return window_starts(k, self.card)


def extract(path: str | os.PathLike[str], recipe: Recipe, model: OnnxModel | None = None) -> Entry:
    """Features of a file, as the cache keeps them.

    Parameters
    ----------
    path : path
        The file.
    recipe : Recipe
        What to compute.
    model : OnnxModel, optional
        That of `Recipe.embedder`.

    Returns
    -------
    dict of str to np.ndarray
        As `FeatureCache.get` gives it.

    Raises
    ------
    AudioError
        The sound could not be read.
    """
    y = without_subsonic(load(path, sr=recipe.spec.sr).y, recipe.spec.sr)
    power = step_power(y, recipe.spec.hop_length)
    if recipe.embedder is not None:
        assert model is not None
        return {"X": _embedded(y, recipe, model), "power": power}
    if recipe.input == "log_mel":
        return {"S_db": log_mel(y, recipe.spec), "power": power}
    card = recipe.card
    if recipe.input == "log_mels":
        return {"X": sound_windows(y, card)[1], "power": power}
    starts = recipe.starts(len(power) + 1)
    begins = (starts * recipe.spec.hop_length).tolist()
    X = described([y[begin : begin + card.window_length] for begin in begins], card)
    return {"X": X, "power": power}


def embedded_spectrogram(S_db: Array, recipe: Recipe, model: OnnxModel) -> Array:
    """Embeddings of the windows of a log-mel spectrogram that was computed before [shape=(n, size)].

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, k)]
        As `Recipe.spec` makes it.
    recipe : Recipe
        How windows are cut.
    model : OnnxModel
        That of `Recipe.embedder`.
    """
    return _embeddings([cut_windows(S_db, recipe.card)[1]], model)


def _embedded(y: Array, recipe: Recipe, model: OnnxModel) -> Array:
    """Embeddings of the windows of a sound; its inputs are never there all at once."""
    return _embeddings(_inputs(y, recipe.card), model)


def _inputs(y: Array, card: ModelCard) -> Iterator[Array]:
    """Yield the inputs of a model for the windows of a sound, a few at a time."""
    cutter = WindowCutter(card)
    streams = [FrameStream(frames.spec) for frames in card.front_ends]
    for start in range(0, len(y), _BLOCK_LENGTH):
        S_db, *more = [stream.push(y[start : start + _BLOCK_LENGTH]).S_db for stream in streams]
        yield cutter.push(S_db, more)[1]
    S_db, *more = [stream.close().S_db for stream in streams]
    yield cutter.push(S_db, more)[1]
    yield cutter.close()[1]


def _embeddings(inputs: Iterable[Array], model: OnnxModel) -> Array:
    rows = [model.embed(X[i : i + BATCH]) for X in inputs for i in range(0, len(X), BATCH)]
    return np.concatenate([np.empty((0, model.card.embedding_size), np.float32), *rows])
