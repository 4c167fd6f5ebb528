"""Labelled music for tests, from the demo band: three genres, many keys and tempi."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from earmark.demo import STYLES, demo_clip
from earmark.features import PITCH_CLASSES
from sounds import write

TEMPI = {"rock": (110, 170), "house": (112, 132), "ballad": (60, 100)}


def write_music(
    folder: Path, *, n: int, seconds: float = 3.2, sr: int = 11025, names: dict[str, str] | None = None
) -> Path:
    """Write ``folder/style/00.wav`` and so on, `n` of each style; `names` gives the folders other names."""
    rng = np.random.default_rng(1)
    for style in STYLES:
        place = folder / (names or {}).get(style, style)
        place.mkdir(parents=True, exist_ok=True)
        for i in range(n):
            key = f"{rng.choice(PITCH_CLASSES)} {rng.choice(['major', 'minor'])}"
            clip = demo_clip(style, seconds=seconds, sr=sr, seed=i, bpm=rng.uniform(*TEMPI[style]), key=key)
            write(place / f"{i:02}.wav", clip.y, clip.sr, "wav16")
    return folder
