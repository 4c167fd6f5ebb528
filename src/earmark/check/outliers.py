"""Outliers: tracks far from their class in the space of descriptors.

Means, variances and principal components are distorted by the very outliers that are looked for. So centres
are medians, scales are median absolute deviations, and the axes are the spherical principal components of
N. Locantore et al. (1999), "Robust principal component analysis for functional data", Test 8: each track
counts by its direction alone, however far out it lies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OUTLIER_SCORE = 3.5  # modified z-score (Iglewicz & Hoaglin 1993, "How to detect and handle outliers")
MIN_TRACKS = 20
_LEAST_OF_CLASS = 8  # tracks from which on a class has a centre of its own
_MAD = 1.4826  # times the median absolute deviation is the standard deviation of a Gaussian
_FARTHEST = 10.0  # deviations: one wild column may not decide alone


def robust_scaled(X: Floats) -> Floats:
    """Return columns with median 0 and deviation 1, cut at 10 deviations, without those that never change.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Descriptors.
    """
    centred = X - np.median(X, axis=0)
    scale = _MAD * np.median(np.abs(centred), axis=0)
    scale = np.where(scale > 0, scale, centred.std(axis=0))
    alive = scale > 1e-9 * (1 + np.abs(X).max(axis=0, initial=0))
    return np.asarray(np.clip(centred[:, alive] / scale[alive], -_FARTHEST, _FARTHEST))


def outlier_scores(X: Floats, classes: Ints) -> Floats:
    """Return the distance of each track from its class, as a modified z-score of its logarithm.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Descriptors.
    classes : np.ndarray [shape=(n,)]
        Number of the class of each track.

    Returns
    -------
    np.ndarray [shape=(n,)]
        Above `OUTLIER_SCORE`, it is an outlier. Zeros for fewer than `MIN_TRACKS` tracks.
    """
    if len(X) < MIN_TRACKS:
        return np.zeros(len(X))
    # Most descriptors are positive, many are variances: what is wildly large shows in the number itself
    # (speech between songs), what is close to nothing in its logarithm (steady noise).
    return np.maximum(_outlier_scores(X, classes), _outlier_scores(_logarithms(X), classes))


def _logarithms(X: Floats) -> Floats:
    X, middle = X.copy(), np.median(X, axis=0)
    positive = (X.min(axis=0) >= 0) & (middle > 0)
    X[:, positive] = np.log(X[:, positive] + 1e-3 * middle[positive])
    return X


def _outlier_scores(X: Floats, classes: Ints) -> Floats:
    scaled = robust_scaled(X)
    residual = scaled - np.median(scaled, axis=0)
    for number in np.unique(classes):
        members = classes == number
        if members.sum() >= _LEAST_OF_CLASS:
            residual[members] = scaled[members] - np.median(scaled[members], axis=0)
    scores = residual @ _axes(residual)
    scale = _MAD * np.median(np.abs(scores), axis=0)
    distance = np.sqrt(np.mean((scores / np.maximum(scale, 1e-9)) ** 2, axis=1))
    logs = np.log(np.maximum(distance, 1e-9))
    spread = _MAD * np.median(np.abs(logs - np.median(logs)))
    return np.asarray((logs - np.median(logs)) / max(float(spread), 1e-9))


def _axes(residual: Floats) -> Floats:
    """Return the main directions [shape=(d, k)], few enough to be known from so many tracks."""
    length = np.linalg.norm(residual, axis=1, keepdims=True)
    directions = residual / np.maximum(length, 1e-9)
    n_axes = max(1, min(residual.shape[1], len(residual) // 5))
    _, vectors = np.linalg.eigh(directions.T @ directions)
    return np.asarray(vectors[:, ::-1][:, :n_axes])
