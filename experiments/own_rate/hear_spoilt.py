"""What the ears say of spoilt copies: two of every labelled clip to learn from, and clips to measure on.

    python hear_spoilt.py ../../../shared RUNS copies.0 room telephone noise mp3

Copies are made in sound as `copies.py` makes them; those to measure on, as `robust.py` makes its conditions, in rooms
that nothing learns from: the exam's `own_songs`.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from hear import clips, listener

from earmark import load

CONDITIONS = {
    "room": "a phone across a room, noise, 10 dB",
    "telephone": "telephone, 8 kHz (300 to 3,400 Hz)",
    "noise": "pink noise, 10 dB",
    "mp3": "MP3, 32 kbit/s",
    "softer": "30 dB softer",
}
LEARNT = ("panda4q", "mirex_mood", "gtzan", "free_labelled")


def spoilt(job: tuple[Path, Path, list[int], str]) -> dict[str, np.ndarray]:
    import copies
    import robust

    shared, path, seed, what = job
    rng, data = np.random.default_rng(seed), shared / "data"
    y = load(path).y.astype(np.float64)
    y = np.pad(y, (0, max(0, 129 * 512 - len(y))))
    y = copies.spoilt(y, data, rng) if what == "copies" else robust.CONDITIONS[CONDITIONS[what]](y, data, rng)
    said = listener(shared).windows(
        y.astype(np.float32),
    )
    return {ear: values.astype(np.float16) for ear, values in said.items() if ear != "embedding"}


def main(shared: Path, runs: Path, wanted: list[str]) -> None:
    for name in wanted:
        what, _, copy = name.partition(".")
        collections = LEARNT if what == "copies" else ("own_songs",)
        for collection in collections:
            file = runs / f"{collection}.{name}.npz"
            if file.exists():
                continue
            todo = clips(shared, collection)
            jobs = [(shared, path, [int(copy or 9), i], what) for i, (_, path) in enumerate(todo)]
            found = {}
            with ProcessPoolExecutor(2) as pool:
                for (clip, _), said in zip(todo, pool.map(spoilt, jobs, chunksize=4), strict=True):
                    found |= {f"{clip}|{ear}": values for ear, values in said.items()}
            np.savez(file, **found)
            print(file.name, len(todo), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
