"""Training: from labelled sound to a bundle, in a run folder that records how it was made."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from earmark.data import Manifest, shared_groups
from earmark.errors import BundleError, EarmarkError
from earmark.estimators import to_bundle
from earmark.estimators.embedding import classifier_of
from earmark.models import OnnxModel, save_bundle
from earmark.progress import Progress, no_progress
from earmark.report import Section
from earmark.storage import digest, write_atomic
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import Job, plan
from earmark.train.report import describe_balance, draw_curves, figure_class, write_report
from earmark.train.run_folder import Run, RunFolder
from earmark.train.scores import PartScores, card_metrics, score_part
from earmark.train.settings import TrainSettings, limited_threads

RUNS = Path("runs")


def train(
    data: str | os.PathLike[str] | Manifest,
    settings: TrainSettings | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
    sections: Sequence[Section] = (),
    **options: Any,
) -> Run:
    """Train a model of any family on labelled sound.

    The same call with the same folder continues an earlier one that was interrupted or failed. On the same
    machine with as many threads it ends with the same bytes as without the interruption.

    Parameters
    ----------
    data : path or Manifest
        A data set, as `earmark.data.read_manifest` takes it.
    settings : TrainSettings, optional
        Options of the training; by default the defaults.
    out : path, optional
        Folder of the run; by default one below ``runs`` that is named after data, model and settings.
    jobs : int, optional
        Processes that compute features; by default one a core.
    cache : path, optional
        Folder for features.
    progress : callable, optional
        Called after each file (``"features"``) and each step (``"training"``).
    clock : callable
        Seconds since 1970, for the log.
    sections : sequence of Section
        What else the report shows of the data.
    **options
        Fields of `TrainSettings` by name, such as ``model="svm"``; they go before those of `settings`.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        Data or options that nothing can be trained on; nothing was written then.
    UnknownModelError
        No family of that name.
    MissingExtraError
        A package that the family or the pictures need is not installed; nothing was computed then.
    OutputError
        The folder cannot be written, or holds another run. What was trained is kept.

    Examples
    --------
    >>> run = train("genres/", model="svm", params={"C": 3}, out="runs/mine")    # doctest: +SKIP
    >>> run.bundle                                                               # doctest: +SKIP
    PosixPath('runs/mine/bundle')
    """
    settings = TrainSettings.build(settings, **options)
    progress = progress or no_progress
    figure_class()  # matplotlib, for the curves: missed now, and not after the last epoch
    with limited_threads(settings.threads):
        job = plan(data, settings, cache=FeatureCache(cache), jobs=jobs, progress=progress)
        facts = job.facts()
        path = Path(out) if out is not None else RUNS / f"{job.name}-{digest(facts)[:8]}"
        folder = RunFolder(path, clock)
        is_new = not path.exists()
        resumed = folder.open(facts, job.manifest)
        try:
            return _run(job, folder, progress, resumed=resumed, sections=sections)
        except EarmarkError as error:
            if folder.has_progress:
                raise _with_way_on(error, path) from error
            if is_new:  # the family refused its input, before the first checkpoint
                folder.discard()
            raise


def _with_way_on(error: EarmarkError, path: Path) -> EarmarkError:
    """The same error, with a hint that says what is kept and how to continue."""
    kept = f"What was trained is kept in {path}: give the same command again to continue."
    return type(error)(error.message, hint=f"{error.hint} {kept}".strip())


def _run(
    job: Job, folder: RunFolder, progress: Progress, *, resumed: bool, sections: Sequence[Section] = ()
) -> Run:
    """Do what is left to do of a run."""
    balance = describe_balance(job.model(), job.counts("train"))
    if not resumed:
        _note_data(job, folder, balance)
    damage = folder.damage
    if damage:
        folder.note("damaged", reason=damage)
    candidate = _candidate(job, folder, progress)
    scored = candidate if job.features.recipe.embedder is None else classifier_of(candidate)
    scores = {name: _scores(job, scored, name) for name in ("train", "valid", "test")}
    tested = scores["test"]
    found = tested.metrics(leaky=job.split.leaky, seed=job.settings.seed) if tested else ()
    card = dataclasses.replace(
        candidate.card,
        metrics=tuple(card_metrics(found, job.split, "test")),
        limits=(*candidate.card.limits, *_limits(job)),
    )
    run = Run(
        folder.path,
        card,
        found,
        leaky=job.split.leaky,
        skipped=job.features.skipped,
        balance=balance,
        warnings=(*job.split.warnings, *([f"{damage}: the bundle was made again"] if damage else [])),
        resumed=resumed,
        split=job.split.protocol,
        split_reason=job.split_reason,
    )
    write_atomic(folder.curves, draw_curves(folder.events("step"), scores, card.classes))
    write_report(run, job, scores, folder, more=sections)
    if not folder.complete:
        save_bundle(folder.bundle, card, candidate.weights)
        folder.note("done", metrics={metric.name: round(metric.value, 6) for metric in found})
    folder.finish()
    return run


def _note_data(job: Job, folder: RunFolder, balance: str) -> None:
    parts = {name: len(set(pairs[:, 0].tolist())) for name, pairs in job.pairs.items()}
    split = {"split": job.split.protocol, "split_reason": job.split_reason}
    folder.note("data", tracks=parts, **split, balance=balance, warnings=list(job.split.warnings))
    for skipped in job.features.skipped:
        folder.note("skipped", **dataclasses.asdict(skipped))


def _candidate(job: Job, folder: RunFolder, progress: Progress) -> OnnxModel:
    """The trained graph: that of a complete run, of a run that stopped after the training, or a new one."""
    for place in (folder.bundle, folder.candidate):
        try:
            known = OnnxModel.load(place, threads=job.settings.threads)
        except BundleError:
            continue
        return OnnxModel(dataclasses.replace(known.card, metrics=(), limits=()), known.weights)
    _fit(job, folder, progress)
    return OnnxModel.load(folder.candidate, threads=job.settings.threads)


def _fit(job: Job, folder: RunFolder, progress: Progress) -> None:
    """Train, and write the graph beside the checkpoints: scoring and reporting may still fail."""
    whole = job.model()
    model = whole.trained_part()
    training, validation = job.part("train"), job.part("valid")

    def step(stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
        folder.note("step", step=done, of=total, **{name: float(value) for name, value in metrics.items()})
        progress(stage, done, total, metrics)

    progress("training", 0, 0, {})
    model.fit(
        training.X,
        training.y,
        classes=job.manifest.classes,
        groups=training.groups,
        sample_weight=training.weights,
        valid=(validation.X, validation.y) if len(validation) else None,
        progress=step,
        **job.fit_options(model, checkpoint=folder.checkpoint),
    )
    recipe = job.features.recipe
    to_bundle(
        whole.with_trained(model),
        folder.candidate,
        name=job.name,
        descriptor_names=recipe.card.descriptor_names,
        spec=recipe.spec,
        window=recipe.window,
        hop=recipe.hop,
        licence=job.settings.licence,
        training_data=[_collection(job)],
        split_digest=job.split.digest,
    )


def _collection(job: Job) -> dict[str, Any]:
    """The data set, as a card states it."""
    manifest = job.manifest
    licences = sorted({track.licence for track in manifest.tracks if track.licence})
    return {
        "name": job.data_name,
        "licence": ", ".join(licences) or "not stated",
        "n": len(np.unique(job.pairs["train"][:, 0])),
        "digest": manifest.digest,
    }


def _limits(job: Job) -> list[str]:
    if job.split.leaky:
        return ["Trained and tested on windows of the same tracks (leaky): no metric of it means anything."]
    if job.split.protocol in ("random", "stratified"):
        return [f"Tested on a {job.split.protocol} split: artists may be in training and in test."]
    if shared := shared_groups(job.manifest, job.split.parts):
        return [f"Tested on a split that the data state. Artists in both training and test: {shared}."]
    return []


def _scores(job: Job, model: OnnxModel, part: str) -> PartScores | None:
    return score_part(model.predict_proba, job.part(part), job.manifest)
