"""The windows of a model, cut from one continuous spectrogram: where they lie, what they weigh, how loud.

A window is `ModelCard.n_frames` frames, the next starts `ModelCard.hop_frames` later, and a last one is
moved back so that it ends with the sound: every frame lies in a window, whatever the length. This is the one
place that counts windows: `earmark.predict.WindowScorer` and training both use it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError, ModelError, suggestion
from earmark.features import FeatureSpec, descriptors, log_mel
from earmark.models.base import Array
from earmark.models.card import ModelCard
from earmark.models.window_frames import WindowFrames

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


def cut_windows(S_db: Array, card: ModelCard, more: Sequence[Array] = ()) -> Batch:
    """Cut the windows of a whole spectrogram.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, k)]
        Log-mel spectrogram, as `ModelCard.spec` makes it.
    card : ModelCard
        States how long the windows are and how far apart.
    more : sequence of np.ndarray
        Spectrograms of the same sound, as each of `ModelCard.more_specs` makes them.

    Returns
    -------
    starts : list of int
        First frame of each window.
    X : np.ndarray, float32 [shape=(len(starts), n_mels, n_frames) or (len(starts), d)]
        The windows, copied; none where the spectrogram is shorter than one. Where there are several front
        ends, those of one window after another, each in C order.

    Raises
    ------
    InputError
        Another number of spectrograms than of front ends.
    """
    if len(more) != len(card.more_specs):
        raise InputError(
            f"{1 + len(more)} spectrograms; model {card.name!r} has {1 + len(card.more_specs)} front ends",
            hint="Accepted: one by each front end. Try: the sound.",
        )
    whole = [_KeptFrames(frames) for frames in card.front_ends]
    _extend(whole, S_db, more)
    starts = window_starts(S_db.shape[1], card).tolist()
    return starts, _stacked(whole, starts, card)


def sound_windows(y: Array, card: ModelCard) -> Batch:
    """Cut the windows of a whole sound [shape=(n,)], like `cut_windows`, by all its front ends."""
    return cut_windows(log_mel(y, card.spec), card, [log_mel(y, spec) for spec in card.more_specs])


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
    It holds the last window's length of frames and no more: the last window of all may need as many. Of
    several front ends, the frames of one may come before those of another: by up to half of its `n_fft`.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._kept = [_KeptFrames(frames) for frames in card.front_ends]
        self._next = 0  # where the next window starts

    def push(self, S_db: Array, more: Sequence[Array] = ()) -> Batch:
        """Take frames [shape=(n_mels, k)] and return starts and windows, like `cut_windows`; maybe none.

        Of each front end of `more`, there may be any number of frames.
        """
        _extend(self._kept, S_db, more)
        return self._cut(list(range(self._next, _last_start(self._kept) + 1, self._card.hop_frames)))

    def close(self) -> Batch:
        """Return a last window that ends with the sound, if some frames lie in no window yet."""
        last = _last_start(self._kept)
        covered = self._next - self._card.hop_frames == last  # a window ended here already
        return self._cut([last] if last >= 0 and not covered else [])

    def latest(self, S_db: Array, more: Sequence[Array] = ()) -> Batch:
        """Return the window that would end with these further frames [shape=(n_mels, k)], and take none in.

        The last one whose frames are there by all front ends. No window where there are too few frames.
        """
        ahead = [copy.copy(kept) for kept in self._kept]
        _extend(ahead, S_db, more)
        starts = [start] if (start := _last_start(ahead)) >= 0 else []
        return starts, _stacked(ahead, starts, self._card)

    def _cut(self, starts: list[int]) -> Batch:
        X = _stacked(self._kept, starts, self._card)
        if starts:
            self._next = starts[-1] + self._card.hop_frames
        complete = max(0, _last_start(self._kept))
        for kept in self._kept:
            kept.forget(before=complete)  # no window from now on begins earlier
        return starts, X


class _KeptFrames:
    """The frames of a sound by one front end, as long as windows may need them."""

    def __init__(self, frames: WindowFrames) -> None:
        self.frames = frames
        self._S_db = np.empty((frames.spec.n_mels, 0), np.float32)
        self._first = 0  # which frame of the sound is the first of `_S_db`

    def append(self, S_db: Array) -> None:
        """Take the next frames [shape=(n_mels, k)]."""
        self._S_db = np.concatenate([self._S_db, S_db], axis=1) if self._S_db.size else S_db

    @property
    def last_start(self) -> int:
        """Where the last window begins whose frames are all there; -1 if there is none."""
        return self.frames.last_start(self._first + self._S_db.shape[1])

    def of_window(self, start: int) -> Array:
        """Return the frames of the window that begins there [shape=(n_mels, n_frames)]."""
        first = self.frames.first(start) - self._first
        return self._S_db[:, first : first + self.frames.n_frames]

    def forget(self, *, before: int) -> None:
        """Drop what only windows need that begin before that one."""
        first = self.frames.first(before)
        self._S_db, self._first = self._S_db[:, first - self._first :], first


def _extend(kept: Sequence[_KeptFrames], S_db: Array, more: Sequence[Array]) -> None:
    for one, frames in zip(kept, (S_db, *more), strict=True):
        one.append(frames)


def _last_start(kept: Sequence[_KeptFrames]) -> int:
    """Where the last window begins whose frames are there by all front ends; -1 if there is none."""
    return min(one.last_start for one in kept)


def _stacked(kept: Sequence[_KeptFrames], starts: Sequence[int], card: ModelCard) -> Array:
    """Windows as inputs of the model; of a model of descriptors, the log-mels beside them."""
    X = np.empty((len(starts), sum(one.frames.size for one in kept)), np.float32)
    end = 0
    for one in kept:
        begin, end = end, end + one.frames.size
        for row, start in zip(X[:, begin:end], starts, strict=True):
            row.reshape(one.frames.shape)[:] = one.of_window(start)
    return X if card.input == "log_mels" else X.reshape(len(starts), *kept[0].frames.shape)
