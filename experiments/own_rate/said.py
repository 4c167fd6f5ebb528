"""What hear.py and hear_spoilt.py noted: what the ears say of each clip, window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from lessons import corpus

COPY = ".copies.0"
OWN = ("mn22", "msd22")


class Said:
    """Reads as it is asked; windows are rows."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.files: dict[str, dict[str, np.ndarray]] = {}

    def of(self, track: corpus.Track, what: str, copy: str = "") -> np.ndarray:
        """One ear's values, or one head of earmark-lite [shape=(n_windows, n)]."""
        return self.named(track.collection + copy, track.id.removeprefix(track.collection + "."), what)

    def named(self, name: str, clip: str, what: str) -> np.ndarray:
        if name not in self.files:
            with np.load(self.runs / f"{name}.npz") as archive:
                self.files[name] = dict(archive)
        return self.files[name][f"{clip}|{what}"].astype(np.float32)

    def own(self, track: corpus.Track, copy: str = "") -> np.ndarray:
        """Both ears at their own rate, side by side [shape=(n_windows, 1025)]."""
        return self.named_own(track.collection + copy, track.id.removeprefix(track.collection + "."))

    def named_own(self, name: str, clip: str) -> np.ndarray:
        return np.hstack([self.named(name, clip, ear) for ear in OWN])

    def means(self, tracks: list[corpus.Track], copy: str = "") -> np.ndarray:
        """One row for each track; of the clean clip where there is no copy."""
        has = {t.collection: (self.runs / f"{t.collection}{copy}.npz").exists() for t in tracks}
        return np.stack([self.own(t, copy if has[t.collection] else "").mean(0) for t in tracks])
