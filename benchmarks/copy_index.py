"""How fast, how large and how complete the index of copies is among many recordings.

    python benchmarks/copy_index.py DATA [--recordings 100000] [--seconds 240] [--rate 64] [--tracks 40]

DATA is any labelled data set. Landmarks of so many of its tracks, no two by one artist, are the model of all
others: a simulated recording draws its landmarks, as many for each second, from those of one of them and of
all, so that frequent hashes are as frequent as in music. The real tracks themselves lie among the simulated
ones. A copy of each, of every kind of `near_copies.py`, is then looked up. Recall is the fraction of those
copies that comparing the pair itself reports (the exhaustive search) which are among the candidates.

Printed are times of a query, and the ratio to comparing the copy with every recording.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from near_copies import BEYOND, LEAST_SECONDS, PROMISED, SR, drawn, printed

from earmark.audio import load
from earmark.duplicates import CopyIndex, compare
from earmark.features.fingerprint import FRAMES_PER_SECOND, Fingerprint

OWN = 0.5  # of the landmarks of a simulated recording: those of one real track


def kept_by(index: CopyIndex, one: Fingerprint, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Hashes and pitches of landmarks as those of a real track, of which the index keeps some.

    The pitch of the first peak is drawn from all of the track's, interval and time together as well.
    """
    first, second = rng.integers(0, len(one), n), rng.integers(0, len(one), n)
    hashes = (one.hashes[first] & ~((1 << 14) - 1)) | (one.hashes[second] & ((1 << 14) - 1))
    kept = index._sampled(hashes)
    return hashes[kept], one.pitches[first][kept]


def simulate(index: CopyIndex, models: list[Fingerprint], n: int, seconds: float) -> None:
    """Add recordings; only landmarks that the index keeps are drawn at all."""
    rng = np.random.default_rng(0)
    pools = [kept_by(index, one, rng, 500_000) for one in models]
    every = [np.concatenate(column) for column in zip(*pools, strict=True)]
    n_frames = round(seconds * FRAMES_PER_SECOND)
    for _ in range(n):
        which = int(rng.integers(len(models)))
        density = len(models[which]) / models[which].n_frames
        count = rng.poisson(density * n_frames * len(pools[which][0]) / 500_000)
        own = rng.integers(0, len(pools[which][0]), int(OWN * count))
        other = rng.integers(0, len(every[0]), count - len(own))
        hashes, pitches = (
            np.concatenate([a[own], b[other]]) for a, b in zip(pools[which], every, strict=True)
        )
        times = rng.integers(0, n_frames, count).astype(np.int32)
        order = np.argsort(hashes, kind="stable")
        number = index.add(Fingerprint(hashes[order], times[order], pitches[order], n_frames))
        index._densities[number] = density  # of all landmarks, not of those that were drawn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--rate", type=int, default=64)
    parser.add_argument("--tracks", type=int, default=40)
    wanted = parser.parse_args()
    sounds = [load(path).y for path in drawn(wanted.data, wanted.tracks, 0)]
    sounds = [y for y in sounds if len(y) >= LEAST_SECONDS * SR]
    originals = [printed(y) for y in sounds]
    index = CopyIndex(rate=wanted.rate)
    numbers = [index.add(one) for one in originals]
    start = time.perf_counter()
    simulate(index, originals, wanted.recordings, wanted.seconds)
    index.candidates(originals[0])  # sorts what was added
    size = 14 * index.n_landmarks
    print(f"{len(index):,} recordings of {wanted.seconds:.0f} s, one landmark in {wanted.rate} indexed:")
    print(
        f"{index.n_landmarks:,} landmarks, {size / 1e6:.0f} MB; made in {time.perf_counter() - start:.0f} s"
    )
    every: list[float] = []
    for name, change in (PROMISED | BEYOND).items():
        times, pairs, n_right, n_known = [], [], 0, 0
        for number, original, y in zip(numbers, originals, sounds, strict=True):
            copy = printed(change(y))
            start = time.perf_counter()
            known = compare(original, copy) is not None
            pairs.append(time.perf_counter() - start)
            start = time.perf_counter()
            found = index.candidates(copy)
            times.append(time.perf_counter() - start)
            n_known += known
            n_right += known and number in found
        every += times
        ratio = statistics.median(pairs) * len(index) / statistics.median(times)
        print(
            f"{name:26} recall {n_right} of {n_known}; query {1000 * statistics.median(times):.0f} ms, "
            f"{ratio:,.0f} times as fast as comparing with each",
            flush=True,
        )
    whole = Fingerprint(*_song(originals, wanted.seconds))
    start = time.perf_counter()
    index.candidates(whole)
    print(f"query of a song of {wanted.seconds:.0f} s: {1000 * (time.perf_counter() - start):.0f} ms")
    print(f"95 % of the queries of excerpts: under {1000 * float(np.quantile(every, 0.95)):.0f} ms")


def _song(originals: list[Fingerprint], seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Landmarks of a song as long as the simulated ones, out of real ones one after the other."""
    n_frames, pieces, start = round(seconds * FRAMES_PER_SECOND), [], 0
    for one in originals * 100:
        if start >= n_frames:
            break
        pieces.append((one.hashes, one.times + start, one.pitches))
        start += one.n_frames
    hashes, times, pitches = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(hashes, kind="stable")
    return hashes[order], times[order].astype(np.int32), pitches[order], start


if __name__ == "__main__":
    main()
