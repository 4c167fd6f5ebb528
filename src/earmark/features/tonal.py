"""What a recording's spectra show of its key, as they stream by: twelve-note vectors of its spectral peaks.

A bin of the spectrum is wider than a semitone below 180 Hz, and noise fills all of them. So only peaks count:
local maxima that stand out from the spectrum around them, their frequency by the parabola through three bins.
The recording's tuning is the circular mean of their deviations from 440 Hz; the peaks of a few seconds are
held until it is taken, then given to the twelve pitch classes. Drums and air have many weak peaks, notes few
strong ones: hence several vectors, by register, by compression and by prominence, and the chords that fit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from earmark.arrays import Bools, Float32, Float64, Indices
from earmark.features.chroma import chroma_filterbank
from earmark.features.key_choice import KeyCandidate, key_candidates
from earmark.features.spec import FeatureSpec
from earmark.features.tuning import first_audible_bin, loudest

STEP_SECONDS = 0.093  # from one spectrum that is used to the next: a note is longer
SEGMENT = 320  # spectra of one segment, 30 s: 0.5 MB are held
N_VECTORS = 9
_LOW_HZ, _MID_HZ, _HIGH_HZ, _TOP_HZ = 55.0, 220.0, 900.0, 3500.0  # registers: bass, middle, high
_CLEAR_LOW_HZ, _CLEAR_TOP_HZ = 100.0, 2000.0
_TUNING_LOW_HZ, _TUNING_TOP_HZ = 100.0, 3000.0  # a peak below is not exact enough
_RANGE_DB = 60.0  # below a frame's highest bin: less is no note
_STANDS_OUT_DB, _CLEAR_DB = 3.0, 12.0  # above the spectrum around a peak
_AROUND = 0.12  # the spectrum around a bin: that fraction of its frequency, to either side
_AROUND_BINS = 12  # ... or so many bins, where that is more
_SILENT_DB = -100.0  # level of a tone: dither lies below
_HARMONIC_DECAY = 0.6  # a peak is also the second to fourth harmonic of lower notes, each so much less
_CHORD_FRAMES = 4  # spectra a chord is taken from
_CHORD_SHARPNESS = 12.0


@dataclass(frozen=True, eq=False)
class _Peaks:
    """Peaks of consecutive spectra: which spectrum, frequency, height."""

    frame: Indices
    hz: Float64
    below_db: Float64  # below the highest bin of its spectrum: 0 or negative
    prominence_db: Float64

    @property
    def pitch(self) -> Float64:
        """In semitones, where every C is a multiple of 12 if A4 = 440 Hz."""
        pitch: Float64 = 12 * np.log2(self.hz / 440) + 9
        return pitch


class TonalStream:
    """Collects twelve-note vectors of the spectra of a recording, in constant memory.

    Parameters
    ----------
    spec : FeatureSpec
        How the spectra are made.

    Notes
    -----
    Every `STEP_SECONDS` a spectrum is used. How they are divided into pieces does not matter.

    Examples
    --------
    >>> stream = TonalStream()
    >>> stream.push(np.ones((10, 1025), dtype=np.float32))
    >>> stream.vectors().shape
    (9, 12)
    """

    def __init__(self, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        self._step = max(1, round(STEP_SECONDS * self.spec.sr / self.spec.hop_length))
        self._skip = 0  # spectra until the next that is used
        self._held: list[Float32] = []
        self._n_held = 0
        self._total = np.zeros((N_VECTORS, 12))
        self._n = 0
        self._deviation = 0j  # sum over peaks of weight times exp(2 pi i deviation)
        self._tuning = 0.0

    @property
    def tuning(self) -> float:
        """Deviation from A4 = 440 Hz in semitones, of all complete segments; 0 before the first."""
        return self._tuning

    def push(self, power: Float32) -> None:
        """Take the power spectra of the next frames [shape=(k, n_bins)]; they are not kept."""
        used = power[self._skip :: self._step, : _last_bin(self.spec)]
        self._skip = (self._skip - len(power)) % self._step
        self._use(used)

    def _use(self, used: Float32) -> None:
        while len(used):
            part = used[: SEGMENT - self._n_held]
            self._held.append(part.copy())
            self._n_held += len(part)
            used = used[len(part) :]
            if self._n_held == SEGMENT:
                total, n, self._deviation, self._tuning = self._segment()
                self._total += total
                self._n += n
                self._held, self._n_held = [], 0

    def vectors(self) -> Float64:
        """Return the mean vectors of all spectra so far that are not silent [shape=(9, 12)], C first.

        Zeros where there is none. In order: all peaks; bass, middle and high register; all peaks compressed;
        clear peaks; major and minor chords; the plain chroma, noise included.
        """
        total, n = self._total, self._n
        if self._n_held:
            rest, more, _, _ = self._segment()
            total, n = total + rest, n + more
        mean: Float64 = total / max(n, 1)
        return mean

    def key_candidates(self) -> tuple[KeyCandidate, ...]:
        """Return the 24 keys, most probable first; none where nothing shows one."""
        return key_candidates(self.vectors())

    def _segment(self) -> tuple[Float64, int, complex, float]:
        """Return the sum of the vectors of what is held, their number, and the tuning it leads to."""
        power = _sounding(np.concatenate(self._held), self.spec)
        found = _peaks(power, self.spec)
        deviation = self._deviation + _deviation(found)
        measured = float(np.angle(deviation) / (2 * np.pi))
        # The nearest to what it was: at half a semitone it must not flip from one segment to the next.
        tuning = self._tuning + (measured - self._tuning + 0.5) % 1 - 0.5
        return _vectors(power, found, self.spec, tuning), len(power), deviation, tuning


class RecentTonalStream(TonalStream):
    """A `TonalStream` that also knows the key of its last seconds, in constant memory.

    Parameters
    ----------
    spec : FeatureSpec
        How the spectra are made.
    seconds : float
        How far `recent_key_candidates` looks back: of 30 s, 0.5 MB of spectra are kept.
    """

    def __init__(self, spec: FeatureSpec | None = None, *, seconds: float = 30.0) -> None:
        super().__init__(spec)
        self._longest = max(1, self.spec.n_frames(seconds) // self._step)
        self._recent: deque[Float32] = deque()
        self._n_recent = 0

    def _use(self, used: Float32) -> None:
        super()._use(used)
        if len(used):
            self._recent.append(used.copy())
            self._n_recent += len(used)
        while self._recent and self._n_recent - len(self._recent[0]) >= self._longest:
            self._n_recent -= len(self._recent.popleft())

    def recent_key_candidates(self) -> tuple[KeyCandidate, ...]:
        """Return the 24 keys of the last seconds, most probable first; none where nothing shows one."""
        if not self._recent:
            return ()
        power = _sounding(np.concatenate(self._recent)[-self._longest :], self.spec)
        found = _peaks(power, self.spec)
        tuning = float(np.angle(_deviation(found)) / (2 * np.pi))
        return key_candidates(_vectors(power, found, self.spec, tuning) / max(len(power), 1))


def _deviation(found: _Peaks) -> complex:
    """Return the sum over the peaks of weight times exp(2 pi i d), d their distance from a note's pitch."""
    exact = (found.hz > _TUNING_LOW_HZ) & (found.hz < _TUNING_TOP_HZ)
    strength = exact * 10 ** (found.below_db / 40)
    return complex((strength * np.exp(2j * np.pi * found.pitch)).sum())


def _last_bin(spec: FeatureSpec) -> int:
    highest = int(_TOP_HZ * (1 + _AROUND) * spec.n_fft / spec.sr) + 2
    return min(spec.n_bins, highest)


@lru_cache(maxsize=8)
def _surroundings(spec: FeatureSpec, n: int) -> tuple[Indices, Indices]:
    """First and last (exclusive) bin of the spectrum around each of n bins."""
    bins = np.arange(n)
    half = np.maximum(_AROUND_BINS, (bins * _AROUND).astype(int))
    return np.maximum(bins - half, 0), np.minimum(bins + half + 1, n)


def _sounding(power: Float32, spec: FeatureSpec) -> Float32:
    """Return the spectra [shape=(k, n)] that are not silent."""
    tone = (10 ** (_SILENT_DB / 20) * spec.n_fft / 4) ** 2
    kept: Float32 = power[loudest(power, spec) >= tone]
    return kept


def _peaks(power: Float32, spec: FeatureSpec) -> _Peaks:
    """Return the peaks of spectra [shape=(k, n)]."""
    first = first_audible_bin(spec)
    level = np.log10(power + np.float32(1e-12)) * np.float32(10)
    n = level.shape[1]
    begin, end = _surroundings(spec, n)
    running = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    around = (running[:, end] - running[:, begin]) / (end - begin)
    lowest = max(first + 1, int(_LOW_HZ * spec.n_fft / spec.sr))
    mid = level[:, lowest:-1]
    top = level[:, first:].max(axis=1, initial=-np.inf)
    is_peak = (mid > level[:, lowest - 1 : -2]) & (mid >= level[:, lowest + 1 :])
    is_peak &= (mid > around[:, lowest:-1] + _STANDS_OUT_DB) & (mid > (top - _RANGE_DB)[:, None])
    frame, place = np.nonzero(is_peak)
    place += lowest
    left, here, right = (level[frame, place + d].astype(np.float64) for d in (-1, 0, 1))
    shift = 0.5 * (left - right) / np.minimum(left - 2 * here + right, -1e-3)
    height = here - 0.25 * (left - right) * shift
    hz = (place + shift) * (spec.sr / spec.n_fft)
    return _Peaks(frame, hz, height - top[frame], height - around[frame, place])


def _vectors(power: Float32, found: _Peaks, spec: FeatureSpec, tuning: float) -> Float64:
    """Return the sum over spectra of their vectors [shape=(9, 12)]."""
    n = len(power)
    pitch = found.pitch - tuning
    near = np.rint(pitch)
    weight = np.cos(np.pi * (pitch - near)) ** 2
    notes = near.astype(np.intp) % 12
    hz = found.hz
    loud, soft = weight * 10 ** (found.below_db / 20), weight * 10 ** (found.below_db / 40)
    inside = hz <= _TOP_HZ
    register = np.digitize(hz, (_MID_HZ, _HIGH_HZ))
    clear = (found.prominence_db > _CLEAR_DB) & (hz > _CLEAR_LOW_HZ) & (hz < _CLEAR_TOP_HZ)

    def summed(values: Float64, chosen: Bools) -> Float64:
        at = found.frame[chosen] * 12 + notes[chosen]
        sums: Float64 = np.bincount(at, values[chosen], minlength=12 * n).astype(np.float64)
        return sums.reshape(n, 12)

    registers = [summed(loud, inside & (register == k)) for k in range(3)]
    whole, compressed = (
        _with_harmonics(registers[0] + registers[1] + registers[2]),
        _with_harmonics(summed(soft, inside)),
    )
    rows = [whole, *registers, compressed, summed(soft, clear)]
    by_note = [_scaled(row).sum(axis=0) for row in rows]
    plain = _scaled((power @ chroma_filterbank(spec, tuning)[: power.shape[1]]).astype(np.float64))
    return np.vstack([*by_note, _chords(_scaled(compressed)), plain.sum(axis=0)])


def _with_harmonics(rows: Float64) -> Float64:
    """Give each note, besides its own peaks, a part of those of its harmonics 2, 3 and 4."""
    d = _HARMONIC_DECAY
    return (1 + d + d**3) * rows + d**2 * np.roll(rows, -7, axis=1)


def _scaled(rows: Float64) -> Float64:
    peak = rows.max(axis=1, keepdims=True)
    scaled: Float64 = rows / np.where(peak > 0, peak, 1)
    return scaled


@lru_cache(maxsize=1)
def _triads() -> Float64:
    """The 12 major and 12 minor triads, unit vectors [shape=(24, 12)]."""
    rows = np.zeros((24, 12))
    for k in range(24):
        for step in (0, 4 if k < 12 else 3, 7):
            rows[k, (k + step) % 12] = 1 / np.sqrt(3)
    return rows


def _chords(rows: Float64) -> Float64:
    """Return how long each major and minor chord sounds [shape=(2, 12)], in spectra."""
    n = len(rows)
    edges = np.arange(0, n, _CHORD_FRAMES)
    if n == 0:
        return np.zeros((2, 12))
    groups = np.add.reduceat(rows, edges, axis=0)
    size = np.linalg.norm(groups, axis=1, keepdims=True)
    fit = np.exp(_CHORD_SHARPNESS * (groups / np.where(size > 0, size, 1)) @ _triads().T)
    fit /= fit.sum(axis=1, keepdims=True)
    counts = np.diff(np.append(edges, n))
    weighted: Float64 = (fit * (counts * (size[:, 0] > 0))[:, None]).sum(axis=0).reshape(2, 12)
    return weighted
