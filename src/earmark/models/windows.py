"""The windows of a model, cut from one continuous spectrogram: where they lie, what they weigh, how loud.

A window is `ModelCard.n_frames` frames, the next starts `ModelCard.hop_frames` later, and a last one is
moved back so that it ends with the sound: every frame lies in a window, whatever the length. This is the one
place that counts windows: `earmark.predict.WindowScorer` and training both use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from earmark.errors import ModelError, suggestion
from earmark.features import FeatureSpec, descriptors
from earmark.models.base import Array
from earmark.models.card import ModelCard

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Batch = tuple[list[int], Array]

SILENCE_DB = -60.0  # RMS level of a window that counts as silence, where the card does not say


def window_starts(n_frames: int, card: ModelCard) -> Ints:
    """Return the first frame of each window of a sound [shape=(n,)]; none where it is shorter than one.

    Parameters
    ----------
    n_frames : int
        Frames of the sound.
    card : ModelCard
        States how long the windows are and how far apart.
    """
    if n_frames < card.n_frames:
        return np.empty(0, np.int64)
    starts = np.arange(0, n_frames - card.n_frames + 1, card.hop_frames)
    last = n_frames - card.n_frames
    return starts if starts[-1] == last else np.append(starts, last)


def window_weights(starts: npt.ArrayLike, card: ModelCard, *, before: int | None = None) -> Floats:
    """Return what each window counts for in a mean [shape=(n,)].

    The fraction of a hop by which it starts after the window before: 1, and less for a last window that was
    moved back, so that every moment of the sound counts once.

    Parameters
    ----------
    starts : sequence of int [shape=(n,)]
        First frame of each window.
    card : ModelCard
        States how far apart windows are.
    before : int, optional
        First frame of the window before these; by default they are the first of their sound.
    """
    previous = -card.hop_frames if before is None else before
    return np.asarray(np.diff(np.asarray(starts, np.int64), prepend=previous) / card.hop_frames)


def step_power(y: Array, hop_length: int) -> Array:
    """Return the mean square from each frame's centre to the next [shape=(len(y) // hop_length,)]."""
    steps = y[: len(y) - len(y) % hop_length].reshape(-1, hop_length)
    return np.asarray(np.einsum("ij,ij->i", steps, steps) / hop_length, dtype=np.float32)


def window_levels(power: Array, starts: Sequence[int] | Ints, card: ModelCard) -> Floats:
    """Return the RMS level of each window in dBFS [shape=(n,)], -200 for digital silence.

    Parameters
    ----------
    power : np.ndarray [shape=(k - 1,)]
        Of `step_power`, for a sound of k frames.
    starts : sequence of int [shape=(n,)]
        First frame of each window.
    card : ModelCard
        States how long the windows are.
    """
    means = [power[start : start + card.n_frames - 1].mean() for start in starts]
    return 10 * np.log10(np.maximum(np.asarray(means, np.float64), 1e-20))


def silence_db(card: ModelCard) -> float:
    """Return the level in dBFS up to which a window counts as silence: of the card, or `SILENCE_DB`."""
    return float(card.thresholds.get("silence_db", SILENCE_DB))


def cut_windows(S_db: Array, card: ModelCard) -> Batch:
    """Cut the windows of a whole spectrogram.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, k)]
        Log-mel spectrogram, as `ModelCard.spec` makes it.
    card : ModelCard
        States how long the windows are and how far apart.

    Returns
    -------
    starts : list of int
        First frame of each window.
    X : np.ndarray, float32 [shape=(len(starts), n_mels, n_frames)]
        The windows, copied; none where the spectrogram is shorter than one.
    """
    starts = window_starts(S_db.shape[1], card).tolist()
    return starts, _stacked(S_db, starts, card)


def _stacked(S_db: Array, starts: Sequence[int], card: ModelCard) -> Array:
    X = np.empty((len(starts), card.spec.n_mels, card.n_frames), np.float32)
    for row, start in zip(X, starts, strict=True):
        row[:] = S_db[:, start : start + card.n_frames]
    return X


@lru_cache(maxsize=8)
def descriptor_names(spec: FeatureSpec) -> tuple[str, ...]:
    """Return the names of the numbers of `earmark.features.descriptors` with a spec, in order."""
    return descriptors(np.zeros(spec.n_fft, np.float32), spec).names


def described(sounds: Sequence[Array], card: ModelCard) -> Array:
    """Return the descriptors of windows of sound, those that the card names and in its order.

    Parameters
    ----------
    sounds : sequence of np.ndarray [shape=(window_length,)]
        Samples of each window: `ModelCard.window_length` of them, from its first frame's centre on.
    card : ModelCard
        Of a model whose input is descriptors.

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
        raise ModelError(
            f"model {card.name!r} needs descriptors that cannot be computed here: {', '.join(unknown[:5])}",
            hint=f"{suggestion(unknown[0], known)}Accepted: the descriptors of `earmark features`.",
        )
    columns = [known.index(name) for name in card.descriptor_names]
    rows = [descriptors(y, card.spec).values[columns] for y in sounds]
    return np.array(rows, dtype=np.float32).reshape(-1, len(columns))


class WindowCutter:
    """Cuts windows from frames that arrive in pieces, each as soon as its last frame is there.

    Parameters
    ----------
    card : ModelCard
        States how long the windows are and how far apart.

    Notes
    -----
    It holds the last window's length of frames and no more: the last window of all may need as many.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._kept = np.empty((card.spec.n_mels, 0), np.float32)
        self._first = 0  # which frame of the sound is the first of `_kept`
        self._next = 0  # where the next window starts

    def push(self, S_db: Array) -> Batch:
        """Take frames [shape=(n_mels, k)] and return starts and windows, like `cut_windows`; maybe none."""
        self._kept = np.concatenate([self._kept, S_db], axis=1)
        return self._cut(list(range(self._next, self._end - self._card.n_frames + 1, self._card.hop_frames)))

    def close(self) -> Batch:
        """Return a last window that ends with the sound, if some frames lie in no window yet."""
        last = self._end - self._card.n_frames
        covered = self._next - self._card.hop_frames == last  # a window ended here already
        return self._cut([last] if last >= 0 and not covered else [])

    def latest(self, S_db: Array) -> Batch:
        """Return the window that would end with these further frames [shape=(n_mels, k)], and take none in.

        No window where there are too few frames.
        """
        frames = np.concatenate([self._kept, S_db], axis=1)[:, -self._card.n_frames :]
        starts = [self._end + S_db.shape[1] - self._card.n_frames]
        return (starts, frames[np.newaxis]) if frames.shape[1] == self._card.n_frames else ([], frames)

    @property
    def _end(self) -> int:
        return self._first + self._kept.shape[1]

    def _cut(self, starts: list[int]) -> Batch:
        X = _stacked(self._kept, [start - self._first for start in starts], self._card)
        if starts:
            self._next = starts[-1] + self._card.hop_frames
        dropped = max(0, self._kept.shape[1] - self._card.n_frames)
        self._kept = self._kept[:, dropped:]
        self._first += dropped
        return starts, X
