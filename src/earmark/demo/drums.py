"""Drums: each is a function of (sr, rng) that gives one stroke with a peak of about one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from earmark.demo.synth import Wave, hold, noise_burst, ringing, times

Drum = Callable[[int, np.random.Generator], Wave]


def _falling(t: Wave, *, start_hz: float, end_hz: float, rate: float) -> Wave:
    """Sine whose frequency falls exponentially at `rate` (1/s), the sweep integrated to a phase."""
    return np.sin(2 * np.pi * (end_hz * t + (start_hz - end_hz) * (1 - np.exp(-rate * t)) / rate))


def kick(sr: int, rng: np.random.Generator) -> Wave:
    """Bass drum of a rock kit: a skin that is slackened, its second mode, a beater of wood."""
    t = times(0.3, sr)
    skin = _falling(t, start_hz=130, end_hz=58, rate=45) * np.exp(-13 * t)
    second = 0.35 * _falling(t, start_hz=190, end_hz=95, rate=60) * np.exp(-24 * t)
    beater = noise_burst(0.3, sr, rng, low_hz=1800, high_hz=6000) * np.exp(-t / 0.005)
    air = noise_burst(0.3, sr, rng, low_hz=150, high_hz=900) * np.exp(-t / 0.02)
    return (skin + second + 0.25 * beater + 0.1 * air) * hold(0.3, sr, attack=0.0008)


def snare(sr: int, rng: np.random.Generator) -> Wave:
    """Snare drum: five modes of its skins, the crack of the stick, wires that rattle on."""
    t = times(0.32, sr)
    skins = np.zeros_like(t)
    for hz, gain, decay in ((186, 1.0, 18), (278, 0.5, 24), (334, 0.6, 26), (441, 0.3, 34), (612, 0.2, 40)):
        skins += gain * np.exp(-decay * t) * np.sin(2 * np.pi * hz * t * (1 + 0.06 * np.exp(-60 * t)))
    wires = noise_burst(0.32, sr, rng, low_hz=1500, high_hz=10000)
    rattle = np.clip(t / 0.004, 0, 1) * (0.6 * np.exp(-26 * t) + 0.4 * np.exp(-11 * t))
    crack = noise_burst(0.32, sr, rng, low_hz=700, high_hz=7000) * np.exp(-t / 0.005)
    return (0.36 * skins + 0.32 * wires * rattle + 0.3 * crack) * hold(0.32, sr, attack=0.0005)


def _tom(hz: float) -> Drum:
    """Tom-tom of a pitch."""

    def hit(sr: int, rng: np.random.Generator) -> Wave:
        t = times(0.45, sr)
        skin = _falling(t, start_hz=1.5 * hz, end_hz=hz, rate=22) * np.exp(-8 * t)
        skin += 0.4 * _falling(t, start_hz=2.2 * hz, end_hz=1.6 * hz, rate=30) * np.exp(-14 * t)
        stick = noise_burst(0.45, sr, rng, low_hz=900, high_hz=6000) * np.exp(-t / 0.006)
        return (0.8 * skin + 0.25 * stick) * hold(0.45, sr, attack=0.0008)

    return hit


high_tom, low_tom = _tom(140.0), _tom(95.0)


@lru_cache(maxsize=16)
def _bronze(sr: int, low_hz: float, high_hz: float) -> Wave:
    """Two seconds of a plate's many modes, which are in no key: 48 sines anywhere in a band."""
    hz = np.random.default_rng(48).uniform(low_hz, high_hz, 48)
    return ringing(hz, np.full(48, 0.2), 0.0, 2.0, sr)


def _cymbal(
    seconds: float, *, bands: tuple[tuple[float, float, float, float], ...], metal: float, stick: float
) -> Drum:
    """Cymbal from bands of (low Hz, high Hz, gain, decay in 1/s), a share of modes, and the stick's tip."""

    def hit(sr: int, rng: np.random.Generator) -> Wave:
        t = times(seconds, sr)
        y = np.zeros_like(t)
        for low_hz, high_hz, gain, decay in bands:
            if low_hz > 0.45 * sr:
                continue
            grain = noise_burst(seconds, sr, rng, low_hz=low_hz, high_hz=high_hz)
            modes = _bronze(sr, low_hz, high_hz)[: len(t)]
            y += gain * np.exp(-decay * t) * ((1 - metal) * grain + metal * modes)
        tip = noise_burst(seconds, sr, rng, low_hz=2500, high_hz=11000) * np.exp(-t / 0.003)
        return 0.3 * (y + stick * tip) * hold(seconds, sr, attack=0.0008)

    return hit


closed_hat = _cymbal(
    0.12, bands=((3000, 6000, 0.5, 45), (6000, 11000, 1.0, 38), (10000, 16000, 0.7, 34)), metal=0.5, stick=0.7
)
open_hat = _cymbal(
    0.45, bands=((2500, 6000, 0.6, 9), (6000, 11000, 1.0, 7), (10000, 16000, 0.7, 7)), metal=0.45, stick=0.6
)
crash = _cymbal(
    1.9,
    bands=((400, 1500, 0.35, 7), (1500, 4000, 0.7, 3.2), (4000, 9000, 1.0, 2.1), (9000, 16000, 0.6, 2.6)),
    metal=0.3,
    stick=0.8,
)


# ---------------------------------------------------------------- a drum machine


def machine_kick(sr: int, rng: np.random.Generator) -> Wave:
    """Sine that falls from 210 Hz to 50 Hz, pressed flat at its start, and a click."""
    t = times(0.38, sr)
    body = _falling(t, start_hz=210, end_hz=50, rate=60)
    click = noise_burst(0.38, sr, rng, low_hz=2000, high_hz=8000) * np.exp(-t / 0.002)
    return (np.tanh(1.4 * body * np.exp(-8.5 * t)) + 0.3 * click) * hold(0.38, sr, attack=0.0005)


def clap(sr: int, rng: np.random.Generator) -> Wave:
    """Four hands within 35 ms and the small room that answers."""
    t = times(0.3, sr)
    envelope = np.zeros_like(t)
    for at in (0.0, 0.010, 0.021, 0.033):
        envelope += np.where(t >= at, np.exp(-260 * np.maximum(t - at, 0)), 0)
    envelope += 0.6 * np.where(t >= 0.033, np.exp(-16 * np.maximum(t - 0.033, 0)), 0)
    return 0.5 * noise_burst(0.3, sr, rng, low_hz=900, high_hz=7000) * envelope
