"""How well the taste for new tracks is predicted from their sound, on simulated listening.

    earmark scan CLIPS && earmark export embeddings.parquet --embeddings
    pip install implicit
    python benchmarks/cold_start.py embeddings.parquet tracks.csv

`tracks.csv` has the columns id (the name of a clip without its ending), artist, genres, moods and quadrant
(several joined by |), as people gave them. Listeners are simulated from these labels, never from the sound or
from what earmark predicts: nobody listened. docs/cold_start.md says what is simulated, and what follows.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
N_LISTENERS, N_FACTORS, N_FOLDS = 3000, 32, 5
PLAYED = 0.06  # of the tracks, by a listener
N_SHOWN = 50  # listeners to whom a new track is shown first
GENRE, COUNTED = "its predicted genre, by factors", "its predicted genre, by counting"
WARM = "its own plays (not new)"
LAMBDAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Tracks(NamedTuple):
    """What is known of the tracks: labels by people, embeddings and first genres by earmark."""

    artists: list[str]
    labels: Floats  # (n, labels), 0 or 1
    embeddings: Floats  # (n, d), of unit length
    genres: list[str]


def read(embeddings: Path, table: Path) -> Tracks:
    import pyarrow.parquet

    with table.open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    columns = ["path", "embedding", "genres"]
    records = pyarrow.parquet.read_table(embeddings, columns=columns).to_pylist()
    records = [record for record in records if Path(record["path"]).stem in rows]
    known = [rows[Path(record["path"]).stem] for record in records]
    words = [
        {f"{c}:{w}" for c in ("genres", "moods", "quadrant") for w in row[c].split("|") if w} for row in known
    ]
    names = sorted(set().union(*words))
    vectors = np.array([record["embedding"] for record in records])
    return Tracks(
        [row["artist"] for row in known],
        np.array([[name in one for name in names] for one in words], dtype=float),
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        [max(record["genres"], key=lambda pair: pair[1])[0] for record in records],
    )


def simulate(tracks: Tracks, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Who played what [shape=(N_LISTENERS, n)].

    A listener likes a few labels, the more frequent ones more often, and dislikes one or two; a track is as
    popular as chance has it; and half of what decides is taste that no label has (noise).
    """
    n, n_labels = tracks.labels.shape
    frequency = tracks.labels.mean(axis=0)
    taste = np.zeros((N_LISTENERS, n_labels))
    for listener in taste:
        liked = rng.choice(n_labels, size=rng.integers(2, 6), replace=False, p=frequency / frequency.sum())
        listener[liked] = rng.gamma(2.0, 1.0, len(liked))
        listener[rng.choice(n_labels, size=rng.integers(1, 3), replace=False)] -= 1.0
    liking = taste @ tracks.labels.T
    liking /= liking.std()
    liking += rng.normal(0, 1.0, liking.shape) + rng.gumbel(0, 0.5, n)
    least = np.quantile(liking, 1 - PLAYED, axis=1, keepdims=True)
    return liking > least


def factors_of(played: npt.NDArray[np.bool_], seed: int) -> tuple[Floats, Floats]:
    """Factors of listeners and tracks by the alternating least squares of Hu, Koren and Volinsky (2008)."""
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    model = AlternatingLeastSquares(
        factors=N_FACTORS, regularization=0.1, alpha=10.0, iterations=15, random_state=seed, num_threads=1
    )
    model.fit(csr_matrix(played.astype(np.float32)), show_progress=False)
    return np.asarray(model.user_factors, dtype=float), np.asarray(model.item_factors, dtype=float)


def ridge(X: Floats, Y: Floats, strength: float) -> Callable[[Floats], Floats]:
    """Least squares with a penalty, on centred columns; from embeddings to factors."""
    mean_x, mean_y = X.mean(axis=0), Y.mean(axis=0)
    A = (X - mean_x).T @ (X - mean_x) + strength * np.eye(X.shape[1])
    W = np.linalg.solve(A, (X - mean_x).T @ (Y - mean_y))
    return lambda new: (new - mean_x) @ W + mean_y


def best_ridge(X: Floats, Y: Floats, folds: npt.NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """Ridge with the strength that predicts other artists of the training best."""

    def error(strength: float) -> float:
        parts = [(folds == fold) for fold in np.unique(folds)]
        return sum(float(((ridge(X[~p], Y[~p], strength)(X[p]) - Y[p]) ** 2).sum()) for p in parts)

    return ridge(X, Y, min(LAMBDAS, key=error))


def auc(scores: Floats, played: npt.NDArray[np.bool_]) -> float:
    """Chance that one who played the track has a higher score than one who did not; ties count half."""
    from scipy.stats import rankdata

    ranks, n = rankdata(scores), int(played.sum())
    return float((ranks[played].sum() - n * (n + 1) / 2) / (n * (len(played) - n)))


def folds_of(artists: list[str], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    names = rng.permutation(sorted(set(artists)))
    fold = {name: i % n for i, name in enumerate(names)}
    return np.array([fold[artist] for artist in artists])


def measure(tracks: Tracks, seed: int) -> dict[str, Floats]:
    """AUC and precision of each track while it is new, by what is known of it [shape=(n, 2)]."""
    rng = np.random.default_rng(seed)
    played = simulate(tracks, rng)
    folds = folds_of(tracks.artists, N_FOLDS, rng)
    names = sorted(set(tracks.genres))
    inputs = {
        "its sound (embedding)": tracks.embeddings,
        GENRE: np.array([[g == name for name in names] for g in tracks.genres], dtype=float),
        "its true labels": tracks.labels,
    }
    methods = ["chance", COUNTED, *inputs, WARM]
    found = {name: np.full((len(folds), 2), np.nan) for name in methods}
    listeners_all, items_all = factors_of(played, seed)
    for fold in range(N_FOLDS):
        new = np.flatnonzero(folds == fold)
        old = np.flatnonzero(folds != fold)
        listeners, items = factors_of(played[:, old], seed)
        inner = folds_of([tracks.artists[i] for i in old], 4, rng)
        scores: dict[str, Floats] = {
            "chance": rng.random((len(listeners), len(new))),
            # A listener's plays of each genre; how popular a new track will be is not known.
            COUNTED: (played[:, old] @ inputs[GENRE][old]) @ inputs[GENRE][new].T,
            WARM: listeners_all @ items_all[new].T,
        }
        for name, X in inputs.items():
            scores[name] = listeners @ best_ridge(X[old], items, inner)(X[new]).T
        for name, of_method in scores.items():
            for column, track in enumerate(new):
                truth = played[:, track]
                if truth.any():
                    first = np.argsort(-of_method[:, column], kind="stable")[:N_SHOWN]
                    found[name][track] = auc(of_method[:, column], truth), truth[first].mean()
    return found


def interval(values: Floats, artists: list[str], rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean with a 95 % interval that resamples artists."""
    names = sorted(set(artists))
    groups = {name: [] for name in names}  # type: dict[str, list[float]]
    for artist, value in zip(artists, values.tolist(), strict=True):
        groups[artist].append(value)
    sums = np.array([[sum(groups[name]), len(groups[name])] for name in names])
    drawn = sums[rng.integers(0, len(names), (2000, len(names)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def report(tracks: Tracks, found: Mapping[str, Any]) -> None:
    rng = np.random.default_rng(0)
    n = len(tracks.artists)
    print(f"{n} tracks, {len(set(tracks.artists))} artists, {N_LISTENERS:,} simulated listeners\n")
    print(f"{'a new track is judged by':32}  AUC                     of {N_SHOWN} shown, play it")
    for name, values in found.items():
        keep = ~np.isnan(values[:, 0])
        artists = [artist for artist, kept in zip(tracks.artists, keep, strict=True) if kept]
        texts = []
        for column, scale, digits in ((0, 1, 3), (1, 100, 0)):
            mean, low, high = (scale * x for x in interval(values[keep, column], artists, rng))
            texts.append(f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        print(f"{name:32}  {texts[0]:24}{texts[1]} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embeddings", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="simulations, whose metrics are averaged")
    wanted = parser.parse_args()
    tracks = read(wanted.embeddings, wanted.tracks)
    runs = [measure(tracks, seed) for seed in range(wanted.seeds)]
    report(tracks, {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]})


if __name__ == "__main__":
    main()
