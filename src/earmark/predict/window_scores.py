"""The scores of windows as arrays, and their mean: what every verdict and every timeline is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.models import ModelCard
from earmark.models.base import Array

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WindowScores:
    """The scores of n windows, in order of time.

    Parameters
    ----------
    card : ModelCard
        Of the model: its heads, its thresholds and the length of a window.
    starts : np.ndarray, float64 [shape=(n,)]
        Where each window begins, in seconds.
    weights : np.ndarray, float64 [shape=(n,)]
        What each counts for in a mean: 1, less for a last window that was moved back to end with the sound
        (so that every moment counts once), and 0 for a silent one.
    levels_db : np.ndarray, float64 [shape=(n,)]
        RMS level of each in dBFS.
    heads : mapping of str to np.ndarray, float32 [shape=(n, n_classes)]
        Probabilities, or amounts, by the name of the head; rows of silent windows, which no model sees,
        are 0.
    embeddings : np.ndarray, float32 [shape=(n, embedding_size)] or None
        Embeddings; None where they were not wanted, or the model has none.

    Examples
    --------
    >>> from earmark.predict import WindowScorer
    >>> scorer = WindowScorer("echo")
    >>> y = np.sin(0.06 * np.arange(7 * 22050)).astype(np.float32)
    >>> scores = WindowScores.concatenate([scorer.push(y), scorer.close()])
    >>> scores.starts.round(2).tolist(), scores["genres"].shape, scores.verdict()
    ([0.0, 3.0, 3.99], (3, 19), 'music')
    """

    card: ModelCard
    starts: Floats
    weights: Floats
    levels_db: Floats
    heads: Mapping[str, Array]
    embeddings: Array | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, head: str) -> Array:
        return self.heads[head]

    @property
    def ends(self) -> Floats:
        """Where each window ends, in seconds [shape=(n,)]."""
        return self.starts + self.card.window

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which windows are silent [shape=(n,)]."""
        return np.equal(self.weights, 0)

    def mean(self, head: str) -> Floats:
        """Return the mean scores of a head over the windows that are not silent [shape=(n_classes,)].

        All 0 if there is no such window.
        """
        return mean_row(self.heads[head], self.weights)

    def mean_embedding(self) -> Floats:
        """Return the mean embedding of the windows that are not silent; of no numbers where there is none."""
        if self.embeddings is None or self.silent.all():
            return np.zeros(0)
        return mean_row(self.embeddings, self.weights)

    def take(self, index: npt.NDArray[np.bool_] | Ints | slice) -> WindowScores:
        """Return some of the windows: by a mask, by numbers or by a slice."""
        return WindowScores(
            self.card,
            self.starts[index],
            self.weights[index],
            self.levels_db[index],
            {name: rows[index] for name, rows in self.heads.items()},
            None if self.embeddings is None else self.embeddings[index],
        )

    def between(self, start: float, end: float) -> WindowScores:
        """Return the windows whose middle lies from `start` to before `end`, in seconds."""
        middles = self.starts + self.card.window / 2
        return self.take((middles >= start) & (middles < end))

    def last(self, seconds: float) -> WindowScores:
        """Return the windows that lie within the last `seconds`; at least one, if there is any."""
        if not len(self):
            return self
        latest = float(self.starts[-1])
        return self.take(self.starts >= min(latest, latest + self.card.window - seconds) - 1e-9)

    def verdict(self) -> str:
        """Return whether the scores mean anything.

        * ``silence`` if every window is silent,
        * else ``not-music`` if the model has a head ``sound`` and its mean probability of ``music`` is below
          ``music`` of the card's thresholds,
        * else ``unsure`` if the best genre's mean is below ``unsure`` of the thresholds,
        * else ``music``.
        """
        if self.silent.all():
            return "silence"
        sound = self.card.head("sound")
        if sound and "music" in sound.classes and "sound" in self.heads:
            music = self.mean("sound")[sound.classes.index("music")]
            if music < self.card.thresholds.get("music", 0.0):
                return "not-music"
        best = self.mean(self.card.heads[0].name).max()
        return "unsure" if best < self.card.thresholds.get("unsure", 0.0) else "music"

    @classmethod
    def empty(cls, card: ModelCard, n: int = 0, *, embeddings: bool = False) -> WindowScores:
        """Return `n` silent windows at time 0."""
        heads = {head.name: np.zeros((n, len(head.classes)), np.float32) for head in card.heads}
        vectors = np.zeros((n, card.embedding_size), np.float32) if embeddings else None
        return cls(card, np.zeros(n), np.zeros(n), np.full(n, -np.inf), heads, vectors)

    @classmethod
    def concatenate(cls, pieces: Sequence[WindowScores]) -> WindowScores:
        """Join scores of the same model, in order.

        Raises
        ------
        InputError
            There are none.
        """
        if not pieces:
            raise InputError("no scores to concatenate", hint="Accepted: one piece or more.")
        # A model may answer fewer heads than its card names; only windows that it saw show which.
        scored = [piece for piece in pieces if not piece.silent.all()] or pieces[:1]
        names = [name for name in scored[0].heads if all(name in piece.heads for piece in scored)]
        has_embeddings = all(piece.embeddings is not None for piece in scored)
        return cls(
            pieces[0].card,
            np.concatenate([piece.starts for piece in pieces]),
            np.concatenate([piece.weights for piece in pieces]),
            np.concatenate([piece.levels_db for piece in pieces]),
            {name: np.concatenate([piece.heads[name] for piece in pieces]) for name in names},
            _joined_embeddings(pieces) if has_embeddings else None,
        )


def _joined_embeddings(pieces: Sequence[WindowScores]) -> Array:
    return np.concatenate([piece.embeddings for piece in pieces if piece.embeddings is not None])


def mean_row(rows: npt.NDArray[np.floating], weights: Floats) -> Floats:
    """Return the weighted mean of rows [shape=(n, d)] as one row [shape=(d,)]; 0 where all weights are 0."""
    mean: Floats = weights @ rows / (weights.sum() or 1.0)
    return mean


def mean_rows(rows: npt.NDArray[np.floating], weights: Floats, owners: Ints) -> Floats:
    """Return the weighted mean of the rows of each owner [shape=(n_owners, d)].

    Parameters
    ----------
    rows : np.ndarray [shape=(n, d)]
        Scores of the windows of many tracks.
    weights : np.ndarray [shape=(n,)]
        What each counts for, above 0.
    owners : np.ndarray [shape=(n,)]
        Number of the track that each belongs to, from 0 on without a gap.
    """
    totals = np.bincount(owners, weights)
    sums = np.zeros((len(totals), rows.shape[1]))
    np.add.at(sums, owners, rows * weights[:, np.newaxis])
    means: Floats = sums / totals[:, np.newaxis]
    return means
