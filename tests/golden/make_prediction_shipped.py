"""Make prediction_base.json and prediction_lite.json, or one of them; then read the difference.

    python tests/golden/make_prediction_shipped.py [earmark-base] [earmark-lite]

The scores of the shipped weights, on sound from formulas that no other part of earmark makes. Tempo and key
are left out: they do not come from the weights, and have tests of their own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio import Clip
from earmark.predict import Prediction, classify

GOLDEN = {f"earmark-{name}": Path(__file__).with_name(f"prediction_{name}.json") for name in ("base", "lite")}
SR = 22050


def golden_clip() -> Clip:
    """Twenty-six seconds: plucked chords, four on the floor, a slow pad, silence, a loud riff."""
    rng = np.random.default_rng(5)
    stretches = [_plucked(6.0), _house(7.0, rng), _pad(5.0), np.zeros(round(3.7 * SR)), _riff(4.3, rng)]
    return Clip(np.concatenate(stretches).astype(np.float32), SR, path="formulas.wav")


def _note(midi: float, t: np.ndarray, *, harmonics: int) -> np.ndarray:
    hz = 440 * 2 ** ((midi - 69) / 12)
    return sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, harmonics + 1))


def _plucked(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    chords = ((50, 57, 62, 66), (47, 54, 59, 62), (43, 55, 59, 62), (45, 57, 61, 64))
    y = np.zeros(len(t))
    for i in range(int(seconds / 0.3)):
        since = t - 0.3 * i
        sounding = (since >= 0) * np.exp(-5 * np.maximum(since, 0))
        y += 0.08 * sounding * _note(chords[i // 5 % 4][i % 4], t, harmonics=6)
    return y


def _house(seconds: float, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    beat = t % (60 / 124)
    kick = 0.6 * np.sin(2 * np.pi * (50 * beat - 6 * np.exp(-30 * beat))) * np.exp(-9 * beat)
    hat = 0.06 * rng.standard_normal(len(t)) * np.exp(-60 * ((t + 30 / 124) % (60 / 124)))
    bass = 0.15 * _note(33, t, harmonics=8) * (np.sin(2 * np.pi * 124 / 30 * t) > 0)
    return kick + hat + bass


def _pad(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    chord = sum(_note(midi + 0.03 * np.sin(2 * np.pi * 0.2 * t), t, harmonics=3) for midi in (57, 60, 64, 71))
    return 0.05 * chord * np.sin(np.pi * t / seconds)


def _riff(seconds: float, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    step = (t / 0.125).astype(int) % 8
    roots = np.array([40, 40, 43, 40, 46, 45, 40, 43])[step]
    phase = np.cumsum(440 * 2 ** ((roots - 69) / 12)) / SR
    strings = np.sin(2 * np.pi * phase) + np.sin(2 * np.pi * 1.5 * phase) + np.sin(4 * np.pi * phase)
    snare = 0.3 * rng.standard_normal(len(t)) * np.exp(-14 * (t % 0.5))
    return 0.35 * np.tanh(4 * strings) + snare


def golden_prediction(name: str) -> Prediction:
    """Classify the clip with the shipped weights of a model, with the embedding."""
    return classify(golden_clip(), model=name, embedding=True)


def golden_scores(prediction: Prediction) -> dict[str, Any]:
    """All scores of a prediction by label, to 7 digits: ``to_dict`` has 4."""

    def scores(labels: Any) -> dict[str, float]:
        return {score.label: round(float(score.score), 7) for score in labels}

    more: dict[str, Any] = {}  # of heads that not every model has
    if prediction.voice is not None:
        more["voice"] = {name: round(float(p), 7) for name, p in prediction.voice.scores.items()}
    if prediction.instruments:
        more["instruments"] = scores(prediction.instruments)
    if prediction.affect is not None:
        more["affect"] = [round(float(x), 7) for x in (prediction.affect.valence, prediction.affect.arousal)]
    return {
        "verdict": prediction.verdict,
        "duration": prediction.duration,
        "genres": scores(prediction.genres),
        "moods": scores(prediction.moods),
        "quadrant": {name: round(float(p), 7) for name, p in prediction.quadrant.scores.items()},
        "embedding": [round(float(value), 6) for value in prediction.embedding],
        "segments": [
            {"start": s.start, "end": s.end, "genres": scores(s.genres)} for s in prediction.segments
        ],
        **more,
    }


if __name__ == "__main__":
    for model in sys.argv[1:] or GOLDEN:
        text = json.dumps(golden_scores(golden_prediction(model)), indent=1)
        GOLDEN[model].write_text(text + "\n", encoding="utf-8")
