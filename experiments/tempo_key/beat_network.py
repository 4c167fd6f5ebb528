"""The network of `earmark.features.pulse_network` in torch, and its training."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from material import FRAME_SECONDS
from torch import nn

from earmark.features.pulse_network import BINS_PER_OCTAVE, N_BINS, SLOWEST_BPM

BANDS, CHANNELS, DILATIONS = 24, 16, (1, 2, 4, 8, 16, 32, 64, 128)
LENGTH = 704  # frames of one example, 16 s
BATCH, SEED = 12, 7
STEPS, STEPS_OF_FOLD, FURTHER_STEPS = 2500, 1500, 500
SILENCE = 1 - 80 / 25  # of the scaled bands


class Net(nn.Module):
    """24 bands in; beat and downbeat of each frame, and a tempo of the whole, out."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.inp, self.red = nn.Conv1d(BANDS, 32, 5, padding=2), nn.Conv1d(32, CHANNELS, 1)
        self.dil = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2 * d, dilation=d) for d in DILATIONS
        )
        self.mix = nn.ModuleList(nn.Conv1d(CHANNELS, CHANNELS, 1) for _ in DILATIONS)
        self.out, self.temp = nn.Conv1d(CHANNELS, 2, 1), nn.Linear(2 * CHANNELS, N_BINS)
        self.act, self.drop, self.last = nn.ELU(), nn.Dropout1d(dropout), nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.drop(self.act(self.red(self.drop(self.act(self.inp(x))))))
        skip = torch.zeros_like(h)
        for dilated, mixed in zip(self.dil, self.mix, strict=True):
            g = self.drop(self.act(dilated(h)))
            h, skip = h + mixed(g), skip + g
        pooled = torch.cat([self.act(skip).mean(2), h.abs().mean(2)], 1)
        return self.out(self.act(h)), self.temp(self.last(pooled))


@dataclass(frozen=True)
class Example:
    """Bands [shape=(24, n)], tempo, beats (None: not known), weight of its tempo, how often it is drawn."""

    x: np.ndarray
    tempo: float
    beats: tuple[tuple[float, int], ...] | None
    tempo_weight: float
    drawn: float


def draw(example: Example, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return an excerpt played faster or slower, louder or softer, brighter or darker, and its targets."""
    faster = float(np.exp(np.clip(rng.normal(0, 0.13), -0.3, 0.3)))
    n, span = example.x.shape[1], int(LENGTH * faster)
    start = rng.integers(0, max(1, n - span)) if n > span else -rng.integers(0, span - n + 1) // 2
    x = _stretched(example.x, faster, start)
    x = (
        x
        + rng.normal(0, 0.25)
        + np.linspace(-1, 1, BANDS, dtype=np.float32)[:, None] * np.float32(rng.normal(0, 0.15))
    )
    if rng.random() < 0.3:  # a noise floor
        x = np.maximum(x, np.float32(rng.uniform(-2.2, -0.3)))
    beats = np.zeros((2, LENGTH), np.float32)
    for t, place in example.beats or ():
        centre = (t / FRAME_SECONDS - start) / faster
        for k in range(max(0, int(centre) - 2), min(LENGTH, int(centre) + 4)):
            value = np.exp(-0.5 * ((k - centre) / 0.8) ** 2)
            beats[0, k] = max(beats[0, k], value)
            beats[1, k] = max(beats[1, k], value * (place == 1))
    bin_ = np.log2(example.tempo * faster / SLOWEST_BPM) * BINS_PER_OCTAVE
    tempo = np.exp(-0.5 * (np.arange(N_BINS) - bin_) ** 2)
    known = np.float32(example.beats is not None)
    return (
        np.maximum(x, SILENCE),
        beats,
        known,
        tempo / (tempo.sum() + 1e-9),
        np.float32(example.tempo_weight),
    )


def _stretched(x: np.ndarray, faster: float, start: int) -> np.ndarray:
    place = start + faster * np.arange(LENGTH)
    before = np.floor(place).astype(int)
    inside = (before >= 0) & (before + 1 < x.shape[1])
    part = (place - before).astype(np.float32)
    before = np.clip(before, 0, x.shape[1] - 2)
    y = x[:, before] * (1 - part) + x[:, before + 1] * part
    y[:, ~inside] = SILENCE
    return y


def train(examples: list[Example], name: str, *, steps: int, begun: Net | None = None) -> Net:
    """Train a network, or one that is `begun` further, at a quarter of the rate."""
    torch.manual_seed(SEED)
    rng, net = np.random.default_rng(SEED), begun or Net()
    rate = 1.0 if begun is None else 0.25
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3 * rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3 * rate, total_steps=steps, pct_start=0.15)
    chance = np.array([one.drawn for one in examples])
    chance, began, mean = chance / chance.sum(), time.time(), np.zeros(2)
    net.train()
    for step in range(1, steps + 1):
        batch = [draw(examples[k], rng) for k in rng.choice(len(examples), BATCH, p=chance)]
        x, beats, known, tempo, weight = (
            torch.from_numpy(np.array(part, np.float32)) for part in zip(*batch, strict=True)
        )
        found, logit = net(x)
        entropy = nn.functional.binary_cross_entropy_with_logits(found, beats, reduction="none").mean(2)
        of_beats = ((entropy[:, 0] + 0.5 * entropy[:, 1]) * known).sum() / known.sum().clamp(min=1)
        of_tempo = -((tempo * torch.log_softmax(logit, 1)).sum(1) * weight).mean()
        optimiser.zero_grad()
        (4 * of_beats + 0.15 * of_tempo).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * np.array([of_beats.item(), of_tempo.item()])
        if step % 100 == 0:
            print(
                f"{name}: step {step}, loss of beats {mean[0]:.4f}, of tempo {mean[1]:.4f}, {time.time() - began:.0f} s",
                flush=True,
            )
    return net.eval()


def outputs(net: Net, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of a beat in each frame and the log probability of each tempo."""
    with torch.no_grad():
        found, logit = net(torch.from_numpy(x[None]))
    return torch.sigmoid(found)[0, 0].numpy(), torch.log_softmax(logit, 1)[0].numpy()
