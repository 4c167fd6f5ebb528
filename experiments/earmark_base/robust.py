"""The same clips through bad codecs, telephones, noise, another speed and a phone across a room: made in sound.

What the training spoils in mel bands is spoilt here in samples, so that a short cut of ours would show. Rooms are
those that no training heard (every fifth); the noises' recordings were heard in distillation, since there are few.

    python robust.py DATA RUNS
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import corpus
import numpy as np
from scipy.signal import butter, fftconvolve, sosfiltfilt
from training import ROOM_HOLD_OUT

from earmark import load, log_mel
from earmark.train.augment_audio import coded, with_noise

SR, EVERY = 22050, 6  # every sixth track of panda4q and mirex_mood
Wave = np.ndarray


def band(y: Wave, low_hz: float, high_hz: float) -> Wave:
    return sosfiltfilt(butter(4, (low_hz, high_hz), "bandpass", fs=SR, output="sos"), y)


def add(y: Wave, noise: Wave, ratio_db: float) -> Wave:
    level = np.sqrt((y**2).mean() / max(float((noise**2).mean()), 1e-12))
    return y + np.resize(noise, len(y)) * level * 10 ** (-ratio_db / 20)


@cache
def sounds(folder: Path, *, held_out: bool = True) -> tuple[list[Wave], list[Wave], list[Wave]]:
    """Rooms that no training heard (or all the others), noises, voices; of these, too, others in training."""
    names = [row["path"] for row in corpus.rows(folder / "rooms")]
    rooms = [
        load(folder / "rooms" / name).y
        for i, name in enumerate(names)
        if (i % ROOM_HOLD_OUT == 0) == held_out
    ]
    rows = corpus.rows(folder / "nonmusic")
    kinds = (("environment", 12), ("speech", 8))  # the others, in training, begin at the second
    noises, voices = (
        [load(folder / "nonmusic" / r["path"]).y for r in rows if r["kind"] == kind][
            0 if held_out else 1 :: every
        ]
        for kind, every in kinds
    )
    return rooms, noises, voices


def across_a_room(y: Wave, folder: Path, rng: np.random.Generator) -> Wave:
    rooms, noises, _ = sounds(folder)
    room = rooms[rng.integers(len(rooms))]
    y = fftconvolve(y, room)[: len(y)]
    return band(add(y, noises[rng.integers(len(noises))], 10), 150, 7000)


def babble(y: Wave, folder: Path, rng: np.random.Generator, *, held_out: bool = True) -> Wave:
    voices = sounds(folder, held_out=held_out)[2]
    picked = [np.resize(voices[i], len(y)) for i in rng.choice(len(voices), 6, replace=False)]
    return add(y, np.sum(picked, axis=0), 10)


def mp3(kbit: int) -> Callable[..., Wave]:
    return lambda y, _, __: coded(
        y.astype(np.float32), SR, container="mp3", encoder="libmp3lame", rate=SR, kbit=kbit
    )


CONDITIONS: dict[str, Callable[[Wave, Path, np.random.Generator], Wave]] = {
    "as it is": lambda y, _, __: y,
    "MP3, 64 kbit/s": mp3(64),
    "MP3, 32 kbit/s": mp3(32),
    "telephone, 8 kHz (300 to 3,400 Hz)": lambda y, _, __: band(y, 300, 3400),
    "telephone, 16 kHz (50 to 7,000 Hz)": lambda y, _, __: band(y, 50, 7000),
    "30 dB softer": lambda y, _, __: y * 10 ** (-30 / 20),
    "12 dB louder, clipped": lambda y, _, __: np.clip(y * 10 ** (12 / 20), -1, 1),
    "pink noise, 10 dB": lambda y, _, rng: with_noise(
        y.astype(np.float32), SR, rng, db_per_octave=-3, ratio_db=10
    ),
    "babble of six voices, 10 dB": babble,
    "3 % faster": lambda y, _, __: np.interp(np.arange(0, len(y) - 1, 1.03), np.arange(len(y)), y),
    "a phone across a room, noise, 10 dB": across_a_room,
}


def tracks(data: Path) -> list[corpus.Track]:
    named = [t for t in corpus.tracks(data) if t.collection in ("panda4q", "mirex_mood")]
    return named[::EVERY]


def hear(args: tuple[Path, Path, int, str]) -> np.ndarray:
    data, path, number, condition = args
    y = CONDITIONS[condition](load(path).y.astype(np.float64), data, np.random.default_rng(number))
    return log_mel(y.astype(np.float32)).astype(np.float16)


def main(data: Path, runs: Path) -> None:
    chosen = tracks(data)
    (runs / "robust").mkdir(parents=True, exist_ok=True)
    for i, condition in enumerate(CONDITIONS):
        file = runs / "robust" / f"{i}.npz"
        if file.exists():
            continue
        work = [(data, data / t.collection / t.path, n, condition) for n, t in enumerate(chosen)]
        with ProcessPoolExecutor(1) as pool:
            found = dict(zip((t.id for t in chosen), pool.map(hear, work, chunksize=8), strict=True))
        np.savez(file, **found)
        print(condition, len(found), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
