"""What is to be learned from what: everything that is settled, and checked, before learning begins."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from earmark import __version__
from earmark.data import Manifest, Split, read_manifest, with_hashes
from earmark.data import split as deal
from earmark.errors import InputError
from earmark.estimators import TrainableModel
from earmark.features import FeatureSpec
from earmark.progress import Progress
from earmark.storage import digest
from earmark.train.dataset import Features, Part, check_counts, prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.settings import estimator, model_name, name_of
from earmark.train.windows import Ints, Recipe


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for; the parameters are those of `earmark.train.train`."""

    model: str = "logistic"
    params: Mapping[str, Any] = field(default_factory=dict)
    split: str = "grouped"
    test: float = 0.2
    valid: float = 0.15
    augment: tuple[str, ...] = ()
    seed: int = 0
    window: float = 3.0
    hop: float | None = None
    threads: int = 1
    name: str | None = None
    licence: str = ""

    def recipe(self, model: TrainableModel) -> Recipe:
        """What the family wants to hear."""
        hop = self.window if self.hop is None else self.hop
        return Recipe(input=model.input, window=self.window, hop=hop)


@dataclass(frozen=True, eq=False)
class Job:
    """A request with its data.

    Parameters
    ----------
    request : Request
        What was asked for.
    features : Features
        The windows of the tracks.
    split : Split
        Of all tracks, whether they can be used or not: the data set alone decides it.
    pairs : dict of str to np.ndarray [shape=(n, 2)]
        Track and window of each part.
    """

    request: Request
    features: Features
    split: Split
    pairs: dict[str, Ints]

    @property
    def manifest(self) -> Manifest:
        """The tracks."""
        return self.features.manifest

    @property
    def name(self) -> str:
        """For the card."""
        return model_name(self.request.name or f"{name_of(self.manifest)}-{self.request.model}")

    def model(self) -> TrainableModel:
        """An untrained model, as it was asked for."""
        return estimator(self.request.model, self.request.params, seed=self.request.seed)

    def fit_options(self, model: TrainableModel, *, checkpoint: Path | None = None) -> dict[str, Any]:
        """What only families that learn step by step take, as arguments of `fit`."""
        options: dict[str, Any] = {
            "checkpoint": checkpoint,
            "threads": self.request.threads,
            "augment": augmentation(self.request.augment, self.features.recipe.spec),
        }
        accepted = inspect.signature(model.fit).parameters
        return {name: value for name, value in options.items() if name in accepted and value is not None}

    def part(self, name: str) -> Part:
        """Windows of ``"train"``, ``"valid"`` or ``"test"``."""
        return self.features.part(self.pairs[name])

    def counts(self, part: str) -> dict[str, int]:
        """Tracks of each class in a part."""
        return self.manifest.take(np.unique(self.pairs[part][:, 0])).counts()

    def facts(self) -> dict[str, Any]:
        """Everything that decides the result, ready for JSON."""
        request, features = self.request, self.features
        content = sorted((track.id, track.sha256) for track in features.usable.tracks)
        return {
            "earmark": __version__,
            "model": request.model,
            "name": self.name,
            "params": self.model().get_params(),
            "data": {
                "name": name_of(self.manifest),
                "cache": os.path.abspath(self.manifest.cache) if self.manifest.cache else "",
                "digest": self.manifest.digest,
                "content": digest(content),
                "n": len(content),
                "classes": list(self.manifest.classes),
            },
            "split": {
                "protocol": self.split.protocol,
                "digest": self.split.digest,
                "test": request.test,
                "valid": request.valid,
            },
            "features": {
                "input": features.recipe.input,
                "spec": features.recipe.spec.to_dict(),
                "window": features.recipe.window,
                "hop": features.recipe.hop,
                "digest": features.recipe.digest,
            },
            "augment": list(request.augment),
            "seed": request.seed,
            "threads": request.threads,
            "licence": request.licence,
        }


def plan(
    data: str | os.PathLike[str] | Manifest,
    request: Request,
    *,
    cache: FeatureCache,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Job:
    """Read the data, compute its features and deal the tracks out.

    Parameters
    ----------
    data : path or Manifest
        A data set.
    request : Request
        What is wanted.
    cache : FeatureCache
        Where features are kept.
    jobs : int, optional
        Processes that compute features.
    progress : callable, optional
        Called after each file (``"features"``).

    Returns
    -------
    Job

    Raises
    ------
    InputError
        Data or arguments that cannot be learned from.
    UnknownModelError
        No family of that name.
    """
    model = estimator(request.model, request.params, seed=request.seed)
    check_augmentation(model, request)
    recipe = request.recipe(model)
    manifest = data if isinstance(data, Manifest) else read_manifest(data)
    check_counts(manifest.counts(), multilabel=manifest.multilabel)
    manifest = with_hashes(manifest)

    features = prepare(manifest, recipe, cache=cache, jobs=jobs, progress=progress)
    dealt = deal(manifest, protocol=request.split, test=request.test, valid=request.valid, seed=request.seed)
    job = Job(request, features, dealt, dealt.windows(features.n_windows))
    check_parts(job)
    return job


def check_augmentation(model: TrainableModel, request: Request) -> None:
    """Refuse augmentation that the family would not hear.

    Raises
    ------
    InputError
        The family learns from all windows at once, or a step is not known.
    """
    if not request.augment:
        return
    if "augment" not in inspect.signature(model.fit).parameters:
        raise InputError(
            f"model={request.model!r} does not learn batch by batch, so nothing can be augmented",
            hint="Leave --augment out, or choose a network such as cnn.",
        )
    augmentation(request.augment, request.recipe(model).spec)


def augmentation(steps: tuple[str, ...], spec: FeatureSpec) -> Any:
    """Steps by name as one callable, or None where there are none.

    Raises
    ------
    InputError
        A step that is not known.
    """
    if not steps:
        return None
    from earmark.train.augment import Augmentation

    return Augmentation(steps, spec=spec)


def check_parts(job: Job) -> None:
    """Refuse a split that leaves a class with nothing to learn from.

    Raises
    ------
    InputError
        A class has no track in the training part.
    """
    if not len(job.pairs["train"]):
        raise InputError("the training part is empty", hint="Ask for smaller test and valid parts.")
    lacking = [name for name, n in job.counts("train").items() if not n]
    if lacking:
        raise InputError(
            f"no track of {', '.join(lacking[:5])} is left to train on with split={job.split.protocol!r}",
            hint="All tracks of a class may be of one artist or album: add others, or use split=stratified.",
        )
