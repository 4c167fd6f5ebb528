"""The features of a file for training: the recipe of the numbers, and the numbers themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from earmark.audio import load
from earmark.features import FeatureSpec, log_mel
from earmark.features.descriptors import SCHEMA as DESCRIPTORS_SCHEMA
from earmark.features.subsonic import without_subsonic
from earmark.models import Head, ModelCard
from earmark.models.card import Input
from earmark.models.windows import described, descriptor_names, sound_windows, step_power, window_starts
from earmark.storage import digest

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Entry = dict[str, Array]


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
        return digest(facts)

    @property
    def has_rows(self) -> bool:
        """Whether a row for each window is kept, instead of a spectrogram to cut them from."""
        return self.input != "log_mel"

    def starts(self, k: int) -> Ints:
        """Return the first frame of each window of k frames, as `earmark.classify` has them [shape=(n,)]."""
        return window_starts(k, self.card)


def extract(path: str | os.PathLike[str], recipe: Recipe) -> Entry:
    """Features of a file, as the cache keeps them.

    Parameters
    ----------
    path : path
        The file.
    recipe : Recipe
        What to compute.

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
    if recipe.input == "log_mel":
        return {"S_db": log_mel(y, recipe.spec), "power": power}
    card = recipe.card
    if recipe.input == "log_mels":
        return {"X": sound_windows(y, card)[1], "power": power}
    starts = recipe.starts(len(power) + 1)
    begins = (starts * recipe.spec.hop_length).tolist()
    X = described([y[begin : begin + card.window_length] for begin in begins], card)
    return {"X": X, "power": power}
