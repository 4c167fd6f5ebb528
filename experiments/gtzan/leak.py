"""What leaks on GTZAN: one network, four genres, three ways to deal out the same 3 s windows.

    python experiments/gtzan/leak.py path/to/data/gtzan runs/leak_gtzan

Each training is `earmark.train`, as `earmark train DATA --model cnn --split windows` does it: only the protocol
differs. A fifth is tested on, the rest teaches, nothing is chosen by it. PartScores are kept in the second folder, and
`experiments/gtzan/page.py` makes the figures of them.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np

from earmark.data import Manifest, read_manifest
from earmark.evaluate import metrics
from earmark.models import load_model
from earmark.train import FeatureCache, train
from earmark.train.plan import plan
from earmark.train.scores import score_part
from earmark.train.settings import TrainSettings

SEEDS = range(3)
GENRES = ("blues", "classical", "country", "metal")  # those with nearly all of their clips
PROTOCOLS = ("windows", "random", "grouped")
MODEL = "cnn"
PARAMS = {
    "epochs": 10,
    "label_smoothing": 0.0,
    "class_weight": None,
    "bf16": True,
}  # as the demos train it, for less long
TEST = 0.2


def four_genres(folder: Path) -> Manifest:
    whole = read_manifest(folder)
    tracks = [track for track in whole.tracks if track.labels[0] in GENRES and track.split != "excluded"]
    return Manifest(tuple(dataclasses.replace(track, split="") for track in tracks), root=whole.root)


def answered(manifest: Manifest, protocol: str, seed: int, folder: Path) -> dict[str, object]:
    """Train once, and say which windows and tracks of the test part were predicted right."""
    path = folder / f"{protocol}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    asked = {"model": MODEL, "params": PARAMS, "split": protocol, "test": TEST, "valid": 0.0, "seed": seed}
    began = time.process_time()
    run = train(manifest, **asked, out=folder / f"{protocol}-{seed}", jobs=1, cache=folder / "cache")
    seconds = time.process_time() - began
    job = plan(manifest, TrainSettings(**asked), cache=FeatureCache(folder / "cache"), jobs=1)
    found = score_part(load_model(run.bundle).predict_proba, job.part("test"), job.manifest)
    taught, asked_about = (np.unique(job.pairs[part][:, 0]) for part in ("train", "test"))
    groups = job.manifest.groups
    kept = {
        "digest": job.split.digest,
        "n_train": len(job.pairs["train"]),
        "songs shared": float(np.isin(asked_about, taught).mean()),
        "artists shared": float(np.isin(groups[asked_about], groups[taught]).mean()),
        "seconds": seconds,
    }
    for name, table in (("window", found.by_window), ("track", found.by_track)):
        hits = metrics.hits(table.truth, table.scores)
        accuracy = next(figure.value for figure in run.metrics if figure.name == f"{name} accuracy")
        assert abs(accuracy - hits.mean()) < 1e-6, "the product says something else"
        kept[name] = {"artist": table.groups.tolist(), "hit": hits.astype(int).tolist()}
    path.write_text(json.dumps(kept), encoding="utf-8")
    return kept


def main(data: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = four_genres(data)
    for seed in SEEDS:
        for protocol in PROTOCOLS:
            kept = answered(manifest, protocol, seed, folder)
            shares = {name: round(float(np.mean(kept[name]["hit"])), 3) for name in ("window", "track")}
            print(protocol, seed, shares, round(kept["seconds"]), "s", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
