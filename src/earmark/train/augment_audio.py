"""The steps of `earmark.train.augment` on samples: slower, and as they physically happen.

For degraded copies of tracks that are made once, and as the reference of the log-mel versions. There is no
mixup and no SpecAugment here: those are of the spectrogram.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.audio import Clip, load
from earmark.errors import InputError
from earmark.train.augment import Rng

Wave = npt.NDArray[np.float32]

CODECS = (("mp3", "libmp3lame", 22050), ("ogg", "libopus", 24000), ("adts", "aac", 22050))
_N_FFT, _HOP = 2048, 512  # of the phase vocoder, at any rate


def degrade(clip: Clip, steps: Sequence[str], rng: Rng) -> Clip:
    """A clip after some steps, in the order given.

    Parameters
    ----------
    clip : Clip
        Sound; not written to.
    steps : sequence of str
        Names of `SOUND_STEPS`.
    rng : np.random.Generator
        Random generator: how much of each.

    Returns
    -------
    Clip
        As long as before, but for ``"stretch"``.

    Raises
    ------
    InputError
        A step that is not known.
    """
    y = clip.y
    for name in steps:
        if name not in SOUND_STEPS:
            raise InputError(
                f"there is no augmentation {name!r} of sound", hint=f"Accepted: {', '.join(SOUND_STEPS)}."
            )
        if len(y):
            y = np.asarray(SOUND_STEPS[name](y, clip.sr, rng), dtype=np.float32)
    return dataclasses.replace(clip, y=y)


def gain(y: Wave, sr: int, rng: Rng) -> Wave:
    """Louder or softer: a deviation of 6 dB."""
    return y * np.float32(10 ** (rng.normal(0, 6) / 20))


def time_shift(y: Wave, sr: int, rng: Rng) -> Wave:
    """Begin elsewhere and go round."""
    return np.roll(y, -int(rng.integers(len(y))))


def eq(y: Wave, sr: int, rng: Rng) -> Wave:
    """A smooth curve of gains through six random points, of 3 dB each, an octave and more apart."""
    points_hz = np.geomspace(60, sr / 2, 6)
    return equalised(y, sr, points_hz, rng.normal(0, 3, 6))


def equalised(y: Wave, sr: int, points_hz: np.ndarray, gains_db: np.ndarray) -> Wave:
    """Sound with gains in dB at points, along lines over log frequency; the phase stays as it was."""
    n_fft = 2 ** int(np.ceil(np.log2(2 * len(y))))
    f = np.maximum(np.fft.rfftfreq(n_fft, 1 / sr), 1.0)
    curve = 10 ** (np.interp(np.log(f), np.log(points_hz), gains_db) / 20)
    return _float32(np.fft.irfft(np.fft.rfft(y, n_fft) * curve, n_fft)[: len(y)])


def noise(y: Wave, sr: int, rng: Rng) -> Wave:
    """Noise between white and brown, 5 to 30 dB below the sound."""
    return with_noise(y, sr, rng, db_per_octave=float(-rng.uniform(0, 6)), ratio_db=float(rng.uniform(5, 30)))


def with_noise(y: Wave, sr: int, rng: Rng, *, db_per_octave: float, ratio_db: float) -> Wave:
    """Sound with Gaussian noise of that slope at a ratio of signal to noise over the whole."""
    f = np.maximum(np.fft.rfftfreq(len(y), 1 / sr), 50.0)
    shape = 10 ** (db_per_octave * np.log2(f / 1000) / 20)
    some = np.fft.irfft(np.fft.rfft(rng.normal(0, 1, len(y))) * shape, len(y))
    scale = np.sqrt((y.astype(np.float64) ** 2).mean() / (some**2).mean() * 10 ** (-ratio_db / 10))
    return _float32(y + scale * some)


def room(y: Wave, sr: int, rng: Rng) -> Wave:
    """A room with a reverberation time of 0.2 to 1.2 s."""
    seconds, direct_db = float(rng.uniform(0.2, 1.2)), float(rng.uniform(-6, 9))
    return reverberant(y, sr, rng, seconds=seconds, direct_db=direct_db)


def reverberant(y: Wave, sr: int, rng: Rng, *, seconds: float, direct_db: float) -> Wave:
    """Sound with a tail of Gaussian noise that decays by 60 dB in that time (Schroeder's model of a room).

    Direct sound and reverberation together have the power of the sound, on average.
    """
    t = np.arange(int(seconds * sr)) / sr
    tail = rng.normal(0, 1, len(t)) * 10 ** (-3 * t / seconds)
    direct = 10 ** (direct_db / 10)
    response = tail / np.sqrt((tail**2).sum() * (1 + direct))
    n_fft = 2 ** int(np.ceil(np.log2(len(y) + len(t))))
    wet = np.fft.irfft(np.fft.rfft(y, n_fft) * np.fft.rfft(response, n_fft), n_fft)[: len(y)]
    return _float32(wet + y * np.sqrt(direct / (1 + direct)))


def stretch(y: Wave, sr: int, rng: Rng) -> Wave:
    """Up to 15 % faster or slower, at the same pitch."""
    return stretched(y, float(rng.uniform(0.85, 1.15)))


def stretched(y: Wave, rate: float) -> Wave:
    """Sound played faster (above 1) or slower at the same pitch, by a phase vocoder.

    Frames are read at another pace. A partial's phase goes on by what it gains from one frame to the next
    (J. Flanagan and R. Golden, Bell System Technical Journal 45, 1966), and the bins around it turn with it
    (J. Laroche and M. Dolson, IEEE Trans. SAP 7 (3), 1999): otherwise noise and onsets lose some 3 dB.
    """
    window = np.hanning(_N_FFT + 1)[:-1]
    padded = np.pad(y.astype(np.float64), _N_FFT)
    starts = np.arange(0, len(y) + _N_FFT // 2, _HOP * rate).astype(int)
    out = np.zeros(len(starts) * _HOP + 2 * _N_FFT)
    weight = np.zeros_like(out)
    phase = np.zeros(_N_FFT // 2 + 1)
    for number, start in enumerate(starts + _N_FFT // 2):
        now = np.fft.rfft(window * padded[start : start + _N_FFT])
        before = np.fft.rfft(window * padded[start - _HOP : start - _HOP + _N_FFT])
        phase = _next_phase(phase, now, before) if number else np.angle(now)
        place = number * _HOP
        out[place : place + _N_FFT] += window * np.fft.irfft(np.abs(now) * np.exp(1j * phase))
        weight[place : place + _N_FFT] += window**2
    n = round(len(y) / rate)
    return _float32((out / np.maximum(weight, 1e-3))[_N_FFT // 2 : _N_FFT // 2 + n])


def _next_phase(phase: np.ndarray, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Phase of each bin one hop after `phase`, given two frames of the source that are one hop apart."""
    magnitude = np.pad(np.abs(now), 2)
    around = np.stack([magnitude[i : i + len(now)] for i in (0, 1, 3, 4)])
    peaks = np.flatnonzero((np.abs(now) >= around.max(axis=0)) & (np.abs(now) > 0))
    if not len(peaks):
        return np.asarray(np.angle(now))
    gained = phase[peaks] + np.angle(now[peaks]) - np.angle(before[peaks])
    turn = gained - np.angle(now[peaks])
    between = (peaks[1:] + peaks[:-1]) / 2
    nearest = np.searchsorted(between, np.arange(len(now)))
    return np.asarray(np.angle(now) + turn[nearest])


def pitch(y: Wave, sr: int, rng: Rng) -> Wave:
    """Up to two semitones up or down, at the same speed."""
    return pitched(y, sr, 2 ** float(rng.uniform(-2, 2) / 12))


def pitched(y: Wave, sr: int, ratio: float) -> Wave:
    """Sound whose frequencies are multiplied: stretched, then resampled to its old length."""
    import soxr

    long = stretched(y, 1 / ratio)
    short = np.asarray(soxr.resample(long, sr * ratio, sr), dtype=np.float32)[: len(y)]
    return np.pad(short, (0, len(y) - len(short)))


def codec(y: Wave, sr: int, rng: Rng) -> Wave:
    """MP3, Opus or AAC at 24 to 64 kbit/s, and back."""
    name, encoder, rate = CODECS[int(rng.integers(len(CODECS)))]
    return coded(y, sr, container=name, encoder=encoder, rate=rate, kbit=int(rng.integers(24, 65)))


def coded(y: Wave, sr: int, *, container: str, encoder: str, rate: int, kbit: int) -> Wave:
    """Sound through a lossy codec, in memory; as long as before, and aligned to it."""
    import soxr

    resampled = np.asarray(soxr.resample(y, sr, rate), dtype=np.float32)
    back = load(_encoded(resampled, container, encoder, rate, kbit), sr=sr).y
    # Encoders add silence at the start, and not every container says how much.
    delay = _delay(y, back)
    back = back[delay:] if delay >= 0 else np.pad(back, (-delay, 0))
    return np.pad(back[: len(y)], (0, max(0, len(y) - len(back))))


def _encoded(y: Wave, container: str, encoder: str, rate: int, kbit: int) -> bytes:
    import av

    memory = io.BytesIO()
    with av.open(memory, "w", format=container) as file:
        stream: Any = file.add_stream(encoder, rate=rate, layout="mono")
        stream.bit_rate = kbit * 1000
        frame = av.AudioFrame.from_ndarray(np.clip(y, -1, 1)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        for part in av.AudioResampler(format=stream.format, layout="mono", rate=rate).resample(frame):
            fifo.write(part)
        size = stream.frame_size or 1024
        while (chunk := fifo.read(size) or fifo.read(size, partial=True)) is not None:
            file.mux(stream.encode(chunk))
        file.mux(stream.encode(None))
    return memory.getvalue()


def _delay(y: Wave, late: Wave, *, most: int = 4096) -> int:
    """Samples by which `late` comes after `y`: where they correlate best."""
    n = min(len(y), len(late), 2**17)
    n_fft = 2 ** int(np.ceil(np.log2(2 * n + most)))
    product = np.fft.rfft(late[:n], n_fft) * np.conj(np.fft.rfft(y[:n], n_fft))
    correlation = np.fft.irfft(product, n_fft)
    lags = np.concatenate([np.arange(most), np.arange(-most, 0)])
    return int(lags[np.argmax(correlation[lags])])


SOUND_STEPS: dict[str, Callable[[Wave, int, Rng], Wave]] = {
    "pitch": pitch,
    "stretch": stretch,
    "time-shift": time_shift,
    "eq": eq,
    "room": room,
    "noise": noise,
    "codec": codec,
    "gain": gain,
}


def _float32(values: np.ndarray) -> Wave:
    return np.asarray(values, dtype=np.float32)
