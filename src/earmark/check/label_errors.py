"""Label errors, by cross-validation: labels that a classifier fitted without the track contradicts.

Confident learning (C. Northcutt, L. Jiang & I. Chuang 2021, "Confident learning: estimating uncertainty in
dataset labels", JAIR 70): a class's threshold is the mean probability that it has on tracks so labelled; a
track whose probability for *another* class reaches that class's threshold, and is its highest, is counted in
the confident joint, off the diagonal: its label is probably wrong. Thresholds of each class's own make this
hold for classifiers that are over- or underconfident.

The classifier is linear discriminant analysis with a shrunk covariance: one matrix solve, and with few tracks
and many descriptors among the best there is. It is written here rather than taken from scikit-learn because
the base install, which `earmark check` belongs to, has no scikit-learn; the tests hold it to scikit-learn's.
The shrinkage is that of O. Ledoit & M. Wolf (2004), "A well-conditioned estimator for large-dimensional
covariance matrices", J. Multivariate Analysis 88.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earmark.check.outliers import Floats, Ints, robust_scaled

_CUT = 4.0  # deviations: outliers would pull the class means
_LEAST_SEEN = 3  # tracks of a class that its discriminant needs
_SURE_ENOUGH = 0.9  # no threshold is higher
_TEMPERATURES = np.geomspace(0.5, 16.0, 26)


@dataclass(frozen=True)
class LabelError:
    """A probable label error.

    Parameters
    ----------
    track : int
        Place of the track.
    given, likely : int
        Number of the class of its label, and of the predicted class.
    p_given, p_likely : float
        Their probabilities.
    """

    track: int
    given: int
    likely: int
    p_given: float
    p_likely: float


def cross_validated(X: Floats, classes: Ints, folds: Sequence[Ints], n_classes: int) -> Floats:
    """Return the class probabilities of each track by a classifier that was fitted without its fold.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Descriptors.
    classes : np.ndarray [shape=(n,)]
        Number of the class of each track, from 0.
    folds : sequence of np.ndarray
        Places of the tracks of each fold.
    n_classes : int

    Returns
    -------
    np.ndarray [shape=(n, n_classes)]
        NaN for tracks whose class does not occur outside of their fold: they cannot be scored.
    """
    scaled = np.clip(robust_scaled(X), -_CUT, _CUT)
    logits, scored = np.zeros((len(X), n_classes)), np.zeros(len(X), dtype=bool)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(X)), fold)
        logits[fold] = _discriminants(scaled[rest], classes[rest], scaled[fold], n_classes)
        scored[fold] = np.bincount(classes[rest], minlength=n_classes)[classes[fold]] >= _LEAST_SEEN
    losses = [_loss(softmax(logits[scored] / t), classes[scored]) for t in _TEMPERATURES]
    probabilities = softmax(logits / _TEMPERATURES[int(np.argmin(losses))])
    probabilities[~scored] = np.nan
    return probabilities


def agreement(probabilities: Floats, classes: Ints) -> float:
    """Return Cohen's kappa of the likeliest classes and the labels: 0 for chance, 1 if all agree.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(n, n_classes)]
        Of `cross_validated`; rows of NaN do not count.
    classes : np.ndarray [shape=(n,)]
        The classes as labelled.
    """
    scored = ~np.isnan(probabilities).any(axis=1)
    if not scored.any():
        return 0.0
    n_classes = probabilities.shape[1]
    likely, given = probabilities[scored].argmax(axis=1), classes[scored]
    fractions = [np.bincount(numbers, minlength=n_classes) / len(given) for numbers in (likely, given)]
    chance = float(fractions[0] @ fractions[1])
    return 0.0 if chance == 1 else (float(np.mean(likely == given)) - chance) / (1 - chance)


def label_errors_of(probabilities: Floats, classes: Ints) -> list[LabelError]:
    """Return the labels off the diagonal of the confident joint, the most probable errors first.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(n, n_classes)]
        Of classifiers that did not see the track; rows of NaN are not scored.
    classes : np.ndarray [shape=(n,)]
        The classes as labelled.
    """
    places = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    probabilities, classes = probabilities[places], classes[places]
    n, n_classes = probabilities.shape
    if not n:
        return []
    own = probabilities[np.arange(n), classes]
    thresholds = np.array(
        [own[classes == c].mean() if np.any(classes == c) else np.inf for c in range(n_classes)]
    )
    # Where classes are far apart, the mean is so near to 1 that a wrong label may fall short of it.
    thresholds = np.where(np.isinf(thresholds), np.inf, np.minimum(thresholds, _SURE_ENOUGH))
    sure = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = sure.argmax(axis=1)
    found = [
        LabelError(
            int(places[i]), int(classes[i]), int(likely[i]), float(own[i]), float(probabilities[i, likely[i]])
        )
        for i in range(n)
        if sure[i, likely[i]] > own[i] and likely[i] != classes[i]
    ]
    return sorted(found, key=lambda error: error.p_given - error.p_likely)


def softmax(logits: Floats) -> Floats:
    """Return probabilities [shape=(n, n_classes)]; a logit of minus infinity is one of 0."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(probabilities: Floats, classes: Ints) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12)).sum())


def _discriminants(X: Floats, classes: Ints, query: Floats, n_classes: int) -> Floats:
    """Fit, and return the logits of some queries; classes that were not seen have minus infinity."""
    seen = np.unique(classes)
    centres = np.stack([X[classes == c].mean(axis=0) for c in seen])
    residual = X - centres[np.searchsorted(seen, classes)]
    precise = np.linalg.solve(_shrunk_covariance(residual), centres.T)
    priors = np.log(np.array([np.mean(classes == c) for c in seen]))
    logits = np.full((len(query), n_classes), -np.inf)
    logits[:, seen] = query @ precise - 0.5 * np.sum(centres.T * precise, axis=0) + priors
    return logits


def _shrunk_covariance(residual: Floats) -> Floats:
    """Return the covariance of centred rows, drawn towards a sphere as far as its error demands."""
    n, d = residual.shape
    sample = residual.T @ residual / n
    sphere = np.trace(sample) / d
    spread = np.sum((sample - sphere * np.eye(d)) ** 2)
    error = (np.sum(residual**2, axis=1) ** 2).sum() / n**2 - np.sum(sample**2) / n
    weight = 1.0 if spread <= 0 else float(np.clip(error / spread, 0.01, 1.0))
    return np.asarray((1 - weight) * sample + (weight * sphere + 1e-9) * np.eye(d))
