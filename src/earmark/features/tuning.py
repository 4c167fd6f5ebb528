"""How far a recording is from A4 = 440 Hz."""

from __future__ import annotations

import numpy as np

from earmark.arrays import Float32, Float64
from earmark.features.spec import FeatureSpec

_LOW_HZ, _HIGH_HZ = 150.0, 4000.0
_RESOLUTION = 0.01  # semitones
_LOWEST_NOTE_HZ = 27.0  # just below A0 = 27.5 Hz, the lowest note of a piano


def first_audible_bin(spec: FeatureSpec) -> int:
    """Return the first Fourier bin that may hold a note.

    It is above the lowest note of a piano, and never the one that the Hann window fills with an offset.
    """
    return max(2, int(np.ceil(_LOWEST_NOTE_HZ * spec.n_fft / spec.sr)))


def estimate_tuning(S: Float32, spec: FeatureSpec | None = None) -> float:
    """Return the deviation from A4 = 440 Hz in semitones, in [-0.5, 0.5).

    The commonest deviation of the louder half of all spectral peaks, as ``librosa.estimate_tuning``.

    Parameters
    ----------
    S : np.ndarray [shape=(n_bins, n_frames)]
        Power (as librosa's `chroma_stft` takes it) or magnitude.
    spec : FeatureSpec
        Its sampling rate and frame length give the frequencies.
    """
    return tuning_of(*peaks(S.T, spec or FeatureSpec()))


def tuning_of(hz: Float64, height: Float64) -> float:
    """Return the commonest deviation of the louder half of the peaks, in semitones; 0 if there are none."""
    if len(hz) == 0:
        return 0.0
    loud = hz[height >= np.median(height)]
    deviation = (12 * np.log2(loud / 440.0) + 0.5) % 1.0 - 0.5
    counts, edges = np.histogram(deviation, round(1 / _RESOLUTION), (-0.5, 0.5))
    return float(edges[counts.argmax()])


def loudest(rows: Float32, spec: FeatureSpec) -> Float32:
    """Return the highest audible bin of each frame [shape=(k,)] of spectra [shape=(k, n_bins)]."""
    highest: Float32 = rows[:, first_audible_bin(spec) :].max(axis=1, initial=0)
    return highest


def peaks(rows: Float32, spec: FeatureSpec) -> tuple[Float64, Float64]:
    """Return frequency and height of the peaks within 20 dB of power of their frame's highest audible bin.

    Both by the parabola through a peak and its neighbours (J. Smith and X. Serra, PARSHL, 1987).
    """
    first = max(1, int(np.ceil(_LOW_HZ * spec.n_fft / spec.sr)))
    last = min(spec.n_bins - 1, int(np.ceil(_HIGH_HZ * spec.n_fft / spec.sr)))
    part = np.ascontiguousarray(rows[:, first - 1 : last + 1])
    # Few bins are high enough; only they are compared with their neighbours.
    is_high = part > 0.1 * loudest(rows, spec)[:, None]
    is_high[:, 0] = is_high[:, -1] = False
    at = np.flatnonzero(is_high)
    left, mid, right = part.take(at - 1), part.take(at), part.take(at + 1)
    peak = np.flatnonzero((mid > left) & (mid >= right))
    place = at.take(peak) % part.shape[1] - 1
    left, mid, right = left.take(peak), mid.take(peak), right.take(peak)
    slope, curve = (right - left) / 2, left + right - 2 * mid
    inside = np.abs(slope) < np.abs(curve)
    shift = np.where(inside, -slope / np.where(inside, curve, 1), 0)
    hz = (place + first + shift).astype(np.float64) * (spec.sr / spec.n_fft)
    return hz, mid.astype(np.float64) + 0.5 * slope * shift
