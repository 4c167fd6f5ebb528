"""MFCC and delta features, from a log-mel that is already there."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32
from earmark.errors import InputError


def mfcc(S_db: Float32, *, n_mfcc: int = 20) -> Float32:
    """Return mel-frequency cepstral coefficients [shape=(n_mfcc, n_frames)].

    The orthonormal DCT-II over the bands (S. Davis and P. Mermelstein, IEEE Trans. ASSP 28 (4), 1980, with
    librosa's scale). Equal to ``librosa.feature.mfcc(S=S_db)``; its mfcc of a waveform differs where bands
    lie more than 80 dB below the clip's loudest, for it raises them to there.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, n_frames)]
        Log-mel spectrogram.
    n_mfcc : int
        How many, from the lowest.
    """
    n_mels = len(S_db)
    if not 1 <= n_mfcc <= n_mels:
        raise InputError(f"n_mfcc={n_mfcc}", hint=f"Accepted: 1 to n_mels={n_mels}.")
    coefficients: Float32 = _dct(n_mfcc, n_mels) @ S_db
    return coefficients


@lru_cache(maxsize=8)
def _dct(n_out: int, n_in: int) -> Float32:
    place = (np.arange(n_in) + 0.5) / n_in
    matrix = np.cos(np.pi * np.arange(n_out)[:, None] * place) * np.sqrt(2 / n_in)
    matrix[0] /= np.sqrt(2)
    basis: Float32 = matrix.astype(np.float32)
    return basis


def delta(data: npt.NDArray[np.floating], *, width: int = 9, order: int = 1) -> npt.NDArray[np.floating]:
    """Return the rate of change along time, per frame [the shape of ``data``].

    The ``order``-th derivative of the polynomial of that degree that fits ``width`` frames best (A. Savitzky
    and M. Golay, Analytical Chemistry 36 (8), 1964), as ``librosa.feature.delta``. Near the ends, where the
    frames do not reach, it is that of the first and the last full fit.

    Parameters
    ----------
    data : np.ndarray [shape=(..., n_frames)]
        Features with time last, at least ``width`` frames.
    width : int
        Odd, at least 3.
    order : int
        1 for delta, 2 for delta-delta; below ``width``.
    """
    n_frames = data.shape[-1]
    if not 3 <= width <= n_frames or width % 2 == 0:
        raise InputError(f"width={width}", hint=f"Accepted: odd, from 3 to the number of frames={n_frames}.")
    if not 1 <= order < width:
        raise InputError(f"order={order}", hint=f"Accepted: 1 to width-1={width - 1}.")
    half = width // 2
    powers = np.arange(-half, half + 1)[:, None] ** np.arange(order + 1)
    # Row `order` of the pseudo-inverse gives the leading coefficient; its derivative is `order!` times that.
    weights = np.linalg.pinv(powers)[order] * np.prod(np.arange(1, order + 1))
    windows = np.lib.stride_tricks.sliding_window_view(data, width, axis=-1)
    inner = windows @ weights.astype(data.dtype)
    edges = [(0, 0)] * (data.ndim - 1) + [(half, half)]
    return np.pad(inner, edges, mode="edge")
