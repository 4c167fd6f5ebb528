"""How many copies `earmark check` finds, and how many of those that it reports are copies.

    python benchmarks/near_copies.py DATA [--tracks 100] [--seed 0]

DATA is any labelled data set with artists. So many of its tracks are drawn, no two by one artist, and of each
a copy of every kind is made. Originals and copies of one kind are then searched together. A reported pair is
right if it is a track and its own copy; recall is the fraction of the copies that are reported. Pairs among
the originals themselves are reported apart: they are by different artists, so each is a false alarm, unless
the data set holds a copy that nobody knew of.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import sounds
from earmark.audio import Clip, load
from earmark.check import Fingerprint, find_copies, fingerprint
from earmark.data import read_manifest

SR = 22050
LEAST_SECONDS = 19  # so that 15 s less is enough to be found
Sound = np.ndarray


def mp3(y: Sound, bitrate: int) -> Sound:
    return load(sounds.encode(y, SR, "mp3", bitrate=bitrate)).y


def speed(y: Sound, factor: float) -> Sound:
    return soxr.resample(y, SR * factor, SR).astype(np.float32)


def noisy(y: Sound, snr_db: float) -> Sound:
    own = int(1e6 * float(np.abs(y).sum()))  # the same noise in two copies would be a recording in common
    noise = np.random.default_rng(own).standard_normal(len(y)).astype(np.float32)
    return y + noise * (y.std() / noise.std() * 10 ** (-snr_db / 20)).astype(np.float32)


def filtered(y: Sound) -> Sound:
    """Through a telephone: nothing below 300 and above 3,400 Hz."""
    spectrum = np.fft.rfft(y)
    hz = np.fft.rfftfreq(len(y), 1 / SR)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    return np.fft.irfft(spectrum, len(y)).astype(np.float32)


PROMISED: dict[str, Callable[[Sound], Sound]] = {
    "MP3, 64 kbit/s": lambda y: mp3(y, 64_000),
    "12 dB quieter": lambda y: y * np.float32(0.25),
    "begins 5 s later": lambda y: y[5 * SR :],
    "2 % faster": lambda y: speed(y, 1.02),
    "2 % slower": lambda y: speed(y, 1 / 1.02),
    "all four at once": lambda y: mp3(speed(y, 1.02)[5 * SR :] * np.float32(0.25), 64_000),
}
BEYOND: dict[str, Callable[[Sound], Sound]] = {
    "MP3, 24 kbit/s": lambda y: mp3(y, 24_000),
    "begins 15 s later": lambda y: y[15 * SR :],
    "5 s out of the middle": lambda y: y[10 * SR : 15 * SR],
    "4 % faster": lambda y: speed(y, 1.04),
    "7 % faster": lambda y: speed(y, 1.07),
    "white noise, 10 dB below": lambda y: noisy(y, 10),
    "white noise as loud": lambda y: noisy(y, 0),
    "telephone band": filtered,
}


def drawn(data: str, n: int, seed: int) -> list[str]:
    """Paths of tracks, no two of one group."""
    manifest = read_manifest(data)
    tracks = list(manifest.tracks)
    random.Random(seed).shuffle(tracks)
    by_group = {track.group or track.id: track.path for track in tracks}
    return sorted(by_group.values())[:: max(1, len(by_group) // n)][:n]


def printed(y: Sound) -> Fingerprint:
    return fingerprint(Clip(np.ascontiguousarray(y, dtype=np.float32), SR))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--tracks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    heard = {path: load(path).y for path in drawn(wanted.data, wanted.tracks, wanted.seed)}
    heard = {path: y for path, y in heard.items() if len(y) >= LEAST_SECONDS * SR}
    paths, clips = list(heard), list(heard.values())
    start = time.perf_counter()
    originals = [printed(y) for y in clips]
    seconds = sum(map(len, clips)) / SR
    pace = seconds / (time.perf_counter() - start)
    start = time.perf_counter()
    alarms = find_copies(originals)
    n = len(paths)
    print(f"{n} tracks, {seconds / n:.0f} s each, by {n} artists; fingerprints at {pace:.0f} x real time,")
    print(f"{n * (n - 1) // 2} pairs compared in {time.perf_counter() - start:.2f} s: {len(alarms)} reported")
    for copy in alarms:
        print(f"  {Path(paths[copy.a]).name} {Path(paths[copy.b]).name}: {copy.coverage:.2f}")
    known = {(copy.a, copy.b) for copy in alarms}
    for name, change in (PROMISED | BEYOND).items():
        found = find_copies(originals + [printed(change(y)) for y in clips])
        pairs = {(copy.a % n, copy.b % n): copy for copy in found if copy.a < n <= copy.b}
        right = [copy for (a, b), copy in pairs.items() if a == b]
        wrong = [pair for pair in pairs if pair[0] != pair[1] and tuple(sorted(pair)) not in known]
        wrong += [(copy.a, copy.b) for copy in found if copy.a >= n and (copy.a - n, copy.b - n) not in known]
        recall, precision = len(right) / n, len(right) / max(1, len(right) + len(wrong))
        least = min((copy.coverage for copy in right), default=0)
        print(f"{name:26} recall {recall:6.1%}  precision {precision:6.1%}  least coverage {least:.2f}")


if __name__ == "__main__":
    main()
