"""Chroma: energy by pitch class.

Each Fourier bin is given to the pitch classes by a Gaussian of its distance in semitones (a bin is
wider than a semitone in the bass, so its width grows there), and weighted towards the octaves around
A5 (D. Ellis, "Chroma feature analysis and synthesis", 2007; as in librosa 0.11 `filters.chroma`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from earmark.features.mel import Float32
from earmark.features.spec import FeatureSpec

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_CENTRE_OCTAVE = 5.0  # the octave that counts most, in octaves above A0 = 27.5 Hz
_OCTAVE_WIDTH = 2.0  # standard deviation of the weight, in octaves


@lru_cache(maxsize=32)
def chroma_filterbank(spec: FeatureSpec, tuning: float = 0.0) -> Float32:
    """Return the weights of the pitch classes [shape=(n_bins, 12)], C first; do not write to them.

    Parameters
    ----------
    spec : FeatureSpec
        Sampling rate and frame length.
    tuning : float
        Deviation from A4 = 440 Hz in semitones.
    """
    hz = np.arange(1, spec.n_fft) * (spec.sr / spec.n_fft)
    pitch = 12 * np.log2(hz / (440.0 * 2 ** (tuning / 12) / 16))  # semitones above A0
    pitch = np.concatenate([[pitch[0] - 18], pitch])  # 0 Hz: put 1.5 octaves below the first bin
    width = np.concatenate([np.maximum(np.diff(pitch), 1.0), [1.0]])  # of each bin, in semitones
    distance = (pitch - np.arange(12)[:, None] + 6 + 120) % 12 - 6
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=0))
    weights *= np.exp(-0.5 * ((pitch / 12 - _CENTRE_OCTAVE) / _OCTAVE_WIDTH) ** 2)
    bank = np.roll(weights, -3, axis=0)[:, : spec.n_bins].T.astype(np.float32)  # from A first to C first
    bank = np.ascontiguousarray(bank)
    bank.flags.writeable = False
    return bank


def chroma(S: Float32, spec: FeatureSpec | None = None, *, tuning: float = 0.0) -> Float32:
    """Return the energy by pitch class of each frame [shape=(12, n_frames)], the greatest being 1.

    Equal to ``librosa.feature.chroma_stft`` with the same tuning; its default is that of `estimate_tuning`.

    Parameters
    ----------
    S : np.ndarray [shape=(n_bins, n_frames)]
        Magnitudes, of `magnitudes`.
    spec : FeatureSpec
        How they were made.
    tuning : float
        Deviation from A4 = 440 Hz in semitones.
    """
    energy = np.square(S.T, dtype=np.float32) @ chroma_filterbank(spec or FeatureSpec(), tuning)
    return normalize_chroma(energy.T)


def normalize_chroma(chroma: Float32) -> Float32:
    """Scale each frame's greatest pitch class to 1, in place; silent frames stay 0."""
    peak = chroma.max(axis=0, initial=0)
    chroma /= np.where(peak < np.finfo(np.float32).tiny, np.float32(1), peak)
    return chroma
