"""Which key: a model of the twelve-note vectors of `TonalStream`, the same for all twelve tonics.

Two sets of weights, for a major and a minor key with tonic C, are moved along the twelve pitch classes: a
multinomial logistic regression over 24 keys that was trained on 2 x 97 numbers. Where a profile (Krumhansl)
knows how often each note sounds, these know it by register and for chords too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.arrays import Float64
from earmark.features.key import KEYS, key_clarity
from earmark.features.stored import weights

_LEAST_CLARITY = 0.019
_LEAST_SPREAD = 0.15  # added to the spread of a vector it is divided by: an even one says little


@dataclass(frozen=True, slots=True)
class KeyCandidate:
    """A key such as ``"A minor"``, and its probability."""

    key: str
    score: float


def key_candidates(vectors: Float64) -> tuple[KeyCandidate, ...]:
    """Return the 24 keys, most probable first; none where the vectors show no key.

    They show none where they are nearly even, as those of noise, or those of a single note.

    Parameters
    ----------
    vectors : np.ndarray [shape=(9, 12)]
        Of `TonalStream.vectors`.
    """
    if key_clarity(vectors[-1]) < _LEAST_CLARITY:
        return ()
    model = weights("key")
    score = moved(vectors[:-1]) @ model["weight"].T.astype(np.float64) + model["bias"]
    score = score.T.ravel()  # as KEYS: all major keys, then all minor
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    order = np.argsort(-probability, kind="stable")
    return tuple(KeyCandidate(KEYS[i], float(probability[i])) for i in order)


def moved(vectors: Float64) -> Float64:
    """Return the scaled vectors [shape=(8, 12)] seen from each tonic [shape=(12, 96)].

    Each is divided by its mean, then by its spread, so that only which notes stand out counts.
    """
    relative = vectors / (vectors.mean(axis=1, keepdims=True) + 1e-9) - 1
    relative /= np.sqrt((relative**2).mean(axis=1, keepdims=True)) + _LEAST_SPREAD
    return np.stack([np.roll(relative, -tonic, axis=1).ravel() for tonic in range(12)])
