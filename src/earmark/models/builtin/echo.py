"""`echo`: scores that anyone can work out from the input, without weights.

It knows nothing about music. It stands in for a model wherever the rest of earmark is tested: its scores
are the levels of bands of the spectrogram, from -100 dB (0) to 0 dB (1), so a test can say beforehand
which label a tone will get.
"""

from __future__ import annotations

import itertools

import numpy as np

from earmark.models.base import Array, ModelOutput, SpectrogramModel
from earmark.models.card import Head, ModelCard
from earmark.vocabulary import GENRES, QUADRANTS

MOODS = ("calm", "dark", "energetic", "happy", "sad", "tense")
SOUNDS = ("music", "speech", "noise")
EMBEDDING_SIZE = 16

CARD = ModelCard(
    name="echo",
    summary="Levels of the input's frequency bands as scores: for tests, knows nothing about music",
    licence="Apache-2.0",
    heads=(
        Head("genres", GENRES, "multilabel"),
        Head("quadrant", QUADRANTS, "softmax"),
        Head("moods", MOODS, "multilabel"),
        Head("sound", SOUNDS, "multilabel"),
    ),
    embedding_size=EMBEDDING_SIZE,
    thresholds={"unsure": 0.1, "music": 0.05},
    limits=("Not a classifier: the scores say how loud each band is.",),
)


class Echo(SpectrogramModel):
    """Scores that are levels: label k of n is the k-th of n neighbouring bands, lowest first.

    ``music`` is the level of the whole, ``speech`` that of the middle third, ``noise`` that of the top
    third. ``quadrant`` is the softmax of four levels in units of 0.1.
    """

    card = CARD

    def forward(self, X: Array) -> ModelOutput:
        """All four heads and an embedding."""
        level = np.clip(X.mean(axis=-1) / 100 + 1, 0, 1)  # [shape=(n, n_mels)]
        four = np.exp(10 * _bands(level, 4))
        thirds = _bands(level, 3)
        heads = {
            "genres": _bands(level, len(GENRES)),
            "quadrant": four / four.sum(axis=1, keepdims=True),
            "moods": _bands(level, len(MOODS)),
            "sound": np.column_stack([level.mean(axis=1), thirds[:, 1:]]),
        }
        return ModelOutput(heads, _bands(level, EMBEDDING_SIZE))


def _bands(level: Array, n: int) -> Array:
    """Mean of each of n neighbouring groups of columns, as equal in width as they can be."""
    edges = np.linspace(0, level.shape[1], n + 1).round().astype(int)
    return np.stack([level[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)], axis=1)
