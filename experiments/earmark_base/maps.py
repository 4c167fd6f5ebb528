"""Maps of fcn_msd's layers: the targets of windows, since they are local in time."""

from __future__ import annotations

import sys
from pathlib import Path

import corpus
import numpy as np
import torch
from heads import N_FRAMES
from network import TAG_LEVEL_DB
from teachers import FCN, FCN_SR, decode
from torch import Tensor, nn

N_STEPS = 12  # of the second layer, in a window of ours
STEP_SECONDS = 16 * 256 / FCN_SR
SECONDS, SHORTEST_SECONDS, QUIETEST_DB = 30, 3, -60.0


def level_of(S_db: Tensor) -> float:
    return float(10 * torch.log10((10 ** (S_db / 10)).mean().clamp(min=1e-10)))


@torch.no_grad()
def second_maps(data: Path, fcn: FCN, file: Path, collection: str) -> dict[str, np.ndarray]:
    """What the second layer says of each clip at TAG_LEVEL_DB [shape=(128, 24, n_steps)]; made once."""
    if not file.exists():
        found = {}
        for track in corpus.tracks(data):
            if track.collection == collection and track.path:
                y = decode(data / collection / track.path, FCN_SR)[: SECONDS * FCN_SR]
                y = np.pad(y, (0, max(0, SHORTEST_SECONDS * FCN_SR - len(y))))
                S_db = fcn.spectrogram(torch.from_numpy(y)[None])
                if (level := level_of(S_db)) > QUIETEST_DB:
                    x = fcn.standard(S_db - level + TAG_LEVEL_DB)
                    found[track.id] = fcn.layer(fcn.layer(x, 1), 2)[0].numpy().astype(np.float16)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found)
        print(collection, len(found), file=sys.stderr, flush=True)
    with np.load(file) as archive:
        return {name: archive[name] for name in archive.files}


@torch.no_grad()
def third_maps(fcn: FCN, second: np.ndarray) -> np.ndarray:
    said = fcn.filtered(torch.from_numpy(np.float32(second))[None], 3)
    return nn.functional.max_pool2d(said, (2, 1))[0].numpy().astype(np.float16)


def some_windows(sounds: list[np.ndarray], n: int, rng: np.random.Generator) -> Tensor:
    """Windows of sounds drawn by chance [shape=(n, 128, N_FRAMES)]."""
    found = [sounds[i] for i in rng.integers(len(sounds), size=n)]
    begins = [int(rng.integers(0, S_db.shape[1] - N_FRAMES + 1)) for S_db in found]
    cuts = [S_db[:, b : b + N_FRAMES] for S_db, b in zip(found, begins, strict=True)]
    return torch.from_numpy(np.stack(cuts).astype(np.float32))
