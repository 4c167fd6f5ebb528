"""From a log-mel back towards what pictures show: power, linear frequency, seconds, names of notes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64
from earmark.errors import InputError
from earmark.features.chroma import PITCH_CLASSES
from earmark.features.mel import mel_filterbank
from earmark.features.spec import FeatureSpec


def frame_times(n_frames: int, spec: FeatureSpec | None = None) -> Float64:
    """Return the time of each frame's centre in s [shape=(n_frames,)]."""
    spec = spec or FeatureSpec()
    return np.arange(n_frames, dtype=np.float64) * (spec.hop_length / spec.sr)


def db_to_power(S_db: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return absolute dB as power: 0 dB is 1."""
    power: npt.NDArray[np.floating] = np.power(S_db.dtype.type(10), S_db / 10)
    return power


def mel_to_power(S_db: Float32, spec: FeatureSpec | None = None) -> Float32:
    """Return an estimate of the power at each Fourier bin [shape=(n_bins, n_frames)], for an axis in Hz.

    Each bin has the mean power of the bands that cover it, weighted by how much they do. A flat spectrum
    comes back as it was; detail within a band is lost.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, n_frames)]
        Log-mel spectrogram; its spec must have ``power=2``.
    """
    spec = spec or FeatureSpec()
    if spec.power != 2:
        raise InputError(f"power={spec.power}", hint="Accepted: 2.0; a sum of magnitudes has no power")
    bank = mel_filterbank(spec)
    level = db_to_power(S_db) / np.maximum(bank.sum(axis=1), np.finfo(np.float32).tiny)[:, None]
    cover = bank / np.maximum(bank.sum(axis=0), np.finfo(np.float32).tiny)
    return np.asarray(cover.T @ level, dtype=np.float32)


def note_name(hz: float) -> str:
    """Return the nearest note of the twelve, like ``"A4"`` for 440 Hz, for a musical frequency axis."""
    if not 0 < hz < np.inf:
        raise InputError(f"hz={hz}", hint="Accepted: a positive frequency in Hz")
    semitones = round(12 * np.log2(hz / 440.0)) + 57  # above C0
    return f"{PITCH_CLASSES[semitones % 12]}{semitones // 12}"


def note_frequency(name: str) -> float:
    """Return the frequency of a note in Hz: 440.0 for ``"A4"``; sharps as ``#``."""
    head, octave = name.rstrip("-0123456789"), name.lstrip("ABCDEFG#")
    try:
        semitones = PITCH_CLASSES.index(head) + 12 * int(octave)
    except ValueError:
        raise InputError(
            f"note={name!r}", hint="Accepted: a pitch class and an octave, like 'A4' or 'F#2'"
        ) from None
    return float(440.0 * 2 ** ((semitones - 57) / 12))
