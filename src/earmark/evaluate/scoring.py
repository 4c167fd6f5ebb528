"""What a model answers to the tracks of a data set: heard as `earmark.classify` hears, many at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.data import Manifest, read_cached
from earmark.errors import InputError, ModelError
from earmark.features import FeatureSpec
from earmark.models import Head, Model, ModelCard, answer, load_model
from earmark.models.windows import cut_windows
from earmark.predict import Prediction, Score, classify
from earmark.progress import Progress
from earmark.workers import Done, run

Floats = NDArray[np.float64]
ModelSource = str | os.PathLike[str] | Model

BATCH = 64  # cached log-mels to answer at a time


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model answers to one track.

    Parameters
    ----------
    scores : np.ndarray [shape=(n_classes,)]
        Of the whole; 0 everywhere for silence.
    windows : np.ndarray [shape=(k, n_classes)]
        Of each window that is not silent; of no rows where a prediction does not have them.
    starts : np.ndarray [shape=(k,)]
        Where they begin, in seconds.
    verdict : str
        As of `Prediction.verdict`.
    duration : float
        In seconds.
    warnings : tuple of str
        Such as a truncated file.
    """

    scores: Floats
    windows: Floats
    starts: Floats
    verdict: str
    duration: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unheard:
    """A track that could not be heard, and why.

    Parameters
    ----------
    id, path : str
        Of the track.
    code, reason : str
        Kind of the error, and what it says.
    """

    id: str
    path: str
    code: str
    reason: str


def open_model(source: ModelSource) -> tuple[Model, str | None]:
    """Model, and the name or folder by which another process can load it again (None if there is none).

    A folder that ``earmark train`` made stands for the bundle in it.
    """
    if isinstance(source, str | os.PathLike):
        bundle = Path(source) / "bundle"
        place = str(bundle) if (bundle / "card.json").is_file() else os.fspath(source)
        return load_model(place), place
    if not isinstance(source, Model):
        raise InputError(f"model is a {type(source).__name__}", hint="Give a name, a folder or a model.")
    return source, None


def listen(
    model: Model,
    manifest: Manifest,
    *,
    head: Head,
    place: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[list[Heard | None], list[Unheard]]:
    """Let a model answer every track of a manifest.

    Parameters
    ----------
    model : Model
        To be asked.
    manifest : Manifest
        Of files, or of cached log-mels.
    head : Head
        Which of its answers is wanted.
    place : str, optional
        By which worker processes load the model; without it everything happens in this process.
    jobs : int
        Worker processes.
    progress : callable, optional
        Called after each track (``"scoring"``).

    Returns
    -------
    heard : list of Heard or None
        One for each track; None for those in `unheard`.
    unheard : list of Unheard

    Raises
    ------
    ModelError
        The model fails, whatever the track.
    InputError
        Not one track could be heard.
    """
    if manifest.cache:
        return list(_cached(model, manifest, head, progress)), []
    if place is None or jobs == 1:
        jobs, setup = 1, partial(_same, model)
    else:
        setup = partial(load_model, place)
    heard: list[Heard | None] = []
    unheard = []
    paths = [track.path for track in manifest.tracks]
    results = run(partial(hear, head=head), paths, jobs=min(jobs, len(paths)), setup=setup)
    for track, result in zip(manifest.tracks, results, strict=True):
        if isinstance(result, Done):
            heard.append(result.value)
        elif isinstance(result.error, ModelError):
            raise result.error
        else:
            heard.append(None)
            unheard.append(Unheard(track.id, track.path, result.error.code, str(result.error)))
        if progress is not None:
            progress("scoring", len(heard), len(paths), {})
    if len(unheard) == len(paths):
        raise InputError(f"none of the {len(paths)} tracks could be heard; the first: {unheard[0].reason}")
    return heard, unheard


def _same(model: Model) -> Model:
    return model


def hear(model: Model, path: str, *, head: Head) -> Heard:
    """Let a model answer one file."""
    prediction = classify(path, model=model)
    columns = {name: i for i, name in enumerate(head.classes)}
    first = head.name == model.card.heads[0].name
    segments = prediction.segments if first else ()
    return Heard(
        _row(_scores(prediction, head.name, first=first), columns),
        np.array([_row(s.genres, columns) for s in segments]).reshape(-1, len(columns)),
        np.array([s.start for s in segments], dtype=np.float64),
        prediction.verdict,
        prediction.duration,
        prediction.warnings,
    )


def _scores(prediction: Prediction, name: str, *, first: bool) -> tuple[Score, ...]:
    if first:
        return prediction.genres
    if name == "moods":
        return prediction.moods
    told = prediction.quadrant.scores.items() if prediction.quadrant else ()
    return tuple(Score(label, score) for label, score in told)


def _row(scores: Sequence[Score], columns: dict[str, int]) -> Floats:
    row = np.zeros(len(columns))
    for score in scores:
        row[columns[score.label]] = score.score
    return row


def _cached(model: Model, manifest: Manifest, head: Head, progress: Progress | None) -> Iterator[Heard]:
    """Answers to log-mels that were computed before."""
    card = model.card
    kept = read_cached(manifest.cache)
    _check_cached(card, kept.spec, kept.S_db.shape[2], manifest.cache)
    rows = {name: i for i, name in enumerate(kept.ids)}
    for n_done, track in enumerate(manifest.tracks, 1):
        starts, X = cut_windows(kept.S_db[rows[track.id]], card)
        batches = [answer(model, X[i : i + BATCH]).heads[head.name] for i in range(0, len(X), BATCH)]
        scores = np.concatenate(batches).astype(np.float64)
        # As in a prediction: a last window that is moved back counts for what only it hears.
        weights = np.diff(starts, prepend=-card.hop_frames)
        seconds = np.array(starts) * card.spec.hop_length / card.spec.sr
        duration = (kept.S_db.shape[2] - 1) * card.spec.hop_length / card.spec.sr
        yield Heard(np.average(scores, axis=0, weights=weights), scores, seconds, "music", duration)
        if progress is not None:
            progress("scoring", n_done, len(manifest), {})


def _check_cached(card: ModelCard, stated: dict[str, object], n_frames: int, path: str) -> None:
    spec = FeatureSpec.from_dict(stated)
    if card.input != "log_mel":
        raise InputError(f"{path} holds log-mels, model {card.name!r} hears descriptors", hint="Give files.")
    if spec.digest != card.spec.digest:
        raise InputError(
            f"{path} was made by the front end {spec.digest}, model {card.name!r} hears {card.spec.digest}",
            hint="Give the files themselves, or log-mels of the model's own front end.",
        )
    if n_frames < card.n_frames:
        raise InputError(
            f"{path} has {n_frames} frames a track, model {card.name!r} takes {card.n_frames}",
            hint="Give longer excerpts, or a model with a shorter window.",
        )
