"""Stage one and a third: the ears learn what mn04 and fcn_msd say of the very 3 s that they hear.

The first distillation asked of a window what a tagger said of the 10 or 29 s around it, and what the window does not tell of
those can only be known by heart. Here both taggers hear the window itself, clean and at the level that the ears bring it to,
so that whatever is learnt is there to be heard. The mean over a bag of windows must still answer for the whole clip,
so that what the ears know of jamendo stays. No classifier's answers are learnt from.

Half of each batch is clean: a third of that two songs at once, a third at another tempo and through equalisers, as mn04
hears it too. The other half is heard as copies.py spoilt it, or through spoilt bands. Runs with several seeds can be
averaged (average.py).

    python distill_windows.py DATA TEACHER RUN --begin CHECKPOINT [--steps N] [--seed N]   # after teachers.py and copies.py
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import NamedTuple

import corpus
import numpy as np
import torch
from augment import Augment, equaliser
from heads import N_FRAMES
from maps import N_STEPS, STEP_SECONDS, second_maps, some_windows, third_maps
from network import LEVEL_DB, N_ANSWERS, N_EMBEDDING, STEPS_A_MAP, Ears, TagTop, read_ears
from teachers import FCN, MN04_SR, decode, mn04_input
from torch import Tensor, nn
from training import HOP, bagged, cycle, held_out, moments, restore, ridge, save, standard, training_rooms

from earmark.estimators.torch.mobilenet import load_mobile
from earmark.features import mel_frequencies

N_CLIPS, BAG_OF = 11, 3  # of the clean half, and of the spoilt
LEARNING_RATE, TUTOR_RATE, WEIGHT_DECAY, SEED = 3e-4, 1e-3, 1e-3, 0
COPIES, TWO_AT_ONCE, SOFTER_DB, WHOLE = 0.6, 0.35, 8.0, 0.5
ALTERED, TEMPO, EQUALISER_DB = 0.4, 1.25, 4.0  # of the clean half; quicker or slower; spread
MN04_RATE, MN04_FRAMES, MN04_HIGHEST_HZ, SECONDS = 100, 301, 15000, 30
FIRST_BATCHES, SCALE_BATCHES = 60, 12
NATURAL = math.log(10) / 10  # dB to the natural logarithm of power
TAGGERS = ("mn04", "msd")  # that hear the window


class Clip(NamedTuple):
    """Our log-mel of a clip and of its copies, what mn04's and fcn_msd's upper layers are given, and answers to all of it."""

    S_db: list[np.ndarray]
    mn04: np.ndarray
    third: np.ndarray
    answers: dict[str, np.ndarray]

    def last_step(self) -> int:
        """Of fcn_msd's steps the last at which a window can begin."""
        rest = (self.mn04.shape[1] - MN04_FRAMES) / MN04_RATE / STEP_SECONDS
        return max(0, min(self.third.shape[-1] - N_STEPS, int(rest)))


class Batch(NamedTuple):
    """Windows as they are heard, what the taggers hear of them (NaN: nothing), and answers for each bag's clip."""

    S_db: Tensor
    mn04: Tensor
    third: Tensor
    whole: dict[str, Tensor]


def mn04_inputs(data: Path, file: Path, collection: str) -> dict[str, np.ndarray]:
    """What mn04 is given of each clip that may be learnt from [shape=(128, n_frames)]; made once."""
    if not file.exists():
        found = {}
        for track in corpus.tracks(data):
            if track.collection == collection and track.path and not held_out(track, -1):
                y = decode(data / collection / track.path, MN04_SR)[: SECONDS * MN04_SR]
                found[track.id] = mn04_input(torch.from_numpy(y)).numpy().astype(np.float16)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found)
        print(collection, len(found), file=sys.stderr, flush=True)
    with np.load(file) as archive:
        return {name: archive[name] for name in archive.files}


def level_of(S_db: Tensor) -> Tensor:
    return 10 * torch.log10(torch.exp(S_db * NATURAL).mean((1, 2), keepdim=True).clamp(min=1e-10))


def power_of(x: Tensor) -> Tensor:
    """Power in mn04's bands, of what it is given."""
    return (torch.exp(5 * x - 4.5) - 1e-5).clamp(min=0)


def given_of(power: Tensor) -> Tensor:
    return (torch.log(power + 1e-5) + 4.5) / 5


def in_time(S: np.ndarray, n_frames: int) -> np.ndarray:
    """So many frames of the same stretch, on lines between those that there are."""
    if S.shape[1] == n_frames:
        return S
    at = np.linspace(0, S.shape[1] - 1, n_frames)
    before = np.minimum(at.astype(int), S.shape[1] - 2)
    return S[:, before] + (S[:, before + 1] - S[:, before]) * (at - before)


def between_bands() -> Tensor:
    """Gains of our bands to gains of mn04's [shape=(128, 128)], on lines between."""
    mel = np.linspace(0, np.log(1 + MN04_HIGHEST_HZ / 700), 130)[1:-1]
    centres_hz = mel_frequencies()
    rows = [np.interp(700 * (np.exp(mel) - 1), centres_hz, row) for row in np.eye(len(centres_hz))]
    return torch.tensor(np.stack(rows, 1), dtype=torch.float32)


class Sounds:
    """Every clip that may be learnt from, in memory."""

    def __init__(self, data: Path, cache: Path, fcn: FCN) -> None:
        table, clips, self.noise = {track.id: track for track in corpus.tracks(data)}, {}, []
        for collection in corpus.COLLECTIONS:
            S_db = corpus.spectrograms(data, cache / "logmel", collection)
            second = second_maps(data, fcn, cache / "maps" / f"{collection}.npz", collection)
            with np.load(cache / "teachers" / f"{collection}.npz") as archive:
                said = {name: archive[name].mean(0) for name in archive.files}
            for name, x in mn04_inputs(data, cache / "mn04_inputs" / f"{collection}.npz", collection).items():
                long = S_db[name].shape[1] >= N_FRAMES + 10 and x.shape[1] >= MN04_FRAMES + 10
                if name in second and long:
                    answers = {t: said[f"{name}|{t}"] for t in N_ANSWERS if f"{name}|{t}" in said}
                    clips[name] = Clip([S_db[name]], x, third_maps(fcn, second[name]), answers)
                    if table[name].kind in corpus.PLAIN_OTHERS:
                        self.noise.append(S_db[name])
            for file in sorted((cache / "copies").glob(f"{collection}.*.npz")):
                with np.load(file) as archive:
                    for name in archive.files:
                        if name in clips:
                            clips[name].S_db.append(archive[name])
        self.clips = list(clips.values())
        self.copied = [clip for clip in self.clips if len(clip.S_db) > 1]
        self.scale = {
            t: moments(np.stack([c.answers[t] for c in self.clips if t in c.answers])) for t in N_ANSWERS
        }
        self.spoil = Augment(training_rooms(data), mel_frequencies(), SEED, keep_time=True)
        self.between = between_bands()

    def windows(
        self, clips: list[Clip], which: list[int], rng: np.random.Generator, altered: range = range(0)
    ) -> list[Tensor]:
        """BAG_OF windows of each clip: of this copy, of the clip itself, and what either tagger hears of that.

        Those of the clips that are to be `altered` have a tempo of their own, but for fcn_msd.
        """
        found = []
        for i, (clip, copy) in enumerate(zip(clips, which, strict=True)):
            n_frames = min(S.shape[1] for S in clip.S_db)  # a copy may be shorter than the clip
            for _ in range(BAG_OF):
                tempo = TEMPO ** rng.uniform(-1, 1) if i in altered else 1
                n_ours = min(round(N_FRAMES * tempo), n_frames)
                n_mn04 = min(round(MN04_FRAMES * n_ours / N_FRAMES), clip.mn04.shape[1])
                step = int(rng.integers(0, clip.last_step() + 1))
                begin = min(round(step * STEP_SECONDS / HOP), n_frames - n_ours)
                at = min(round(begin * HOP * MN04_RATE), clip.mn04.shape[1] - n_mn04)
                heard, true = (in_time(clip.S_db[c][:, begin : begin + n_ours], N_FRAMES) for c in (copy, 0))
                x = in_time(clip.mn04[:, at : at + n_mn04], MN04_FRAMES)
                found.append((heard, true, x, clip.third[..., step : step + N_STEPS]))
        parts = [torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*found, strict=True)]
        return [*parts[:3], nn.functional.max_pool2d(parts[3], (1, STEPS_A_MAP))]

    def whole(self, clips: list[Clip]) -> dict[str, Tensor]:
        """What the taggers said of whole clips; of sounds that are no music nobody was asked."""
        out = {}
        for tagger, scale in self.scale.items():
            unknown = np.full(N_ANSWERS[tagger], np.nan, np.float32)
            said = [standard(c.answers[tagger], *scale) if tagger in c.answers else unknown for c in clips]
            out[f"whole {tagger}"] = torch.from_numpy(np.stack(said))
        return out

    def batch(self, clean: bool, rng: np.random.Generator) -> Batch:
        copies = not clean and rng.random() < COPIES
        pool = self.copied if copies else self.clips
        clips = [pool[i] for i in rng.integers(len(pool), size=N_CLIPS)]
        which = [int(rng.integers(1, len(clip.S_db))) if copies else 0 for clip in clips]
        n = int(N_CLIPS * TWO_AT_ONCE) if clean else 0
        altered = range(n, n + int(N_CLIPS * ALTERED)) if clean else range(0)
        S_db, true, x, third = self.windows(clips, which, rng, altered)
        whole, power = self.whole(clips), power_of(x)
        if clean:
            others = [self.clips[i] for i in rng.integers(len(self.clips), size=n)]
            other, _, other_x, _ = self.windows(others, [0] * n, rng)
            first = slice(0, n * BAG_OF)
            apart = torch.from_numpy(
                rng.uniform(-SOFTER_DB, SOFTER_DB, (n * BAG_OF, 1, 1)).astype(np.float32)
            )
            gain = torch.exp((level_of(S_db[first]) - level_of(other) + apart) * NATURAL)
            together = torch.exp(S_db[first] * NATURAL) + gain * torch.exp(other * NATURAL)
            S_db[first] = 10 * torch.log10(together)
            power[first] += gain * power_of(other_x)
            windows = slice(altered.start * BAG_OF, altered.stop * BAG_OF)
            curve = equaliser(len(altered) * BAG_OF, S_db.shape[1], rng, EQUALISER_DB)
            S_db[windows] += curve
            power[windows] *= torch.exp(self.between @ curve * NATURAL)
            third[: windows.stop], true = torch.nan, S_db
            for said in whole.values():  # they were asked about the clips as they are
                said[: altered.stop] = torch.nan
        elif not copies:
            S_db = self.spoil(S_db, some_windows(self.noise, len(S_db), rng))
        x = given_of(power * torch.exp((LEVEL_DB - level_of(true)) * NATURAL))
        return Batch(S_db, x, third, whole)


class Lesson:
    """What is to be said of a batch, half of it clean; answers about windows are brought to one scale once that is known."""

    def __init__(self, teacher: Path, fcn: FCN, sounds: Sounds) -> None:
        self.mn04 = load_mobile(teacher / "mn04_as.safetensors").eval().to(memory_format=torch.channels_last)
        self.top, self.fcn, self.sounds = TagTop(fcn.w).eval(), fcn, sounds
        self.scale = {name: (torch.tensor(0.0), torch.tensor(1.0)) for name in TAGGERS}

    @torch.no_grad()
    def said(self, x: Tensor, third: Tensor) -> dict[str, Tensor]:
        embedding = self.top(torch.nan_to_num(third))
        msd = torch.cat([embedding, embedding @ self.fcn.w["dense.weight"].T + self.fcn.w["dense.bias"]], 1)
        msd[torch.isnan(third[:, 0, 0, 0])] = torch.nan
        return {"mn04": torch.cat(self.mn04(x[:, None]), 1), "msd": msd}

    def measure_scale(self, rng: np.random.Generator) -> None:
        batches = [self.sounds.batch(True, rng) for _ in range(SCALE_BATCHES)]
        answers = [self.said(batch.mn04, batch.third) for batch in batches]
        for name in TAGGERS:
            values = torch.cat([said[name] for said in answers])
            values = values[~torch.isnan(values[:, 0])]
            self.scale[name] = values.mean(0), values.std(0) + 1e-3

    def next(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Windows, and answers about each (`mn04`, `msd`) and about each bag's clip (`whole ...`)."""
        halves = [self.sounds.batch(clean, rng) for clean in (True, False)]
        S_db, x, third = (torch.cat(parts) for parts in list(zip(*halves, strict=True))[:3])
        said = {
            n: ((v - self.scale[n][0]) / self.scale[n][1]).clamp(-5, 5)
            for n, v in self.said(x, third).items()
        }
        return S_db, {**said, **{n: torch.cat([half.whole[n] for half in halves]) for n in halves[0].whole}}


class Student(nn.Module):
    """The ears, and a linear tutor for each answer."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        sizes = {
            **{n: N_ANSWERS[n] for n in TAGGERS},
            **{f"whole {n}": size for n, size in N_ANSWERS.items()},
        }
        self.ears = Ears(weights)
        self.tutors = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, size) for name, size in sizes.items()})


def pairs(heard: Tensor, targets: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """The ears' values, or their means over bags, beside what is known of them."""
    out = {}
    for name, y in targets.items():
        x, known = bagged(heard, BAG_OF) if name.startswith("whole") else heard, ~torch.isnan(y[:, 0])
        out[name] = x[known], y[known]
    return out


@torch.no_grad()
def begin_tutors(student: Student, lesson: Lesson, rng: np.random.Generator) -> None:
    student.eval()
    found = []
    for _ in range(FIRST_BATCHES):
        S_db, targets = lesson.next(rng)
        found.append(pairs(student.ears(S_db), targets))
    for name, tutor in student.tutors.items():
        weight, bias = ridge(*(torch.cat([batch[name][i] for batch in found]) for i in (0, 1)))
        tutor.weight.copy_(weight.T)
        tutor.bias.copy_(bias)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # fcn_msd's smallest weights, squared, make it ten times slower
    torch.manual_seed(SEED)
    args.run.mkdir(parents=True, exist_ok=True)
    fcn, checkpoint, step = FCN(args.teacher / "fcn_msd.safetensors"), args.run / "checkpoint.pt", 0
    lesson = Lesson(args.teacher, fcn, Sounds(args.data, args.run.parent, fcn))
    lesson.measure_scale(np.random.default_rng([SEED, 1]))
    student = Student(args.teacher / "mn04_as.safetensors").to(memory_format=torch.channels_last)
    groups = [{"params": student.ears.parameters()}, {"params": student.tutors.parameters()}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    if checkpoint.exists():
        step = restore(checkpoint, student, optimiser)
    else:
        read_ears(student.ears, args.begin)
        begin_tutors(student, lesson, np.random.default_rng([SEED, 2]))
    rng, said, began = np.random.default_rng([args.seed, step]), [], time.time()
    student.train()
    while step < args.steps:
        for group, rate in zip(optimiser.param_groups, (LEARNING_RATE, TUTOR_RATE), strict=True):
            group["lr"] = rate * cycle(step / args.steps)
        S_db, targets = lesson.next(rng)
        losses = {name: nn.functional.smooth_l1_loss(student.tutors[name](x), y)
                  for name, (x, y) in pairs(student.ears(S_db), targets).items()}  # fmt: skip
        loss = sum(losses[n] for n in TAGGERS) + WHOLE * sum(v for n, v in losses.items() if n not in TAGGERS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        said.append([value.item() for value in losses.values()])
        if step % 100 == 0 or step == args.steps:
            means = dict(zip(losses, np.mean(said, 0).round(4).tolist(), strict=True))
            print(step, means, f"{(time.time() - began) / len(said):.2f} s/step", file=sys.stderr, flush=True)
            save(checkpoint, step, student, optimiser)
            said, began = [], time.time()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "run"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--begin", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED, help="other draws, for runs to be averaged")
    train(parser.parse_args())
