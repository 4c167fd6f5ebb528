"""The windows of a model, cut from one continuous spectrogram.

A window is `ModelCard.n_frames` frames, the next starts `ModelCard.hop_frames` later, and a last one is
moved back so that it ends with the sound: every frame is heard, whatever the length.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from earmark.errors import ModelError
from earmark.features import FeatureSpec, descriptors
from earmark.models.base import Array
from earmark.models.card import ModelCard

Batch = tuple[list[int], Array]


def cut_windows(S_db: Array, card: ModelCard) -> Batch:
    """Windows of a whole spectrogram.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, k)]
        Log-mel spectrogram, as `ModelCard.spec` makes it.
    card : ModelCard
        Says how long the windows are and how far apart.

    Returns
    -------
    starts : list of int
        First frame of each window.
    X : np.ndarray, float32 [shape=(len(starts), n_mels, n_frames)]
        The windows, copied; none where the spectrogram is shorter than one.
    """
    cutter = WindowCutter(card, batch=S_db.shape[1] // card.hop_frames + 1)
    batches = [*cutter.push(S_db), *cutter.close()]
    empty = np.empty((0, card.spec.n_mels, card.n_frames), np.float32)
    starts = [start for some, _ in batches for start in some]
    return starts, np.concatenate([empty, *(X for _, X in batches)])


@lru_cache(maxsize=8)
def descriptor_names(spec: FeatureSpec) -> tuple[str, ...]:
    """Names of the numbers that `earmark.features.descriptors` gives with a spec, in order."""
    return descriptors(np.zeros(spec.n_fft, np.float32), spec).names


def described(sounds: Sequence[Array], card: ModelCard) -> Array:
    """Descriptors of windows of sound, those that the card names and in its order.

    Parameters
    ----------
    sounds : sequence of np.ndarray [shape=(window_length,)]
        Samples of each window: `ModelCard.window_length` of them, from its first frame's centre on.
    card : ModelCard
        Of a model that hears descriptors.

    Returns
    -------
    np.ndarray, float32 [shape=(len(sounds), d)]

    Raises
    ------
    ModelError
        The card names a descriptor that earmark does not compute.
    """
    known = descriptor_names(card.spec)
    unknown = [name for name in card.descriptor_names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise ModelError(
            f"model {card.name!r} hears descriptors that cannot be computed here: {', '.join(unknown[:5])}",
            hint=(f"The nearest is {near[0]!r}. " if near else "") + "Train on those of `earmark features`.",
        )
    columns = [known.index(name) for name in card.descriptor_names]
    rows = [descriptors(y, card.spec).values[columns] for y in sounds]
    return np.array(rows, dtype=np.float32).reshape(-1, len(columns))


class WindowCutter:
    """Cuts windows from frames that arrive in pieces and gives them in batches, in constant memory.

    Parameters
    ----------
    card : ModelCard
        Says how long the windows are and how far apart.
    batch : int
        Windows to give at a time, but at the end.
    """

    def __init__(self, card: ModelCard, *, batch: int) -> None:
        self._n_frames, self._hop = card.n_frames, card.hop_frames
        self._kept = np.empty((card.spec.n_mels, self._n_frames + batch * self._hop), np.float32)
        self._filled = self._hop  # frames of `_kept` in use: as if a window had gone before
        self._first = -self._hop  # which frame of the sound is the first of `_kept`
        self._next = 0  # where the next window starts, in frames of the sound

    def push(self, S_db: Array) -> Iterator[Batch]:
        """Take frames [shape=(n_mels, k)] and give starts and windows, like `cut_windows`, batch by batch."""
        taken = 0
        while taken < S_db.shape[1]:
            n = min(self._kept.shape[1] - self._filled, S_db.shape[1] - taken)
            self._kept[:, self._filled : self._filled + n] = S_db[:, taken : taken + n]
            self._filled += n
            taken += n
            if self._filled == self._kept.shape[1]:
                yield self._cut(self._starts())

    def close(self) -> Iterator[Batch]:
        """Give what is left, with a last window that ends with the sound if any frame was not heard yet."""
        starts = self._starts()
        end = self._first + self._filled
        heard_to = (starts[-1] if starts else self._next - self._hop) + self._n_frames
        if self._n_frames <= end and heard_to < end:
            starts.append(end - self._n_frames)
        if starts:
            yield self._cut(starts)

    def _starts(self) -> list[int]:
        end = self._first + self._filled
        return list(range(self._next, end - self._n_frames + 1, self._hop))

    def _cut(self, starts: list[int]) -> Batch:
        places = [start - self._first for start in starts]
        X = np.stack([self._kept[:, place : place + self._n_frames] for place in places])
        self._next = starts[-1] + self._hop
        # Keep the last frames: the last window of all may need as many.
        dropped = self._filled - self._n_frames
        self._kept[:, : self._n_frames] = self._kept[:, dropped : self._filled]
        self._filled = self._n_frames
        self._first += dropped
        return starts, X
