"""How good and how fast `earmark.library.similar` is, and what was tried against it.

    python benchmarks/similar.py COLLECTION... [--cache DIR] [--no-speed]

A collection is a folder with ``tracks.csv`` (path, artist, genre or genres, joined by |). Printed are:

* the fraction of the ten nearest by other artists that share a genre, against pymusly's timbre method and
  chance, with 95 % intervals (bootstrap over tracks);
* what the usual remedies against hubness do to it, and to the skewness of how often each track is among the
  ten nearest of others;
* several seeds as their mean or by the nearest, and `less_like`;
* ways from track to track: the longest step of `song_path` and of two other methods;
* the time of a query over 100,000 and 1,000,000 simulated tracks, best of several, wall clock and processor.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earmark import list_models, load_model
from earmark.audio import load
from earmark.library import Item, Library, Tags, analyse, embeddings, similar
from earmark.library.embeddings import unit
from earmark.library.song_path import _distance, _evenest

K = 10
SIZE = next(info.card.embedding_size for info in list_models() if info.name == "earmark-base" and info.card)
LIMITS_MS = {100_000: 20.0, 1_000_000: 150.0}


class Collection(NamedTuple):
    """Tracks with labels: unit vectors [shape=(n, d)], genres, artists, paths."""

    name: str
    vectors: np.ndarray
    genres: list[set[str]]
    artists: np.ndarray
    paths: list[str]

    @property
    def share(self) -> np.ndarray:
        """Which pairs share a genre [shape=(n, n)]."""
        return np.array([[bool(a & b) for b in self.genres] for a in self.genres])

    @property
    def other(self) -> np.ndarray:
        """Which pairs are by different artists [shape=(n, n)]."""
        return self.artists[:, None] != self.artists[None]


def collection(folder: Path, cache: Path) -> Collection:
    """Analyse a collection into a catalogue of its own, or take what is there."""
    model = load_model("earmark-base")
    found = []
    with Library(cache / f"{folder.name}.sqlite") as library, (folder / "tracks.csv").open() as file:
        for i, track in enumerate(csv.DictReader(file)):
            name = track.get("path") or track.get("audio")
            genres = set(filter(None, (track.get("genre") or track.get("genres") or "").split("|")))
            if not name or not genres:
                continue
            path = str(folder / name)
            row = library.find(path)
            if row is None:
                row = analyse(Item(path, tags=Tags(artist=track.get("artist") or "")), model)
                library.put(row)
            if row.embedding is not None:
                found.append((row.embedding, genres, track.get("artist") or f"track {i}", path))
    vectors, genres, artists, paths = zip(*found, strict=True)
    return Collection(folder.name, unit(np.array(vectors)), list(genres), np.array(artists), list(paths))


# ---------------------------------------------------------------- genre of the nearest


def shared(scores: np.ndarray, tracks: Collection) -> tuple[np.ndarray, float]:
    """Fraction of the nearest of each that share a genre [shape=(n,)], and the skewness of occurrence."""
    nearest = np.argsort(-np.where(tracks.other, scores, -np.inf), axis=1, kind="stable")[:, :K]
    occurs = np.bincount(nearest.ravel(), minlength=len(scores))
    skewness = ((occurs - occurs.mean()) ** 3).mean() / occurs.std() ** 3
    return np.take_along_axis(tracks.share, nearest, axis=1).mean(axis=1), float(skewness)


def interval(values: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(2000)]
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * values.mean():5.1f} [{100 * low:.1f} to {100 * high:.1f}]"


def musly(tracks: Collection) -> np.ndarray | None:
    """Similarities by pymusly's timbre method [shape=(n, n)]; None where it is not installed."""
    try:
        import pymusly
    except ImportError:
        return None
    jukebox = pymusly.MuslyJukebox("timbre", "none")
    models = [jukebox.track_from_audiodata(load(path, sr=22050).y) for path in tracks.paths]
    jukebox.set_style(models)
    pairs = list(zip(jukebox.add_tracks(models), models, strict=True))
    return -np.array([jukebox.compute_similarity(pair, pairs) for pair in pairs], dtype=float)


def remedies(tracks: Collection) -> Iterator[tuple[str, np.ndarray]]:
    """What is done against hubs, all pairs: similarities [shape=(n, n)]."""
    s = (tracks.vectors @ tracks.vectors.T).astype(float)
    yield "cosine", s
    centred = unit(tracks.vectors - tracks.vectors.mean(axis=0))
    yield "centring", centred @ centred.T
    z = (s - s.mean(axis=1, keepdims=True)) / s.std(axis=1, keepdims=True)
    logistic = 1 / (1 + np.exp(-1.702 * z))  # the normal distribution to 0.01
    yield "mutual proximity, Gaussian", logistic * logistic.T
    ranks = np.argsort(np.argsort(s, axis=1), axis=1)
    yield "mutual proximity, empirical", ranks * ranks.T
    d = np.sqrt(np.maximum(2 - 2 * s, 0))
    near = np.sort(d, axis=1)[:, 1 : K + 1].mean(axis=1)
    yield f"local scaling (NICDM), k={K}", -d / np.sqrt(near[:, None] * near[None])
    high = -np.sort(-s, axis=1)[:, 1 : K + 1].mean(axis=1)
    yield f"CSLS, k={K}", 2 * s - high[:, None] - high[None]


def report_nearest(tracks: Collection) -> None:
    n = len(tracks.vectors)
    chance = tracks.share[tracks.other].mean()
    print(f"\n{tracks.name}: {n} tracks; share a genre among the ten nearest, other artists only, %")
    ours, _ = shared(tracks.vectors @ tracks.vectors.T, tracks)
    theirs = musly(tracks)
    print(f"  {'earmark':30} {interval(ours)}")
    if theirs is not None:
        peer, skewness = shared(theirs, tracks)
        print(f"  {'pymusly, timbre':30} {interval(peer)}  difference {interval(ours - peer)}")
        print(f"  {'':30} skewness of occurrence {skewness:.2f}")
    print(f"  {'chance':30} {100 * chance:5.1f}")
    for name, scores in remedies(tracks):
        fraction, skewness = shared(scores, tracks)
        print(f"  {name:30} {interval(fraction)}  to cosine {interval(fraction - ours)}  skew {skewness:.2f}")


# ---------------------------------------------------------------- several seeds, less like


def report_seeds(tracks: Collection, *, n_tries: int = 1500) -> None:
    rng = np.random.default_rng(1)
    V, labels = tracks.vectors, sorted(set().union(*tracks.genres))
    of = {label: np.array([label in genres for genres in tracks.genres]) for label in labels}
    kinds: dict[str, list[float]] = {"mean of three": [], "nearest of three": []}
    less: dict[float, list[tuple[float, float]]] = {weight: [] for weight in (0, 0.25, 0.5, 0.75, 1, 1.5)}
    for _ in range(n_tries):
        a, b = rng.choice(labels, 2, replace=False)
        pool, unwanted = np.flatnonzero(of[a] & ~of[b]), np.flatnonzero(of[b] & ~of[a])
        if min(len(pool), len(unwanted)) < K + 4:
            continue
        seeds, away = rng.choice(pool, 3, replace=False), rng.choice(unwanted)
        allowed = ~np.isin(tracks.artists, tracks.artists[[*seeds, away]])

        def top(scores: np.ndarray, allowed: np.ndarray = allowed) -> np.ndarray:
            return np.argsort(-np.where(allowed, scores, -np.inf))[:K]

        kinds["mean of three"].append(of[a][top(V @ unit(V[seeds].mean(axis=0)))].mean())
        kinds["nearest of three"].append(of[a][top((V @ V[seeds].T).max(axis=1))].mean())
        for weight, found in less.items():
            nearest = top(V @ V[seeds[0]] - weight * np.maximum(V @ V[away], 0))
            found.append((of[a][nearest].mean(), of[b][nearest].mean()))
    print(f"\n{tracks.name}: {len(kinds['mean of three'])} draws; genre of the seeds among the ten, %")
    for name, values in kinds.items():
        print(f"  {name:30} {interval(np.array(values))}")
    for weight, found in less.items():
        own, other = 100 * np.mean(found, axis=0)
        print(f"  less like, weight {weight:<4}: the seed's genre {own:5.1f}, the unwanted {other:5.1f}")


# ---------------------------------------------------------------- ways


def report_ways(tracks: Collection, *, n_pairs: int = 300, length: int = 8) -> None:
    rng = np.random.default_rng(0)
    V, d = tracks.vectors, _distance(tracks.vectors @ tracks.vectors.T)
    found: dict[str, list[tuple[float, float, int]]] = {}
    for _ in range(n_pairs):
        a, b = rng.choice(len(V), 2, replace=False)
        between = [i for i in np.argsort(d[a] / (d[a] + d[b] + 1e-9)) if i not in (a, b)]
        order = np.array([a, *between, b])
        ways = {
            f"even steps, power {p}": order[_evenest(d[np.ix_(order, order)] ** p, length)] for p in (1, 2, 4)
        }
        ways["points on the great circle"] = great_circle(V, a, b, length)
        for name, way in ways.items():
            steps = d[way[:-1], way[1:]]
            found.setdefault(name, []).append((steps.max(), steps.mean(), len(set(way.tolist()))))
    print(f"\n{tracks.name}: {n_pairs} ways of {length} tracks; longest and mean step, tracks that differ")
    for name, values in found.items():
        print(f"  {name:30} {np.round(np.mean(values, axis=0), 3)}")


def great_circle(V: np.ndarray, a: int, b: int, length: int) -> np.ndarray:
    angle = np.arccos(np.clip(V[a] @ V[b], -1, 1))
    way, left = [a], np.ones(len(V), dtype=bool)
    left[[a, b]] = False
    for t in np.linspace(0, 1, length)[1:-1]:
        point = (np.sin((1 - t) * angle) * V[a] + np.sin(t * angle) * V[b]) / np.sin(angle)
        way.append(int(np.where(left, V @ point, -np.inf).argmax()))
        left[way[-1]] = False
    return np.array([*way, b])


# ---------------------------------------------------------------- speed


def simulated(path: Path, n: int) -> Library:
    """A catalogue of n tracks with random embeddings in clusters, as `Library.put` would have made it."""
    from earmark.library import FileState, ModelInfo, Row
    from earmark.predict import ModelId, Prediction, Score

    model = ModelInfo("simulated", "", "", "simulated", {"genres": ("rock",)}, SIZE)
    prediction = Prediction(
        "/0", 180.0, ModelId("simulated", ""), "music", (Score("rock", 1.0),), (), None, 120.0, "A minor", ()
    )
    library = Library(path)
    row = Row(
        Item("/music/0.mp3"),
        FileState(1, 1, 1),
        model=model,
        prediction=prediction,
        embedding=np.ones(SIZE, np.float32),
    )
    first = library.put(row)
    columns = [
        column[1]
        for column in library.query("PRAGMA table_info(tracks)")
        if column[1] not in ("id", "name", "embedding")
    ]
    sql = f"""INSERT INTO tracks (name, embedding, {", ".join(columns)})
        SELECT ?, ?, {", ".join(columns)} FROM tracks WHERE id = {first}"""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((200, SIZE), dtype=np.float32)
    with library.transaction():
        for start in range(1, n, 20_000):
            names = range(start, min(n, start + 20_000))
            vectors = centres[rng.integers(0, 200, len(names))] + rng.standard_normal(
                (len(names), SIZE), dtype=np.float32
            )
            packed = vectors.astype("<f2")
            library.db.executemany(
                sql, ((f"{i}.mp3".encode(), v.tobytes()) for i, v in zip(names, packed, strict=True))
            )
    return library


def report_speed(n: int, *, repeats: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder, simulated(Path(folder) / "library.sqlite", n) as library:
        began = time.perf_counter()
        embeddings(library)
        made = time.perf_counter() - began
        began = time.perf_counter()
        vectors = embeddings(library)
        opened = time.perf_counter() - began
        wall, processor = [], []
        for i in range(repeats):
            start, start_cpu = time.perf_counter(), time.process_time()
            found = similar(library, [int(vectors.ids[i * 1000])], n=K, vectors=vectors)
            wall.append(time.perf_counter() - start)
            processor.append(time.process_time() - start_cpu)
        assert len(found) == K
        products = best(lambda: vectors.products(np.array(vectors.vectors[5])), repeats)
        limit = LIMITS_MS.get(n, float("inf"))
        print(f"\n{n:,} tracks of {SIZE} dimensions: made in {made:.1f} s, opened in {1000 * opened:.0f} ms")
        print(
            f"  query, best of {repeats}: {1000 * min(wall):.1f} ms, processor {1000 * min(processor):.1f} ms"
        )
        print(f"  of it the product over all: {1000 * products:.1f} ms")
        met = "met" if 1000 * min(wall) < limit else "MISSED"
        print(f"  goal {limit:.0f} ms: {met} (load {os.getloadavg()[0]:.1f})")


def best(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collections", nargs="*", type=Path)
    parser.add_argument("--cache", type=Path, help="folder for catalogues, so that a second run is quick")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for folder in options.collections:
            tracks = collection(folder, options.cache or Path(temporary))
            report_nearest(tracks)
            report_seeds(tracks)
            report_ways(tracks)
    if not options.no_speed:
        for n in LIMITS_MS:
            report_speed(n)


if __name__ == "__main__":
    main()
