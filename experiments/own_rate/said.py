"""What steady ears say of the clips that may teach, from the pictures that taught them; and of other sounds."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import ears
import numpy as np
import torch
from lessons import corpus
from pictures import COLLECTIONS, N_COPIES, decibels
from steady import EARS, published
from torch import nn

from earmark import load, log_mel
from earmark.features.subsonic import SubsonicFilter

HOP = 129 * 512  # samples from one window to the next


def steady(shared: Path, runs: Path, ear: str) -> nn.Module:
    """Ears as `steady.py` left them."""
    made = published(ear, shared / "teacher")
    made.load_state_dict(torch.load(runs / f"{ear}.pt", weights_only=True))
    return made.eval()


def both(shared: Path, runs: Path) -> dict[str, nn.Module]:
    return {ear: steady(shared, runs, ear) for ear in EARS}


def starts(n_samples: int) -> list[int]:
    """First frames of the windows of a sound, by earmark's own front end."""
    n_frames = 1 + n_samples // 512
    found = list(range(0, max(1, n_frames - 129), 129))
    return found if found[-1] == n_frames - 130 else [*found, max(0, n_frames - 130)]


@torch.no_grad()
def heard(networks: dict[str, nn.Module], pictures: dict[str, np.ndarray]) -> np.ndarray:
    """What both ears say of the windows of a sound [shape=(n, 1025)], of its log-mels by ear."""
    first = starts((pictures["mn22"].shape[1] - 1) * ears.MN.hop_length)
    parts = [networks[ear](ears.cut(pictures[ear], first, EARS[ear][2])) for ear in EARS]
    return torch.cat(parts, 1).numpy().astype(np.float16)


def from_pictures(shared: Path, runs: Path) -> None:
    """For each clip of `pictures.py`, by id: windows as they are, then of each copy."""
    torch.set_num_threads(1)
    networks = both(shared, runs)
    (runs / "said").mkdir(exist_ok=True)
    for collection in COLLECTIONS:
        found = {}
        with np.load(runs / "pictures" / f"{collection}.npz") as archive:
            for name in sorted({key.split("|")[0] for key in archive.files}):
                for copy in range(N_COPIES + 1):
                    found[f"{name}|{copy}"] = heard(
                        networks, {ear: decibels(archive[f"{name}|{ear}|{copy}"]) for ear in EARS}
                    )
        np.savez(runs / "said" / f"{collection}.npz", **found)
        print(collection, len(found), flush=True)


def of_file(job: tuple[Path, Path, Path]) -> np.ndarray:
    shared, runs, path = job
    torch.set_num_threads(1)
    if not NETWORKS:
        NETWORKS.update(both(shared, runs))
    y = load(path).y
    y = np.resize(y, max(len(y), ears.WINDOW))  # what is shorter than a window is repeated
    subsonic = SubsonicFilter(ears.MN.sr)
    y = np.concatenate([subsonic.push(y), subsonic.close()])
    return heard(NETWORKS, {ear: log_mel(y, EARS[ear][2]) for ear in EARS})


NETWORKS: dict[str, nn.Module] = {}


def others(shared: Path, runs: Path) -> None:
    """The same of sounds that are no music, and of free music."""
    for collection in ("nonmusic", "free_music"):
        tracks = [t for t in corpus.tracks(shared / "data") if t.collection == collection]
        jobs = [(shared, runs, shared / "data" / collection / t.path) for t in tracks]
        with ProcessPoolExecutor(2) as pool:
            said = pool.map(of_file, jobs, chunksize=8)
            found = {f"{t.id}|0": values for t, values in zip(tracks, said, strict=True)}
        np.savez(runs / "said" / f"{collection}.npz", **found)
        print(collection, len(found), flush=True)


class Said:
    """Read back: windows, and means over a track."""

    def __init__(self, runs: Path) -> None:
        self.windows: dict[str, np.ndarray] = {}
        for file in sorted((runs / "said").glob("*.npz")):
            with np.load(file) as archive:
                self.windows |= {key: archive[key].astype(np.float32) for key in archive.files}

    def means(self, tracks: list[corpus.Track], copy: int = 0) -> np.ndarray:
        """[shape=(n, 1025)]; the clean clip where there is no copy."""
        keys = [f"{t.id}|{copy}" for t in tracks]
        return np.stack([self.windows.get(key, self.windows[key[:-1] + "0"]).mean(0) for key in keys])


if __name__ == "__main__":
    from_pictures(Path(sys.argv[1]), Path(sys.argv[2]))
    others(Path(sys.argv[1]), Path(sys.argv[2]))
