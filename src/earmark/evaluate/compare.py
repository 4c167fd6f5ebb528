"""`compare`: two models on the same tracks, and whether their difference is more than chance."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark.data import Manifest, Split, read_manifest
from earmark.errors import InputError
from earmark.evaluate.bootstrap import N_RESAMPLES, bootstrap, mcnemar
from earmark.evaluate.estimates import Estimate, Floats, Table, TrackResult, metrics_of
from earmark.evaluate.evaluate import Evaluation, evaluate, name_of, plain
from earmark.evaluate.scoring import ModelSource, place_of
from earmark.evaluate.subsets import ALL, UNSEEN, Subset, choose, exclude_training_tracks
from earmark.predict.scorer import opened
from earmark.progress import Progress

SCHEMA = "earmark.comparison/1"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """An estimate for both models, and the difference between them.

    Parameters
    ----------
    a, b : Estimate
        Of each model, on the tracks that both scored.
    difference : Estimate
        ``b - a``, with an interval from resampling the same groups for both.
    """

    a: Estimate
    b: Estimate
    difference: Estimate

    @property
    def text(self) -> str:
        """The difference for people, with its sign; per cent become points."""
        value = self.difference.value * (100 if self.difference.is_fraction else 1)
        text = f"{value:+.1f} points" if self.difference.is_fraction else f"{value:+.3f}"
        return text + (" leaky" if self.difference.leaky else "")

    @property
    def interval(self) -> str:
        """The interval of the difference for people; empty where there is none."""
        ends = np.array([self.difference.low, self.difference.high])
        if not np.isfinite(ends).all():
            return ""
        low, high = ends * (100 if self.difference.is_fraction else 1)
        return f"{low:+.1f} to {high:+.1f}" if self.difference.is_fraction else f"{low:+.3f} to {high:+.3f}"


@dataclass(frozen=True)
class Disagreement:
    """A track that exactly one model got right."""

    id: str
    path: str
    labels: tuple[str, ...]
    a: TrackResult
    b: TrackResult


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models on the same tracks.

    Parameters
    ----------
    a, b : Evaluation
        Of each model, on all tracks that it could score.
    differences : tuple of Difference
        On the tracks that both scored, the most important metric first.
    n : int
        Tracks that both scored.
    only_a, only_b : tuple of Disagreement
        Tracks that only one model got right, the other's most confident errors first.
    p_value : float
        Of the exact test of McNemar, which takes tracks as independent.
    notes : tuple of str
        Warnings for the reader.
    """

    a: Evaluation
    b: Evaluation
    differences: tuple[Difference, ...]
    n: int
    only_a: tuple[Disagreement, ...]
    only_b: tuple[Disagreement, ...]
    p_value: float
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One sentence: which is better, if that is more than chance."""
        first = self.differences[0]
        outside = first.difference.low > 0 or first.difference.high < 0
        text = f"{first.text} ({first.interval})" if first.interval else first.text
        if self.a.subset.leaky:
            return "The metrics are leaky: they do not say which model is better."
        if outside and self.p_value < SIGNIFICANT:
            better = self.b if first.difference.value > 0 else self.a
            return f"{better.model.name} is better: {text}."
        return f"No difference is shown: {text}."

    def to_dict(self) -> dict[str, Any]:
        """The comparison as ``earmark.comparison/1``, ready for JSON; None stands for NaN."""
        both = self.a.to_dict()
        return {
            "schema": SCHEMA,
            "a": both["model"],
            "b": self.b.to_dict()["model"],
            "data": both["data"],
            "split": both["split"],
            "head": both["head"],
            "n": self.n,
            "verdict": self.verdict,
            "p_value": float(f"{self.p_value:.4g}"),
            "differences": [
                {name: plain(getattr(entry, name)) for name in ("a", "b", "difference")}
                for entry in self.differences
            ],
            "only_a": [_two(track) for track in self.only_a],
            "only_b": [_two(track) for track in self.only_b],
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return `to_dict` as text, in ASCII so that any file name survives."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"


def compare(
    a: ModelSource,
    b: ModelSource,
    data: str | os.PathLike[str] | Manifest,
    *,
    split: Split | str | None = None,
    part: str = "test",
    head: str | None = None,
    mapping: Mapping[str, str] | None = None,
    seed: int = 0,
    jobs: int = 1,
    n_resamples: int = N_RESAMPLES,
    name: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Evaluate two models on the same tracks.

    Parameters
    ----------
    a, b : str, path or Model
        The models.
    data, split, part, head, mapping, seed, jobs, n_resamples, name, progress
        As for `earmark.evaluate.evaluate`. Without `split`, the split of the first model is used for both.

    Returns
    -------
    Comparison
        Over the tracks whose labels both models know and that both could read.

    Raises
    ------
    InputError, ModelError
        As `evaluate` raises them; no track in common.
    """
    manifest = data if isinstance(data, Manifest) else read_manifest(data)
    subset = _subset_of(manifest, (a, b), split=split, part=part, seed=seed)
    options: dict[str, Any] = {
        "mapping": mapping, "head": head, "seed": seed, "jobs": jobs, "n_resamples": 1, "progress": progress,
        "name": name or name_of(data),
    }  # fmt: skip
    if subset.split is not None:
        options |= {"data": manifest, "split": subset.split, "part": subset.part}
    else:
        options |= {"data": manifest.take(subset.places), "split": ALL}
    one, two = (evaluate(model, **options) for model in (a, b))
    if subset.split is None:
        one, two = (
            dataclasses.replace(done, subset=subset, notes=_joined(subset, done)) for done in (one, two)
        )
    if one.head.name != two.head.name:
        raise InputError(
            f"{one.model.name} would be evaluated on {one.head.name}, {two.model.name} on {two.head.name}",
            hint="Try: --head with the head to compare.",
        )
    return _compared(one, two, n_resamples, seed)


def _subset_of(
    manifest: Manifest,
    models: tuple[ModelSource, ModelSource],
    *,
    split: Split | str | None,
    part: str,
    seed: int,
) -> Subset:
    """Return the subset for both models: that of the first, without the training tracks of the second."""
    (first, run), (second, other) = (
        (opened(model).card, None if (place := place_of(model)) is None else Path(place)) for model in models
    )
    subset = choose(manifest, first, split=split, part=part, seed=seed, run=run)
    if subset.split is not None or split is not None or part != "test":
        return subset
    again = exclude_training_tracks(subset, manifest, second, run=other)
    return again if again.part == UNSEEN else subset


def _joined(subset: Subset, done: Evaluation) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(subset.notes if subset.part == UNSEEN else ()), *done.notes]))


def _compared(a: Evaluation, b: Evaluation, n_resamples: int, seed: int) -> Comparison:
    places = {track.id: i for i, track in enumerate(b.tracks)}
    pairs = [(i, places[track.id]) for i, track in enumerate(a.tracks) if track.id in places]
    if not pairs:
        raise InputError("there is no track that both models could score", hint="Try: --map LABEL=CLASS.")
    rows_a, rows_b = (list(rows) for rows in zip(*pairs, strict=True))
    pairs_of_results = [
        Disagreement(a.tracks[i].id, a.tracks[i].path, a.tracks[i].labels, a.tracks[i], b.tracks[j])
        for i, j in pairs
    ]
    hits = np.array([[two.a.hit, two.b.hit] for two in pairs_of_results])
    only_a = sorted(
        (two for two in pairs_of_results if two.a.hit and not two.b.hit), key=lambda two: -two.b.score
    )
    only_b = sorted(
        (two for two in pairs_of_results if two.b.hit and not two.a.hit), key=lambda two: -two.a.score
    )
    return Comparison(
        a=a,
        b=b,
        differences=_differences(a, b, (rows_a, rows_b), n_resamples=n_resamples, seed=seed),
        n=len(pairs),
        only_a=tuple(only_a),
        only_b=tuple(only_b),
        p_value=mcnemar(hits[:, 0], hits[:, 1]),
        notes=_notes(a, b, len(pairs)),
    )


def _differences(
    a: Evaluation, b: Evaluation, rows: tuple[list[int], list[int]], *, n_resamples: int, seed: int
) -> tuple[Difference, ...]:
    tables = [
        (_taken(one.by_track, subset), _taken(one.by_window, subset))
        for one, subset in zip((a, b), rows, strict=True)
    ]
    named = [{one.name: one for one in metrics_of(*pair)} for pair in tables]
    pairs = [(one, named[1][name]) for name, one in named[0].items() if name in named[1]]

    def all_of(weights: Floats) -> Floats:
        """Return the metrics of both models and their differences [shape=(3 * n_metrics,)]."""
        both = np.array([[one.measure(weights=weights) for one in pair] for pair in pairs])
        return np.column_stack([both, both[:, 1] - both[:, 0]]).ravel()

    groups = tables[0][0].groups
    centred = [not one.plain for one, _ in pairs for _ in range(3)]
    spans = bootstrap(all_of, groups, n_resamples=n_resamples, seed=seed, centred=centred)
    values = all_of(np.ones(len(groups))).tolist()
    leaky = a.subset.leaky
    made = [
        Estimate(
            pair[0].name, values[k], spans[k].low, spans[k].high, pair[i % 2].n, pair[0].is_fraction, leaky
        )
        for pair, start in zip(pairs, range(0, len(values), 3), strict=True)
        for i, k in enumerate(range(start, start + 3))
    ]
    return tuple(Difference(*made[k : k + 3]) for k in range(0, len(made), 3))


def _taken(table: Table, rows: list[int]) -> Table:
    """Rows that belong to some tracks, in the order of these tracks, which are numbered anew."""
    number = np.full(max(int(table.owners.max(initial=0)), *rows) + 1, -1)
    number[rows] = np.arange(len(rows))
    owners = number[table.owners]
    order = np.flatnonzero(owners >= 0)
    order = order[np.argsort(owners[order], kind="stable")]
    return dataclasses.replace(
        table,
        truth=table.truth[order],
        scores=table.scores[order],
        groups=table.groups[order],
        owners=owners[order],
    )


def _notes(a: Evaluation, b: Evaluation, n: int) -> tuple[str, ...]:
    shared = [note for note in a.notes if note in b.notes]
    own = [f"{one.model.name}: {note}" for one in (a, b) for note in one.notes if note not in shared]
    more = [f"{one.model.name} {len(one.tracks)}" for one in (a, b) if len(one.tracks) > n]
    fewer = [f"{n} tracks are compared; scored in all: {', '.join(more)}."] if more else []
    return (*shared, *own, *fewer)


def _two(track: Disagreement) -> dict[str, Any]:
    names = {"id": track.id, "path": track.path, "labels": list(track.labels)}
    return names | {name: plain(getattr(track, name)) for name in ("a", "b")}
