"""Spoiling a batch of log-mels the way that rooms, phones, noise and DJs spoil music.

All of it happens in the power of the mel bands, where a filter is a gain per band, noise adds, and a room smears every
band over time with that band's own decay. That leaves out phase, and is thousands of times cheaper than sound.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

N_ROOM_FRAMES = 64


def to_power(S_db: Tensor) -> Tensor:
    return torch.exp(S_db * (math.log(10) / 10))


def to_db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=1e-10))


def room_kernels(folder: Path, keep: list[str]) -> Tensor:
    """Energy of each impulse response per mel band and frame [shape=(n, 128, 64)], unit energy over all bands."""
    from earmark import load, log_mel

    kernels = []
    for path in keep:
        S = 10 ** (log_mel(np.pad(load(folder / path).y, (0, N_ROOM_FRAMES * 512))) / 10)
        onset = max(0, int(S.sum(0).argmax()) - 1)
        S = S[:, onset : onset + N_ROOM_FRAMES]
        kernels.append(S / S.sum(1).mean())
    return torch.tensor(np.stack(kernels), dtype=torch.float32)


def rooms(power: Tensor, kernels: Tensor, rng: np.random.Generator) -> Tensor:
    """Each clip through a room of its own: a causal convolution over time, band by band."""
    n, bands, frames = power.shape
    chosen = kernels[torch.from_numpy(rng.integers(len(kernels), size=n))]
    padded = torch.nn.functional.pad(power, (N_ROOM_FRAMES - 1, 0))
    weights = chosen.flip(-1).reshape(n * bands, 1, N_ROOM_FRAMES)
    return torch.nn.functional.conv1d(padded.reshape(1, n * bands, -1), weights, groups=n * bands).reshape(
        n, bands, frames
    )


def equaliser(n: int, n_bands: int, rng: np.random.Generator, spread_db: float) -> Tensor:
    """A smooth random curve of gains in dB [shape=(n, n_bands, 1)]."""
    knots = rng.normal(0, spread_db, size=(n, 1, 6))
    return torch.nn.functional.interpolate(
        torch.tensor(knots, dtype=torch.float32), n_bands, mode="linear"
    ).transpose(1, 2)


def band_limit(n: int, centres_hz: np.ndarray, rng: np.random.Generator) -> Tensor:
    """The pass bands of telephones and small speakers, in dB [shape=(n, n_bands, 1)]."""
    low = rng.uniform(60, 400, size=(n, 1))
    high = rng.choice([3400, 4000, 7000, 8000, 10000], size=(n, 1)) * rng.uniform(0.9, 1.1, size=(n, 1))
    slope = rng.uniform(12, 36, size=(n, 1))
    fall = np.maximum(0, np.log2(low / np.maximum(centres_hz, 20))) + 3 * np.maximum(
        0, np.log2(centres_hz / high)
    )
    return torch.tensor(-np.minimum(fall * slope, 80), dtype=torch.float32)[:, :, None]


def stretch(S_db: Tensor, rng: np.random.Generator) -> Tensor:
    """One pitch and speed for the batch: the frequency axis (log above 1 kHz) shifts, the time axis scales."""
    n, bands, frames = S_db.shape
    shift = rng.uniform(-3.5, 3.5)
    speed = rng.uniform(0.9, 1.1)
    at = torch.arange(bands) + shift * torch.clamp(torch.arange(bands) / 45, max=1)
    at = (2 * at.clamp(0, bands - 1) / (bands - 1) - 1)[:, None].expand(bands, int(frames / speed))
    when = torch.linspace(-1, 1, at.shape[1])[None].expand_as(at)
    grid = torch.stack([when, at], -1)[None].expand(n, -1, -1, -1)
    return torch.nn.functional.grid_sample(S_db[:, None], grid, align_corners=True, padding_mode="border")[
        :, 0
    ]


def mask(S_db: Tensor, rng: np.random.Generator) -> Tensor:
    """One band of frequency and one span of time of each clip replaced by its own mean (Park et al. 2019)."""
    S_db = S_db.clone()
    for clip in S_db:
        height, width = rng.integers(0, 17), rng.integers(0, 25)
        low, begin = rng.integers(0, clip.shape[0] - height), rng.integers(0, clip.shape[1] - width)
        mean = clip.mean()
        clip[low : low + height] = mean
        clip[:, begin : begin + width] = mean
    return S_db


class Augment:
    """The whole chain, each step with its own probability for each clip.

    With `keep_time` nothing is stretched or masked, so that every frame stays the one that it was.
    """

    def __init__(
        self, kernels: Tensor, centres_hz: np.ndarray, seed: int, *,
        keep_time: bool = False, roomy: float = 0.35, noisy: float = 0.2,
    ) -> None:  # fmt: skip
        self.kernels, self.centres_hz = kernels, centres_hz
        self.keep_time, self.roomy, self.noisy = keep_time, roomy, noisy
        self.rng = np.random.default_rng(seed)

    def some(self, n: int, share: float) -> Tensor:
        return torch.from_numpy(self.rng.random(n) < share)

    def add_noise(self, power: Tensor, noise: Tensor, low_db: float, high_db: float) -> Tensor:
        """Noise [shape as power] at a random ratio, by mean power over the clip."""
        ratio_db = torch.tensor(
            self.rng.uniform(low_db, high_db, size=(len(power), 1, 1)), dtype=torch.float32
        )
        level = power.mean((1, 2), keepdim=True) / noise.mean((1, 2), keepdim=True).clamp(min=1e-9)
        return power + noise * level * 10 ** (-ratio_db / 10)

    def __call__(self, S_db: Tensor, noise_db: Tensor) -> Tensor:
        n, bands, _ = S_db.shape
        if not self.keep_time and self.rng.random() < 0.5:
            S_db = stretch(S_db, self.rng)
            noise_db = torch.nn.functional.interpolate(noise_db, S_db.shape[-1])
        power, noise = to_power(S_db), to_power(noise_db)
        roomy = self.some(n, self.roomy)
        if roomy.any():
            power[roomy] = rooms(power[roomy], self.kernels, self.rng)
        noisy = self.some(n, self.noisy) | (roomy & self.some(n, 0.7))
        power[noisy] = self.add_noise(power[noisy], noise[noisy], 3, 25)
        gain = torch.tensor(self.rng.normal(0, 6, size=(n, 1, 1)), dtype=torch.float32)
        curve = equaliser(n, bands, self.rng, 4.0) * self.some(n, 0.6)[:, None, None]
        phone = self.some(n, 0.08) | (roomy & self.some(n, 0.5))
        curve = curve + band_limit(n, self.centres_hz, self.rng) * phone[:, None, None]
        spoilt = to_db(power * to_power(curve + gain))
        return spoilt if self.keep_time else mask(spoilt, self.rng)
