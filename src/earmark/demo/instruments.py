"""Instruments with a pitch, and the amplifiers that some are played through.

Each note is a function of (midi, seconds, sr) with a peak of one to three; notes repeat, so they are cached.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from earmark.demo.synth import (
    Wave,
    compressed,
    equalised,
    harmonics,
    hold,
    hz_of,
    noise,
    phase_of,
    ringing,
    shaped,
    times,
)

# Two loudspeakers of 12 inches behind a microphone: a bump where the box resonates, a presence peak where
# the cone breaks up, and next to nothing above it.
CABINET = (
    (20, -50), (60, -18), (90, 0), (120, 4), (200, 1), (400, -3), (800, -1), (1400, 1), (2100, 4), (2800, 6),
    (3600, 4), (4300, 1), (5000, -7), (6000, -17), (8000, -32), (12000, -48), (20000, -60),
)  # fmt: skip
# What the amplifier makes of the pickup before it distorts: little bass, or it would be mud, and more middle.
BEFORE_DRIVE = (
    (20, -36), (60, -18), (100, -9), (200, -3), (500, 2), (900, 5), (1800, 4), (3500, 2),
    (6000, -6), (11000, -24),
)  # fmt: skip


def _string(
    midi: float, seconds: float, sr: int, *, pluck: float, pickup: float, damping: float, n: int
) -> Wave:
    """Plucked string: the combs of plucking point and pickup, high harmonics dying first."""
    k = np.arange(1.0, n + 1)
    gains = np.abs(np.sin(np.pi * k * pluck) * np.sin(np.pi * k * pickup)) / k
    return ringing(k * hz_of(midi), gains / gains.max(), damping * (0.4 + 0.35 * k), seconds, sr)


def _scratch(seconds: float, sr: int, *, low_hz: float = 1500.0, high_hz: float = 6000.0) -> Wave:
    """What the pick itself sounds like on a wound string."""
    t = times(min(seconds, 0.05), sr)
    y = np.zeros(len(times(seconds, sr)))
    y[: len(t)] = noise(sr, low_hz, high_hz)[: len(t)] * np.exp(-t / 0.004)
    return y


def _apart(midi: float, cents: tuple[float, ...], k: Wave) -> Wave:
    """Frequencies in Hz of the harmonics k of oscillators that are some cents apart."""
    return np.concatenate([k * hz_of(midi + c / 100) for c in cents])


def _bowing(seconds: float, sr: int) -> Wave:
    """Rosin: the noise of a bow, for as long as it takes."""
    long = noise(sr, 1500.0, 6500.0)
    return long[np.arange(len(times(seconds, sr))) % len(long)]


@lru_cache(maxsize=256)
def guitar_string(midi: float, seconds: float, sr: int, muted: bool = False) -> Wave:
    """String of an electric guitar at the pickup; muted: with the palm on the bridge."""
    damping = 7.0 if muted else 0.7
    y = _string(midi, seconds, sr, pluck=0.12, pickup=0.17, damping=damping, n=22)
    return (y + 0.12 * _scratch(seconds, sr)) * hold(seconds, sr, attack=0.001, release=0.015)


def guitar_amplifier(y: Wave, sr: int, *, drive: float, bias: float, treble_db: float) -> Wave:
    """Two valve stages driven hard, and the cabinet in front of a microphone.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        All strings together, as the amplifier gets them: chords ring into one another within it.
    sr : int
        Sampling rate in Hz.
    drive : float
        Gain before the first stage: 2 breaks up, 8 is crunch, 25 sustains.
    bias : float
        How far off centre the valves work, which adds even harmonics to the odd ones.
    treble_db : float
        Treble above 800 Hz, in dB at 3.2 kHz.
    """

    def stages(x: Wave) -> Wave:
        first = np.tanh(drive * x + bias) - np.tanh(bias)
        second: Wave = np.tanh(2.2 * first - 0.6 * bias) + np.tanh(0.6 * bias)
        return second

    y = shaped(equalised(y, sr, BEFORE_DRIVE), sr, stages)
    tilt = tuple((hz, db + treble_db * float(np.clip(np.log2(hz / 800) / 2, -0.5, 1))) for hz, db in CABINET)
    return 0.4 * equalised(y, sr, tilt)


@lru_cache(maxsize=128)
def lead_string(midi: int, seconds: float, sr: int, bend: int) -> Wave:
    """Lead guitar at the pickup: pushed up from `bend` semitones below, then a vibrato that grows."""
    t = times(seconds, sr)
    rise = np.clip((t - 0.06) / 0.14, 0, 1)
    depth = 0.16 * np.clip((t - 0.3) / 0.4, 0, 1)
    pitch = midi - bend * (0.5 + 0.5 * np.cos(np.pi * rise)) + depth * np.cos(2 * np.pi * 5.4 * t)
    k = np.arange(1.0, 31)
    gains = np.abs(np.sin(np.pi * k * 0.13)) / k**0.6
    y = harmonics(phase_of(pitch, sr), t, gains / gains.max(), decay=0.25, decay_step=0.15)
    return (y + 0.15 * _scratch(seconds, sr)) * hold(seconds, sr, attack=0.001, release=0.03)


@lru_cache(maxsize=128)
def bass_guitar(midi: int, seconds: float, sr: int) -> Wave:
    """Bass played with a pick: a click, a bright start and a round rest."""
    y = _string(midi, seconds, sr, pluck=0.11, pickup=0.14, damping=1.1, n=28)
    pick = _scratch(seconds, sr, low_hz=700.0, high_hz=4000.0)
    return (y + 0.22 * pick) * hold(seconds, sr, attack=0.001, release=0.02)


def bass_amplifier(y: Wave, sr: int) -> Wave:
    """Compressed, slightly overdriven, and part of it clean as the desk gets it."""
    y = compressed(y, sr, threshold=0.2, ratio=4, attack=0.008, release=0.12)
    driven = shaped(3.5 * y, sr, np.tanh)
    tone = ((25, -24), (45, 0), (90, 3), (250, -2), (700, 1), (1500, 3), (3000, -2), (5000, -14), (9000, -40))
    return equalised(0.5 * driven + 0.5 * y, sr, tone)


# ---------------------------------------------------------------- machines


@lru_cache(maxsize=128)
def synth_bass(midi: int, seconds: float, sr: int) -> Wave:
    """Saw wave through a resonant low pass that snaps shut, then a little overdrive."""
    t = times(seconds, sr)
    cutoff_hz = 220 + 2600 * np.exp(-t / 0.05)
    first = np.exp(2j * np.pi * hz_of(midi) * t)
    wave, y = np.ones_like(first), np.zeros_like(t)
    for k in range(1, min(32, int(0.45 * sr / hz_of(midi))) + 1):
        wave *= first
        ratio = k * hz_of(midi) / cutoff_hz
        resonance = 1 + 1.5 * np.exp(-(np.log2(ratio) ** 2) / 0.08)
        y += resonance / (1 + ratio**4) / k * wave.imag
    return 0.8 * np.tanh(1.6 * y) * hold(seconds, sr, attack=0.002, release=0.02)


@lru_cache(maxsize=128)
def saw_stab(midi: int, seconds: float, sr: int) -> Wave:
    """Five saws a few cents apart through a low pass that closes: the chord of a house record."""
    k = np.arange(1.0, 41)
    gains = 1.0 / k / (1 + (k * hz_of(midi) / 5500) ** 4)
    hz = _apart(midi, (-14, -6, 0, 7, 13), k)
    y = ringing(hz, np.tile(gains, 5), 0.6 + 0.5 * hz / 440, seconds, sr)
    return 0.35 * y * hold(seconds, sr, attack=0.003, release=0.04)


@lru_cache(maxsize=64)
def pad(midi: int, seconds: float, sr: int) -> Wave:
    """Wide, dark saws that swell: what holds a house record together."""
    k = np.arange(1.0, 25)
    gains = 1.0 / k / (1 + (k * hz_of(midi) / 1800) ** 2)
    y = ringing(_apart(midi, (-11, -4, 5, 12), k), np.tile(gains, 4), 0.0, seconds, sr)
    return 0.35 * y * hold(seconds, sr, attack=0.08, release=0.25)


@lru_cache(maxsize=64)
def pluck_lead(midi: int, seconds: float, sr: int) -> Wave:
    """Two waves between square and saw, short and bright: the hook over the beat."""
    k = np.arange(1.0, 31)
    gains = np.where(k % 2, 1.0, 0.25) / k / (1 + (k * hz_of(midi) / 6500) ** 4)
    decays = np.tile(1.5 + 1.2 * k, 2)
    y = ringing(_apart(midi, (-7, 6), k), np.tile(gains, 2), decays, seconds, sr)
    return 0.55 * y * hold(seconds, sr, attack=0.002, release=0.05)


# ---------------------------------------------------------------- wood and strings


@lru_cache(maxsize=256)
def piano(midi: int, seconds: float, sr: int) -> Wave:
    """Stiff strings struck softly at an eighth, three a note and slightly apart, and the knock of the hammer.

    The partials are stretched as in Fletcher, Blackham & Stratton 1962, eq. 3; each dies quickly first and
    slowly then, for the strings pull at the bridge together and then against each other (Weinreich 1977).
    """
    k = np.arange(1.0, 25)
    f0 = hz_of(midi)
    gains = np.abs(np.sin(np.pi * k / 8.3)) / k**1.4 * np.exp(-k * f0 / 2000)
    stretch = 2.2e-4 * 2 ** ((midi - 60) / 14)
    hz = _apart(midi, (-0.7, 0.1, 0.9), k * np.sqrt(1 + stretch * k**2))
    fast, slow = np.tile(1.1 + 0.4 * k + f0 / 400, 3), np.tile(0.25 + 0.12 * k + f0 / 900, 3)
    gains = np.tile(gains, 3)
    y = ringing(hz, 0.75 * gains, fast, seconds, sr) + ringing(hz, 0.25 * gains, slow, seconds, sr)
    y /= np.abs(y).max()
    t = times(min(seconds, 0.2), sr)
    y[: len(t)] += 0.05 * noise(sr, 90.0, 900.0)[: len(t)] * np.exp(-t / 0.02)
    return y * hold(seconds, sr, attack=0.002, release=0.15)


@lru_cache(maxsize=128)
def strings(midi: int, seconds: float, sr: int) -> Wave:
    """Section of bowed strings: slow attack, each player with a vibrato of their own."""
    t = times(seconds, sr)
    k = np.arange(1.0, 17)
    gains = 1.0 / k / (1 + (k * hz_of(midi) / 2600) ** 2)
    rng = np.random.default_rng(midi)
    y = np.zeros_like(t)
    for cents in (-7, -2, 3, 8):
        rate_hz, start = rng.uniform(4.9, 6.1), rng.uniform(0, 2 * np.pi)
        vibrato = 0.13 * np.clip(t / 0.6, 0, 1) * np.sin(2 * np.pi * rate_hz * t + start)
        y += harmonics(phase_of(midi + cents / 100 + vibrato, sr) + start, t, gains)
    return 0.3 * (y + 0.05 * _bowing(seconds, sr)) * hold(seconds, sr, attack=0.35, release=0.4)


@lru_cache(maxsize=64)
def cello(midi: int, seconds: float, sr: int) -> Wave:
    """One bowed string that slides into its note, and four resonances of the body that it sits on."""
    t = times(seconds, sr)
    vibrato = 0.2 * np.clip((t - 0.15) / 0.4, 0, 1) * np.sin(2 * np.pi * 5.6 * t)
    slide = -0.35 * np.exp(-t / 0.05)
    k = np.arange(1.0, 31)
    gains = 0.15 + np.zeros_like(k)
    for centre_hz, width_hz, gain in ((230, 90, 1.0), (480, 160, 1.0), (1100, 400, 0.8), (2400, 900, 0.7)):
        gains += gain / (1 + ((k * hz_of(midi) - centre_hz) / width_hz) ** 2)
    y = harmonics(phase_of(midi + vibrato + slide, sr), t, gains / k**0.75)
    swell = 0.75 + 0.25 * np.sin(np.pi * np.clip(t / seconds, 0, 1))
    bowed: Wave = y / np.abs(y).max() + 0.02 * _bowing(seconds, sr)
    return bowed * swell * hold(seconds, sr, attack=0.07, release=0.12)
