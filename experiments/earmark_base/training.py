"""What the steps of training share: which recordings and rooms may be trained on, the schedule, checkpoints, ridge regression."""

from __future__ import annotations

from pathlib import Path

import corpus
import numpy as np
import torch
from augment import room_kernels
from torch import Tensor, nn

HOP = 512 / 22050  # s from one frame to the next
ROOM_HOLD_OUT = 5  # every fifth room is kept for measuring
WARM_UP = 0.1
RIDGE = 30.0


def training_rooms(data: Path) -> Tensor:
    """Energy of the rooms that may be learnt from, as `room_kernels` gives it."""
    names = [row["path"] for row in corpus.rows(data / "rooms")]
    return room_kernels(data / "rooms", [name for i, name in enumerate(names) if i % ROOM_HOLD_OUT])


def held_out(track: corpus.Track, fold: int) -> bool:
    """Recordings that the network must never hear: GTZAN's, but for `train`, and one fold of artists where asked."""
    if track.collection == "gtzan":
        return track.split != "train"
    return fold >= 0 and corpus.fold_of(track.group, 5, 0) == fold


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(0), values.std(0) + 1e-3


def standard(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.clip((values - mean) / deviation, -5, 5).astype(np.float32)


def cycle(done: float) -> float:
    """Share of the highest learning rate when `done` of all steps are: up a line, down a cosine."""
    if done < WARM_UP:
        return 0.04 + 0.96 * done / WARM_UP
    return 0.5 + 0.5 * float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP)))


def save(checkpoint: Path, step: int, student: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Whole or not at all: a stop while writing leaves the last one."""
    state = {"step": step, "student": student.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, checkpoint.with_suffix(".tmp"))
    checkpoint.with_suffix(".tmp").replace(checkpoint)


def restore(checkpoint: Path, student: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    state = torch.load(checkpoint, weights_only=True)
    student.load_state_dict(state["student"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def bagged(windows: Tensor, n_crops: int) -> Tensor:
    """The ears' values of windows -> the mean of each bag."""
    return windows.unflatten(0, (-1, n_crops)).mean(1)


def ridge(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the map x @ weight + bias to y, least squares with a penalty on each standardised input."""
    deviation = x.std(0) + 1e-4
    z = (x - x.mean(0)) / deviation
    gram = z.T @ z + RIDGE * torch.eye(z.shape[1])
    weight = torch.linalg.solve(gram, z.T @ (y - y.mean(0))) / deviation[:, None]
    return weight, y.mean(0) - x.mean(0) @ weight
