"""The plan of a training: settings with their data, all of it checked before anything is trained."""

from __future__ import annotations

import dataclasses
import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark import __version__
from earmark.data import Manifest, Split, default_protocol, read_manifest, with_hashes
from earmark.data import split as split_tracks
from earmark.errors import InputError
from earmark.estimators import TrainableModel
from earmark.features import FeatureSpec
from earmark.progress import Progress
from earmark.storage import digest
from earmark.train.dataset import Features, Part, check_counts, prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.run_folder import RunFolder, read_params
from earmark.train.settings import TrainSettings, model_name, name_of
from earmark.train.windows import Embedder, Ints, Recipe


@dataclass(frozen=True, eq=False)
class Job:
    """Settings with their data.

    Parameters
    ----------
    settings : TrainSettings
        Options of the training.
    features : Features
        Windows of the tracks.
    split : Split
        Split of all tracks, whether they can be used or not: it depends on the data set alone.
    pairs : dict of str to np.ndarray [shape=(n, 2)]
        Track and window of each part.
    split_reason : str
        Why this protocol and no other.
    """

    settings: TrainSettings
    features: Features
    split: Split
    pairs: dict[str, Ints]
    split_reason: str = ""

    @property
    def manifest(self) -> Manifest:
        """The tracks."""
        return self.features.manifest

    @property
    def name(self) -> str:
        """Name of the model, for its card."""
        return model_name(self.settings.name or f"{self.data_name}-{self.settings.model}")

    @property
    def data_name(self) -> str:
        """Name of the data set."""
        return name_of(self.manifest)

    def model(self) -> TrainableModel:
        """Untrained model of the settings."""
        return self.settings.estimator()

    def fit_options(self, model: TrainableModel, *, checkpoint: Path | None = None) -> dict[str, Any]:
        """Arguments of `fit` that only families trained step by step take."""
        options: dict[str, Any] = {
            "checkpoint": checkpoint,
            "threads": self.settings.threads,
            "augment": augmentation(self.settings.augment, self.features.recipe.spec),
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
        """Everything that decides the result, ready for JSON: settings, data, split and features."""
        features, recipe = self.features, self.features.recipe
        content = sorted((track.id, track.sha256) for track in features.usable.tracks)
        settings = dataclasses.replace(
            self.settings, params=self.model().get_params(), name=self.name, hop=recipe.hop
        )
        return {
            "earmark": __version__,
            "settings": settings.to_dict(),
            "data": {
                "name": self.data_name,
                "cache": os.path.abspath(self.manifest.cache) if self.manifest.cache else "",
                "digest": self.manifest.digest,
                "content": digest(content),
                "n": len(content),
                "classes": list(self.manifest.classes),
            },
            "split_digest": self.split.digest,
            "features": {
                "input": recipe.input,
                "spec": recipe.spec.to_dict(),
                **(
                    {"more_specs": [spec.to_dict() for spec in recipe.more_specs]}
                    if recipe.more_specs
                    else {}
                ),
                **({"embedder": recipe.embedder.sha256} if recipe.embedder else {}),
                "digest": recipe.digest,
            },
        }


def plan(
    data: str | os.PathLike[str] | Manifest,
    settings: TrainSettings,
    *,
    cache: FeatureCache,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Job:
    """Check the settings, read the data, compute its features and split the tracks.

    Parameters
    ----------
    data : path or Manifest
        A data set.
    settings : TrainSettings
        Options of the training.
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
        Data or settings that nothing can be trained on.
    UnknownModelError
        No family of that name.
    MissingExtraError
        A package that the family needs is not installed. Nothing was computed then.
    """
    model = settings.estimator()
    recipe = recipe_of(model, window=settings.window, hop=settings.hop_or_window)
    model.check_ready(recipe.card.input_shape)
    _check_augmentation(model, settings, recipe.spec)
    manifest = data if isinstance(data, Manifest) else read_manifest(data)
    check_counts(manifest.counts(), multilabel=manifest.multilabel)
    settings, reason = _with_protocol(settings, manifest)
    manifest = with_hashes(manifest)
    features = prepare(manifest, recipe, cache=cache, model=model.frozen(), jobs=jobs, progress=progress)
    split = split_tracks(
        manifest, protocol=settings.split, test=settings.test, valid=settings.valid, seed=settings.seed
    )
    job = Job(settings, features, split, split.windows(features.n_windows), reason)
    _check_parts(job)
    return job


def recipe_of(model: TrainableModel, *, window: float = 3.0, hop: float = 3.0) -> Recipe:
    """Return the recipe of what a model is trained on: its inputs, or the embeddings of its frozen part.

    Parameters
    ----------
    model : TrainableModel
        Untrained.
    window, hop : float
        Length of a window and distance between two, in seconds.
    """
    kind, spec, more_specs = model.inputs()
    base = model.frozen()
    embedder = None if base is None else Embedder.of(base)
    return Recipe(kind, spec, window, hop, more_specs, embedder)


def _with_protocol(settings: TrainSettings, manifest: Manifest) -> tuple[TrainSettings, str]:
    """The settings with the protocol that ``auto`` stands for, and why it is this one."""
    if settings.split != "auto":
        return settings, f"set by split={settings.split!r}"
    protocol, reason = default_protocol(manifest)
    return dataclasses.replace(settings, split=protocol), reason


def reopen(folder: Path, *, cache: FeatureCache, jobs: int | None = None) -> Job:
    """The job of a complete run, from its folder.

    Parameters
    ----------
    folder : Path
        Folder of a complete run.
    cache : FeatureCache
        Where features are kept; what is missing there is computed again.
    jobs : int, optional
        Processes that compute features.

    Returns
    -------
    Job

    Raises
    ------
    InputError
        No complete run, or its data are no longer what they were.
    """
    facts = read_params(folder)
    if not RunFolder(folder).complete:
        raise InputError(
            f"{folder} holds a run that is not complete", hint="Try: give its earmark train command again."
        )
    job = plan(_manifest_of(folder, facts["data"]), TrainSettings.from_run(facts), cache=cache, jobs=jobs)
    now = job.facts()
    same = all(now["data"][key] == facts["data"][key] for key in ("digest", "content"))
    if not same or now["split_digest"] != facts["split_digest"]:
        raise InputError(
            f"the data of {folder} have changed since it was trained",
            hint="Try: train again, or restore the files that were moved, altered or removed.",
        )
    return job


def _manifest_of(folder: Path, data: dict[str, Any]) -> Manifest:
    """The tracks of a run, as they were read then."""
    if data["cache"]:
        return read_manifest(data["cache"])
    path = RunFolder(folder).manifest
    manifest = read_manifest(path)
    # Where no group was known, none shall be looked for now.
    return manifest if manifest.digest == data["digest"] else read_manifest(path, group="none")


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


def _check_augmentation(model: TrainableModel, settings: TrainSettings, spec: FeatureSpec) -> None:
    """Refuse unknown steps, and augmentation of a family that trains on all windows at once."""
    if not settings.augment:
        return
    if "augment" not in inspect.signature(model.fit).parameters:
        raise InputError(
            f"model={settings.model!r} is not trained batch by batch, so nothing can be augmented",
            hint="Try: leave --augment out, or choose a network such as cnn.",
        )
    augmentation(settings.augment, spec)


def _check_parts(job: Job) -> None:
    """Refuse a split that leaves a class without training data."""
    if not len(job.pairs["train"]):
        raise InputError("the training part is empty", hint="Try: smaller test and valid parts.")
    lacking = [name for name, n in job.counts("train").items() if not n]
    if lacking:
        raise InputError(
            f"no track of {', '.join(lacking[:5])} is left to train on with split={job.split.protocol!r} "
            f"({job.split_reason})",
            hint="Try: split=grouped, or state the class in the training part too."
            if job.split.protocol == "given"
            else "Try: add tracks of other artists, or use split=stratified; a class may have one artist.",
        )
