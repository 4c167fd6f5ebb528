"""Sound from formulas: oscillators, strings, an amplifier, an equaliser, a compressor, rooms.

Everything here maps numbers to samples, float64 and mono, and draws at random only from a generator that it
is given, so that the same arguments give the same samples. What an instrument is made of stands in
`earmark.demo.instruments` and `earmark.demo.drums`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]
Points = tuple[tuple[float, float], ...]  # of an equaliser: (Hz, dB), rising

FIR_LENGTH = 2048  # taps of an equaliser: 11 Hz apart at 22,050 Hz
COLUMNS = 256  # of the matrix product in `ringing`
MARGIN = 1 << 9  # samples on both sides of a block that its ends may disturb
BLOCK = (1 << 15) - 2 * MARGIN  # samples that are oversampled at once
NOISE_SECONDS = 2.0
CLEAN_SR = 80000  # rate at which the harmonics of a distorted guitar no longer fold back audibly


def times(seconds: float, sr: int) -> Wave:
    """Times of the samples of a note in s [shape=(n,)]."""
    return np.arange(max(1, round(seconds * sr))) / sr


def hz_of(midi: float) -> float:
    """Frequency of a MIDI number in Hz, A4 = 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69) / 12))


def phase_of(midi: Wave, sr: int) -> Wave:
    """Phase in rad of a pitch that moves, as the integral of its frequency.

    Parameters
    ----------
    midi : np.ndarray [shape=(n,)]
        MIDI number at each sample.
    sr : int
        Sampling rate in Hz.
    """
    phase: Wave = np.cumsum(440.0 * 2.0 ** ((midi - 69) / 12)) * (2 * np.pi / sr)
    return phase


def hold(seconds: float, sr: int, *, attack: float = 0.005, release: float = 0.03) -> Wave:
    """Envelope that is one except for a raised-cosine start and end, in s: notes without clicks."""
    t = times(seconds, sr)
    y = np.ones(len(t))
    rising = t < attack
    y[rising] *= 0.5 - 0.5 * np.cos(np.pi * t[rising] / attack)
    falling = t > seconds - release
    y[falling] *= 0.5 - 0.5 * np.cos(np.pi * (seconds - t[falling]) / release)
    return y


def ringing(hz: Wave, gains: Wave, decays: Wave | float, seconds: float, sr: int) -> Wave:
    """Sum of sines of constant frequency, each with its own decay.

    A decaying sine is a power of one complex number, and the power at sample 256 i + j is the product of
    two: so the sum over the sines is a matrix product, twenty times quicker than as many calls of `sin`.

    Parameters
    ----------
    hz, gains : np.ndarray [shape=(k,)]
        Frequencies in Hz and amplitudes; what comes near the Nyquist rate is left out rather than folded.
    decays : np.ndarray [shape=(k,)] or float
        Decay of each in 1/s.
    seconds : float
        Duration.
    sr : int
        Sampling rate in Hz.

    Returns
    -------
    np.ndarray [shape=(n,)]
    """
    n = len(times(seconds, sr))
    audible = hz < 0.45 * sr
    # Phases by the golden angle: fixed, and never all in step, which would make a spike.
    phases = 2.39996 * np.arange(1, len(hz) + 1) ** 2
    exponent = ((2j * np.pi * hz - decays) / sr)[audible]
    starts = (gains * np.exp(1j * phases))[audible]
    coarse = starts * np.exp(exponent * (COLUMNS * np.arange(-(-n // COLUMNS)))[:, np.newaxis])
    fine = np.exp(exponent[:, np.newaxis] * np.arange(COLUMNS))
    product = coarse.astype(np.complex64) @ fine.astype(np.complex64)  # rounds at -140 dB
    y: Wave = product.imag.ravel()[:n].astype(np.float64)
    return y


def harmonics(phase: Wave, t: Wave, gains: Wave, *, decay: float = 0.0, decay_step: float = 0.0) -> Wave:
    """Sum of the harmonics of a pitch that moves, the k-th with a decay of decay + k * decay_step in 1/s.

    The k-th harmonic is the k-th power of the first, so that the sum is a polynomial: Horner's rule.

    Parameters
    ----------
    phase, t : np.ndarray [shape=(n,)]
        Phase of the fundamental in rad (see `phase_of`), and times in s.
    gains : np.ndarray [shape=(k,)]
        Amplitudes; harmonics that come near the Nyquist rate are left out rather than folded.
    """
    fastest = float(np.diff(phase, prepend=0.0).max())  # rad per sample
    n_below = max(1, min(len(gains), int(0.9 * np.pi / fastest)))
    k = np.arange(1, n_below + 1)
    z = _turned(phase) * np.exp(-decay_step * t).astype(np.float32)
    total = np.zeros(len(t), dtype=np.complex64)
    for coefficient in (gains[:n_below] * np.exp(2.39996j * k**2))[::-1].astype(np.complex64):
        total += coefficient
        total *= z
    y: Wave = total.imag.astype(np.float64) * np.exp(-decay * t)
    return y


def _turned(phase: Wave) -> NDArray[np.complex64]:
    """exp(i phase), in float32: NumPy's sine of float64 is several times slower."""
    turn = (phase - 2 * np.pi * np.floor(phase / (2 * np.pi))).astype(np.float32)
    z = np.empty(len(phase), dtype=np.complex64)
    np.cos(turn, out=z.real)
    np.sin(turn, out=z.imag)
    return z


@lru_cache(maxsize=32)
def noise(sr: int, low_hz: float, high_hz: float) -> Wave:
    """Two seconds of noise of unit variance within a band, always the same, that run on into themselves."""
    rng = np.random.default_rng(round(low_hz) * 100_003 + round(high_hz))
    y = _drawn_noise(round(NOISE_SECONDS * sr), sr, rng, low_hz=low_hz, high_hz=high_hz)
    y /= max(float(y.std()), 1e-9)
    y.flags.writeable = False
    return y


def _drawn_noise(n: int, sr: int, rng: np.random.Generator, *, low_hz: float, high_hz: float) -> Wave:
    """Noise between two frequencies, drawn as its spectrum: 24 dB an octave on both sides."""
    f = np.fft.rfftfreq(n, 1 / sr)
    up = (f / low_hz) ** 2
    gain = up**2 / (1 + up**2) / (1 + (f / high_hz) ** 4)
    spectrum = gain * (rng.standard_normal(len(f)) + 1j * rng.standard_normal(len(f)))
    y: Wave = np.fft.irfft(spectrum, n) * np.sqrt(n)
    return y


def noise_burst(seconds: float, sr: int, rng: np.random.Generator, *, low_hz: float, high_hz: float) -> Wave:
    """Cut from `noise` at a place drawn at random: quicker than to filter each stroke."""
    long, n = noise(sr, low_hz, high_hz), len(times(seconds, sr))
    at = int(rng.integers(0, max(len(long) - n, 1)))
    return long[at : at + n]


# ---------------------------------------------------------------- filters that ring: equaliser and rooms


def convolved(y: Wave, response: Wave) -> Wave:
    """Sound through a system of that impulse response, as long as it came in [shape=(n,)].

    By overlap and add: blocks that fit the cache are quicker than one transform of everything, and ten
    minutes need no more memory than their samples.
    """
    size = max(1 << 15, 1 << (2 * len(response)).bit_length())
    step = size - len(response) + 1
    spectrum = np.fft.rfft(response, size)
    total = np.zeros(len(y) + size)
    for at in range(0, len(y), step):
        total[at : at + size] += np.fft.irfft(np.fft.rfft(y[at : at + step], size) * spectrum, size)
    return total[: len(y)]


def equalised(y: Wave, sr: int, points: Points) -> Wave:
    """Sound through a minimum-phase equaliser that goes through some points.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    sr : int
        Sampling rate in Hz.
    points : tuple of (float, float)
        Frequencies in Hz, rising, and gains there in dB; straight lines over log frequency between them.
    """
    return convolved(y, _equaliser(points, sr))


@lru_cache(maxsize=64)
def _equaliser(points: Points, sr: int) -> Wave:
    """Impulse response with the magnitude that is drawn and the least delay, by its real cepstrum.

    Oppenheim & Schafer, Discrete-Time Signal Processing, section 13.5: of all systems of one magnitude the
    minimum-phase one has the causal complex cepstrum.
    """
    hz, db = np.array(points).T
    size = 4 * FIR_LENGTH
    f = np.maximum(np.fft.rfftfreq(size, 1 / sr), 1.0)
    log_gain = np.interp(np.log(f), np.log(hz), db) * (np.log(10) / 20)
    cepstrum = np.fft.irfft(log_gain, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), size)[:FIR_LENGTH]
    response *= np.minimum(1, np.arange(FIR_LENGTH, 0, -1) / (FIR_LENGTH / 4))
    return response


@lru_cache(maxsize=16)
def room(seconds: float, sr: int, *, damping: float, early: float, seed: int) -> Wave:
    """Impulse response of a room with unit energy: echoes of its walls, then a tail that darkens.

    Parameters
    ----------
    seconds : float
        Reverberation time of the middle frequencies: until the tail is 60 dB down.
    sr : int
        Sampling rate in Hz.
    damping : float
        How much faster each octave above 500 Hz dies than the one below: 0 is tiles, 0.5 is curtains.
    early : float
        Time of the last single echo in s: about the size of the room over the speed of sound.
    seed : int
        Where the echoes lie.
    """
    rng = np.random.default_rng(seed)
    t = times(seconds, sr)
    y = np.zeros(len(t))
    for octave, low_hz in enumerate((125.0, 500.0, 1000.0, 2000.0, 4000.0)):
        high_hz = 500.0 if octave == 0 else 2 * low_hz
        grain = _drawn_noise(len(t), sr, rng, low_hz=low_hz, high_hz=high_hz)
        decay = 6.9 / seconds * (1 + damping * max(octave - 1, 0))
        y += grain * np.exp(-decay * t) / (1 + 0.25 * damping * octave)
    y *= np.clip(t / early, 0, 1)
    y /= np.sqrt(np.sum(y**2))
    for at in np.sort(rng.uniform(0.15, 1.0, 9)) * early:
        y[min(round(at * sr), len(y) - 1)] += rng.choice((-1, 1)) * 0.25 * np.exp(-2 * at / early)
    y /= np.sqrt(np.sum(y**2))
    return y


# ---------------------------------------------------------------- what is not linear


def in_blocks(y: Wave, process: Callable[[Wave], Wave]) -> Wave:
    """Apply something of short memory block by block, so that ten minutes need little memory."""
    n_blocks = -(-len(y) // BLOCK)
    padded = np.zeros(n_blocks * BLOCK + 2 * MARGIN)
    padded[MARGIN : MARGIN + len(y)] = y
    parts = [
        process(padded[i * BLOCK : (i + 1) * BLOCK + 2 * MARGIN])[MARGIN:-MARGIN] for i in range(n_blocks)
    ]
    return np.concatenate(parts)[: len(y)]


def shaped(y: Wave, sr: int, curve: Callable[[Wave], Wave]) -> Wave:
    """Waveshaping without memory, at a rate where what it adds does not fold back.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    sr : int
        Sampling rate in Hz.
    curve : callable
        Output for each input, elementwise.
    """
    factor = -(-CLEAN_SR // sr)

    def process(block: Wave) -> Wave:
        if factor == 1:
            return curve(block)
        n = len(block)
        fine = factor * np.fft.irfft(np.fft.rfft(block), factor * n)
        return np.fft.irfft(np.fft.rfft(curve(fine))[: n // 2 + 1], n) / factor

    return in_blocks(y, process)


def compressed(y: Wave, sr: int, *, threshold: float, ratio: float, attack: float, release: float) -> Wave:
    """Compressor: what is louder than the threshold (RMS) grows only by 1/ratio of its excess in dB.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    sr : int
        Sampling rate in Hz.
    threshold : float
        Level above which it works, in full scale.
    ratio : float
        dB in for one dB out.
    attack, release : float
        Time constants in s of turning down and of letting go.
    """
    hop_length = max(1, round(0.002 * sr))
    n_hops = -(-len(y) // hop_length)
    padded = np.concatenate([y, np.zeros(n_hops * hop_length - len(y))]).reshape(n_hops, hop_length)
    over_db = 20 * np.log10(np.maximum(np.sqrt(np.mean(padded**2, axis=1)) / threshold, 1.0))
    wanted = (over_db * (1 - 1 / ratio)).tolist()
    step = hop_length / sr
    down, up = 1 - np.exp(-step / attack), 1 - np.exp(-step / release)
    reduction, level = [], 0.0
    for value in wanted:
        level += (down if value > level else up) * (value - level)
        reduction.append(level)
    at = np.arange(len(y)) / hop_length - 0.5
    gain: Wave = 10.0 ** (-np.interp(at, np.arange(n_hops), reduction) / 20)
    return y * gain
