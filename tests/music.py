"""Labelled music for tests: the demo band, and three genres of few ingredients in many keys and tempi."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio import Clip
from earmark.demo import demo_clip
from sounds import write

TEMPI = {"rock": (110, 170), "house": (112, 132), "ballad": (60, 100)}
THIRDS = (3, 4)  # semitones: minor and major


@lru_cache(maxsize=64)
def band(style: str = "rock", **options: Any) -> Clip:
    """Return `earmark.demo.demo_clip`, synthesised once: a second of it takes a third of a second."""
    clip = demo_clip(style, **options)
    clip.y.flags.writeable = False
    return clip


def write_music(
    folder: Path, *, n: int, seconds: float = 3.2, sr: int = 11025, names: dict[str, str] | None = None
) -> Path:
    """Write ``folder/style/00.wav`` and so on, `n` of each style; `names` gives the folders other names."""
    rng = np.random.default_rng(1)
    for style, tempi in TEMPI.items():
        place = folder / (names or {}).get(style, style)
        place.mkdir(parents=True, exist_ok=True)
        for i in range(n):
            y = _played(style, round(seconds * sr), sr, bpm=rng.uniform(*tempi), rng=rng)
            write(place / f"{i:02}.wav", y, sr, "wav16")
    return folder


def _played(style: str, n: int, sr: int, *, bpm: float, rng: np.random.Generator) -> np.ndarray:
    """A chord in a drawn key and a drum on the beat [shape=(n,)]: fifths, a kick and off-beats, or a triad.

    Three seconds take 10 ms; the demo band takes 1 s for them.
    """
    t = np.arange(n) / sr
    beat = (t * bpm / 60) % 1 * 60 / bpm  # s since the last beat
    off = (beat - 30 / bpm) % (60 / bpm)
    tonic = 110.0 * 2 ** (rng.integers(12) / 12)
    third = tonic * 2 ** (rng.choice(THIRDS) / 12)
    hiss = rng.standard_normal(n)
    if style == "rock":
        tones = np.tanh(6 * (np.sin(2 * np.pi * tonic * t) + np.sin(3 * np.pi * tonic * t)))
        y = 0.3 * tones + 0.3 * hiss * np.exp(-18 * off)
    elif style == "house":
        kick = np.sin(2 * np.pi * (50 * beat + 3 * (1 - np.exp(-30 * beat)))) * np.exp(-9 * beat)
        y = 0.6 * kick + 0.15 * hiss * np.exp(-60 * off) + 0.1 * np.sin(4 * np.pi * third * t)
    else:
        chord = sum(np.sin(2 * np.pi * hz * t) for hz in (tonic, third, 1.5 * tonic))
        y = 0.2 * chord * np.exp(-1.5 * beat) + 0.001 * hiss
    return y.astype(np.float32)
