"""Beats and tempo of log-mel frames that stream by."""

from __future__ import annotations

import math

import numpy as np

from earmark.arrays import Float32, Float64
from earmark.errors import InputError
from earmark.features.beat_path import beat_path
from earmark.features.beats import beats
from earmark.features.pulse_network import (
    N_MELS,
    N_POOLED,
    REACH,
    Pulse,
    bands,
    pulse,
    tempo_log_probability,
)
from earmark.features.rhythm import OnsetStream, envelope_of, has_pulse
from earmark.features.rhythm import tempo as classic_tempo
from earmark.features.spec import FeatureSpec
from earmark.features.tempo_choice import TempoCandidate, tempo_candidates

_CHUNK = 2048  # frames that are final at a time
_BLOCK = 64  # frames whose pooled channels are kept as one sum: 1.5 s


class PulseStream:
    """The beats and the tempo of log-mel frames that arrive in pieces.

    Of each frame two numbers are kept, its onset strength and the probability of a beat: 345 bytes a second.
    The bands themselves are kept for 12 to 60 s, until the network, which sees 12 s to either side, has run.

    Parameters
    ----------
    spec : FeatureSpec
        How the frames are made. The network was trained on the default; of any other front end the beats are
        not known, and the tempo is that of `earmark.features.tempo`, without a score (NaN).

    Examples
    --------
    >>> stream = PulseStream()
    >>> stream.push(np.full((128, 100), -100, dtype=np.float32))
    >>> stream.candidates()
    ()
    """

    def __init__(self, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        self.n_frames = 0
        self._has_network = self.spec.n_mels == N_MELS and self.spec.digest == FeatureSpec().digest
        self._onset_stream = OnsetStream(self.spec)
        self._onsets: list[Float32] = []
        self._bands: list[Float32] = []  # from frame `_first` on
        self._first = 0
        self._beat: list[Float32] = []  # of the first `_n_final` frames
        self._pooled: list[Float32] = []  # sums of blocks of them [shape=(32, m)]
        self._n_final = 0
        self._latest: tuple[int, Pulse] | None = None  # number of frames, and the outputs of the last ones

    def begin(self) -> None:
        """Begin another stretch of sound: from the last frame to the next there is no onset."""
        self._onset_stream = OnsetStream(self.spec)

    def push(self, S_db: Float32) -> None:
        """Take the next frames of a log-mel [shape=(128, k)]."""
        if S_db.shape[1] == 0:
            return
        self._onsets.append(self._onset_stream.push(S_db))
        self.n_frames += S_db.shape[1]
        if not self._has_network:
            return
        self._bands.append(bands(S_db))
        while self.n_frames - self._n_final >= _CHUNK + REACH:
            self._settle()

    def _settle(self) -> None:
        """Run the network over the next chunk, which nothing that follows can change."""
        kept = np.concatenate(self._bands, axis=1)
        begin = self._n_final - self._first
        found = pulse(kept[:, : begin + _CHUNK + REACH])
        self._beat.append(found.beat[begin : begin + _CHUNK].copy())
        self._pooled.append(_block_sums(found.pooled[:, begin : begin + _CHUNK]))
        self._n_final += _CHUNK
        unused = max(0, self._n_final - REACH - self._first)
        self._bands, self._first = [kept[:, unused:].copy()], self._first + unused

    def _open_end(self) -> Pulse:
        """Return the outputs for the frames that are not final yet, as if the sound ended here."""
        if self._latest is None or self._latest[0] != self.n_frames:
            found = pulse(np.concatenate(self._bands, axis=1))
            begin = self._n_final - self._first
            self._latest = self.n_frames, Pulse(found.beat[begin:], found.pooled[:, begin:])
        return self._latest[1]

    @property
    def onsets(self) -> Float32:
        """The onset envelope, one value a frame [shape=(n_frames,)]."""
        if len(self._onsets) != 1:
            self._onsets = [np.concatenate([np.zeros(0, dtype=np.float32), *self._onsets])]
        return self._onsets[0]

    def forget(self, n_frames: int) -> None:
        """Drop the first frames, but for the last `n_frames` and what the network needs: a minute at most."""
        unused = min(self.n_frames - n_frames, self._first if self._has_network else self.n_frames)
        unused -= unused % _BLOCK
        if unused <= 0:
            return
        self._onsets = [self.onsets[unused:].copy()]
        self.n_frames -= unused
        if self._has_network:
            self._beat = [np.concatenate(self._beat)[unused:]]
            self._pooled = [np.concatenate(self._pooled, axis=1)[:, unused // _BLOCK :]]
            self._first -= unused
            self._n_final -= unused
            self._latest = None

    def beat_probability(self) -> Float32:
        """Return the probability that a beat falls into each frame [shape=(n_frames,)]; 0 without network."""
        if not self._has_network or self.n_frames == 0:
            return np.zeros(self.n_frames, dtype=np.float32)
        return np.concatenate([*self._beat, self._open_end().beat])

    def candidates(
        self, first: int = 0, stop: int | None = None, *, expected: float | None = None
    ) -> tuple[TempoCandidate, ...]:
        """Return the tempi of frames `first` to `stop` (excluded), most probable first.

        None where nothing repeats by more than chance. Each is refined to 0.2 % for a steady tempo.

        Parameters
        ----------
        first, stop : int
            Which frames; all that there are by default.
        expected : float, optional
            The tempo to expect of such music, roughly, in beats per minute: it decides between a tempo and
            its double or half. `classify` has it from a model with the head ``pace``.

        Raises
        ------
        InputError
            `expected` is not a positive number.
        """
        if expected is not None and not 0 < expected < math.inf:
            raise InputError(f"expected={expected}", hint="Accepted: a positive number, or None.")
        stop = self.n_frames if stop is None else min(stop, self.n_frames)
        onsets = self.onsets[first:stop]
        if len(onsets) == 0 or not onsets.any():
            return ()
        if not self._has_network:
            found = classic_tempo(onsets, self.spec)
            return (TempoCandidate(found, math.nan),) if found else ()
        beat = self.beat_probability()[first:stop]
        log_probability = tempo_log_probability(self._pooled_mean(first, stop))
        candidates = tempo_candidates(beat, log_probability, onsets, self.spec, expected)
        envelope, per_minute = envelope_of(onsets), 60 * self.spec.sr / self.spec.hop_length
        shows = any(has_pulse(envelope, per_minute / one.tempo) for one in candidates[:2])
        return candidates if shows else ()

    def beats(self, tempo: float | None = None) -> Float64:
        """Return the times of the beats in s [shape=(n_beats,)].

        Parameters
        ----------
        tempo : float, optional
            Beats per minute; otherwise that of `candidates`, and no beats where there is none.
        """
        if tempo is None:
            found = self.candidates()
            tempo = found[0].tempo if found else None
        if tempo is None:
            return np.zeros(0)
        if not self._has_network:
            return beats(self.onsets, self.spec, bpm=tempo)
        if not 0 < tempo < math.inf:
            raise InputError(f"tempo={tempo}", hint="Accepted: a positive number, or None to estimate it.")
        seconds = self.spec.hop_length / self.spec.sr
        frames = beat_path(self.beat_probability(), 60 / seconds / tempo)
        return frames.astype(np.float64) * seconds

    def _pooled_mean(self, first: int, stop: int) -> Float32:
        """Return the mean over the blocks of frames that lie between, at least one [shape=(32,)]."""
        sums = np.concatenate(
            [np.zeros((N_POOLED, 0), np.float32), *self._pooled, _block_sums(self._open_end().pooled)], axis=1
        )
        begin = min(round(first / _BLOCK), sums.shape[1] - 1)
        end = max(begin + 1, min(round(stop / _BLOCK), sums.shape[1]))
        end = sums.shape[1] if stop == self.n_frames else end
        n = min(end * _BLOCK, self.n_frames) - begin * _BLOCK
        mean: Float32 = sums[:, begin:end].sum(axis=1) / np.float32(n)
        return mean


def _block_sums(pooled: Float32) -> Float32:
    """Return the sums of blocks of frames [shape=(32, m)]; the last may be shorter."""
    return np.add.reduceat(pooled, np.arange(0, pooled.shape[1], _BLOCK), axis=1)
