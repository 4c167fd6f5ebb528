"""The shape of a spectrum in a number or a few: centroid, bandwidth, rolloff, flatness, contrast.

Each takes magnitudes ``S`` [shape=(n_bins, n_frames)], from `magnitudes`, and gives a value a frame. Equal to
librosa's functions of the same name.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from earmark.arrays import Float32
from earmark.errors import InputError
from earmark.features.mel import fft_frequencies
from earmark.features.spec import FeatureSpec

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
    square = np.subtract.outer(centre, _hz(spec))
    np.multiply(square, square, out=square)
    spread: Float32 = np.vecdot(square, rows) / _sum(rows).clip(min=_TINY)
    return np.sqrt(spread)


def spectral_rolloff(S: Float32, spec: FeatureSpec | None = None, *, roll_percent: float = 0.85) -> Float32:
    """Return the frequency in Hz below which most of the magnitude lies [shape=(n_frames,)].

    That is the fraction ``roll_percent`` (librosa's name; it is no per cent). In silence it is 0. A running
    sum over all bins cannot use SIMD: sum blocks, then run through one.
    """
    if not 0 < roll_percent < 1:
        raise InputError(f"roll_percent={roll_percent}", hint="Accepted: between 0 and 1; 0.85 is usual.")
    rows, n_bins = S.T, len(S)
    whole = n_bins // _BLOCK
    sums = rows[:, : whole * _BLOCK].reshape(len(rows), whole, _BLOCK) @ _ones(_BLOCK)
    below = np.zeros((len(rows), whole + 1), dtype=np.float32)  # each block; the last may be shorter
    np.cumsum(sums, axis=1, out=below[:, 1:])
    goal = np.float32(roll_percent) * (below[:, -1] + _sum(rows[:, whole * _BLOCK :]))[:, None]
    frame, block = np.arange(len(rows)), (below[:, 1:] < goal).sum(axis=1)
    bins = np.minimum(block[:, None] * _BLOCK + np.arange(_BLOCK), n_bins - 1)
    within = np.cumsum(rows[frame[:, None], bins], axis=1)
    within += below[frame, block][:, None]
    within[:, -1] = np.inf  # it is in this block, whatever the rounding
    rolloff: Float32 = _hz(spec or FeatureSpec())[bins[frame, (within >= goal).argmax(axis=1)]]
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
    level = np.maximum(S.T, np.float32(np.sqrt(amin)))
    mean = np.vecdot(level, level) / np.float32(len(S))
    flatness: Float32 = np.exp(_sum(np.log(level, out=level)) * np.float32(2 / len(S))) / mean
    return flatness


def spectral_contrast(S: Float32, spec: FeatureSpec | None = None) -> Float32:
    """Return how far peaks stand above valleys in 7 bands, in dB of magnitude [shape=(7, n_frames)].

    Below 200 Hz, then by octaves: the mean of the highest 2 % of bins over that of the lowest 2 % (D. Jiang
    et al., "Music type classification by spectral contrast feature", ICME 2002; bands as in librosa).
    """
    bands, means = contrast_bands(spec or FeatureSpec())
    ordered = np.empty((S.shape[1], len(means)), dtype=np.float32)
    start = 0
    for bins in bands:
        # A full sort of each row uses SIMD; np.partition at two places takes five times as long.
        part = ordered[:, start : start + bins.stop - bins.start]
        part[:] = S.T[:, bins]
        part.sort(axis=1)
        start += part.shape[1]
    ends = np.maximum(ordered @ means, np.float32(1e-10))
    level = np.log10(ends, out=ends).T
    contrast: Float32 = np.float32(10) * (level[: len(bands)] - level[len(bands) :])
    return contrast


@lru_cache(maxsize=8)
def contrast_bands(spec: FeatureSpec) -> tuple[tuple[slice, ...], Float32]:
    """Return the bins of each band of `spectral_contrast`, and the matrix that averages their ends.

    Its rows are the bands' bins, one band after the other, each in ascending order of magnitude; its columns
    the mean of the highest 2 % of each band, then that of the lowest.
    """
    hz = fft_frequencies(spec)
    edges = [0.0] + [200.0 * 2**i for i in range(_N_OCTAVES + 1)]
    if edges[-2] >= spec.sr / 2 or edges[1] * 2 * spec.n_fft < 4 * spec.sr:
        raise InputError(
            f"sr={spec.sr}, n_fft={spec.n_fft}", hint="Accepted: sr > 12800 and n_fft >= sr / 100."
        )
    bands, counts = [], []
    for i, (low, high) in enumerate(pairwise(edges)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        first, top = int(inside[0]) - (i > 0), i == _N_OCTAVES
        last = len(hz) if top else int(inside[-1]) + 1
        bands.append(slice(first, last if top else last - 1))
        counts.append(max(1, round(0.02 * (last - first))))
    return tuple(bands), _means_of_ends([band.stop - band.start for band in bands], counts)


def _means_of_ends(sizes: list[int], counts: list[int]) -> Float32:
    means = np.zeros((sum(sizes), 2 * len(sizes)), dtype=np.float32)
    end = 0
    for i, (size, k) in enumerate(zip(sizes, counts, strict=True)):
        means[end : end + k, len(sizes) + i] = 1 / k
        end += size
        means[end - k : end, i] = 1 / k
    return means


@lru_cache(maxsize=8)
def _hz(spec: FeatureSpec) -> Float32:
    return fft_frequencies(spec).astype(np.float32)


def _sum(rows: Float32) -> Float32:
    """Return the sum of each row: BLAS is three times as fast as np.sum."""
    total: Float32 = rows @ _ones(rows.shape[1])
    return total


@lru_cache(maxsize=32)
def _ones(n: int) -> Float32:
    return np.ones(n, dtype=np.float32)
