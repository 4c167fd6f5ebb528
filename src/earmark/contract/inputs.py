"""What the contract suite feeds to models: windows like music, silence, a click, far too loud."""

from __future__ import annotations

import numpy as np

from earmark.models.base import Array
from earmark.models.card import ModelCard
from earmark.models.windows import described, descriptor_names, sound_windows


def music_like(card: ModelCard, n: int, seed: int = 0) -> Array:
    """Inputs as music gives them [shape=(n, *card.input_shape)]."""
    rng = np.random.default_rng(seed)
    if card.input == "log_mel":
        return _spectrograms(card, n, rng)
    if _computed(card):
        return _inputs([_sound(card, rng) for _ in range(n)], card)
    return rng.normal(0, 1, (n, *card.input_shape)).astype(np.float32)


def extremes(card: ModelCard) -> dict[str, Array]:
    """One input each of sound that is no music [shape=(1, *card.input_shape)]."""
    if card.input == "log_mel":
        silence = np.full((1, *card.input_shape), card.spec.floor_db, dtype=np.float32)
        click = silence.copy()
        click[:, :, click.shape[2] // 2] = 20.0
        return {"silence": silence, "a click": click, "a level of +100 dB": silence + 200}
    if not _computed(card):
        zeros = np.zeros((1, *card.input_shape), dtype=np.float32)
        return {"zeros": zeros, "a million": zeros + 1e6, "minus a million": zeros - 1e6}
    silence = np.zeros(card.window_length, dtype=np.float32)
    click = silence.copy()
    click[len(click) // 2] = 1.0
    loud = 1e5 * _sound(card, np.random.default_rng(0))
    sounds = {"silence": silence, "a click": click, "a level of +100 dB": loud}
    return {name: _inputs([y], card) for name, y in sounds.items()}


def _computed(card: ModelCard) -> bool:
    """Whether earmark computes the inputs of a card itself: log-mels, or all its descriptors."""
    return not card.descriptor_names or set(card.descriptor_names) <= set(descriptor_names(card.spec))


def _inputs(sounds: list[Array], card: ModelCard) -> Array:
    """Inputs of sounds of one window each [shape=(n, d)]."""
    if card.input == "descriptors":
        return described(sounds, card)
    return np.concatenate([sound_windows(y, card)[1] for y in sounds])


def _spectrograms(card: ModelCard, n: int, rng: np.random.Generator) -> Array:
    """Windows with the tilt of music: loud low bands, 60 dB less at the top, and a beat."""
    tilt = np.linspace(20, -40, card.spec.n_mels)[:, np.newaxis]
    beat = 6 * np.sin(np.arange(card.n_frames) / 3)
    noise = rng.normal(0, 8, (n, card.spec.n_mels, card.n_frames))
    level = rng.uniform(-20, 10, (n, 1, 1))
    X: Array = np.maximum(tilt + beat + noise + level, card.spec.floor_db).astype(np.float32)
    return X


def _sound(card: ModelCard, rng: np.random.Generator) -> Array:
    """Noise that falls towards high frequencies, a few tones, and a beat [shape=(window_length,)]."""
    t = np.arange(card.window_length) / card.spec.sr
    noise = np.convolve(rng.normal(0, 0.1, len(t)), np.exp(-np.arange(16) / 4), mode="same")
    tones = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(100, 2000, 3))
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(1, 3) * t)
    y: Array = (rng.uniform(0.05, 0.3) * beat * (noise + 0.2 * tones)).astype(np.float32)
    return y
