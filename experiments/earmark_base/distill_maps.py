"""Stage one and a half: fcn_msd's first layers learn to hear our log-mel, from what they say in every place and band.

The ears of distill.py learn fcn_msd's answer to a whole clip, and of clips that they never heard they know a fifth less
of it (README.md). A layer's maps are local: a clip has hundreds of cells, and each depends on a second of sound, so that
what is learnt of them holds for other songs too (Romero et al., "FitNets: hints for thin deep nets", ICLR 2015). The
last layers stay nearly as they were, and learn to make do with maps that are a little off. Half of each batch
is clean; of the other half the network hears copies and spoilt bands, and must say what the clean clip's maps are.

    python distill_maps.py DATA TEACHER RUN [--steps N]        # after copies.py; goes on from its last checkpoint
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
from augment import Augment
from distill import HOP, cycle, held_out, restore, save, training_rooms
from heads import N_FRAMES
from network import STEPS_A_MAP, TAG_LEVEL_DB, TagEars, TagTop, at_level
from teachers import FCN, FCN_SR, decode
from torch import Tensor, nn

from earmark.features import mel_frequencies

BATCH, LEARNING_RATE, TOP_RATE, WEIGHT_DECAY, SEED = 40, 6e-4, 0.5, 1e-4, 0
N_STEPS = 12  # of the second layer, in a window of ours
STEP_SECONDS = 16 * 256 / FCN_SR
SECONDS, SHORTEST_SECONDS, QUIETEST_DB = 30, 3, -60.0
COPIES, ROOMY, NOISY = 0.5, 0.5, 0.3
SECOND, EMBEDDING = 0.3, 1.0  # weights beside the third layer's maps; the second's fades to nothing
N_FIRST_BATCHES, FIRST_BATCH, N_FOR_SCALES, CLIP = 8, 96, 512, 3.0
EVERY_FIRST, FIRST_FRAMES = 20, slice(300, 812)  # of every 20th clip of panda4q, some 8 s


class Heard(NamedTuple):
    """A clip: our log-mel of it and of its copies, and what fcn_msd's second and third layer say (not yet pooled in time)."""

    S_db: list[np.ndarray]
    second: np.ndarray
    third: np.ndarray


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


class Sounds:
    """Every clip that may be learnt from, in memory."""

    def __init__(self, data: Path, cache: Path, fcn: FCN) -> None:
        table, self.noise = {track.id: track for track in corpus.tracks(data)}, []
        clips: dict[str, Heard] = {}
        for collection in corpus.COLLECTIONS:
            second = second_maps(data, fcn, cache / "maps" / f"{collection}.npz", collection)
            for name, S_db in corpus.spectrograms(data, cache / "logmel", collection).items():
                if name not in second or held_out(table[name], -1) or S_db.shape[1] < N_FRAMES + 10:
                    continue
                clips[name] = Heard([S_db], second[name], third_maps(fcn, second[name]))
                if table[name].kind in corpus.PLAIN_OTHERS:
                    self.noise.append(S_db)
            for file in sorted((cache / "copies").glob(f"{collection}.*.npz")):
                with np.load(file) as archive:
                    for name in archive.files:
                        if name in clips:
                            clips[name].S_db.append(archive[name])
        self.clips = list(clips.values())
        self.copied = [clip for clip in self.clips if len(clip.S_db) > 1]
        n_steps = np.array([clip.second.shape[-1] for clip in self.clips], float)
        self.shares = n_steps / n_steps.sum()  # a long clip has more to say
        self.spoil = Augment(
            training_rooms(data), mel_frequencies(), SEED, keep_time=True, roomy=ROOMY, noisy=NOISY
        )

    def batch(self, n: int, clean: bool, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Windows at TAG_LEVEL_DB, and what the second and the third layer say of them when they are clean."""
        copies = not clean and bool(self.copied) and rng.random() < COPIES
        if copies:
            clips = [self.copied[i] for i in rng.integers(len(self.copied), size=n)]
            which = [int(rng.integers(1, len(clip.S_db))) for clip in clips]
        else:
            clips, which = [self.clips[i] for i in rng.choice(len(self.clips), n, p=self.shares)], [0] * n
        windows, second, third = [], [], []
        for clip, copy in zip(clips, which, strict=True):
            step = int(rng.integers(0, clip.second.shape[-1] - N_STEPS + 1))
            S_db = clip.S_db[copy]
            begin = min(round(step * STEP_SECONDS / HOP), S_db.shape[1] - N_FRAMES)
            windows.append(S_db[:, begin : begin + N_FRAMES])
            second.append(clip.second[..., step : step + N_STEPS])
            third.append(clip.third[..., step : step + N_STEPS])
        S_db, *maps = (torch.from_numpy(np.stack(x).astype(np.float32)) for x in (windows, second, third))
        if not clean and not copies:
            S_db = self.spoil(S_db, some_windows(self.noise, n, rng))
        maps[1] = nn.functional.max_pool2d(maps[1], (1, STEPS_A_MAP))
        return at_level(S_db, TAG_LEVEL_DB), maps[0], maps[1]

    def half_clean(self, n: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        halves = self.batch(n // 2, True, rng), self.batch(n // 2, False, rng)
        return tuple(torch.cat(parts) for parts in zip(*halves, strict=True))


@torch.no_grad()
def begin(ears: TagEars, fcn: FCN, data: Path, sounds: Sounds, rng: np.random.Generator) -> None:
    """fcn_msd's own weights, their narrow ways chosen by some clips, norms measured on our log-mel."""
    found = []
    for track in [t for t in corpus.tracks(data) if t.collection == "panda4q"][::EVERY_FIRST]:
        S_db = fcn.spectrogram(torch.from_numpy(decode(data / "panda4q" / track.path, FCN_SR))[None])
        S_db = S_db[..., FIRST_FRAMES]
        found.append(S_db - level_of(S_db) + TAG_LEVEL_DB)
    first = fcn.layer(fcn.standard(torch.cat(found)), 1)
    ears.local.begin(fcn.w, [first, fcn.layer(first, 2)])
    ears.local.train()
    for _ in range(N_FIRST_BATCHES):
        ears.local(sounds.half_clean(FIRST_BATCH, rng)[0])
    ears.eval()


class Lesson:
    """How far the maps and the embedding are from the tagger's own, each by its variance."""

    def __init__(self, fcn: FCN, sounds: Sounds, rng: np.random.Generator) -> None:
        self.top = TagTop(fcn.w).eval()
        _, second, third = sounds.batch(N_FOR_SCALES, True, rng)
        embedding = self.embed(third)
        self.variances = [x.var(dims, keepdim=True) + 1e-3 for x, dims in
                          ((second, (0, 2, 3)), (third, (0, 2, 3)), (embedding, (0,)))]  # fmt: skip

    @torch.no_grad()
    def embed(self, third: Tensor) -> Tensor:
        return self.top(third)

    def losses(self, ears: TagEars, S_db: Tensor, second: Tensor, third: Tensor) -> list[Tensor]:
        said = ears.local.both(S_db)
        pairs = ((said[0], second), (said[1], third), (ears.top(said[1]), self.embed(third)))
        return [((x - y) ** 2 / v).mean() for (x, y), v in zip(pairs, self.variances, strict=True)]


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # the tagger's smallest weights, squared, make it ten times slower
    args.run.mkdir(parents=True, exist_ok=True)
    weights, checkpoint = args.teacher / "fcn_msd.safetensors", args.run / "checkpoint.pt"
    fcn, ears = FCN(weights), TagEars(weights).to(memory_format=torch.channels_last)
    sounds = Sounds(args.data, args.run.parent, fcn)
    lesson, step = Lesson(fcn, sounds, np.random.default_rng(SEED)), 0
    rates = [LEARNING_RATE, TOP_RATE * LEARNING_RATE]
    parts = [{"params": part.parameters()} for part in (ears.local, ears.top)]
    optimiser = torch.optim.AdamW(parts, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    student = nn.ModuleDict({"ears": ears})
    if checkpoint.exists():
        step = restore(checkpoint, student, optimiser)
    else:
        begin(ears, fcn, args.data, sounds, np.random.default_rng(SEED))
    ears.eval()  # norms stay as they were measured, so that what is clean and what is spoilt are told alike
    rng, said, began = np.random.default_rng([SEED, step]), [], time.time()
    while step < args.steps:
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * cycle(step / args.steps)
        second, third, embedding = lesson.losses(ears, *sounds.half_clean(BATCH, rng))
        loss = third + SECOND * (1 - step / args.steps) * second + EMBEDDING * embedding
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(ears.local.parameters(), CLIP)
        optimiser.step()
        step += 1
        said.append([second.item(), third.item(), embedding.item()])
        if step % 200 == 0 or step == args.steps:
            pace = (time.time() - began) / len(said)
            means = np.mean(said, 0).round(3)
            print(step, "second, third, embedding", means, f"{pace:.2f} s/step", file=sys.stderr, flush=True)
            save(checkpoint, step, student, optimiser)
            said, began = [], time.time()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "run"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--threads", type=int, default=2)
    train(parser.parse_args())
