"""`evaluate`: a model and a data set to metrics with intervals, and to the errors."""

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
from earmark.evaluate import metrics as measure
from earmark.evaluate.bootstrap import N_RESAMPLES
from earmark.evaluate.estimates import (
    ClassMetrics,
    Estimate,
    Floats,
    GroupErrors,
    Table,
    TrackResult,
    class_metrics,
    estimates,
    group_errors,
)
from earmark.evaluate.labels import LabelMap, choose_head, map_labels
from earmark.evaluate.scoring import ModelSource, TrackScores, place_of, score_tracks
from earmark.evaluate.subsets import Subset, choose
from earmark.models import Head, Model
from earmark.predict import ModelId
from earmark.predict.scorer import opened
from earmark.progress import Progress
from earmark.workers import Deadline, Failed, default_deadline

N_WORST = 12  # confident errors to show
N_POINTS = 101  # of the risk curve in JSON
SCHEMA = "earmark.evaluation/1"
FEW_GROUPS = 10  # below this a bootstrap interval is too narrow to be trusted


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a model is on a subset of a data set, and where it fails.

    Parameters
    ----------
    model : ModelId
        Which model.
    data : str
        Name of the data set.
    subset : Subset
        Protocol, name and digest of the split; whether it is leaky.
    head : Head
        Which head was evaluated; its classes are the columns.
    tracks : tuple of TrackResult
        Every track that could be read and has a label, in the order of the data set.
    metrics : tuple of Estimate
        The most important first.
    classes : tuple of ClassMetrics
        Of the classes that some track has, or that were predicted.
    groups : tuple of GroupErrors
        Those with errors, most errors first; empty where groups are not known.
    failed : tuple of Failed
        Tracks that could not be read: they count in no metric.
    refused : mapping
        How many of the tracks without any label got each verdict.
    labels : LabelMap
        The model's class for each label, and the labels that it does not know.
    notes : tuple of str
        Warnings for the reader.
    by_track, by_window : Table
        What the metrics are computed from.
    """

    model: ModelId
    data: str
    subset: Subset
    head: Head
    tracks: tuple[TrackResult, ...]
    metrics: tuple[Estimate, ...]
    classes: tuple[ClassMetrics, ...]
    groups: tuple[GroupErrors, ...]
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

    def metric(self, name: str) -> Estimate:
        """Return the estimate of that name.

        Raises
        ------
        InputError
            There is none.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise InputError(f"no metric {name!r}", hint=f"Accepted: {', '.join(f.name for f in self.metrics)}.")

    @property
    def reliability(self) -> measure.Reliability:
        """Confidence against accuracy, of tracks."""
        return measure.reliability(self.by_track.truth, self.by_track.scores)

    @property
    def risk(self) -> tuple[Floats, Floats]:
        """Coverage, and the error rate among so many of the most confident tracks."""
        return measure.risk_coverage(self.by_track.truth, self.by_track.scores)

    @property
    def confusion(self) -> measure.Ints:
        """How often each class was predicted for each: rows true, columns predicted."""
        return measure.confusion(self.by_track.truth, self.by_track.scores)

    def worst(self, n: int = N_WORST) -> tuple[TrackResult, ...]:
        """Return the most confident errors."""
        missed = (track for track in self.tracks if not track.hit and track.predicted)
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
                "protocol": self.subset.protocol,
                "part": self.subset.part,
                "digest": self.subset.digest,
                "leaky": self.subset.leaky,
            },
            "head": self.head.name,
            "n": len(self.tracks),
            "n_windows": len(self.by_window.owners),
            "n_groups": self.n_groups,
            "notes": list(self.notes),
            "metrics": [plain(metric) for metric in self.metrics],
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
        """Return the metrics as a card states them.

        Raises
        ------
        InputError
            They are leaky: no card may state them.
        """
        if self.subset.leaky:
            raise InputError("leaky metrics are not written into a card", hint="Try: a grouped split.")
        return [
            {
                "name": metric.name,
                "value": round(metric.value, 4),
                "low": round(metric.low, 4) if math.isfinite(metric.low) else None,
                "high": round(metric.high, 4) if math.isfinite(metric.high) else None,
                "n": metric.n,
                "split": f"{self.subset.protocol}, {self.subset.part}",
                "split_digest": self.subset.digest,
            }
            for metric in self.metrics
            if math.isfinite(metric.value)
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
        Name, folder of a bundle, folder of a run of ``earmark train``, or a loaded model (which is run in
        this process, whatever `jobs` is).
    data : path or Manifest
        As `earmark.data.read_manifest` takes it.
    split : Split or str, optional
        A split, a protocol, or ``"all"``; by default that of the model's training if this data set gives it
        again, else the parts that the data set names, else all tracks.
    part : str
        ``"train"``, ``"valid"``, ``"test"`` or ``"all"``.
    head : str, optional
        Which head of the model, of probabilities: ``"genres"``, ``"quadrant"``, ``"moods"``, ``"voice"``,
        ``"instruments"``; by default the one that knows most of the labels.
    mapping : mapping, optional
        Class of the model for labels of another name; ``""`` leaves a label out.
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
        No subset or protocol of that name, no label that the model knows, or no track that can be read.
    ModelError
        The model could not be loaded, or fails.
    """
    loaded, place = opened(model), place_of(model)
    manifest = data if isinstance(data, Manifest) else read_manifest(data)
    run = None if place is None else Path(place)
    subset = choose(manifest, loaded.card, split=split, part=part, seed=seed, run=run)
    taken = manifest.take(subset.places)
    called = {dict(mapping or {}).get(label, label) for track in taken.tracks for label in track.labels}
    target = choose_head(loaded.card, called, wanted=head)
    labels = map_labels(taken.tracks, target.classes, mapping=mapping)
    known = [i for i, track in enumerate(taken.tracks) if labels.of(track) or not track.labels]
    taken, subset = taken.take(known), dataclasses.replace(subset, places=subset.places[known])
    all_scores, failed = score_tracks(
        loaded, taken, head=target, place=place, jobs=jobs, deadline=deadline, progress=progress
    )
    scores = _of_subset(all_scores, subset)
    aligned = _aligned(loaded, taken, head=target, labels=labels, scores=scores)
    by_track, by_window = aligned.tables()
    results = aligned.results()
    return Evaluation(
        model=ModelId(loaded.card.name, loaded.card.sha256),
        data=name or name_of(data),
        subset=subset,
        head=target,
        tracks=results,
        metrics=estimates(by_track, by_window, leaky=subset.leaky, n_resamples=n_resamples, seed=seed),
        classes=class_metrics(by_track, target.classes),
        groups=group_errors(results),
        failed=tuple(failed),
        refused=_refused(taken, scores),
        labels=labels,
        notes=(*manifest.notes, *_notes(subset, aligned, failed)),
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
class _Aligned:
    """Labels and scores of the evaluated tracks."""

    model: Model
    head: Head
    labels: LabelMap
    tracks: tuple[Track, ...]
    scores: tuple[TrackScores, ...]
    groups: NDArray[np.str_]

    def tables(self) -> tuple[Table, Table]:
        columns = {name: i for i, name in enumerate(self.head.classes)}
        marks = np.zeros((len(self.tracks), len(columns)), dtype=bool)
        for row, track in enumerate(self.tracks):
            marks[row, [columns[name] for name in self.labels.of(track)]] = True
        truth, scores = measure.validate(marks, np.array([one.scores for one in self.scores]))
        owners = np.repeat(np.arange(len(self.scores)), [len(one.windows) for one in self.scores])
        windows = np.concatenate([one.windows for one in self.scores])
        every = np.arange(len(self.scores))
        return (
            Table(truth, scores, self.groups, every),
            Table(truth[owners], windows, self.groups[owners], owners),
        )

    def results(self) -> tuple[TrackResult, ...]:
        return tuple(self._result(*pair) for pair in zip(self.tracks, self.scores, strict=True))

    def _result(self, track: Track, scores: TrackScores) -> TrackResult:
        best = int(scores.scores.argmax())
        score = float(scores.scores[best])
        name = self.head.classes[best] if score > 0 else ""
        labels = self.labels.of(track)
        return TrackResult(
            id=track.id,
            path=track.path,
            group=track.group,
            labels=labels,
            predicted=name,
            score=score,
            hit=name in labels,
            verdict=scores.verdict,
            start=float(scores.starts[scores.windows[:, best].argmax()]) if len(scores.windows) else 0.0,
        )


def _aligned(
    model: Model, manifest: Manifest, *, head: Head, labels: LabelMap, scores: Sequence[TrackScores | None]
) -> _Aligned:
    rows = [
        (track, one, group)
        for track, one, group in zip(manifest.tracks, scores, manifest.groups, strict=True)
        if one is not None and track.labels
    ]
    if not rows:
        raise InputError(
            "no track with a label could be read", hint="Try: earmark check DATA, which lists what is wrong."
        )
    tracks, ones, groups = zip(*rows, strict=True)
    return _Aligned(model, head, labels, tracks, ones, np.array(groups))


def _refused(manifest: Manifest, scores: Sequence[TrackScores | None]) -> dict[str, int]:
    pairs = zip(manifest.tracks, scores, strict=True)
    verdicts = [one.verdict for track, one in pairs if one is not None and not track.labels]
    return {name: verdicts.count(name) for name in sorted(set(verdicts))}


def _notes(subset: Subset, aligned: _Aligned, failed: Sequence[Failed[Track]]) -> tuple[str, ...]:
    notes = list(subset.notes)
    if aligned.labels.unknown:
        listed = ", ".join(f"{label} ({n})" for label, n in aligned.labels.unknown.items())
        notes.append(
            f"Labels that the model does not know, and tracks of no other label, are left out: {listed}."
        )
    if failed:
        notes.append(f"{len(failed)} tracks could not be read and count in no metric.")
    if not any(track.group for track in aligned.tracks):
        notes.append("Artists are not known, so each track counts as a group: the intervals are too narrow.")
    elif (n_groups := len(np.unique(aligned.groups))) < FEW_GROUPS:
        notes.append(f"Only {n_groups} groups: the intervals are too narrow to be trusted.")
    return tuple(notes)


def _of_subset(scores: Sequence[TrackScores | None], subset: Subset) -> list[TrackScores | None]:
    """With a leaky split, the scores of the windows of the part alone."""
    allowed = subset.window_indices([0 if one is None else len(one.windows) for one in scores])
    if allowed is None:
        return list(scores)
    return [
        one.take(numbers) if one is not None and len(numbers) else None
        for one, numbers in zip(scores, allowed, strict=True)
    ]
