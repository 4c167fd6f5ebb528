"""The mean of the weights of several runs of distillation that set out from the same ears, its norms measured anew.

What such runs learnt apart adds up, and their chance faults do not (Wortsman et al., "Model soups", ICML 2022).

    python average.py DATA TEACHER RUNS CHECKPOINT OF [OF ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import corpus
import numpy as np
import torch
from heads import copied, cut
from network import Ears, read_ears, write_ears
from torch import Tensor, nn
from training import held_out

COPY, BATCH, SEED = 1, 128, 0


def mean_of(weights: Path, checkpoints: list[Path]) -> Ears:
    """Ears whose every weight is the mean of these checkpoints'."""
    ears = [read_ears(Ears(weights), checkpoint) for checkpoint in checkpoints]
    states = [one.state_dict() for one in ears]
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        for name, value in states[0].items()
    }
    ears[0].load_state_dict(mean)
    return ears[0]


def some_windows(data: Path, runs: Path) -> Tensor:
    """One window of each clip that may be learnt from, and one of a spoilt copy of each that has any."""
    rng, table = np.random.default_rng(SEED), {track.id: track for track in corpus.tracks(data)}
    found = []
    for collection in corpus.COLLECTIONS:
        for name, S_db in corpus.spectrograms(data, runs / "logmel", collection).items():
            if not held_out(table[name], -1):
                found.append(cut(S_db))
    found += copied(runs, COPY).values()
    windows = np.stack([cuts[rng.integers(len(cuts))] for cuts in found]).astype(np.float32)
    return torch.from_numpy(windows[rng.permutation(len(windows))])


@torch.no_grad()
def measure_norms(ears: Ears, windows: Tensor) -> None:
    """Batch norms' statistics over these windows [shape=(n, 128, n_frames)]: a mean of weights has others than its parts."""
    for module in ears.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches alike
    ears.train()
    for begin in range(0, len(windows) - BATCH + 1, BATCH):
        ears(windows[begin : begin + BATCH])
    ears.eval()


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    ears = mean_of(args.teacher / "mn04_as.safetensors", args.of).to(memory_format=torch.channels_last)
    measure_norms(ears, some_windows(args.data, args.runs))
    write_ears(ears, args.checkpoint)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "runs", "checkpoint"):
        parser.add_argument(name, type=Path)
    parser.add_argument("of", type=Path, nargs="+")
    main(parser.parse_args())
