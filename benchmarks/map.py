"""The map of a library: how many neighbours it keeps, by principal components and by t-SNE, and its time.

    python benchmarks/map.py LIBRARY [--tracks 12000]

Prints, for the tracks of a library, the trustworthiness of the 10 nearest (Venna and Kaski 2001, as
scikit-learn has it) and the fraction of the 10 nearest by sound that are among the 10 nearest on the map;
then the time, on the clock and of the processors, for so many tracks, made of those of the library by drawing
with replacement and adding noise that is as large as the distance to the nearest neighbour.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.manifold import trustworthiness

from earmark.library import Library, embeddings
from earmark.library.embeddings import unit
from earmark.library.layout import PCA, TSNE, place
from earmark.library.stats import principal

K = 10


def kept(vectors: np.ndarray, points: np.ndarray) -> float:
    """Fraction of the K nearest by cosine that are among the K nearest on the map."""
    by_sound = nearest(-vectors @ vectors.T)
    by_place = nearest(np.linalg.norm(points[:, None] - points[None], axis=2))
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(by_sound, by_place, strict=True)]))


def nearest(distances: np.ndarray) -> np.ndarray:
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, K, axis=1)[:, :K]


def enlarged(vectors: np.ndarray, n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    step = float(np.median(np.sqrt(np.maximum(2 - 2 * similarity.max(axis=1), 0))))
    drawn = vectors[rng.integers(0, len(vectors), n)]
    noise = rng.standard_normal(drawn.shape)
    return unit(drawn + step * noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float64)


def timed(vectors: np.ndarray, method: str, jobs: int) -> tuple[np.ndarray, str, str]:
    began, used = time.perf_counter(), time.process_time()
    points, name = place(vectors, jobs=jobs, method=None if method == TSNE else method)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return points, name, f"{wall:.1f} s, {cpu:.1f} s of processor"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", type=Path)
    parser.add_argument("--tracks", type=int, default=12_000)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    with Library(chosen.library, create=False, read_only=True) as library:
        vectors = np.asarray(embeddings(library).vectors, np.float64)
    print(f"{len(vectors)} tracks; two axes show {principal(vectors)[1]:.0%} of the variance")
    for method in (PCA, TSNE):
        points, used, seconds = timed(vectors, method, chosen.jobs)
        trust = trustworthiness(vectors, points, n_neighbors=K, metric="cosine")
        print(f"{used:6} trustworthiness {trust:.3f}  neighbours kept {kept(vectors, points):.0%}  {seconds}")
    many = enlarged(vectors, chosen.tracks)
    for method in (PCA, TSNE):
        _, used, seconds = timed(many, method, chosen.jobs)
        print(f"{used:6} {chosen.tracks} tracks: {seconds}")


if __name__ == "__main__":
    main()
