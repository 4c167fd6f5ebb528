"""The mel scale and its bank of triangular filters.

Slaney's scale (Auditory Toolbox, Technical Report 1998-010, Interval Research) is linear below 1 kHz with
15 mel there, and logarithmic above with 27 steps to 6.4 kHz. HTK's (The HTK Book, eq. 5.13) is
``2595 * log10(1 + f / 700)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64
from earmark.features.spec import FeatureSpec

_LINEAR_HZ = 200 / 3  # Hz per mel below the break
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27

# OpenBLAS starts threads for a product above 2**18 multiplications; for products this small, and in a
# process per file, they cost more than they give.
_SINGLE_THREAD = 2**18
_GROUP = 16  # bands a product; measured: 8 and 32 are slower


def hz_to_mel(hz: npt.ArrayLike, *, htk: bool = False) -> Float64:
    """Return frequencies in Hz on the mel scale."""
    f = np.asarray(hz, dtype=float)
    if htk:
        return np.asarray(2595 * np.log10(1 + f / 700))
    log_part = _BREAK_MEL + np.log(np.maximum(f, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(f < _BREAK_HZ, f / _LINEAR_HZ, log_part)


def mel_to_hz(mel: npt.ArrayLike, *, htk: bool = False) -> Float64:
    """Return places on the mel scale as frequencies in Hz."""
    m = np.asarray(mel, dtype=float)
    if htk:
        return np.asarray(700 * (10 ** (m / 2595) - 1))
    log_part = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(m, _BREAK_MEL) - _BREAK_MEL))
    return np.where(m < _BREAK_MEL, m * _LINEAR_HZ, log_part)


def band_edges(spec: FeatureSpec) -> Float64:
    """Return the corners of the triangles in Hz [shape=(n_mels + 2,)]: band i rises from i to i + 1."""
    low, high = hz_to_mel([spec.fmin, spec.top_hz], htk=spec.htk)
    return mel_to_hz(np.linspace(low, high, spec.n_mels + 2), htk=spec.htk)


def mel_frequencies(spec: FeatureSpec | None = None) -> Float64:
    """Return the centre of each band in Hz [shape=(n_mels,)], for the axis of a picture."""
    return band_edges(spec or FeatureSpec())[1:-1]


def fft_frequencies(spec: FeatureSpec) -> Float64:
    """Return the frequency of each Fourier bin in Hz [shape=(n_fft // 2 + 1,)]."""
    return np.arange(spec.n_bins, dtype=np.float64) * (spec.sr / spec.n_fft)


@lru_cache(maxsize=16)
def mel_filterbank(spec: FeatureSpec) -> Float32:
    """Return the weights of the mel bands [shape=(n_mels, n_fft // 2 + 1)]; do not write to them."""
    edges = band_edges(spec)
    ramps = edges[:, None] - fft_frequencies(spec)
    widths = np.diff(edges)[:, None]
    weights = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    if spec.norm == "slaney":
        weights = weights * (2 / (edges[2:] - edges[:-2]))[:, None]
    bank = weights.astype(np.float32)
    bank.flags.writeable = False
    return bank


@dataclass(frozen=True, eq=False)
class MelBands:
    """The filterbank as a few small products.

    A triangle covers few bins, so the dense matrix is 99 % zeros. Neighbouring bands are taken together
    with the one range of bins that they need: about a sixth of the work, in shapes that BLAS likes.
    """

    n_mels: int
    groups: tuple[tuple[slice, slice, Float32], ...]  # bands, bins, weights [shape=(bins, bands)]

    def __call__(self, S: Float32, out: Float32) -> Float32:
        """Write the bands of ``S`` [shape=(k, n_bins)] to ``out`` [shape=(k, n_mels)]."""
        for bands, bins, weights in self.groups:
            np.matmul(S[:, bins], weights, out=out[:, bands])
        return out


@lru_cache(maxsize=16)
def mel_bands(spec: FeatureSpec, chunk: int) -> MelBands:
    """Return the filterbank in groups, for up to ``chunk`` frames at a time."""
    bank = mel_filterbank(spec)
    groups = []
    start = 0
    while start < spec.n_mels:
        stop, limit = start + 1, min(start + _GROUP, spec.n_mels)
        while stop < limit and _work(bank[start : stop + 1], chunk) <= _SINGLE_THREAD:
            stop += 1
        bins = _span(bank[start:stop])
        groups.append((slice(start, stop), bins, np.ascontiguousarray(bank[start:stop, bins].T)))
        start = stop
    return MelBands(spec.n_mels, tuple(groups))


def _span(rows: Float32) -> slice:
    """Return the range of bins in which any row has weight (one bin if none has)."""
    used = np.flatnonzero(rows.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)


def _work(rows: Float32, chunk: int) -> int:
    bins = _span(rows)
    return chunk * len(rows) * int(bins.stop - bins.start)
