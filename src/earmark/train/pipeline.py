"""Training: from labelled sound to a bundle, in a folder that tells how it came about."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark.data import Manifest, Skipped
from earmark.errors import BundleError, EarmarkError
from earmark.estimators import to_bundle
from earmark.evaluate import Estimate
from earmark.models import ModelCard, OnnxModel, save_bundle
from earmark.progress import Progress, no_progress
from earmark.storage import digest, write_atomic
from earmark.train.curves import draw_curves
from earmark.train.feature_cache import FeatureCache
from earmark.train.job import Job, Request, plan
from earmark.train.report import run_report
from earmark.train.run_folder import RunFolder
from earmark.train.scores import Answers, answers, card_metrics
from earmark.train.settings import limited_threads
from earmark.train.weighing import balance

RUNS = Path("runs")


@dataclass(frozen=True, eq=False)
class Run:
    """What came of a training.

    Parameters
    ----------
    folder : Path
        Where everything is.
    card : ModelCard
        Card of the bundle.
    figures : tuple of Estimate
        On the test part; of no worth where `leaky`.
    leaky : bool
        Whether windows of one track were in training and test.
    skipped : tuple of Skipped
        What was left out, and why.
    balance : str
        How even the classes are, and what was done about it.
    warnings : tuple of str
        What the data did not allow.
    resumed : bool
        Whether it went on with, or found complete, what had begun before.
    """

    folder: Path
    card: ModelCard
    figures: tuple[Estimate, ...]
    leaky: bool = False
    skipped: tuple[Skipped, ...] = ()
    balance: str = ""
    warnings: tuple[str, ...] = ()
    resumed: bool = False

    @property
    def bundle(self) -> Path:
        """Folder of the bundle, which every command takes as ``--model``."""
        return self.folder / "bundle"


def train(
    data: str | os.PathLike[str] | Manifest,
    *,
    model: str = "logistic",
    out: str | os.PathLike[str] | None = None,
    params: Mapping[str, Any] | None = None,
    split: str = "grouped",
    test: float = 0.2,
    valid: float = 0.15,
    augment: Sequence[str] = (),
    seed: int = 0,
    window: float = 3.0,
    hop: float | None = None,
    name: str | None = None,
    licence: str = "",
    threads: int = 1,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
) -> Run:
    """Train a model of any family on labelled sound.

    The same call with the same folder goes on where an earlier one was interrupted, and on the same machine
    with as many threads it ends with the same bytes as if nothing had happened.

    Parameters
    ----------
    data : path or Manifest
        A data set, as `earmark.data.read_manifest` takes it.
    model : str
        Name of a family.
    out : path, optional
        Folder of the run; by default one below ``runs`` that is named after data, model and parameters.
    params : mapping, optional
        Parameters of the family.
    split : str
        Protocol: ``"grouped"``, ``"random"``, ``"stratified"``, ``"given"`` or ``"windows"`` (leaky).
    test, valid : float
        Shares of the tracks that are kept for the figures, and for stopping early.
    augment : sequence of str
        Steps of augmentation.
    seed : int
        Of everything that chance decides.
    window, hop : float
        Length of a window and distance between two, in seconds; by default windows touch.
    name, licence : str
        For the card; the name is by default that of data and family.
    threads : int
        Of the numerical libraries. Another number may add floats in another order.
    jobs : int, optional
        Processes that compute features; by default one a core.
    cache : path, optional
        Folder for features.
    progress : callable, optional
        Called after each file (``"features"``) and each step (``"training"``).
    clock : callable
        Seconds since 1970, for the log.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        Data or arguments that cannot be learned from; nothing was written then.
    UnknownModelError
        No family of that name.
    OutputError
        The folder cannot be written, or holds another run.
    """
    request = Request(
        model=model, params=dict(params or {}), split=split, test=test, valid=valid, augment=tuple(augment),
        seed=seed, window=window, hop=hop, threads=threads, name=name, licence=licence,
    )  # fmt: skip
    progress = progress or no_progress
    with limited_threads(threads):
        job = plan(data, request, cache=FeatureCache(cache), jobs=jobs, progress=progress)
        facts = job.facts()
        path = Path(out) if out is not None else RUNS / f"{job.name}-{digest(facts)[:8]}"
        folder = RunFolder(path, clock)
        fresh = not path.exists()
        resumed = folder.open(facts, job.manifest)
        try:
            return _trained(job, folder, progress, resumed=resumed)
        except EarmarkError:
            if fresh:  # the family refused: nothing was learned that would be worth keeping
                shutil.rmtree(path, ignore_errors=True)
            raise


def _trained(job: Job, folder: RunFolder, progress: Progress, *, resumed: bool) -> Run:
    """Do what is left to do of a run."""
    even = balance(job.model(), job.counts("train"))
    if not resumed:
        _note_data(job, folder, str(even))
    candidate = _fitted(job, folder, progress)
    scored = {name: _scores(job, candidate, name) for name in ("train", "valid", "test")}
    tested = scored["test"]
    found = tested.figures(leaky=job.split.leaky, seed=job.request.seed) if tested else ()
    card = dataclasses.replace(
        candidate.card,
        metrics=tuple(card_metrics(found, job.split, "test")),
        limits=(*candidate.card.limits, *_limits(job)),
    )
    run = Run(
        folder.path,
        card,
        found,
        job.split.leaky,
        job.features.skipped,
        str(even),
        job.split.warnings,
        resumed,
    )
    write_atomic(folder.path / "curves.png", draw_curves(folder.events("step"), scored, card.classes))
    run_report(run, job, scored, folder)
    if not folder.complete:
        save_bundle(folder.bundle, card, candidate.weights)
        folder.note("done", figures={figure.name: round(figure.value, 6) for figure in found})
    folder.finish()
    return run


def _note_data(job: Job, folder: RunFolder, even: str) -> None:
    parts = {name: len(set(pairs[:, 0].tolist())) for name, pairs in job.pairs.items()}
    folder.note("data", tracks=parts, balance=even, warnings=list(job.split.warnings))
    for skipped in job.features.skipped:
        folder.note("skipped", path=skipped.path, reason=skipped.reason)


def _fitted(job: Job, folder: RunFolder, progress: Progress) -> OnnxModel:
    """The trained graph: that of the complete run, of a run that was killed after learning, or a new one."""
    for place in (folder.bundle, folder.checkpoints / "candidate"):
        try:
            known = OnnxModel.load(place, threads=job.request.threads)
        except BundleError:
            continue
        return OnnxModel(dataclasses.replace(known.card, metrics=(), limits=()), known.weights)
    model = job.model()
    part, held = job.part("train"), job.part("valid")

    def step(stage: str, done: int, total: int, numbers: Mapping[str, float], /) -> None:
        folder.note("step", step=done, of=total, **{name: float(value) for name, value in numbers.items()})
        progress(stage, done, total, numbers)

    progress("training", 0, 0, {})
    model.fit(
        part.X,
        part.y,
        classes=job.manifest.classes,
        groups=part.groups,
        sample_weight=part.weights,
        valid=(held.X, held.y) if len(held) else None,
        progress=step,
        **job.fit_options(model, checkpoint=folder.checkpoints / "training"),
    )
    recipe = job.features.recipe
    to_bundle(
        model,
        folder.checkpoints / "candidate",
        name=job.name,
        descriptor_names=recipe.card.descriptor_names,
        spec=recipe.spec,
        window=recipe.window,
        hop=recipe.hop,
        licence=job.request.licence,
        training_data=[_collection(job)],
        split_digest=job.split.digest,
    )
    return OnnxModel.load(folder.checkpoints / "candidate", threads=job.request.threads)


def _collection(job: Job) -> dict[str, Any]:
    """What the card says of the data."""
    manifest = job.manifest
    licences = sorted({track.licence for track in manifest.tracks if track.licence})
    return {
        "name": job.facts()["data"]["name"],
        "licence": ", ".join(licences) or "not stated",
        "n": len(np.unique(job.pairs["train"][:, 0])),
        "digest": manifest.digest,
    }


def _limits(job: Job) -> list[str]:
    if job.split.leaky:
        return ["Trained and tested on windows of the same tracks (leaky): no figure of it means anything."]
    if job.split.protocol in ("random", "stratified"):
        return [f"Tested on a {job.split.protocol} split: artists may be in training and in test."]
    return []


def _scores(job: Job, model: OnnxModel, part: str) -> Answers | None:
    return answers(model.predict_proba, job.part(part), job.manifest)
