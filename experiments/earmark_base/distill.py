"""Stage one: a network that hears our log-mel, spoilt, and must say what three taggers said of the clean clip.

No label is used. The network starts from mn04's own weights, so that the first epoch already knows music; what it
learns is to do without the higher frame rate, to hear through rooms, phones and noise, and what the two other
taggers know. Run again after a stop, it goes on from the last checkpoint.

    python distill.py DATA TEACHER RUN [--leave-out FOLD] [--steps N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import corpus
import numpy as np
import torch
from augment import Augment, room_kernels
from network import Student
from torch import Tensor

from earmark.features import mel_frequencies

BATCH, FRAMES, LEARNING_RATE, SEED = 64, (130, 130, 173, 216), 1e-3, 0
SCALED_BY = (
    "gtzan",
    "panda4q",
    "mirex_mood",
)  # whose answers set the scale, so that it never depends on the rest
ROOM_HOLD_OUT = 5  # every fifth room is kept for measuring


class Sounds:
    """Every clip's log-mel and its teachers' answers, in memory."""

    def __init__(self, data: Path, cache: Path, leave_out: int) -> None:
        self.S_db, self.answers, self.noise = [], [], []
        table = {track.id: track for track in corpus.tracks(data)}
        raw: dict[str, list[np.ndarray]] = {"mn04": [], "msd": [], "jamendo": []}
        for collection in corpus.COLLECTIONS:
            said = np.load(cache / "teachers" / f"{collection}.npz")
            for name, S_db in corpus.spectrograms(data, cache / "logmel", collection).items():
                track = table[name]
                if held_out(track, leave_out):
                    continue
                self.S_db.append(S_db)
                for teacher, values in raw.items():
                    values.append(said[f"{name}|{teacher}"])
                if track.kind in ("environment", "noise", "applause", "speech"):
                    self.noise.append(S_db)
            if collection == SCALED_BY[-1]:
                self.scale = {teacher: moments(np.concatenate(values)) for teacher, values in raw.items()}
        self.answers = {
            name: [standard(v, *self.scale[name]) for v in values] for name, values in raw.items()
        }

    def crop(self, S_db: np.ndarray, n_frames: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        if S_db.shape[1] < n_frames:
            S_db = np.tile(S_db, (1, -(-n_frames // S_db.shape[1])))
        begin = int(rng.integers(0, S_db.shape[1] - n_frames + 1))
        return S_db[:, begin : begin + n_frames].astype(np.float32), (begin + n_frames / 2) * 512 / 22050

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        n_frames = int(rng.choice(FRAMES))
        chosen = rng.integers(len(self.S_db), size=BATCH)
        crops = [self.crop(self.S_db[i], n_frames, rng) for i in chosen]
        noise = [
            self.crop(self.noise[i], n_frames, rng)[0] for i in rng.integers(len(self.noise), size=BATCH)
        ]
        targets = {}
        for name, answers in self.answers.items():
            picked = [
                answers[i][nearest_view(len(answers[i]), middle)]
                for i, (_, middle) in zip(chosen, crops, strict=True)
            ]
            targets[name] = torch.from_numpy(np.stack(picked))
        return torch.from_numpy(np.stack([c for c, _ in crops])), torch.from_numpy(np.stack(noise)), targets


def held_out(track: corpus.Track, fold: int) -> bool:
    """Recordings that the network must never hear: GTZAN's, but for `train`, and one fold of artists where asked."""
    if track.collection == "gtzan":
        return track.split != "train"
    return fold >= 0 and corpus.fold_of(track.group, 5, 0) == fold


def nearest_view(n_views: int, middle: float) -> int:
    """Teachers' views of 10 s begin every 5 s: the one whose middle is nearest to the crop's."""
    return int(np.clip(round((middle - 5) / 5), 0, n_views - 1))


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(0), values.std(0) + 1e-3


def standard(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.clip((values - mean) / deviation, -5, 5).astype(np.float32)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    cache, run = args.run.parent, args.run
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    student = Student(args.teacher / "mn04_as.safetensors").to(
        memory_format=torch.channels_last
    )  # 1.8 times faster here
    groups = [
        {"params": student.backbone.parameters(), "lr": LEARNING_RATE / 2},
        {"params": student.tutors.parameters()},
    ]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [LEARNING_RATE / 2, LEARNING_RATE * 2], total_steps=args.steps, pct_start=0.1
    )
    step, checkpoint = 0, run / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        step = state["step"]
        student.load_state_dict(state["student"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
    sounds = Sounds(args.data, cache, args.leave_out)
    names = [row["path"] for row in corpus.rows(args.data / "rooms")]
    kernels = room_kernels(args.data / "rooms", [p for i, p in enumerate(names) if i % ROOM_HOLD_OUT])
    spoil = Augment(kernels, mel_frequencies(), SEED + step)
    rng = np.random.default_rng([SEED, step])
    began, losses = time.time(), []
    student.train()
    while step < args.steps:
        S_db, noise, targets = sounds.batch(rng)
        answers = student.tutor(student.embed(spoil(S_db, noise)))
        loss = sum(
            torch.nn.functional.smooth_l1_loss(answers[name], target) for name, target in targets.items()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        step += 1
        losses.append(loss.item())
        if step % 100 == 0 or step == args.steps:
            print(
                f"{step} loss {np.mean(losses):.4f} {(time.time() - began) / len(losses):.2f} s/step",
                file=sys.stderr,
                flush=True,
            )
            losses, began = [], time.time()
            state = {"step": step, "student": student.state_dict(), "optimiser": optimiser.state_dict(),
                     "schedule": schedule.state_dict()}  # fmt: skip
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--leave-out", type=int, default=-1)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=2)
    train(parser.parse_args())
