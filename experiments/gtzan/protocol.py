"""What the experiments on GTZAN share: examples by track, and figures with an interval that resamples artists."""

from __future__ import annotations

import csv
import json
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from earmark.data import Manifest, Track, split
from earmark.estimators import build, to_bundle
from earmark.evaluate import bootstrap
from earmark.train.augment import Augmentation
from earmark.train.settings import limited_threads

SEEDS = range(5)


@dataclass(frozen=True)
class Examples:
    """One row of `X` for each track of the manifest."""

    X: np.ndarray
    manifest: Manifest

    @property
    def y(self) -> np.ndarray:
        return self.manifest.targets()

    @property
    def groups(self) -> np.ndarray:
        return self.manifest.groups

    def take(self, rows: np.ndarray) -> Examples:
        return Examples(self.X[rows], self.manifest.take(rows))

    def of(self, *genres: str) -> Examples:
        chosen = self.take(np.flatnonzero(np.isin(self.y, genres)))
        return replace(chosen, manifest=replace(chosen.manifest, classes=tuple(sorted(genres))))


@dataclass(frozen=True)
class Deal:
    """What one training learns from and is asked about."""

    seed: int
    train: Examples
    test: Examples
    digest: str


@dataclass(frozen=True)
class Figure:
    """Accuracy: mean and deviation of seeds in %, and where it lies with 95 % confidence by artists."""

    mean: float
    deviation: float
    low: float
    high: float
    n: int
    n_seeds: int

    @classmethod
    def of(cls, seeds: Iterable[int], artists: Iterable[str], hits: Iterable[int]) -> Figure:
        """From one row for each answer: the seed of its training, the artist, and whether it is right."""
        of, right = np.array(list(seeds)), 100 * np.array(list(hits), float)
        by_seed = [right[of == seed].mean() for seed in np.unique(of)]
        (span,) = bootstrap(lambda weights: np.average(right, weights=weights), list(artists))
        return cls(
            np.mean(by_seed), np.std(by_seed), span.low, span.high, len(right) // len(by_seed), len(by_seed)
        )

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.deviation:.1f}" if self.n_seeds > 1 else f"{self.mean:.1f}"

    @property
    def interval(self) -> str:
        return f"{self.low:.0f} to {self.high:.0f}"


def read(folder: Path, which: str) -> Examples:
    """The tracks of GTZAN as ``"30 s"`` (descriptors of a table) or ``"3 s"`` (log-mels), without the faulty ones."""
    ids, X = _descriptors(folder) if which == "30 s" else _log_mels(folder)
    rows = {row["id"]: row for row in csv.DictReader((folder / "tracks.csv").open(encoding="utf-8"))}
    tracks = [
        Track(name, name, (rows[name]["genre"],), group=rows[name]["artist"], split=rows[name]["split"])
        for name in ids
    ]
    whole = Examples(X, Manifest(tuple(tracks)))
    return whole.take(np.flatnonzero([track.split != "excluded" for track in tracks]))


def _descriptors(folder: Path) -> tuple[list[str], np.ndarray]:
    rows = list(csv.DictReader((folder / "librosa_features_30s.csv").open(encoding="utf-8")))
    columns = [name for name in rows[0] if name not in ("filename", "length", "label")]
    X = np.array([[float(row[name]) for name in columns] for row in rows], np.float32)
    return [row["filename"].removesuffix(".wav") for row in rows], X


def _log_mels(folder: Path) -> tuple[list[str], np.ndarray]:
    with np.load(folder / "logmel_3s.npz") as file:
        S_db = file["S_db_u8"].astype(np.float32) * file["step_db"] + file["offset_db"]
        return file["id"].astype(str).tolist(), S_db.astype(np.float32)


def given(examples: Examples) -> list[Deal]:
    """`train` and `valid` of the fault-filtered split, for each seed."""
    dealt = split(examples.manifest, protocol="given")
    train, valid = (examples.take(dealt.parts[name]) for name in ("train", "valid"))
    return [Deal(seed, train, valid, dealt.digest) for seed in SEEDS]


def dealt(examples: Examples, protocol: str, *, test: float = 0.2, folds: int | None = None) -> list[Deal]:
    """A split by earmark for each seed, or all its folds."""
    deals = []
    for seed in SEEDS:
        some = split(examples.manifest, protocol=protocol, test=test, valid=0.0, folds=folds, seed=seed)
        for one in some if isinstance(some, list) else [some]:
            train, tested = (examples.take(one.parts[name]) for name in ("train", "test"))
            deals.append(Deal(seed, train, tested, one.digest))
    return deals


def measured(
    label: str, name: str, deals: list[Deal], keep: Path, *, augment: tuple[str, ...] = (), **params: Any
) -> dict[str, Any]:
    """Answers of a family after each training, CPU seconds and bytes; kept in a file, and not worked out twice."""
    path = keep / f"{re.sub(r'[^a-z0-9]+', '-', label.lower())}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    setting = [name, params, list(augment), [[deal.seed, deal.digest] for deal in deals]]
    if kept.get("setting") == json.loads(json.dumps(setting)):
        return kept
    kept = {"setting": setting, "n_train": len(deals[0].train.y), "digest": deals[0].digest}
    kept |= {"seed": [], "artist": [], "hit": [], "seconds": [], "known": []}
    options: dict[str, Any] = {"augment": Augmentation(augment), "threads": 1} if augment else {}
    for deal in deals:
        model = build(name, params, seed=deal.seed)
        with limited_threads(1):
            began = time.process_time()
            model.fit(deal.train.X, deal.train.y, groups=deal.train.groups, **options)
            kept["seconds"].append(time.process_time() - began)
            answers = model.classes_[model.predict_proba(deal.test.X).argmax(axis=1)]
        kept["hit"] += (answers == deal.test.y).astype(int).tolist()
        kept["artist"] += deal.test.groups.tolist()
        kept["seed"] += [deal.seed] * len(deal.test.y)
        kept["known"] += np.isin(deal.test.groups, deal.train.groups).astype(int).tolist()
    kept["bytes"] = bundle_size(model)
    keep.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept), encoding="utf-8")
    print(label, figure(kept), flush=True)
    return kept


def figure(kept: dict[str, Any]) -> Figure:
    return Figure.of(kept["seed"], kept["artist"], kept["hit"])


def bundle_size(model: Any) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        names = [f"d{i}" for i in range(*model.shape_)] if model.input == "descriptors" else ()
        to_bundle(model, Path(temporary) / "b", name="b", descriptor_names=names)
        return sum(path.stat().st_size for path in (Path(temporary) / "b").iterdir())
