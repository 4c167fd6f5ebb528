"""Chord progressions of known key: the annotated minor keys are mostly blues and metal, hardly a pop song's."""

from __future__ import annotations

import numpy as np

SR = 22050
# Degrees of the scale in semitones above the tonic with the kind of chord: m minor, M major, 7 with a minor seventh.
MAJOR = (
    "0M 7M 9m 5M",
    "0M 5M 7M 0M",
    "0M 9m 5M 7M",
    "0M 5M 0M 7M",
    "0M 4m 5M 7M",
    "2m 7M 0M 0M",
    "0M 10M 5M 0M",
    "0M 9m 2m 7M",
    "0M 0M 5M 5M",
)
MINOR = (
    "0m 8M 3M 10M",
    "0m 5m 7m 0m",
    "0m 5m 7M 0m",
    "0m 10M 8M 10M",
    "0m 8M 10M 0m",
    "0m 3M 10M 5m",
    "0m 10M 8M 7M",
    "0m 8M 5m 7M",
    "0m 10M 0m 10M",
    "0m 5m 0m 5m",
)
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def progression(rng: np.random.Generator, mode: str, seconds: float = 16.0) -> np.ndarray:
    """Return a band in C major or C minor: chords, bass, a tune, and drums of noise."""
    chords = str(rng.choice(MAJOR if mode == "major" else MINOR)).split()
    bar, n = rng.uniform(1.4, 2.6), round(seconds * SR)
    y, tuning = np.zeros(n), rng.uniform(-0.2, 0.2)
    levels = {"chord": rng.uniform(0.4, 1), "bass": rng.uniform(0.3, 1.5), "tune": rng.uniform(0.1, 0.6)}
    timbre = {name: _timbre(rng) for name in levels}
    power = rng.random() < 0.15  # chords without a third
    for k in range(int(seconds / bar)):
        degree, kind = int(chords[k % len(chords)][:-1]), chords[k % len(chords)][-1]
        third = 4 if kind == "M" else 3
        notes = [0, 7, 12] if power else [0, third, 7]
        for step in notes:
            midi = 48 + degree % 12 + step + 12 * rng.integers(0, 2)
            _play(y, midi + tuning, k * bar, bar, levels["chord"], timbre["chord"])
        for beat in range(4):
            low = 36 + degree % 12 - 12 * (degree % 12 > 7) + (7 if rng.random() < 0.12 else 0)
            _play(y, low + tuning, (k + beat / 4) * bar, bar / 4, levels["bass"], timbre["bass"])
            if rng.random() < 0.7:
                inside = [degree + step for step in notes] if rng.random() < 0.5 else list(SCALES[mode])
                _play(
                    y,
                    60 + int(rng.choice(inside)) + tuning,
                    (k + beat / 4) * bar,
                    bar / 4,
                    levels["tune"],
                    timbre["tune"],
                )
    at = np.arange(n) / SR % (bar / 4)
    y += rng.uniform(0, 0.6) * rng.standard_normal(n) * np.exp(-at * rng.uniform(15, 60))
    return (0.2 * y / np.abs(y).max()).astype(np.float32)


def _timbre(rng: np.random.Generator) -> tuple[float, float, int]:
    """Slope of the partials, decay in 1/s, number of partials."""
    return rng.uniform(0.6, 2.0), rng.uniform(0.1, 4), int(rng.integers(3, 14))


def _play(
    y: np.ndarray, midi: float, start: float, seconds: float, level: float, timbre: tuple[float, float, int]
) -> None:
    first = round(start * SR)
    t = np.arange(min(round(seconds * SR), len(y) - first)) / SR
    if len(t) == 0:
        return
    slope, decay, n = timbre
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = [h for h in range(1, n + 1) if h * hz < SR / 2]
    wave = sum(np.sin(2 * np.pi * hz * h * t) / h**slope for h in partials)
    y[first : first + len(t)] += level * wave * np.exp(-decay * t)
