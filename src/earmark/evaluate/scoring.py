"""The scores of a model for the tracks of a data set: those of `earmark.classify`, many files at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from earmark.data import Manifest, Track, read_cached
from earmark.errors import InputError, ModelError
from earmark.features import FeatureSpec
from earmark.models import Head, Model, ModelCard, load_model
from earmark.predict import WindowScores, score_source, score_spectrogram
from earmark.predict.window_scores import mean_row
from earmark.progress import Progress
from earmark.workers import Deadline, Done, Failed, default_deadline, default_memory, run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ModelSource = str | os.PathLike[str] | Model


@dataclass(frozen=True, eq=False)
class TrackScores:
    """The scores of one head for one track.

    Parameters
    ----------
    windows : np.ndarray, float64 [shape=(k, n_classes)]
        Of each window that is not silent.
    weights : np.ndarray, float64 [shape=(k,)]
        What each counts for in the mean.
    starts : np.ndarray, float64 [shape=(k,)]
        Where each begins, in seconds.
    verdict : str
        As of `WindowScores.verdict`.
    duration : float
        In seconds.
    warnings : tuple of str
        Such as a truncated file.
    """

    windows: Floats
    weights: Floats
    starts: Floats
    verdict: str
    duration: float
    warnings: tuple[str, ...] = ()

    @property
    def scores(self) -> Floats:
        """The mean over the windows [shape=(n_classes,)]; 0 everywhere for silence."""
        return mean_row(self.windows, self.weights)

    def take(self, numbers: Ints) -> TrackScores:
        """Return the scores of some of the windows, by their numbers among those that are not silent."""
        windows, weights, starts = self.windows[numbers], self.weights[numbers], self.starts[numbers]
        return TrackScores(windows, weights, starts, self.verdict, self.duration, self.warnings)

    @classmethod
    def of(
        cls,
        scores: WindowScores,
        head: Head,
        *,
        verdict: str,
        duration: float,
        warnings: tuple[str, ...] = (),
    ) -> TrackScores:
        """Return what evaluation needs of the scores of a track; no rows where the model lacks the head."""
        loud = scores.take(~scores.silent) if head.name in scores.heads else scores.take(slice(0, 0))
        rows = loud.heads.get(head.name, np.zeros((0, len(head.classes))))
        return cls(rows.astype(np.float64), loud.weights, loud.starts, verdict, duration, warnings)


def place_of(source: ModelSource) -> str | None:
    """Return the name or folder by which another process can load a model; None if there is none."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else None


def score_tracks(
    model: Model,
    manifest: Manifest,
    *,
    head: Head,
    place: str | None = None,
    jobs: int = 1,
    deadline: Deadline | None = default_deadline,
    progress: Progress | None = None,
) -> tuple[list[TrackScores | None], list[Failed[Track]]]:
    """Score every track of a manifest.

    Parameters
    ----------
    model : Model
        The model.
    manifest : Manifest
        Of files, or of cached log-mels.
    head : Head
        Whose scores are wanted.
    place : str, optional
        By which worker processes load the model; without it everything happens in this process.
    jobs : int
        Worker processes.
    deadline : float or callable, optional
        Seconds that a track may take, or a function from its path to them. Kept where worker processes can
        load the model: this process cannot be stopped.
    progress : callable, optional
        Called after each track (``"scoring"``).

    Returns
    -------
    scored : list of TrackScores or None
        One for each track; None for those in `failed`.
    failed : list of Failed

    Raises
    ------
    ModelError
        The model fails, whatever the track.
    InputError
        Not one track could be scored.
    """
    if manifest.cache:
        return list(_cached(model, manifest, head, progress)), []
    if place is None or (jobs == 1 and deadline is None):
        jobs, deadline, setup = 1, None, partial(_same, model)
    else:
        setup = partial(load_model, place)
    memory = None if deadline is None else default_memory()
    scored: list[TrackScores | None] = []
    failed: list[Failed[Track]] = []
    paths = [track.path for track in manifest.tracks]
    results = run(
        partial(score_file, head=head),
        paths,
        jobs=min(jobs, len(paths)),
        setup=setup,
        deadline=deadline,
        memory=memory,
    )
    for track, result in zip(manifest.tracks, results, strict=True):
        if isinstance(result, Done):
            scored.append(result.value)
        elif isinstance(result.error, ModelError):
            raise result.error
        else:
            scored.append(None)
            failed.append(Failed(track, result.error, result.trace))
        if progress is not None:
            progress("scoring", len(scored), len(paths), {})
    if len(failed) == len(paths):
        first = failed[0].error
        raise InputError(
            f"none of the {len(paths)} tracks could be scored; the first: {first.message}", hint=first.hint
        )
    return scored, failed


def _same(model: Model) -> Model:
    return model


def score_file(model: Model, path: str, *, head: Head) -> TrackScores:
    """Return the scores of one file."""
    done = score_source(path, model=model, embedding=False)
    verdict = done.scores.verdict()
    return TrackScores.of(done.scores, head, verdict=verdict, duration=done.duration, warnings=done.warnings)


def _cached(model: Model, manifest: Manifest, head: Head, progress: Progress | None) -> Iterator[TrackScores]:
    """The scores of log-mels that were computed before; whether they are music is not known."""
    card = model.card
    kept = read_cached(manifest.cache)
    n_frames = kept.S_db.shape[2]
    _check_cached(card, kept.spec, n_frames, manifest.cache)
    rows = {name: i for i, name in enumerate(kept.ids)}
    duration = card.spec.seconds(n_frames - 1)
    for n_done, track in enumerate(manifest.tracks, 1):
        scores = score_spectrogram(model, kept.S_db[rows[track.id]])
        yield TrackScores.of(scores, head, verdict="music", duration=duration)
        if progress is not None:
            progress("scoring", n_done, len(manifest), {})


def _check_cached(card: ModelCard, stated: dict[str, object], n_frames: int, path: str) -> None:
    spec = FeatureSpec.from_dict(stated)
    if card.input != "log_mel":
        several = f"those of {len(card.front_ends)} front ends"
        taken = several if card.input == "log_mels" else card.input
        raise InputError(
            f"{path} holds log-mels of one front end, model {card.name!r} takes {taken}",
            hint="Try: the sound files, or a model of log-mels by one front end, such as earmark-lite.",
        )
    if spec.digest != card.spec.digest:
        raise InputError(
            f"{path} was made by the front end {spec.digest}, model {card.name!r} needs {card.spec.digest}",
            hint="Try: the files themselves, or log-mels of the model's own front end.",
        )
    if n_frames < card.n_frames:
        raise InputError(
            f"{path} has {n_frames} frames a track, model {card.name!r} takes {card.n_frames}",
            hint="Try: longer excerpts, or a model with a shorter window.",
        )
