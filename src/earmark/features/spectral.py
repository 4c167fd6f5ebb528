"""The shape of a spectrum in a number or a few: centroid, bandwidth, rolloff, flatness, contrast.

Each takes magnitudes ``S`` [shape=(n_bins, n_frames)], from `magnitudes`, and gives a value a frame. Equal to
librosa's functions of the same name.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from earmark.errors import InputError

from .mel import Float32, fft_frequencies
from .spec import FeatureSpec

_TINY = np.float32(np.finfo(np.float32).tiny)
_BLOCK = 64  # bins that the search for the rolloff passes over at a time
_N_OCTAVES = 6  # bands of the contrast above the lowest


def spectral_centroid(S: Float32, spec: FeatureSpec | None = None) -> Float32:
    """Return the mean frequency in Hz, weighted by magnitude [shape=(n_frames,)]; 0 in silence."""
    rows = S.T  # frames first: in memory, the spectra of a chunk are rows
    centroid: Float32 = rows @ _hz(spec or FeatureSpec()) / _sum(rows).clip(min=_TINY)
    return centroid


def spectral_bandwidth(
    S: Float32, spec: FeatureSpec | None = None, *, centroid: Float32 | None = None
) -> Float32:
    """Return the standard deviation in Hz around the centroid, weighted by magnitude [shape=(n_frames,)].

    The squares are those of distances from the centroid. ``E[f^2] - E[f]^2`` would be quicker, but for
    a pure tone it is the difference of two numbers near 10^8 that agree to six digits.
    """
    spec = spec or FeatureSpec()
    rows = S.T
    centre = spectral_centroid(S, spec) if centroid is None else centroid
    distance = np.subtract.outer(centre, _hz(spec))
    distance *= distance
    spread: Float32 = np.einsum("tf,tf->t", distance, rows) / _sum(rows).clip(min=_TINY)
    return np.sqrt(spread)


def spectral_rolloff(S: Float32, spec: FeatureSpec | None = None, *, share: float = 0.85) -> Float32:
    """Return the frequency in Hz below which ``share`` of the magnitude lies [shape=(n_frames,)].

    In silence it is 0. A running sum over all bins cannot use SIMD: sum blocks, then run through one.
    """
    if not 0 < share < 1:
        raise InputError(f"share={share}", hint="Accepted: between 0 and 1; 0.85 is usual")
    n_bins, k = S.shape
    padded = np.zeros((k, -(-n_bins // _BLOCK) * _BLOCK), dtype=np.float32)
    padded[:, :n_bins] = S.T
    blocks = padded.reshape(k, -1, _BLOCK)
    below = np.cumsum(np.pad(blocks.sum(axis=2), [(0, 0), (1, 0)]), axis=1)  # each block, and the end
    goal = np.float32(share) * below[:, -1]
    frame = np.arange(k)
    block = (below[:, 1:] >= goal[:, None]).argmax(axis=1)
    within = below[frame, block][:, None] + np.cumsum(blocks[frame, block], axis=1)
    within[:, -1] = np.inf  # it is in this block, whatever the rounding
    place = block * _BLOCK + (within >= goal[:, None]).argmax(axis=1)
    rolloff: Float32 = _hz(spec or FeatureSpec())[np.minimum(place, n_bins - 1)]
    return rolloff


def spectral_flatness(S: Float32, *, amin: float = 1e-10) -> Float32:
    """Return the geometric over the arithmetic mean of the power: 1 for white noise, near 0 for a tone.

    Parameters
    ----------
    S : np.ndarray [shape=(n_bins, n_frames)]
        Magnitudes.
    amin : float
        Least power that counts.
    """
    rows = S.T
    power = np.multiply(rows, rows)
    np.maximum(power, np.float32(amin), out=power)
    mean = _sum(power) / np.float32(len(S))
    flatness: Float32 = np.exp(_sum(np.log(power, out=power)) / np.float32(len(S))) / mean
    return flatness


def spectral_contrast(S: Float32, spec: FeatureSpec | None = None) -> Float32:
    """Return how far peaks stand above valleys in 7 bands, in dB of magnitude [shape=(7, n_frames)].

    Below 200 Hz, then by octaves: the mean of the highest 2 % of bins over that of the lowest 2 % (D. Jiang
    et al., "Music type classification by spectral contrast feature", ICME 2002; bands as in librosa).
    """
    bands = contrast_bands(spec or FeatureSpec())
    ends = np.empty((2, len(bands), S.shape[1]), dtype=np.float32)
    for i, (bins, k) in enumerate(bands):
        # A full sort of each row uses SIMD; np.partition at two places takes five times as long.
        part = np.sort(S.T[:, bins], axis=1)
        ends[0, i] = _sum(part[:, -k:]) / np.float32(k)
        ends[1, i] = _sum(part[:, :k]) / np.float32(k)
    high, low = np.log10(np.maximum(ends, np.float32(1e-10), out=ends), out=ends)
    contrast: Float32 = np.float32(10) * (high - low)
    return contrast


@lru_cache(maxsize=8)
def contrast_bands(spec: FeatureSpec) -> tuple[tuple[slice, int], ...]:
    """Return the bins of each band of `spectral_contrast`, and how many of them are its highest 2 %."""
    hz = fft_frequencies(spec)
    edges = [0.0] + [200.0 * 2**i for i in range(_N_OCTAVES + 1)]
    if edges[-2] >= spec.sr / 2 or edges[1] * 2 * spec.n_fft < 4 * spec.sr:
        raise InputError(
            f"sr={spec.sr}, n_fft={spec.n_fft}", hint="Accepted here: sr > 12800, n_fft >= sr / 100"
        )
    bands = []
    for i, (low, high) in enumerate(pairwise(edges)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        first = int(inside[0]) - (i > 0)
        last = len(hz) if i == _N_OCTAVES else int(inside[-1]) + 1
        k = max(1, round(0.02 * (last - first)))
        bands.append((slice(first, last if i == _N_OCTAVES else last - 1), k))
    return tuple(bands)


@lru_cache(maxsize=8)
def _hz(spec: FeatureSpec) -> Float32:
    return fft_frequencies(spec).astype(np.float32)


def _sum(rows: Float32) -> Float32:
    total: Float32 = np.add.reduce(rows, axis=1)
    return total
