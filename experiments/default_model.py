"""Which family should `earmark train` use where none is named? Measured on somebody's own small collection.

The collection is free music with its makers' own labels, none of which any stage of `earmark-lite` was trained
on; its embedding is measured, for `earmark-base` was trained on them. Single-label clips of the genres with at
least eight pieces are used, without the pieces that are in `free_music` too.
Each family is trained with its defaults on about 40 and 100 clips (five draws, tested on all other pieces), and on
all clips in five folds. No piece is in training and test. One composer made most of the pieces, so
the accuracy is given for each artist as well, and as the mean over the artists.

    python experiments/default_model.py ../shared/data/free_labelled --output runs/default_model

Predictions go to `predictions.jsonl`, from which an interrupted run continues; the table goes to stdout.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from earmark.data import Manifest, Split, Track, split
from earmark.estimators import build
from earmark.evaluate import bootstrap
from earmark.train import FeatureCache
from earmark.train.dataset import Features, prepare
from earmark.train.plan import recipe_of
from earmark.train.scores import score_part
from earmark.train.settings import limited_threads

MODELS = ("embedding", "logistic", "texture")
PARAMS = {"embedding": {"bundle": "earmark-lite"}}
MIN_PIECES = 8  # of a genre
SIZES = {40: 5, 100: 5}  # clips to train on: number of draws
FOLDS, FOLD_DRAWS = 5, 1


def collection(folder: Path) -> tuple[Manifest, dict[str, str]]:
    """Tracks grouped by piece, and the artist of each."""
    with open(folder / "tracks.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["in_free_music"] == "0"]
    rows = [row for row in rows if row["genre"] and "|" not in row["genre"]]
    pieces = Counter(genre for genre, _ in {(row["genre"], row["piece"]) for row in rows})
    rows = [row for row in rows if pieces[row["genre"]] >= MIN_PIECES]
    tracks = [
        Track(row["id"], str(folder / row["path"]), (row["genre"],), group=row["piece"]) for row in rows
    ]
    classes = tuple(sorted({row["genre"] for row in rows}))
    return Manifest(tuple(tracks), classes=classes), {row["id"]: row["artist"] for row in rows}


def draws(manifest: Manifest) -> Iterator[tuple[str, int, Split]]:
    """Name of the size, seed and split of every training."""
    for n, n_draws in SIZES.items():
        for seed in range(n_draws):
            yield str(n), seed, split(manifest, test=1 - n / len(manifest), valid=0.0, seed=seed)
    for seed in range(FOLD_DRAWS):
        for fold in split(manifest, folds=FOLDS, valid=0.0, seed=seed):
            yield "all", seed, fold


def predictions(features: dict[str, Features], model: str, part: Split, seed: int) -> dict[str, Any]:
    """Train on one split and score its test part."""
    estimate = build(model, PARAMS.get(model), seed=seed).trained_part()
    data = features[model]
    pairs = part.windows(data.n_windows)
    train = data.part(pairs["train"])
    start = time.perf_counter()
    estimate.fit(
        train.X, train.y, classes=data.manifest.classes, groups=train.groups, sample_weight=train.weights
    )
    seconds = time.perf_counter() - start
    found = score_part(estimate.predict_proba, data.part(pairs["test"]), data.manifest)
    assert found is not None
    tested = np.unique(pairs["test"][:, 0])
    guesses = found.by_track.scores.argmax(axis=1)
    return {
        "n_train": len(np.unique(pairs["train"][:, 0])),
        "seconds": round(seconds, 2),
        "guesses": {
            data.manifest.tracks[place].id: data.manifest.classes[guess]
            for place, guess in zip(tested.tolist(), guesses.tolist(), strict=True)
        },
    }


def measure(manifest: Manifest, folder: Path, cache: Path | None) -> list[dict[str, Any]]:
    """Every training that is not in the file yet, and then all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "predictions.jsonl"
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(row["model"], row["size"], row["digest"]) for row in done}
    features = {}
    for name in MODELS:
        model = build(name, PARAMS.get(name))
        kept = FeatureCache(cache)
        features[name] = prepare(manifest, recipe_of(model), cache=kept, model=model.frozen(), jobs=1)
    with limited_threads(1), path.open("a") as file:
        for model in MODELS:
            for size, seed, part in draws(manifest):
                if (model, size, part.digest) not in known:
                    row = {"model": model, "size": size, "seed": seed, "digest": part.digest}
                    row |= predictions(features, model, part, seed)
                    file.write(json.dumps(row) + "\n")
                    file.flush()
                    done.append(row)
    return done


def pooled(rows: list[dict[str, Any]], model: str, size: str) -> dict[tuple[int, str], str]:
    """Guess for each clip of each draw."""
    chosen = [row for row in rows if row["model"] == model and row["size"] == size]
    return {(row["seed"], clip): guess for row in chosen for clip, guess in row["guesses"].items()}


def table(rows: list[dict[str, Any]], manifest: Manifest, artists: dict[str, str]) -> Iterator[str]:
    """Lines of Markdown: accuracy in %, with 95 % intervals that resample pieces."""
    label = {track.id: track.labels[0] for track in manifest.tracks}
    piece = {track.id: track.group for track in manifest.tracks}
    names = [name for name, _ in Counter(artists.values()).most_common()]
    yield "| trained on | model | accuracy | balanced | mean of artists | " + " | ".join(names) + " | fit |"
    yield "|--:|---|--:|--:|--:|" + "--:|" * (len(names) + 1)
    for size in dict.fromkeys(row["size"] for row in rows):
        cells = sorted(pooled(rows, MODELS[0], size))
        clips = [clip for _, clip in cells]
        truth = np.array([label[clip] for clip in clips])
        maker = np.array([artists[clip] for clip in clips])
        groups = [piece[clip] for clip in clips]
        right = {
            model: np.array([pooled(rows, model, size)[cell] for cell in cells]) == truth for model in MODELS
        }
        for model in MODELS:
            here = [row for row in rows if row["model"] == model and row["size"] == size]
            n_train = round(float(np.mean([row["n_train"] for row in here])))
            figures = [
                _cell(right[model], kinds, groups)
                for kinds in (None, truth, maker, *(np.where(maker == name, "x", "") for name in names))
            ]
            fit = f"{np.median([row['seconds'] for row in here]):.2f} s"
            yield f"| {n_train} | `{model}` | {' | '.join(figures)} | {fit} |"
        for model in MODELS[1:]:
            gap = right[MODELS[0]].astype(float) - right[model]
            yield f"| | `{MODELS[0]}` - `{model}` | {_cell(gap, None, groups)} | {_cell(gap, truth, groups)} | | "
        digests = [row["digest"] for row in rows if row["size"] == size and row["model"] == MODELS[0]]
        yield f"| | {len(cells)} test results of {len(set(clips))} clips, {len(set(groups))} pieces | " + (
            f"first split `{digests[0]}` |"
        )


def _cell(values: np.ndarray, kinds: np.ndarray | None, groups: list[str]) -> str:
    """Mean (over all, or over the kinds of it) and its interval; "" is no kind."""
    masks = (
        [np.ones(len(values))]
        if kinds is None
        else [(kinds == kind).astype(float) for kind in sorted({*kinds.tolist()} - {""})]
    )

    def mean(weights: np.ndarray) -> float:
        sums = [(weights * mask).sum() for mask in masks]
        found = [(weights * mask * values).sum() / n for mask, n in zip(masks, sums, strict=True) if n]
        return float(np.mean(found)) if found else float("nan")

    (interval,) = bootstrap(mean, groups)
    low, high = interval.low, interval.high
    return f"{100 * mean(np.ones(len(values))):.0f} ({100 * low:.0f} to {100 * high:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="The collection: tracks.csv and clips/.")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/default_model"))
    parser.add_argument("--cache", type=Path, help="Where features are kept between runs.")
    options = parser.parse_args()
    manifest, artists = collection(options.folder)
    counts = ", ".join(f"{label} {n}" for label, n in manifest.counts().items())
    print(f"{len(manifest)} clips, {len(set(manifest.groups))} pieces: {counts}; digest {manifest.digest}\n")
    print(*table(measure(manifest, options.output, options.cache), manifest, artists), sep="\n")


if __name__ == "__main__":
    main()
