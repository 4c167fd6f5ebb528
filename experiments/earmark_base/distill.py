"""Stage one: a network that hears our log-mel, spoilt, and must say what three taggers said of the clean clip.

No track brings its own label. The network starts from mn04's own weights, so that the first epoch already knows music; what it
learns is to do without the higher frame rate, to hear through rooms, phones and noise, and what the two other
taggers know. With `--probes` (made by probes.py) it learns besides what classifiers on the taggers' answers
say of genre, quadrant and mood, each track by classifiers that never met its artist; where copies.py has made copies,
half of the batches are of these, and where mixtures.py has made mixtures, half are of those, answered by the taggers
alone. More than half of the batches are bags: of several windows of a clip it is the mean that must answer, as it is
their mean that tells a track's genre in the end. Run again after a stop, it goes on from the last checkpoint.

Batches of several lengths make glibc give memory back and fetch it again: with MALLOC_MMAP_THRESHOLD_ and
MALLOC_TRIM_THRESHOLD_ at 4000000000 a step takes half the time.

    python distill.py DATA TEACHER RUN [--begin CHECKPOINT] [--probes FILE] [--steps N] [--leave-out FOLD]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import corpus
import numpy as np
import torch
from augment import Augment, mask, room_kernels
from network import N_ANSWERS, Student
from torch import Tensor

from earmark.features import mel_frequencies

BATCH, FRAMES, LEARNING_RATE, SEED = 64, (130, 130, 173, 216), 1e-3, 0
SCALED_BY = (
    "gtzan",
    "panda4q",
    "mirex_mood",
)  # whose answers set the scale, so that it never depends on the rest
HOP = 512 / 22050  # s from one frame to the next
ROOM_HOLD_OUT = 5  # every fifth room is kept for measuring
PROBE_WEIGHTS = {"genres": 0.5, "quadrant": 0.3, "moods": 2.0}
WARM_UP = 0.1
MIXTURES = 0.5  # share of the batches that mixtures.py made, where there are any
COPIES = 0.5  # share of the others that copies.py spoilt in sound
# Of a bag of windows the mean must answer: a tagger hears 10 or 29 s, and what a single window cannot tell of them
# is only to be known by heart.
BAGS, BAG_OF, BAG_BATCH, BAG_FRAMES = 0.6, 4, 24, 130
FIRST_BATCHES, RIDGE = 60, 30.0  # to begin the tutors with


class Shape(NamedTuple):
    """How many clips a batch has, how many crops each, and of how many frames."""

    n_clips: int
    n_crops: int
    n_frames: int


def some_shape(rng: np.random.Generator) -> Shape:
    if rng.random() < BAGS:
        return Shape(BAG_BATCH, BAG_OF, BAG_FRAMES)
    return Shape(BATCH, 1, int(rng.choice(FRAMES)))


class Mixed:
    """What mixtures.py made so far, in memory."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.S_db: list[np.ndarray] = []
        self.answers: dict[str, list[np.ndarray]] = {name: [] for name in N_ANSWERS}

    def read(self, folder: Path, scale: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        for file in sorted(folder.glob("*.npz")):
            if file.name not in self.files:
                with np.load(file) as archive:
                    self.S_db += list(archive["S_db"])
                    for name, answers in self.answers.items():
                        answers += list(standard(archive[name], *scale[name]))
                self.files.add(file.name)


class Sounds:
    """Every clip's log-mel and its teachers' answers, in memory."""

    def __init__(self, data: Path, cache: Path, leave_out: int, probes: Path | None) -> None:
        self.S_db, self.answers, self.noise = [], [], []
        self.ids: list[str] = []
        self.copies: list[tuple[int, np.ndarray]] = []
        table = {track.id: track for track in corpus.tracks(data)}
        raw: dict[str, list[np.ndarray]] = {name: [] for name in N_ANSWERS}
        for collection in corpus.COLLECTIONS:
            said = np.load(cache / "teachers" / f"{collection}.npz")
            for name, S_db in corpus.spectrograms(data, cache / "logmel", collection).items():
                track = table[name]
                if held_out(track, leave_out):
                    continue
                self.S_db.append(S_db)
                self.ids.append(name)
                for teacher, values in raw.items():
                    values.append(said[f"{name}|{teacher}"])
                if track.kind in corpus.PLAIN_OTHERS:
                    self.noise.append(S_db)
            place = {name: i for i, name in enumerate(self.ids)}
            for file in sorted((cache / "copies").glob(f"{collection}.*.npz")):
                with np.load(file) as archive:
                    self.copies += [(place[name], archive[name]) for name in archive.files if name in place]
            if collection == SCALED_BY[-1]:
                self.scale = {teacher: moments(np.concatenate(values)) for teacher, values in raw.items()}
        # mixtures are of all folds, so with one left out there are none to hear
        self.mixtures, self.mixed = cache / "mixtures" if leave_out < 0 else None, Mixed()
        self.look_again()
        self.answers = {
            name: [standard(v, *self.scale[name]) for v in values] for name, values in raw.items()
        }
        self.probes: dict[str, np.ndarray] = {}
        if probes:
            with np.load(probes) as archive:
                place = {name: i for i, name in enumerate(archive["id"].tolist())}
                self.probes = {key: archive[key] for key in archive.files if key != "id"}
            # what no classifier was asked about is NaN, and enters no loss
            rows = np.array([place.get(name, -1) for name in self.ids])
            self.probes = {
                key: np.where((rows >= 0)[:, None], values[rows], np.nan)
                for key, values in self.probes.items()
            }

    def look_again(self) -> None:
        """Read the mixtures that were made since the last look."""
        if self.mixtures:
            self.mixed.read(self.mixtures, self.scale)

    def mixture(self, shape: Shape, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops of mixtures and what the taggers said of them; the classifiers were not asked."""
        chosen = rng.integers(len(self.mixed.S_db), size=shape.n_clips)
        crops, middles = self.crops([self.mixed.S_db[i] for i in chosen], shape, rng)
        return crops, answered(self.mixed.answers, chosen, middles)

    def some_noise(self, n: int, n_frames: int, rng: np.random.Generator) -> Tensor:
        picked = rng.integers(len(self.noise), size=n)
        return torch.from_numpy(np.stack([self.crop(self.noise[i], n_frames, rng)[0] for i in picked]))

    def crop(self, S_db: np.ndarray, n_frames: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        if S_db.shape[1] < n_frames:
            S_db = np.tile(S_db, (1, -(-n_frames // S_db.shape[1])))
        begin = int(rng.integers(0, S_db.shape[1] - n_frames + 1))
        return S_db[:, begin : begin + n_frames].astype(np.float32), (begin + n_frames / 2) * HOP

    def crops(
        self, clips: list[np.ndarray], shape: Shape, rng: np.random.Generator
    ) -> tuple[Tensor, list[list[float]]]:
        """Some crops of each clip, one clip after the other, and where the middle of each lies, in seconds."""
        found = [[self.crop(S_db, shape.n_frames, rng) for _ in range(shape.n_crops)] for S_db in clips]
        crops = torch.from_numpy(np.stack([crop for bag in found for crop, _ in bag]))
        return crops, [[middle for _, middle in bag] for bag in found]

    def batch(
        self, shape: Shape, rng: np.random.Generator, copies: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if copies:
            picked = [self.copies[i] for i in rng.integers(len(self.copies), size=shape.n_clips)]
        else:
            picked = [(i, self.S_db[i]) for i in rng.integers(len(self.S_db), size=shape.n_clips)]
        chosen = np.array([i for i, _ in picked])
        crops, middles = self.crops([S_db for _, S_db in picked], shape, rng)
        targets = answered(self.answers, chosen, middles)
        for name, values in self.probes.items():
            targets[f"probe {name}"] = torch.from_numpy(values[chosen])
        return crops, targets


def training_rooms(data: Path) -> Tensor:
    """Energy of the rooms that may be learnt from, as `room_kernels` gives it."""
    names = [row["path"] for row in corpus.rows(data / "rooms")]
    return room_kernels(data / "rooms", [name for i, name in enumerate(names) if i % ROOM_HOLD_OUT])


def held_out(track: corpus.Track, fold: int) -> bool:
    """Recordings that the network must never hear: GTZAN's, but for `train`, and one fold of artists where asked."""
    if track.collection == "gtzan":
        return track.split != "train"
    return fold >= 0 and corpus.fold_of(track.group, 5, 0) == fold


def answered(
    answers: dict[str, list[np.ndarray]], chosen: np.ndarray, middles: list[list[float]]
) -> dict[str, Tensor]:
    """What each tagger said of the chosen clips, by the views nearest to the crops, the mean over a bag."""

    def said_of(views: np.ndarray, bag: list[float]) -> np.ndarray:
        return views[[nearest_view(len(views), middle) for middle in bag]].mean(0)

    return {
        name: torch.from_numpy(
            np.stack([said_of(said[i], bag) for i, bag in zip(chosen, middles, strict=True)])
        )
        for name, said in answers.items()
    }


def nearest_view(n_views: int, middle: float) -> int:
    """Teachers' views of 10 s begin every 5 s: the one whose middle is nearest to the crop's."""
    return int(np.clip(round((middle - 5) / 5), 0, n_views - 1))


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(0), values.std(0) + 1e-3


def standard(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.clip((values - mean) / deviation, -5, 5).astype(np.float32)


def cycle(done: float) -> float:
    """Share of the highest learning rate when `done` of all steps are: up a line, down a cosine."""
    if done < WARM_UP:
        return 0.04 + 0.96 * done / WARM_UP
    return 0.5 + 0.5 * float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP)))


def probe_loss(logits: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    """How far from the classifiers' probabilities, over the tracks that they were asked about."""
    loss = torch.zeros(())
    for name, weight in PROBE_WEIGHTS.items():
        target = targets[f"probe {name}"]
        asked = ~torch.isnan(target[:, 0])
        said, target = logits[name][asked], target[asked]
        if name == "moods":
            loss = loss + weight * torch.nn.functional.binary_cross_entropy_with_logits(said, target)
        else:
            loss = loss + weight * torch.nn.functional.cross_entropy(said, target)
    return loss


def answer_loss(student: Student, embedding: Tensor, targets: dict[str, Tensor]) -> Tensor:
    """How far from what the taggers, and the classifiers where there are any, said."""
    loss = torch.zeros(())
    for name, tutor in student.tutors.items():
        loss = loss + torch.nn.functional.smooth_l1_loss(tutor(embedding), targets[name])
    if student.probes and "probe genres" in targets:
        loss = loss + probe_loss({name: probe(embedding) for name, probe in student.probes.items()}, targets)
    return loss


def save(checkpoint: Path, step: int, student: Student, optimiser: torch.optim.Optimizer) -> None:
    """Whole or not at all: a stop while writing leaves the last one."""
    state = {"step": step, "student": student.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, checkpoint.with_suffix(".tmp"))
    checkpoint.with_suffix(".tmp").replace(checkpoint)


def restore(checkpoint: Path, student: Student, optimiser: torch.optim.Optimizer) -> int:
    state = torch.load(checkpoint, weights_only=True)
    student.load_state_dict(state["student"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def lesson(
    sounds: Sounds, spoil: Augment, shape: Shape, rng: np.random.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """One batch as the network hears it, and what was said of it when it was clean."""
    if sounds.mixed.S_db and rng.random() < MIXTURES:
        S_db, targets = sounds.mixture(shape, rng)
        enough = rng.random() < 0.5  # half of the mixtures are spoilt in sound already
    else:
        enough = bool(sounds.copies) and rng.random() < COPIES
        S_db, targets = sounds.batch(shape, rng, enough)
    heard = mask(S_db, rng) if enough else spoil(S_db, sounds.some_noise(len(S_db), S_db.shape[-1], rng))
    return heard, targets


def bagged(windows: Tensor, n_crops: int) -> Tensor:
    """The ears' values of windows -> the mean of each bag."""
    return windows.unflatten(0, (-1, n_crops)).mean(1)


@torch.no_grad()
def begin_tutors(student: Student, sounds: Sounds, rng: np.random.Generator) -> None:
    """Ridge regressions on what the ears say already, so that fresh tutors disturb no ears that know something."""
    student.eval()
    shape, embeddings, wanted = Shape(BAG_BATCH, BAG_OF, BAG_FRAMES), [], []
    for _ in range(FIRST_BATCHES):
        S_db, targets = sounds.batch(shape, rng)
        embeddings.append(bagged(student.ears(S_db), BAG_OF))
        wanted.append(targets)
    x = torch.cat(embeddings)
    for name, tutor in [*student.tutors.items(), *((f"probe {n}", p) for n, p in student.probes.items())]:
        y = torch.cat([targets[name] for targets in wanted])
        known = ~torch.isnan(y[:, 0])
        if name.startswith("probe"):
            y = y.clamp(1e-3, 1 - 1e-3)
            y = torch.logit(y) if name == "probe moods" else torch.log(y)
        weight, bias = ridge(x[known], y[known])
        tutor.weight.copy_(weight.T)
        tutor.bias.copy_(bias)
    student.train()


def ridge(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the map x @ weight + bias to y, least squares with a penalty on each standardised input."""
    deviation = x.std(0) + 1e-4
    z = (x - x.mean(0)) / deviation
    gram = z.T @ z + RIDGE * torch.eye(z.shape[1])
    weight = torch.linalg.solve(gram, z.T @ (y - y.mean(0))) / deviation[:, None]
    return weight, y.mean(0) - x.mean(0) @ weight


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    cache, run = args.run.parent, args.run
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    sounds = Sounds(args.data, cache, args.leave_out, args.probes)
    n_moods = sounds.probes["moods"].shape[1] if args.probes else 0
    student = Student(args.teacher / "mn04_as.safetensors", n_moods)
    student.to(memory_format=torch.channels_last)  # 1.8 times faster here
    step, checkpoint = 0, run / "checkpoint.pt"
    if args.begin and not checkpoint.exists():  # its tutors too, if it had the same
        begun = torch.load(args.begin, weights_only=True)["student"]
        student.load_state_dict(begun, strict=False)
        if not any(name.startswith("tutors") for name in begun):
            begin_tutors(student, sounds, np.random.default_rng([SEED, 1]))
    groups = [
        {"params": student.ears.parameters()},
        {"params": [*student.tutors.parameters(), *student.probes.parameters()]},
    ]
    rates = (LEARNING_RATE / 2, LEARNING_RATE * 2)
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=1e-3)
    if checkpoint.exists():
        step = restore(checkpoint, student, optimiser)
    spoil = Augment(training_rooms(args.data), mel_frequencies(), SEED + step)
    rng = np.random.default_rng([SEED, step])
    began, losses = time.time(), []
    student.train()
    while step < args.steps:
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * cycle(step / args.steps)
        shape = some_shape(rng)
        heard, targets = lesson(sounds, spoil, shape, rng)
        loss = answer_loss(student, bagged(student.ears(heard), shape.n_crops), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        losses.append(loss.item())
        if step % 100 == 0 or step == args.steps:
            print(
                f"{step} loss {np.mean(losses):.4f} {(time.time() - began) / len(losses):.2f} s/step",
                file=sys.stderr,
                flush=True,
            )
            losses, began = [], time.time()
            save(checkpoint, step, student, optimiser)
            sounds.look_again()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--leave-out", type=int, default=-1)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--begin", type=Path)
    parser.add_argument("--probes", type=Path)
    train(parser.parse_args())
