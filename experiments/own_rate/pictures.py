"""Log-mels for `steady.py`: every labelled clip as it is and spoilt twice, by both front ends, in steps of 2/3 dB.

    python pictures.py ../../../shared RUNS

The reserved fold and GTZAN's `valid` and `excluded` parts are left out.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import ears
import lessons
import numpy as np

from earmark import load, log_mel
from earmark.features.subsonic import SubsonicFilter

LEAST_DB, STEPS_A_DB = -100.0, 1.5
COLLECTIONS = ("panda4q", "mirex_mood", "gtzan", "free_labelled")
N_COPIES = 2


def quantised(S_db: np.ndarray) -> np.ndarray:
    return ((np.clip(S_db, LEAST_DB, 65) - LEAST_DB) * STEPS_A_DB).astype(np.uint8)


def decibels(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / STEPS_A_DB + LEAST_DB


def made(job: tuple[Path, Path, int]) -> list[dict[str, np.ndarray]]:
    import copies

    data, path, number = job
    clean = load(path).y.astype(np.float64)
    clean = np.pad(clean, (0, max(0, ears.WINDOW - len(clean))))
    found = []
    for copy in range(-1, N_COPIES):
        y = clean if copy < 0 else copies.spoilt(clean, data, np.random.default_rng([copy, number]))
        subsonic = SubsonicFilter(ears.MN.sr)
        y = np.concatenate([subsonic.push(y.astype(np.float32)), subsonic.close()])
        found.append({"mn22": quantised(log_mel(y, ears.MN)), "msd22": quantised(log_mel(y, ears.TAG))})
    return found


def main(shared: Path, runs: Path) -> None:
    data = shared / "data"
    tracks = lessons.table(data)
    tracks = [t for t, ok in zip(tracks, lessons.may_teach(tracks, data), strict=True) if ok]
    (runs / "pictures").mkdir(parents=True, exist_ok=True)
    for collection in COLLECTIONS:
        file = runs / "pictures" / f"{collection}.npz"
        if file.exists():
            continue
        todo = [t for t in tracks if t.collection == collection]
        jobs = [(data, data / collection / t.path, i) for i, t in enumerate(todo)]
        found: dict[str, np.ndarray] = {}
        with ProcessPoolExecutor(2) as pool:
            for track, copies in zip(todo, pool.map(made, jobs, chunksize=4), strict=True):
                for copy, pictures in enumerate(copies):
                    found |= {f"{track.id}|{ear}|{copy}": picture for ear, picture in pictures.items()}
        np.savez(file, **found)
        print(collection, len(todo), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
