"""Teach ears to say through a room, a phone or a codec what they say of the clean clip: nothing else is learnt.

The targets are the ears' own answers about the clean window, so that there is no label to overfit and no other tagger to
follow. Batch norms keep their statistics.

    python steady.py ../../../shared RUNS mn22 [--steps 800] [--batch 32]
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import ears
import numpy as np
import torch
from pictures import COLLECTIONS, N_COPIES, decibels
from torch import nn

CLEAN, WARM_UP = 4, 0.1  # one window in CLEAN is as it is
EARS = {  # network, weights, front end, learning rate
    "mn22": (ears.MnEars, "mn04_as.safetensors", ears.MN, 7e-4),
    "msd22": (ears.TagEars, "fcn_msd.safetensors", ears.TAG, 1e-4),  # at 7e-4 it forgot what it knew
}
FIRST_VALID = 15  # every 15th clip is kept to see how far it goes


def published(ear: str, folder: Path) -> nn.Module:
    """The tagger as it was published, but for channels that never say anything: Adam would wake them."""
    network, weights, *_ = EARS[ear]
    made = network(folder / weights)
    if isinstance(made, ears.TagEars):
        ears.leave_out_silent(made)
    return made.eval()


class Pairs:
    """Clips as they are and spoilt, in pictures."""

    def __init__(self, runs: Path, ear: str) -> None:
        self.clips: list[list[np.ndarray]] = []
        for collection in COLLECTIONS:
            with np.load(runs / "pictures" / f"{collection}.npz") as archive:
                names = sorted({key.split("|")[0] for key in archive.files})
                self.clips += [[archive[f"{n}|{ear}|{c}"] for c in range(N_COPIES + 1)] for n in names]
        self.spec = EARS[ear][2]
        self.n_frames = ears.n_frames(self.spec)

    def draw(self, rng: np.random.Generator, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows of these clips, clean and spoilt, at the same times."""
        clean, spoilt = [], []
        for row in rows:
            pictures = self.clips[row]
            first = rng.integers(pictures[0].shape[1] - self.n_frames + 1)
            place = np.s_[:, first : first + self.n_frames]
            clean.append(decibels(pictures[0][place]))
            spoilt.append(decibels(pictures[rng.integers(1, N_COPIES + 1)][place]))
        return torch.from_numpy(np.stack(clean)), torch.from_numpy(np.stack(spoilt))


def rate(done: float) -> float:
    return (
        done / WARM_UP
        if done < WARM_UP
        else 0.5 + 0.5 * float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP)))
    )


@torch.no_grad()
def moments(network: nn.Module, pairs: Pairs) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    said = torch.cat(
        [network(pairs.draw(rng, rng.integers(len(pairs.clips), size=32))[0]) for _ in range(12)]
    )
    return said.mean(0), said.std(0) + 0.05 * said.std()


@torch.no_grad()
def unlike(
    student: nn.Module, teacher: nn.Module, pairs: Pairs, deviation: torch.Tensor
) -> tuple[float, float]:
    """Mean square distance from the clean answers, of spoilt and of clean windows, of clips that taught nothing."""
    rng, rows = np.random.default_rng(2), np.arange(0, len(pairs.clips), FIRST_VALID)
    clean, spoilt = pairs.draw(rng, rows)
    wanted = teacher(clean)
    far = lambda x: float((((student(x) - wanted) / deviation) ** 2).mean())  # noqa: E731
    return far(spoilt), far(clean)


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher, highest = published(args.ear, args.shared / "teacher"), EARS[args.ear][3]
    student, pairs, rng = copy.deepcopy(teacher), Pairs(args.runs, args.ear), np.random.default_rng(0)
    _, deviation = moments(teacher, pairs)
    taught = np.array([i for i in range(len(pairs.clips)) if i % FIRST_VALID])
    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], weight_decay=0.0)
    print("before", unlike(student, teacher, pairs, deviation), len(taught), flush=True)
    began = time.time()
    for step in range(args.steps):
        for group in optimiser.param_groups:
            group["lr"] = highest * rate(step / args.steps)
        clean, spoilt = pairs.draw(rng, rng.choice(taught, args.batch))
        with torch.no_grad():
            wanted = teacher(clean)
        n_clean = args.batch // CLEAN
        heard = torch.cat([clean[:n_clean], spoilt[n_clean:]])
        loss = nn.functional.smooth_l1_loss(student(heard) / deviation, wanted / deviation)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 99:
            print(
                step + 1, unlike(student, teacher, pairs, deviation), round(time.time() - began), flush=True
            )
            file = args.runs / f"{args.ear}.pt"
            torch.save(student.state_dict(), file.with_suffix(".tmp"))
            file.with_suffix(".tmp").replace(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("ear", choices=EARS)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=32)
    main(parser.parse_args())
