"""More sound to distil over: songs at other speeds, two at once, half of them spoilt, answered by three taggers.

A network falls short of its teachers most on what it never heard, and 13 hours are soon heard. What is laid over each
other here is no music that anyone made, but the teachers have an answer, and it is the function that is learnt
(Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022). Files of 32 are
written until there are enough; more can be made any time. `--more` names a folder of further recordings, which need
no labels: for the weights that ship, the music of free games (README.md names them).

    python mixtures.py DATA TEACHER RUNS [--files N] [--first N] [--more FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import corpus
import numpy as np
import soxr
import torch
from av.error import FFmpegError
from copies import spoilt
from distill import held_out
from robust import SR, Wave
from teachers import FCN_SR, MN04_SR, Teachers, decode

from earmark import log_mel
from earmark.audio import find_audio

N_IN_FILE, SECONDS = 32, 29
SHARE_OF_TWO, SHARE_SPOILT, SHARE_OTHER = 0.6, 0.5, 0.05
SPEED_OCTAVES, SOFTER_DB = 0.25, (-3.0, 12.0)
SHARE_MORE, PIECE_SECONDS, SHORTEST_SECONDS = 0.4, 40, 20  # of further recordings, cut into pieces


def rms(y: Wave) -> float:
    return float(np.sqrt(np.mean(y**2))) + 1e-9


def pieces(folder: Path) -> list[np.ndarray]:
    """Every recording below a folder, in pieces; what is too short for music is left out."""
    found: list[np.ndarray] = []
    for path in find_audio([folder]):
        try:
            y = decode(path, MN04_SR)
        except FFmpegError as error:
            print(f"{path}: {error}", file=sys.stderr)
            continue
        n = PIECE_SECONDS * MN04_SR
        parts = [y[begin : begin + n] for begin in range(0, len(y), n)]
        found += [part.astype(np.float16) for part in parts if len(part) >= SHORTEST_SECONDS * MN04_SR]
    if not found:
        raise SystemExit(f"--more {folder}: no recording of {SHORTEST_SECONDS} s or more to be heard there")
    return found


class Mixer:
    """All clips at 32 kHz, in memory, and the way in which they are laid over each other."""

    def __init__(self, data: Path, more: Path | None) -> None:
        self.data = data
        tracks = [t for t in corpus.tracks(data) if t.path and not held_out(t, -1)]
        self.music = [self.read(t) for t in tracks if t.collection != "nonmusic"]
        self.other = [self.read(t) for t in tracks if t.collection == "nonmusic"]
        self.more = pieces(more) if more else []

    def read(self, track: corpus.Track) -> np.ndarray:
        return decode(self.data / track.collection / track.path, MN04_SR).astype(np.float16)

    def pool(self, rng: np.random.Generator) -> list[np.ndarray]:
        if rng.random() < SHARE_OTHER:
            return self.other
        return self.more if self.more and rng.random() < SHARE_MORE else self.music

    def one(self, rng: np.random.Generator) -> Wave:
        """29 s of one recording at another speed, a short one repeated."""
        pool = self.pool(rng)
        y = pool[rng.integers(len(pool))].astype(np.float32)
        y = soxr.resample(y, MN04_SR * 2 ** rng.uniform(-SPEED_OCTAVES, SPEED_OCTAVES), MN04_SR)
        return np.resize(np.roll(y, -int(rng.integers(len(y)))), SECONDS * MN04_SR)

    def __call__(self, rng: np.random.Generator) -> tuple[Wave, Wave]:
        """What the teachers hear, at 32 kHz, and what the network hears, at 22,050 Hz."""
        y = self.one(rng)
        if rng.random() < SHARE_OF_TWO:
            second = self.one(rng)
            y = y + second * (rms(y) / rms(second) * 10 ** (-rng.uniform(*SOFTER_DB) / 20))
        heard = soxr.resample(y, MN04_SR, SR)
        if rng.random() < SHARE_SPOILT:
            heard = spoilt(heard.astype(np.float64), self.data, rng).astype(np.float32)
        return y, heard


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    folder = args.runs / "mixtures"
    folder.mkdir(parents=True, exist_ok=True)
    mixer, teachers = Mixer(args.data, args.more), Teachers(args.teacher)
    for number in range(args.first, args.first + args.files):
        file = folder / f"{number:04d}.npz"
        if file.exists():
            continue
        rng, said, spectrograms = np.random.default_rng([7, number]), [], []
        for _ in range(N_IN_FILE):
            y, heard = mixer(rng)
            said.append(teachers.hear(y, soxr.resample(y, MN04_SR, FCN_SR)))
            spectrograms.append(log_mel(heard).astype(np.float16))
        arrays = {name: np.stack([a[name] for a in said]).astype(np.float32) for name in said[0]}
        part = file.with_suffix(".part")
        with open(part, "wb") as stream:
            np.savez(stream, S_db=np.stack(spectrograms), **arrays)
        part.replace(file)
        print(number, file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "runs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--files", type=int, default=256)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--more", type=Path)
    main(parser.parse_args())
