"""Which tempo: the candidates that repeat, and a small model that chooses the level people count.

Music repeats at its beat and at every second and half of it, and any of these could be called the tempo.
What decides is learnt: for each candidate, how strongly beats and onsets repeat at it and at its double, half
and triple, how strong it is as a frequency (which has overtones where the autocorrelation has undertones),
and what the network gives for its tempo from the sound. A conditional logistic regression on
these 17 numbers gives each candidate its probability. Where a tempo is expected of such
music, there are two numbers more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.arrays import Float32, Float64
from earmark.features.pulse_network import BINS_PER_OCTAVE, N_BINS, SLOWEST_BPM
from earmark.features.rhythm import mean_autocorrelation, refined_lag
from earmark.features.spec import FeatureSpec
from earmark.features.stft import hann
from earmark.features.stored import weights

_SLOWEST, _FASTEST = 28.0, 300.0
_N_PEAKS = 5
_RELATIVES = (2.0, 0.5, 1.5, 2 / 3)  # of the best candidate, tried too
_APART = 0.04  # relative: nearer ones are the same
_LEAST = 0.02  # added to a correlation before its logarithm
_LEAST_LOG_PROBABILITY = -9.0
_USUAL_BPM = 110.0
_SHORTEST_LAG = 6
_N_FFT = 2048
_STEP = 11  # frames from one window of the spectrum to the next, 0.25 s
_WINDOW = 344  # ... and its length, 8 s


@dataclass(frozen=True, slots=True)
class TempoCandidate:
    """A tempo in beats per minute, and how probable it is that people count this one."""

    tempo: float
    score: float


def tempo_candidates(
    beat: Float32,
    tempo_log_probability: Float32,
    onsets: Float32,
    spec: FeatureSpec,
    expected: float | None = None,
) -> tuple[TempoCandidate, ...]:
    """Return the candidates for a tempo, most probable first; none where nothing repeats.

    Parameters
    ----------
    beat : np.ndarray [shape=(n,)]
        Probability of a beat in each frame, of the network.
    tempo_log_probability : np.ndarray [shape=(80,)]
        Of the network.
    onsets : np.ndarray [shape=(n,)]
        Onset envelope of the same frames.
    spec : FeatureSpec
        Its sampling rate and hop give the time between frames.
    expected : float, optional
        The tempo to expect for other reasons, roughly, in beats per minute.
    """
    bpm, described = candidates_of(beat, tempo_log_probability, onsets, spec)
    if len(bpm) == 0:
        return ()
    name = "weight"
    if expected is not None:
        described, name = with_expected(bpm, described, expected), "weight_expected"
    score = described @ weights("tempo")[name].astype(np.float64)
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    order = np.argsort(-probability, kind="stable")
    return tuple(TempoCandidate(float(bpm[i]), float(probability[i])) for i in order)


def candidates_of(
    beat: Float32, tempo_log_probability: Float32, onsets: Float32, spec: FeatureSpec
) -> tuple[Float64, Float64]:
    """Return the tempi that are considered [shape=(n,)], and what is known of each [shape=(n, 17)].

    Arguments as of `tempo_candidates`.
    """
    if len(beat) == 0 or not beat.any() or not onsets.any():
        return np.zeros(0), np.zeros((0, 17))
    per_minute = 60 * spec.sr / spec.hop_length
    rhythm = _Rhythm(beat.astype(np.float64), onsets.astype(np.float64), tempo_log_probability, spec)
    bpm = _candidates(rhythm, per_minute)
    return bpm, rhythm.described(bpm, per_minute)


def with_expected(bpm: Float64, described: Float64, expected: float) -> Float64:
    """Return what is known of each candidate, and how it lies to the tempo to expect [shape=(n, 19)]."""
    octaves, expected_octaves = np.log2(bpm / _USUAL_BPM), np.log2(expected / _USUAL_BPM)
    apart = np.minimum((octaves - expected_octaves) ** 2, 1)
    return np.column_stack([described, octaves * expected_octaves, -apart])


class _Rhythm:
    """Periodicities of one sound."""

    def __init__(self, beat: Float64, onsets: Float64, log_probability: Float32, spec: FeatureSpec) -> None:
        self.similarity = mean_autocorrelation(beat, spec)
        self._of_onsets = mean_autocorrelation(onsets, spec)
        self._spectrum = _spectrum(beat)
        self._log_probability = log_probability.astype(np.float64)

    def log_probability(self, bpm: Float64) -> Float64:
        place = np.log2(bpm / SLOWEST_BPM) * BINS_PER_OCTAVE
        found = np.interp(place, np.arange(N_BINS), self._log_probability, left=-np.inf, right=-np.inf)
        known: Float64 = np.maximum(found, _LEAST_LOG_PROBABILITY)
        return known

    def described(self, bpm: Float64, per_minute: float) -> Float64:
        """Return what is known of each candidate [shape=(n, 17)]."""
        lag, octaves = per_minute / bpm, np.log2(bpm / _USUAL_BPM)
        columns = [_log_at(self.similarity, k * lag) for k in (1, 2, 1 / 2, 3, 1 / 3)]
        columns += [self.log_probability(k * bpm) for k in (1, 2, 1 / 2)]
        columns += [octaves, octaves**2]
        columns += [_log_at(self._spectrum, k * bpm * _N_FFT / per_minute, end=True) for k in (1, 1 / 2, 2)]
        columns += [_log_at(self._of_onsets, k * lag) for k in (1, 2, 1 / 2)]
        columns += [_log_at(self.similarity, 1.5 * lag)]
        return np.stack(columns, axis=1)


def _candidates(rhythm: _Rhythm, per_minute: float) -> Float64:
    """Return the tempi that are considered: the best periods, refined, and relatives of the very best."""
    similarity = rhythm.similarity
    lags = np.arange(_SHORTEST_LAG, len(similarity))
    if len(lags) < 3:
        return np.zeros(0)
    bpm = per_minute / lags
    score = np.log(similarity[_SHORTEST_LAG:] + _LEAST) + 0.5 * rhythm.log_probability(bpm)
    score[(bpm > _FASTEST) | (bpm < _SLOWEST)] = -np.inf
    peaks = np.flatnonzero((score[1:-1] >= score[:-2]) & (score[1:-1] > score[2:])) + 1
    best = peaks[np.argsort(-score[peaks])][:_N_PEAKS]
    if len(best) == 0:
        best = np.array([score.argmax()])
    found = [per_minute / refined_lag(similarity, int(k) + _SHORTEST_LAG) for k in best]
    kept: list[float] = []
    for tempo in (*found, *(found[0] * ratio for ratio in _RELATIVES)):
        is_new = all(abs(tempo / other - 1) > _APART for other in kept)
        if _SLOWEST < tempo < _FASTEST and is_new:
            kept.append(tempo)
    return np.array(kept)


def _spectrum(beat: Float64) -> Float64:
    """Return the mean magnitude spectrum over windows of 8 s, relative to a steady stream of full beats."""
    padded = np.pad(beat - beat.mean(), _WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: len(beat) : _STEP]
    total = np.zeros(_N_FFT // 2 + 1)
    for start in range(0, len(windows), 64):
        total += np.abs(np.fft.rfft(windows[start : start + 64] * hann(_WINDOW), _N_FFT, axis=1)).sum(axis=0)
    mean: Float64 = total / (len(windows) * (beat.mean() * _WINDOW / 4 + 1e-9))
    return mean


def _log_at(values: Float64, place: Float64, *, end: bool = False) -> Float64:
    """Return the logarithm of values at places between; beyond the last, 0 (or with `end`, the last)."""
    found = np.interp(place, np.arange(len(values)), values, right=None if end else 0.0)
    logarithm: Float64 = np.log(found + _LEAST)
    return logarithm
