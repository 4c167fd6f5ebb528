"""Sounds and cases of the feature tests, and what librosa answers on them.

Everything here is synthesised. `golden` gives librosa's answers, which `tests/golden/make_librosa.py` froze.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from earmark.features import PITCH_CLASSES, FeatureSpec

SR = 22050
GOLDEN = Path(__file__).parents[1] / "golden" / "librosa.npz"
T = np.arange(3 * SR) / SR
COLUMNS = (0, 1, 2, 20, 61)  # frames of a log-mel that are compared

SPECS = {
    "default": FeatureSpec(),
    "htk": FeatureSpec(htk=True, norm=None),
    "small": FeatureSpec(n_fft=1024, hop_length=256, n_mels=64),
    "odd sizes": FeatureSpec(n_fft=1000, hop_length=333, n_mels=41),
    "band": FeatureSpec(fmin=50.0, fmax=8000.0),
    "magnitude": FeatureSpec(power=1.0),
    "speech": FeatureSpec(sr=16000, n_fft=512, hop_length=160, n_mels=80, fmin=20, fmax=7600, amin=1e-12),
    "long": FeatureSpec(sr=44100, n_fft=4096, hop_length=1024, n_mels=229, fmin=30.0),
}
SHAPE_SPECS = {"default": FeatureSpec(), "other": FeatureSpec(sr=16000, n_fft=1000, hop_length=300)}
CHROMA_SPECS = {"default": FeatureSpec(), "small": FeatureSpec(sr=16000, n_fft=1024)}
TUNINGS = (0.0, 0.27, -0.4)
NOTE_TUNINGS = (0.0, 0.15, -0.3, 0.45)
ROLLOFFS = (0.85, 0.5, 0.99)
LENGTHS = (1, 2, 511, 1024, 2047, 2048, 2049)
DELTAS = [(width, order) for width in (5, 9, 15) for order in (1, 2, 3)]
HZ = np.array([0.0, 1.0, 440.0, 999.9, 1000.0, 1000.1, 6400.0, 11025.0])
C_CADENCE = ("C3 E4 G4 C5", "F3 A4 C5 F4", "G3 B4 D5 G4", "C3 E4 G4 C5")
A_CADENCE = ("A2 C4 E4 A4", "D3 F4 A4 D4", "E3 G#4 B4 E4", "A2 C4 E4 A4")


@cache
def golden() -> dict[str, np.ndarray]:
    """Return librosa's answers by name."""
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def music(seconds: float = 3.0) -> np.ndarray:
    """Chords of decaying partials, a bass, and a burst of noise on each beat."""
    t = np.arange(round(seconds * SR)) / SR
    chord = sum(np.sin(2 * np.pi * f * h * t) / h**2 for f in (220, 277.2, 329.6) for h in range(1, 9))
    bass = np.sign(np.sin(2 * np.pi * 55 * t))
    beat = t % 0.5
    noise = np.random.default_rng(1).standard_normal(len(t)) * np.exp(-40 * beat)
    return (0.12 * chord * np.exp(-3 * beat) + 0.05 * bass + 0.1 * noise).astype(np.float32)


def note_frequency(name: str) -> float:
    """Frequency of a note like ``"A4"`` or ``"C#3"`` in Hz."""
    semitones = PITCH_CLASSES.index(name[:-1]) + 12 * int(name[-1])
    return 440.0 * 2 ** ((semitones - 57) / 12)


def notes(*chords: str, seconds: float = 0.5, tuning: float = 0.0) -> np.ndarray:
    """Chords of named notes, each note six decaying harmonics."""
    t = np.arange(round(seconds * SR)) / SR
    parts = []
    for chord in chords:
        f = [note_frequency(name) * 2 ** (tuning / 12) for name in chord.split()]
        parts.append(sum(np.sin(2 * np.pi * hz * h * t) / h**1.5 for hz in f for h in range(1, 7)))
    return (0.1 * np.concatenate(parts)).astype(np.float32)


def clicks(bpm: float, seconds: float = 20.0, *, first: float = 0.5) -> np.ndarray:
    """Short bursts of noise at a steady tempo."""
    rng = np.random.default_rng(3)
    y = 1e-4 * rng.standard_normal(round(seconds * SR))
    burst = rng.standard_normal(800) * np.exp(-np.arange(800) / 100)
    for at in np.arange(first, seconds - 0.1, 60 / bpm):
        start = round(at * SR)
        y[start : start + 800] += 0.5 * burst
    return y.astype(np.float32)


def swing(seconds: float = 20.0) -> np.ndarray:
    """Uneven clicks of changing strength: an envelope on which trackers have to decide."""
    rng = np.random.default_rng(5)
    y = 0.01 * rng.standard_normal(round(seconds * SR))
    at = 0.3
    while at < seconds - 0.2:
        n = rng.integers(300, 2000)
        start = round(at * SR)
        y[start : start + n] += rng.uniform(0.1, 0.8) * rng.standard_normal(n) * np.exp(-np.arange(n) / 200)
        at += rng.choice([0.21, 0.42, 0.43, 0.63])
    return y.astype(np.float32)


@cache
def logmel_signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "noise": 0.3 * rng.standard_normal(len(T)),
        "quiet noise": 1e-3 * rng.standard_normal(len(T)),
        "bass tone": 0.9 * np.sin(2 * np.pi * 55.3 * T),
        "tone": np.sin(2 * np.pi * 440.0 * T),
        "high tone": 0.5 * np.sin(2 * np.pi * 9871.3 * T),
        "sweep": 0.8 * np.sin(2 * np.pi * (20 * T + 0.5 * 10000 / 3 * T**2)),
        "click": np.eye(1, len(T), 20000)[0],
        "offset": 0.5 * np.ones(len(T)),
        "gated tone": np.sin(2 * np.pi * 440 * T) * (T % 1 < 0.5),
        "music": music(),
    }


@cache
def shape_signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        "noise": 0.3 * rng.standard_normal(len(T)),
        "brown noise": np.cumsum(rng.standard_normal(len(T))) / 300,
        "tone": 0.5 * np.sin(2 * np.pi * 1000.3 * T),
        "sweep": 0.8 * np.sin(2 * np.pi * (50 * T + 0.5 * 9000 / 3 * T**2)),
        "pulses": np.sign(np.sin(2 * np.pi * 110 * T)) * np.exp(-4 * (T % 0.5)),
        "gated noise": 0.3 * rng.standard_normal(len(T)) * (T % 1 < 0.5),
    }


@cache
def rhythm_sounds() -> dict[str, np.ndarray]:
    return {
        "clicks": clicks(100),
        "swing": swing(),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(15 * SR).astype(np.float32),
        "music": music(15.0),
        "short": clicks(140, 3.0),
    }


def descriptor_sounds() -> dict[str, np.ndarray]:
    cadences = notes(*C_CADENCE, *A_CADENCE, seconds=1.0)
    return {"music": music(8.0), "beats and chords": 0.3 * clicks(110, 8.0) + cadences}


@cache
def random_db() -> np.ndarray:
    return np.random.default_rng(2).uniform(-60, 20, (128, 50)).astype(np.float32)


def random_envelope(seed: int, n: int) -> np.ndarray:
    """An onset envelope over a background that is not flat, so that no two sequences are worth the same."""
    rng = np.random.default_rng(seed)
    envelope = rng.random(n) ** 4 * (rng.random(n) < rng.uniform(0.05, 1))
    envelope += 1e-3 * np.random.default_rng(seed + 1).random(n)
    envelope[:3] = 0  # as in every onset envelope; librosa leaves the first value out
    return envelope


@cache
def envelope_cases() -> list[tuple[int, int, float]]:
    """Seed, length and tempo of 40 envelopes."""
    rng = np.random.default_rng(8)
    return [(seed, int(rng.integers(20, 900)), float(rng.uniform(40, 250))) for seed in range(40)]
