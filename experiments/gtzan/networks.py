"""Networks on GTZAN's first 3 s, nothing external: writes the figures of docs/networks.md.

    python experiments/gtzan/networks.py path/to/data/gtzan runs/networks_gtzan [--only fusion] [--folds] [--kept]

Trained on `train` of the fault-filtered split, measured on `valid` (no artist in both), whose answers no training
sees: the number of epochs is fixed. With `--folds`, five folds by artist within `train` instead: that is how to
compare settings without wearing out `valid`. Each training is kept in the second folder and not done twice; `--kept`
writes the page from what is there.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from pathlib import Path

import numpy as np

from earmark.estimators import TrainableModel, family
from earmark.train.augment import Augmentation

SEEDS = range(5)
N_FOLDS = 5
PAGE = Path(__file__).parents[1] / "docs" / "networks.md"
AUGMENT = ("time-shift", "specaugment")
SHIFT = ("time-shift",)  # where the network masks what its image is made of

# label: family, parameters, augmentation
RUNS = {
    "`texture`": ("texture", {}, SHIFT),
    "`short-chunk`": ("short-chunk", {}, SHIFT),
    "`fusion`, late": ("fusion", {}, SHIFT),
    "`fusion`, early": ("fusion", {"when": "early"}, SHIFT),
    "`cnn`, as the demos train it": ("cnn", {"label_smoothing": 0.0, "class_weight": None}, ()),
    "`cnn`": ("cnn", {"mixup": 0.3, "average": 0.99}, AUGMENT),
}


def load(folder: Path) -> dict[str, np.ndarray]:
    rows = {row["id"]: row for row in csv.DictReader((folder / "tracks.csv").open(encoding="utf-8"))}
    with np.load(folder / "logmel_3s.npz") as file:
        tracks = [rows[name] for name in file["id"].astype(str)]
        S_db = (file["S_db_u8"].astype(np.float32) * file["step_db"] + file["offset_db"]).astype(np.float32)
    return {
        "X": S_db,
        "y": np.array([track["genre"] for track in tracks]),
        "split": np.array([track["split"] for track in tracks]),
        "artist": np.array([track["artist"] or track["id"] for track in tracks]),
    }


def parts(data: dict[str, np.ndarray], folds: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows to ask about."""
    train, valid = (np.flatnonzero(data["split"] == name) for name in ("train", "valid"))
    if not folds:
        return [(train, valid)]
    artists = np.unique(data["artist"][train])
    fold = dict(zip(artists, np.random.default_rng(0).permutation(len(artists)) % N_FOLDS, strict=True))
    number = np.array([fold[artist] for artist in data["artist"][train]])
    return [(train[number != k], train[number == k]) for k in range(N_FOLDS)]


def place(label: str, seed: int, folder: Path, folds: bool) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", label.lower())
    return folder / f"{words}{'folds' if folds else 'valid'}-{seed}.json"


def kept(label: str, path: Path) -> dict[str, float] | None:
    """What a training by the same setting left."""
    found = json.loads(path.read_text()) if path.exists() else {}
    name, params, steps = RUNS[label]
    return found["figures"] if found.get("setting") == [name, params, list(steps)] else None


def trained(label: str, seed: int, data: dict[str, np.ndarray], path: Path, folds: bool) -> dict[str, float]:
    name, params, steps = RUNS[label]
    right, began, n = [], time.process_time(), 0
    for train, test in parts(data, folds):
        model: TrainableModel = family(name)(**params, seed=seed)
        augment = Augmentation(steps) if steps else None
        model.fit(data["X"][train], data["y"][train], threads=1, augment=augment)
        answers = model.classes_[model.predict_proba(data["X"][test]).argmax(axis=1)]
        right.append(answers == data["y"][test])
        n += len(test)
    figures = {"accuracy": 100 * float(np.concatenate(right).mean()), "n": n,
               "seconds": (time.process_time() - began) / len(right), "bytes": len(model.to_onnx())}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"setting": [name, params, list(steps)], "figures": figures}))
    return figures


def table(results: dict[str, list[dict[str, float]]]) -> str:
    lines = ["| family | accuracy in % | seeds | CPU time to train | size |", "|---|--:|--:|--:|--:|"]
    for label, figures in results.items():
        values = [figure["accuracy"] for figure in figures]
        lines.append(
            f"| {label} | {np.mean(values):.1f} ± {np.std(values):.1f} | {len(values)} "
            f"| {np.median([f['seconds'] for f in figures]):.0f} s | {figures[0]['bytes'] / 1e6:.1f} MB |"
        )
    return "\n".join(lines)


def main(args: argparse.Namespace) -> None:
    data = load(args.data)
    results: dict[str, list[dict[str, float]]] = {}
    for label in RUNS:
        if args.only and args.only not in label:
            continue
        for seed in range(args.seeds):
            path = place(label, seed, args.runs, args.folds)
            figures = kept(label, path)
            if figures is None and not args.kept:
                figures = trained(label, seed, data, path, args.folds)
            if figures is not None:
                results.setdefault(label, []).append(figures)
                print(label, seed, figures, flush=True)
    print(table(results))
    if not (args.only or args.folds):
        text = PAGE.read_text(encoding="utf-8")
        marked = f"<!-- figures -->\n{table(results)}\n<!-- end -->"
        text = re.sub("<!-- figures -->.*?<!-- end -->", marked, text, flags=re.DOTALL)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--kept", action="store_true", help="train nothing, write what is there")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    main(parser.parse_args())
