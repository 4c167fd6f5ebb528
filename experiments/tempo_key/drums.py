"""Drum tracks and click tracks of known tempo: what the annotated clips lack, such as 170 BPM and bare clicks."""

from __future__ import annotations

import numpy as np

SR = 22050
TEMPI = {
    "click": (55, 200),
    "rock": (85, 200),
    "house": (110, 140),
    "dnb": (155, 182),
    "half": (60, 100),
    "ballad": (55, 95),
}


def drum_track(
    rng: np.random.Generator, seconds: float = 15.0
) -> tuple[np.ndarray, float, list[tuple[float, int]]]:
    """Return a sound, its tempo, and its beats with their place in the bar."""
    n = round(seconds * SR)
    y = 10 ** rng.uniform(-5, -2.2) * rng.standard_normal(n)
    kind = str(rng.choice(list(TEMPI)))
    low, high = TEMPI[kind]
    bpm = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    pattern = _pattern(kind, rng)
    at, k, beats = rng.uniform(0.05, 0.6), 0, []
    has_chords = rng.random() < 0.6 and kind != "click"
    root, steps = rng.uniform(55, 110), rng.choice([0, 3, 5, 7, 8, 10], 4)
    while at < seconds - 0.3:
        beats.append((at, k % 4 + 1))
        for sound, places in pattern:
            for place in places:
                if int(place) == k % 4:
                    start = round((at + (place - int(place)) * 60 / bpm) * SR)
                    part = sound[: max(0, n - start)]
                    y[start : start + len(part)] += part * rng.uniform(0.8, 1)
        if has_chords and k % 4 == 0:
            t = np.arange(min(round(240 / bpm * SR), n - round(at * SR))) / SR
            hz = 2 * root * 2 ** (steps[k // 4 % 4] / 12)
            chord = sum(np.sin(2 * np.pi * hz * m * h * t) / h for m in (1, 1.26, 1.5) for h in (1, 2, 3, 4))
            y[round(at * SR) :][: len(t)] += 0.08 * chord * np.exp(-0.7 * t)
        at, k = at + 60 / bpm, k + 1
    y *= 10 ** rng.uniform(-1.3, 0) / max(1e-9, np.abs(y).max())
    return y.astype(np.float32), bpm, beats


def _pattern(kind: str, rng: np.random.Generator) -> list[tuple[np.ndarray, list[float]]]:
    """Return each sound with the beats of a bar on which it falls."""
    t = np.arange(6000) / SR
    hz, fall = rng.uniform(42, 70), rng.uniform(10, 30)
    kick = np.sin(2 * np.pi * (hz * t + rng.uniform(1, 4) * np.exp(-30 * t))) * np.exp(-fall * t)
    loud = rng.uniform(0.3, 0.9)
    noise = rng.standard_normal(6000) * np.exp(-t * rng.uniform(20, 60))
    snare = loud * (noise + 0.5 * np.sin(2 * np.pi * rng.uniform(160, 230) * t) * np.exp(-25 * t))
    hat = (
        np.diff(rng.standard_normal(2501)) * rng.uniform(0.05, 0.3) * np.exp(-t[:2500] * rng.uniform(60, 250))
    )
    click = rng.standard_normal(1500) * np.exp(-np.arange(1500) / rng.uniform(60, 300))
    if rng.random() < 0.5:
        click = np.sin(2 * np.pi * rng.uniform(700, 3000) * t[:1500]) * np.exp(
            -np.arange(1500) / rng.uniform(60, 400)
        )
    rock = [[0, 2, 2.5], [0, 2]][rng.choice([0, 1])]
    eighths, sixteenths = list(np.arange(0, 4, 0.5)), list(np.arange(0, 4, 0.25))
    dnb = [[0, 2.5], [0, 2], [0, 1.5, 2.5]][rng.integers(3)]
    return {
        "click": [(click, [0, 1, 2, 3])],
        "rock": [(kick, rock), (snare, [1, 3]), (hat, eighths)],
        "house": [(kick, [0, 1, 2, 3]), (snare, [1, 3]), (hat, [0.5, 1.5, 2.5, 3.5])],
        "dnb": [(kick, dnb), (snare, [1, 3]), (hat, eighths)],
        "half": [(kick, [0, 2, 2.75]), (snare, [1, 3]), (hat, sixteenths)],
        "ballad": [(kick, [0, 2]), (snare, [1, 3]), (hat, eighths)],
    }[kind]


def club_track(
    rng: np.random.Generator, seconds: float = 17.0
) -> tuple[np.ndarray, float, list[tuple[float, int]]]:
    """Return dance music with a kick on each beat and bass, hats and stabs between, as strong: not twice as fast.

    Some have kick and snare in turn instead, at slow or at fast tempi, and eighths between.
    """
    n, kind = round(seconds * SR), ("club", "slow", "fast")[rng.choice(3, p=[0.45, 0.2, 0.35])]
    is_slow = kind != "club"
    bpm = float(
        np.exp(rng.uniform(*np.log({"club": (85, 145), "slow": (62, 105), "fast": (150, 186)}[kind])))
    )
    y = 1e-4 * rng.standard_normal(n)
    t = np.arange(round(30 / bpm * SR)) / SR
    kick = np.sin(2 * np.pi * (rng.uniform(42, 65) * t + rng.uniform(1, 4) * np.exp(-30 * t))) * np.exp(
        -rng.uniform(8, 25) * t
    )
    clap = rng.uniform(0.3, 0.8) * rng.standard_normal(len(t)) * np.exp(-rng.uniform(15, 50) * t)
    hat = (
        rng.uniform(0.05, 0.35) * np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-rng.uniform(40, 200) * t)
    )
    root, steps = rng.uniform(40, 75), rng.choice([0, 3, 5, 7, 8, 10], 4)
    slope, decay = rng.uniform(0.7, 1.5), rng.uniform(2, 12)
    between = [[0.5], [0.5, 0.75], [0.25, 0.5, 0.75], [0, 0.5]][rng.integers(4)]
    hats = [[0.5], [0, 0.5], [0, 0.25, 0.5, 0.75]][rng.integers(3)]
    stabs = rng.choice(np.arange(0, 4, 0.5 if is_slow else 0.25), rng.integers(2, 7), replace=False)
    bass_level, stab_level = rng.uniform(0.2, 0.8), rng.uniform(0, 0.5)
    if rng.random() < 0.4:  # on each offbeat
        stabs = np.arange(0.5, 4)

    def note(hz: float) -> np.ndarray:
        wave = sum(np.sin(2 * np.pi * hz * h * t) / h**slope for h in range(1, 10))
        return wave * np.exp(-decay * t)

    def add(at: float, sound: np.ndarray) -> None:
        start = round(at * SR)
        part = sound[: max(0, n - start)]
        y[start : start + len(part)] += part * rng.uniform(0.85, 1)

    at, k, beats = rng.uniform(0.05, 0.6), 0, []
    while at < seconds - 0.3:
        beats.append((at, k % 4 + 1))
        low = root * 2 ** (steps[k // 4 % 4] / 12)
        if not is_slow or k % 2 == 0:
            add(at, kick)
        if k % 2 == 1:
            add(at, clap)
        for place in hats if kind != "fast" else [0, 0.5]:
            add(at + place * 60 / bpm, hat)
        for place in between if kind != "fast" else []:
            add(at + place * 60 / bpm, bass_level * note(low))
        for place in stabs:
            if int(place) == k % 4:
                chord = note(4 * low) + note(4 * low * 1.19) + note(4 * low * 1.5)
                add(at + (place - int(place)) * 60 / bpm, stab_level * chord)
        at, k = at + 60 / bpm, k + 1
    return (y * 10 ** rng.uniform(-1, 0) / np.abs(y).max()).astype(np.float32), bpm, beats
