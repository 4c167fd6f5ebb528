"""Make prediction_echo.json: `python tests/golden/make_prediction_echo.py`, then read the difference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from earmark.audio import Clip
from earmark.predict import Prediction, classify

GOLDEN = Path(__file__).with_name("prediction_echo.json")


def golden_clip() -> Clip:
    """Seven seconds from formulas: an A minor chord twice a second (120 BPM), then 3.5 s of silence."""
    sr = 22050
    t = np.arange(7 * sr) / sr
    chord = sum(
        np.sin(2 * np.pi * hz * t) / k for k, hz in enumerate((110.0, 261.63, 329.63, 440.0), start=1)
    )
    decay = np.exp(-4 * (t % 0.5))
    y = np.concatenate([0.1 * chord * decay, np.zeros(round(3.5 * sr))])
    return Clip(y.astype(np.float32), sr, path="chord.wav")


def golden_prediction() -> Prediction:
    """What echo says of it, with its embedding."""
    return classify(golden_clip(), model="echo", embedding=True)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_prediction().to_dict(), indent=1) + "\n", encoding="utf-8")
