"""`evaluate`: a model and a data set to figures with intervals, and to what went wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.data import Manifest, Split, Track, read_manifest
from earmark.errors import InputError
from earmark.evaluate import metrics
from earmark.evaluate.bootstrap import N_RESAMPLES
from earmark.evaluate.estimates import (
    ClassFigures,
    Figure,
    Floats,
    GroupFigures,
    Table,
    TrackAnswer,
    class_figures,
    figures,
    group_figures,
)
from earmark.evaluate.labels import LabelMap, choose_head, map_labels
from earmark.evaluate.scoring import ModelSource, TrackScores, open_model, score_tracks
from earmark.evaluate.subsets import Chosen, choose
from earmark.models import Head, Model
from earmark.predict import ModelId
from earmark.progress import Progress
from earmark.workers import Deadline, Failed, default_deadline

N_WORST = 12  # confident mistakes to show
N_POINTS = 101  # of the curve of risk in JSON
SCHEMA = "earmark.evaluation/1"
FEW_GROUPS = 10  # below this a bootstrap interval is too narrow to be trusted


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a model is on a part of a data set, and where it fails.

    Parameters
    ----------
    model : ModelId
        Which model.
    data : str
        Name of the data set.
    chosen : Chosen
        Protocol, part and digest of the split; whether it is leaky.
    head : Head
        Which of the model's answers was measured; its classes are the columns.
    tracks : tuple of TrackAnswer
        Every track that was heard and has a label, in the order of the data set.
    figures : tuple of Figure
        The most telling first.
    classes : tuple of ClassFigures
        Of the classes that some track has, or that was answered.
    groups : tuple of GroupFigures
        Those with misses, most misses first; empty where groups are not known.
    failed : tuple of Failed
        Tracks that could not be read: they count in no figure.
    refused : mapping
        Of the tracks without any label (noise, speech), how many got each verdict.
    labels : LabelMap
        What the labels are called by the model, and those that it does not know.
    notes : tuple of str
        What a reader must know.
    by_track, by_window : Table
        What the figures are computed from.
    """

    model: ModelId
    data: str
    chosen: Chosen
    head: Head
    tracks: tuple[TrackAnswer, ...]
    figures: tuple[Figure, ...]
    classes: tuple[ClassFigures, ...]
    groups: tuple[GroupFigures, ...]
    failed: tuple[Failed[Track], ...]
    refused: Mapping[str, int]
    labels: LabelMap
    notes: tuple[str, ...]
    by_track: Table
    by_window: Table

    @property
    def n_groups(self) -> int:
        """Groups that the tracks belong to."""
        return len(np.unique(self.by_track.groups))

    def figure(self, name: str) -> Figure:
        """Figure of that name.

        Raises
        ------
        InputError
            There is none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise InputError(f"no figure {name!r}", hint=f"There are {', '.join(f.name for f in self.figures)}.")

    @property
    def reliability(self) -> metrics.Reliability:
        """Confidence against accuracy, of tracks."""
        return metrics.reliability(self.by_track.truth, self.by_track.scores)

    @property
    def risk(self) -> tuple[Floats, Floats]:
        """Coverage, and the share of misses among so many of the surest tracks."""
        return metrics.risk_coverage(self.by_track.truth, self.by_track.scores)

    @property
    def confusion(self) -> metrics.Ints:
        """How often each class was answered for each: rows true, columns answered."""
        return metrics.confusion(self.by_track.truth, self.by_track.scores)

    def worst(self, n: int = N_WORST) -> tuple[TrackAnswer, ...]:
        """Return the misses that the model was surest of."""
        missed = (track for track in self.tracks if not track.hit and track.answer)
        return tuple(sorted(missed, key=lambda track: -track.score)[:n])

    def to_dict(self) -> dict[str, Any]:
        """Everything but the tables as ``earmark.evaluation/1``, ready for JSON; None stands for NaN."""
        curve, (coverage, risk) = self.reliability, self.risk
        at = np.unique(np.linspace(0, len(risk) - 1, N_POINTS).round().astype(int))
        return {
            "schema": SCHEMA,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "data": self.data,
            "split": {
                "protocol": self.chosen.protocol,
                "part": self.chosen.part,
                "digest": self.chosen.digest,
                "leaky": self.chosen.leaky,
            },
            "head": self.head.name,
            "n": len(self.tracks),
            "n_windows": len(self.by_window.owners),
            "n_groups": self.n_groups,
            "notes": list(self.notes),
            "figures": [plain(figure) for figure in self.figures],
            "classes": [plain(entry) for entry in self.classes],
            "confusion": {"classes": list(self.head.classes), "counts": self.confusion.tolist()},
            "reliability": {
                "confidence": _numbers(curve.confidence),
                "accuracy": _numbers(curve.accuracy),
                "n": [int(n) for n in curve.n],
            },
            "risk": {"coverage": _numbers(coverage[at]), "risk": _numbers(risk[at])},
            "groups": [plain(group) for group in self.groups],
            "tracks": [plain(track) for track in self.tracks],
            "failed": [
                {"id": one.source.id, "path": one.source.path, **one.error.to_dict()} for one in self.failed
            ],
            "not_music": dict(self.refused),
            "labels": {"renamed": self.labels.renamed, "unknown": dict(self.labels.unknown)},
        }

    def to_json(self) -> str:
        """Return `to_dict` as text, in ASCII so that any file name survives."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def card_metrics(self) -> list[dict[str, object]]:
        """Figures as a card has them.

        Raises
        ------
        InputError
            They are leaky: no card may say them.
        """
        if self.chosen.leaky:
            raise InputError("leaky figures are not written into a card", hint="Use a grouped split.")
        return [
            {
                "name": figure.name,
                "value": round(figure.value, 4),
                "low": round(figure.low, 4) if math.isfinite(figure.low) else None,
                "high": round(figure.high, 4) if math.isfinite(figure.high) else None,
                "n": figure.n,
                "split": f"{self.chosen.protocol}, {self.chosen.part}",
                "split_digest": self.chosen.digest,
            }
            for figure in self.figures
            if math.isfinite(figure.value)
        ]


def evaluate(
    model: ModelSource,
    data: str | os.PathLike[str] | Manifest,
    *,
    split: Split | str | None = None,
    part: str = "test",
    head: str | None = None,
    mapping: Mapping[str, str] | None = None,
    seed: int = 0,
    jobs: int = 1,
    deadline: Deadline | None = default_deadline,
    n_resamples: int = N_RESAMPLES,
    name: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a model on a data set that it was not trained on.

    The scores of every file are those of `earmark.classify`; a track is the mean of its windows.

    Parameters
    ----------
    model : str, path or Model
        Name, folder of a bundle, folder of a run of ``earmark train``, or a loaded model (which answers in
        this process, whatever `jobs` says).
    data : path or Manifest
        As `earmark.data.read_manifest` takes it.
    split : Split or str, optional
        A split, a protocol, or ``"all"``; by default that of the model's training if this data set gives it
        again, else the parts that the data set names, else all tracks.
    part : str
        ``"train"``, ``"valid"``, ``"test"`` or ``"all"``.
    head : str, optional
        Which of the model's answers: ``"genres"``, ``"quadrant"``, ``"moods"``; by default the one that knows
        most of the labels.
    mapping : mapping, optional
        Class of the model for labels that it calls otherwise; ``""`` leaves a label out.
    seed : int
        Of the split and the resampling.
    jobs : int
        Worker processes.
    deadline : float or callable, optional
        Seconds that a track may take, or a function from its path to them; a loaded model has none.
    n_resamples : int
        Of the bootstrap.
    name : str, optional
        Of the data set, for the report; by default that of its folder or file.
    progress : callable, optional
        Called after each track (``"scoring"``).

    Returns
    -------
    Evaluation
        Files that cannot be read are in `Evaluation.failed`.

    Raises
    ------
    InputError
        No part or protocol of that name, no label that the model knows, or no track that can be heard.
    ModelError
        The model could not be had, or fails.
    """
    listener, place = open_model(model)
    manifest = data if isinstance(data, Manifest) else read_manifest(data)
    run = Path(model) if isinstance(model, str | os.PathLike) else None
    chosen = choose(manifest, listener.card, split=split, part=part, seed=seed, run=run)
    taken = manifest.take(chosen.places)
    called = {dict(mapping or {}).get(label, label) for track in taken.tracks for label in track.labels}
    asked = choose_head(listener.card, called, wanted=head)
    labels = map_labels(taken.tracks, asked.classes, mapping=mapping)
    known = [i for i, track in enumerate(taken.tracks) if labels.of(track) or not track.labels]
    taken, chosen = taken.take(known), dataclasses.replace(chosen, places=chosen.places[known])
    all_heard, failed = score_tracks(
        listener, taken, head=asked, place=place, jobs=jobs, deadline=deadline, progress=progress
    )
    heard = _only(all_heard, chosen)
    sheet = _sheet(listener, taken, head=asked, labels=labels, heard=heard)
    by_track, by_window = sheet.tables()
    answers = sheet.answers()
    return Evaluation(
        model=ModelId(listener.card.name, listener.card.sha256),
        data=name or name_of(data),
        chosen=chosen,
        head=asked,
        tracks=answers,
        figures=figures(by_track, by_window, leaky=chosen.leaky, n_resamples=n_resamples, seed=seed),
        classes=class_figures(by_track, asked.classes),
        groups=group_figures(answers),
        failed=tuple(failed),
        refused=_refused(taken, heard),
        labels=labels,
        notes=(*manifest.notes, *_notes(chosen, sheet, failed)),
        by_track=by_track,
        by_window=by_window,
    )


def plain(entry: Any) -> dict[str, Any]:
    """Fields of a dataclass for JSON: 4 decimals, None for NaN."""
    return {name: _number(value) for name, value in dataclasses.asdict(entry).items()}


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value


def _numbers(values: Floats) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def name_of(data: str | os.PathLike[str] | Manifest) -> str:
    """Short name of a data set: that of its folder or file."""
    place = Path(os.path.abspath((data.cache or data.root or "data") if isinstance(data, Manifest) else data))
    return place.parent.name if place.stem in ("tracks", "manifest", "metadata") else place.stem


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Labels and answers side by side: tracks that were heard and have a label."""

    model: Model
    head: Head
    labels: LabelMap
    tracks: tuple[Track, ...]
    heard: tuple[TrackScores, ...]
    groups: NDArray[np.str_]

    def tables(self) -> tuple[Table, Table]:
        columns = {name: i for i, name in enumerate(self.head.classes)}
        marks = np.zeros((len(self.tracks), len(columns)), dtype=bool)
        for row, track in enumerate(self.tracks):
            marks[row, [columns[name] for name in self.labels.of(track)]] = True
        truth, scores = metrics.validate(marks, np.array([one.scores for one in self.heard]))
        owners = np.repeat(np.arange(len(self.heard)), [len(one.windows) for one in self.heard])
        windows = np.concatenate([one.windows for one in self.heard])
        every = np.arange(len(self.heard))
        return (
            Table(truth, scores, self.groups, every),
            Table(truth[owners], windows, self.groups[owners], owners),
        )

    def answers(self) -> tuple[TrackAnswer, ...]:
        return tuple(self._answer(*pair) for pair in zip(self.tracks, self.heard, strict=True))

    def _answer(self, track: Track, heard: TrackScores) -> TrackAnswer:
        best = int(heard.scores.argmax())
        score = float(heard.scores[best])
        name = self.head.classes[best] if score > 0 else ""
        labels = self.labels.of(track)
        return TrackAnswer(
            id=track.id,
            path=track.path,
            group=track.group,
            labels=labels,
            answer=name,
            score=score,
            hit=name in labels,
            verdict=heard.verdict,
            start=float(heard.starts[heard.windows[:, best].argmax()]) if len(heard.windows) else 0.0,
        )


def _sheet(
    model: Model, manifest: Manifest, *, head: Head, labels: LabelMap, heard: Sequence[TrackScores | None]
) -> _Sheet:
    rows = [
        (track, one, group)
        for track, one, group in zip(manifest.tracks, heard, manifest.groups, strict=True)
        if one is not None and track.labels
    ]
    if not rows:
        raise InputError(
            "no track with a label could be heard", hint="earmark check DATA says what is wrong."
        )
    tracks, ones, groups = zip(*rows, strict=True)
    return _Sheet(model, head, labels, tracks, ones, np.array(groups))


def _refused(manifest: Manifest, heard: Sequence[TrackScores | None]) -> dict[str, int]:
    pairs = zip(manifest.tracks, heard, strict=True)
    verdicts = [one.verdict for track, one in pairs if one is not None and not track.labels]
    return {name: verdicts.count(name) for name in sorted(set(verdicts))}


def _notes(chosen: Chosen, sheet: _Sheet, failed: Sequence[Failed[Track]]) -> tuple[str, ...]:
    notes = list(chosen.notes)
    if sheet.labels.unknown:
        told = ", ".join(f"{label} ({n})" for label, n in sheet.labels.unknown.items())
        notes.append(
            f"Labels that the model does not know, and tracks of no other label, are left out: {told}."
        )
    if failed:
        notes.append(f"{len(failed)} tracks could not be read and count in no figure.")
    if not any(track.group for track in sheet.tracks):
        notes.append("Artists are not known, so each track counts as a group: the intervals are too narrow.")
    elif (n_groups := len(np.unique(sheet.groups))) < FEW_GROUPS:
        notes.append(f"Only {n_groups} groups: the intervals are too narrow to be trusted.")
    return tuple(notes)


def _only(heard: Sequence[TrackScores | None], chosen: Chosen) -> list[TrackScores | None]:
    """With a leaky split, the scores of the windows of the part alone."""
    allowed = chosen.heard_of([0 if one is None else len(one.windows) for one in heard])
    if allowed is None:
        return list(heard)
    return [
        one.take(numbers) if one is not None and len(numbers) else None
        for one, numbers in zip(heard, allowed, strict=True)
    ]
