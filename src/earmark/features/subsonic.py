"""What lies below hearing: a constant offset, drift and rumble under some 15 Hz, found and taken out.

An offset of 0.03 is inaudible, but it makes silence loud, and leaks into the lowest bands of a spectrogram.
The low-passed sound L is computed on a coarse grid of 6 ms: means under Hann windows of 12 ms, then a
Hann-windowed sinc, so the phase is linear and nothing moves in time. At the ends of the sound the weights of
what exists are made to sum to one, so that a constant is found exactly up to its last sample. Between grid
points L is a straight line; for 10 Hz it is off by -50 dB.

L is subtracted where it is strong beside what is audible. Elsewhere the sound stays as it is, bit for bit: in
music as it is published the bass itself reaches down here, and models were trained on it.
"""

from __future__ import annotations

import copy

import numpy as np

from earmark.arrays import Float32, Float64
from earmark.features.stft import hann

_GRID_HZ = 172.27  # of grid points: 128 samples at 22,050 Hz
_CUTOFF_HZ = 18.0  # half-way down; the filter passes 13 Hz and stops 23 Hz, below the lowest note of a piano
_REACH = 32  # grid points to each side that the filter looks at: 0.19 s

# A mean under a Hann window and a straight line both weaken what moves: by (2 pi f)^2 / 2 times their
# variance, 0.131 and 1/6 squared steps of the grid. The second difference makes up for it.
_SHARPEN = (0.131 + 1 / 6) / 2

# What is decided over half a second, by the power of L and of all. L is taken out
# - where it is strong: above a sixth of all, 7 dB below what is audible, and -46 dBFS; over a second, it came
#   no nearer than 9.7 dB in 120 clips of published music (GTZAN, free music);
# - where there is nothing but L, however weak: in silence;
# - for three seconds more as long as it is not weak, lest it come and go with each note.
# More than twice the whole is no rumble, but the filter that sees an onset coming. Of 100 such clips 99 keep
# every bit; from one it is taken for 0.2 s.
_STRONG, _STRONG_POWER = 1 / 6, 2.5e-5
_ALONE, _ALONE_POWER = 0.8, 2.5e-7
_WEAK = 1 / 40
_GREATEST = 2.0
_HOLD = 517  # grid points: 3 s
_BEHIND, _AHEAD = 80, 9  # grid points that the decision looks at: 0.46 s back, and 0.05 s ahead
_ROUNDING = np.float32(2.5e-7)  # of L: what float32 leaves of a constant
_FADE = 9  # grid points over which it fades in and out to each side: 0.05 s

_LOOK_AHEAD = _REACH + _AHEAD + _FADE
_HISTORY = _REACH + _BEHIND + _HOLD + _FADE + 2


def _weights() -> Float64:
    """The low-pass at grid points -_REACH to _REACH: a sinc under a Hann window, made up for the grid."""
    k = np.arange(1 - _REACH, _REACH)
    weights = np.sinc(2 * _CUTOFF_HZ / _GRID_HZ * k) * hann(2 * _REACH)[1:]
    sharpened: Float64 = np.convolve(weights, [-_SHARPEN, 1 + 2 * _SHARPEN, -_SHARPEN])
    return sharpened


_FILTER = _weights()
_FADE_WEIGHTS = hann(2 * _FADE + 2)[1:] / hann(2 * _FADE + 2).sum()


def _total_weights(n: int, first: bool, last: bool) -> Float64:
    """Sum of the filter's weights at n grid points, of which the first and the last may not exist."""
    exists = np.ones(n)
    exists[0], exists[-1] = first, last
    if n <= 4 * _REACH + 2:
        return np.convolve(exists, _FILTER)[_REACH:-_REACH]
    totals = np.full(n, _FILTER.sum())  # so far from both ends that nothing is missing
    totals[: _REACH + 1] = np.convolve(exists[: 2 * _REACH + 1], _FILTER)[_REACH : 2 * _REACH + 1]
    totals[-_REACH - 1 :] = np.convolve(exists[-2 * _REACH - 1 :], _FILTER)[2 * _REACH : 3 * _REACH + 1]
    return totals


class SubsonicFilter:
    """Takes what lies below hearing out of a sound that arrives in blocks, 0.3 s late.

    Parameters
    ----------
    sr : int
        Sampling rate in Hz.

    Examples
    --------
    >>> stream = SubsonicFilter(22050)
    >>> y = np.full(22050, 0.02, np.float32)
    >>> clean = np.concatenate([stream.push(y), stream.close()])
    >>> len(clean), bool(np.abs(clean).max() < 1e-7)
    (22050, True)
    """

    def __init__(self, sr: int) -> None:
        self._length = max(1, round(sr / _GRID_HZ))  # samples of a block, from one grid point to the next
        window = hann(2 * self._length).astype(np.float32)
        self._rise, self._fall = window[: self._length], window[self._length :]
        self._ramp = (np.arange(self._length) / self._length).astype(np.float32)
        self._rest = np.empty(0, np.float32)  # samples that make no whole block yet
        self._waiting = np.empty((0, self._length), np.float32)  # blocks that were not given out yet
        self._next = 0  # number of the first of these
        self._base = 0  # number of the first block that `_sums` knows
        # Of each block: its sums under the rising and the falling half of the window, the sums of these
        # halves, and its mean square.
        self._sums = np.empty((0, 5))

    def push(self, y: Float32) -> Float32:
        """Take samples [shape=(n,)] and return those that are ready [shape=(m,)], perhaps a view of them."""
        joined = np.concatenate([self._rest, y]) if len(self._rest) else y
        n = len(joined) // self._length * self._length
        self._rest = joined[n:].copy()
        if not n:
            return self._rest[:0]
        self._add(joined[:n].reshape(-1, self._length))
        return self._ready(self._base + len(self._sums) - _LOOK_AHEAD - 2)

    def close(self) -> Float32:
        """Return the last samples."""
        n = len(self._rest)
        if n:
            block = np.zeros((1, self._length), np.float32)
            block[0, :n] = self._rest
            self._add(block, n)
        clean = self._ready(self._base + len(self._sums))
        return clean[: len(clean) - (self._length - n if n else 0)]

    def ahead(self) -> Float32:
        """Return what `close` would, and go on: the samples that wait, judged by what has come so far."""
        return copy.copy(self).close()  # arrays are replaced, never written to

    def _add(self, blocks: Float32, n: int | None = None) -> None:
        """Take whole blocks [shape=(k, length)]; of the very last, only the first `n` samples exist."""
        sums = np.empty((len(blocks), 5))
        sums[:, 0], sums[:, 1] = blocks @ self._rise, blocks @ self._fall
        sums[:, 2], sums[:, 3] = self._rise[:n].sum(), self._fall[:n].sum()
        sums[:, 4] = np.einsum("ij,ij->i", blocks, blocks) / (n or self._length)
        self._sums = np.concatenate([self._sums, sums])
        self._waiting = np.concatenate([self._waiting, blocks])

    def _ready(self, end: int) -> Float32:
        """Give out the blocks up to number `end`, and drop what no later one needs."""
        n = end - self._next
        if n <= 0:
            return self._rest[:0]
        low = self._low_passed()
        points = slice(self._next - self._base, end - self._base + 1)
        blocks, self._waiting = self._waiting[:n], self._waiting[n:].copy()
        gain = self._gain(low)
        if gain is not None:
            taken = self._between((low * gain)[points])
            blocks = blocks - taken
            blocks[np.abs(blocks) <= _ROUNDING * np.abs(taken)] = 0  # so that silence is silence
        self._next = end
        dropped = max(0, end - _HISTORY - self._base)
        self._sums, self._base = self._sums[dropped:], self._base + dropped
        return blocks.ravel()

    def _low_passed(self) -> Float64:
        """L at the grid points from `_base` on, one before each block and one behind the last."""
        rise, fall, n_rise, n_fall, _ = self._sums.T
        weight = np.append(n_fall, 0.0) + np.append(0.0, n_rise)
        mean = (np.append(fall, 0.0) + np.append(0.0, rise)) / np.maximum(weight, 1e-12)
        exists = weight > 1e-12
        low: Float64 = np.convolve(mean * exists, _FILTER)[_REACH:-_REACH]
        return low / np.maximum(_total_weights(len(low), bool(exists[0]), bool(exists[-1])), 0.1)

    def _gain(self, low: Float64) -> Float64 | None:
        """How much of L to take out at each grid point, from 0 to 1; None for nothing anywhere."""
        power = np.append(self._sums[:, 4], self._sums[-1:, 4])
        totals = np.cumsum(np.stack([np.append(0.0, low**2), np.append(0.0, power)]), axis=1)
        last = np.minimum(np.arange(len(low)) + _AHEAD + 1, len(low))
        first = np.maximum(np.arange(len(low)) - _BEHIND, 0)
        of_low, of_all = (totals[:, last] - totals[:, first]) / (last - first)
        is_there = of_low < _GREATEST * of_all
        strong = is_there & (of_low > _STRONG * of_all) & (of_low > _STRONG_POWER)
        strong |= is_there & (of_low > _ALONE * of_all) & (of_low > _ALONE_POWER)
        if not strong.any():
            return None
        so_far = np.cumsum(np.append(0, strong))
        recently = so_far[1:] > so_far[np.maximum(np.arange(len(low)) - _HOLD, 0)]
        strong |= is_there & recently & (of_low > _WEAK * of_all) & (of_low > _STRONG_POWER)
        padded = np.pad(strong.astype(np.float64), _FADE, mode="edge")
        gain: Float64 = np.convolve(padded, _FADE_WEIGHTS, mode="valid")
        return np.where(gain < 1e-9, 0.0, gain)  # what is left of rounding

    def _between(self, points: Float64) -> Float32:
        """Straight lines from point to point [shape=(len(points) - 1, length)]."""
        steps = np.diff(points).astype(np.float32)[:, np.newaxis]
        lines: Float32 = points[:-1].astype(np.float32)[:, np.newaxis] + steps * self._ramp
        return lines


def without_subsonic(y: Float32, sr: int) -> Float32:
    """Return a whole sound as `SubsonicFilter` gives it [shape=(n,)]: `y` itself if nothing is taken out."""
    stream = SubsonicFilter(sr)
    clean = np.concatenate([stream.push(y), stream.close()])
    return y if np.array_equal(clean, y) else clean
