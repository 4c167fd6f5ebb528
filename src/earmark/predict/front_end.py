"""From the samples of one stretch of sound to the inputs of a model: windows and their levels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from earmark.features import Frames, FrameStream
from earmark.features.subsonic import SubsonicFilter
from earmark.models import ModelCard
from earmark.models.base import Array
from earmark.models.windows import (
    Batch,
    Floats,
    WindowCutter,
    described,
    silence_db,
    step_power,
    window_levels,
    window_weights,
)
from earmark.predict.frame_track import FrameTrack


@dataclass(frozen=True, eq=False)
class PendingWindows:
    """Windows that are complete and not scored yet.

    Parameters
    ----------
    X : np.ndarray, float32 [shape=(m, *input_shape)]
        Inputs of the model: those of the m windows that are not silent.
    starts : np.ndarray, float64 [shape=(n,)]
        Where all n windows begin, in seconds.
    weights, levels_db : np.ndarray, float64 [shape=(n,)]
        As in `WindowScores`.
    """

    X: Array
    starts: Floats
    weights: Floats
    levels_db: Floats

    def __len__(self) -> int:
        return len(self.starts)


class FrontEnd:
    """Turns one unbroken stretch of sound into model inputs, in constant memory.

    Parameters
    ----------
    card : ModelCard
        Of the model: front end, windows, level of silence.
    start : float
        Time of the first sample, in seconds.
    track : FrameTrack
        Receives the log-mel and the spectrum of each frame, by the card's main front end.
    """

    def __init__(self, card: ModelCard, start: float, track: FrameTrack) -> None:
        self._card, self._start, self._track = card, start, track
        self._filter = SubsonicFilter(card.spec.sr)
        track.pulse.begin()
        self._frames = FrameStream(card.spec, spectra=track.tonal.push)
        self._more = [FrameStream(spec) for spec in card.more_specs]
        self._cutter = WindowCutter(card)
        self._recent = _RecentSound(card)
        self._rest: list[Array] = []  # samples that make no whole hop yet
        self._n_rest = 0
        self._is_empty = True
        self._before: int | None = None  # first frame of the window before
        inputs = np.empty((0, *card.input_shape), np.float32)
        self._none = PendingWindows(inputs, np.zeros(0), np.zeros(0), np.zeros(0))

    def push(self, y: Array) -> PendingWindows:
        """Take samples [shape=(n,)] and return the windows that are complete now."""
        self._is_empty = self._is_empty and not len(y)
        self._rest.append(self._filter.push(y))
        self._n_rest += len(self._rest[-1])
        n = self._n_rest - self._n_rest % self._card.spec.hop_length
        if not n:  # so that single samples cost next to nothing
            self._rest[-1] = self._rest[-1].copy()  # `y` is the caller's, who may write to it
            return self._none
        joined = np.concatenate(self._rest)
        self._rest, self._n_rest = [joined[n:]], len(joined) - n
        self._recent.push(joined[:n])
        more = [stream.push(joined[:n]).S_db for stream in self._more]
        return self._pending(*self._cutter.push(self._noted(self._frames.push(joined[:n])), more))

    def close(self) -> PendingWindows:
        """Return the last windows; the sound is taken to end in silence."""
        if self._is_empty:
            return self._none
        y = np.concatenate([*self._rest, self._filter.close()])
        self._recent.push(y[: len(y) - len(y) % self._card.spec.hop_length])
        last = [self._noted(frames) for frames in (self._frames.push(y), self._frames.close())]
        more = [np.hstack([stream.push(y).S_db, stream.close().S_db]) for stream in self._more]
        return self._pending(*_joined(self._cutter.push(np.hstack(last), more), self._cutter.close()))

    def latest(self) -> PendingWindows:
        """Return the window that ends with the last whole frames so far, and go on; none before the first.

        It need not be one of the windows that `push` gives. The low-pass looks 0.3 s ahead; here it is
        computed from what has come, as at the end of a sound.
        """
        y = np.concatenate([*self._rest, self._filter.ahead()])
        more = [stream.ahead(y) for stream in self._more]
        starts, X = self._cutter.latest(self._frames.ahead(y), more)
        if not starts:
            return self._none
        recent = self._recent.extended(y[: len(y) - len(y) % self._card.spec.hop_length])
        return self._prepared(starts, X, recent)

    def _noted(self, frames: Frames) -> Array:
        self._track.pulse.push(frames.S_db)
        return frames.S_db

    def _pending(self, starts: list[int], X: Array) -> PendingWindows:
        if not starts:
            return self._none
        pending = self._prepared(starts, X, self._recent)
        weights = window_weights(starts, self._card, before=self._before) * pending.weights
        self._before = starts[-1]
        self._recent.forget(before=starts[-1])
        return replace(pending, weights=weights)

    def _prepared(self, starts: list[int], X: Array, recent: _RecentSound) -> PendingWindows:
        """Windows and their levels, each with the weight 1, or 0 if it is silent."""
        levels_db = recent.levels_db(starts)
        loud = levels_db > silence_db(self._card)
        if self._card.input == "descriptors":
            X = recent.described([start for start, is_loud in zip(starts, loud, strict=True) if is_loud])
        elif not loud.all():
            X = X[loud]
        seconds = np.asarray(starts, np.float64) * (self._card.spec.hop_length / self._card.spec.sr)
        return PendingWindows(X, self._start + seconds, loud.astype(np.float64), levels_db)


def _joined(one: Batch, other: Batch) -> Batch:
    return [*one[0], *other[0]], np.concatenate([one[1], other[1]])


class _RecentSound:
    """The power of each hop, and the samples where descriptors need them, until their windows are cut."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._keeps_samples = card.input == "descriptors"
        self._power: list[Array] = []
        self._samples: list[Array] = []
        self._first = 0  # which frame the first of both belongs to

    def push(self, y: Array) -> None:
        """Take a whole number of hops."""
        self._power.append(step_power(y, self._card.spec.hop_length))
        if self._keeps_samples:
            self._samples.append(y.copy())

    def extended(self, y: Array) -> _RecentSound:
        """Return another one that has taken a whole number of hops more."""
        other = copy.copy(self)
        other._power, other._samples = list(self._power), list(self._samples)
        other.push(y)
        return other

    def levels_db(self, starts: Sequence[int]) -> Floats:
        """Return the RMS level of windows in dBFS [shape=(n,)]."""
        places = [start - self._first for start in starts]
        return window_levels(np.concatenate(self._power), places, self._card)

    def described(self, starts: Sequence[int]) -> Array:
        """Return the descriptors of windows [shape=(n, d)]."""
        kept = np.concatenate(self._samples) if starts else np.empty(0, np.float32)
        hop_length, length = self._card.spec.hop_length, self._card.window_length
        places = [(start - self._first) * hop_length for start in starts]
        return described([kept[place : place + length] for place in places], self._card)

    def forget(self, *, before: int) -> None:
        """Drop what lies before that frame."""
        frames = before - self._first
        self._power = [np.concatenate(self._power)[frames:]]
        if self._keeps_samples:
            self._samples = [np.concatenate(self._samples)[frames * self._card.spec.hop_length :]]
        self._first = before
