"""Whether two recordings are the same one, at another bitrate, level, offset or speed.

Two recordings are compared by the landmarks that they share (see `fingerprint`). If one is a copy, its
landmarks lie on one line, ``t_a = offset + speed * t_b``, and their pitches are off by ``log2(speed)``; what
is shared by chance lies anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.duplicates.index import FARTHEST, LEAST_COUNT, LEAST_SHARE
from earmark.features.fingerprint import FRAMES_PER_SECOND, Fingerprint

# A copy agrees nearly everywhere in the stretch that both have; two songs with the same drum machine share
# many landmarks as well, but in a few strokes. So it is not their number that decides, but how much of the
# time they confirm. Measured in docs/check.md: copies 0.7 to 1, other pairs up to 0.5.
LEAST_COVERAGE = 0.55
LEAST_MOMENTS = 15  # frames in which landmarks agree
LEAST_OVERLAP = 3.0  # s

_SPARE = 0.2  # of the shorter recording: what may be its own before it is more than a copy
_MOMENT = 0.5  # s: what one agreeing landmark confirms
_SPEEDS = 1 + np.arange(-10, 11) * 0.005
_WIDTH = 8  # frames: how far off a line may be before its slope is known exactly
_REACHES = (12.0, 6.0, 2.5)  # frames from the line, ever closer as its slope becomes known
_PITCH_TOLERANCE = 1 / 48  # octaves: the resolution of a peak

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copy:
    """Two recordings that are one.

    Parameters
    ----------
    a, b : int
        Their numbers.
    similarity : float
        Fraction of the landmarks in the common stretch that agree; 1 for a bit-exact copy.
    coverage : float
        Fraction of the half seconds of the common stretch in which some agree.
    offset : float
        Where in `a` the recording `b` begins, in s; negative if it begins before.
    speed : float
        How much faster `b` runs.
    overlap : float
        Length of the common stretch, in s of `a`.
    partial : bool
        Whether each has something, more than a fifth of itself, that the other lacks.
    """

    a: int
    b: int
    similarity: float
    coverage: float
    offset: float
    speed: float
    overlap: float
    partial: bool

    def turned(self) -> Copy:
        """Return the same, seen from the other recording."""
        return Copy(
            self.b,
            self.a,
            self.similarity,
            self.coverage,
            -self.offset / self.speed,
            1 / self.speed,
            self.overlap / self.speed,
            self.partial,
        )


def compare(a: Fingerprint, b: Fingerprint) -> Copy | None:
    """Compare two recordings.

    Parameters
    ----------
    a, b : Fingerprint
        Of the recordings.

    Returns
    -------
    Copy or None
        With `a` as number 0 and `b` as number 1; None if they are no copies.
    """
    common = _shared(a, b)
    if len(common.in_a) < LEAST_COUNT:
        return None
    line = max((_line(common, speed) for speed in _SPEEDS), key=lambda line: line.count)
    if line.count < LEAST_COUNT:
        return None
    for reach in _REACHES:
        near = common.near(line, reach)
        if len(set(common.in_b[near].tolist())) < 2:
            return None
        speed, start = np.polyfit(common.in_b[near], common.in_a[near], 1)
        line = _Line(int(near.sum()), float(speed), float(start))
    moments = common.in_a[common.near(line, _REACHES[-1])]
    return _judged(a, b, moments=moments, speed=line.speed, offset=line.start)


@dataclass(frozen=True)
class _Line:
    """How many landmarks lie on ``in_a = start + speed * in_b``, in frames."""

    count: int
    speed: float
    start: float


@dataclass(frozen=True)
class _Common:
    """Landmarks that two recordings share: where they are in each, and how far off in pitch."""

    in_a: Ints
    in_b: Ints
    interval: npt.NDArray[np.float32]

    def of(self, chosen: npt.NDArray[np.bool_]) -> _Common:
        """Return some of them."""
        return _Common(self.in_a[chosen], self.in_b[chosen], self.interval[chosen])

    def near(self, line: _Line, reach: float) -> npt.NDArray[np.bool_]:
        """Return which lie on a line and are as far off in pitch as its slope says."""
        rest = self.in_a - line.speed * self.in_b - line.start
        off = self.interval - np.log2(max(line.speed, 0.1))
        return np.asarray((np.abs(rest) <= reach) & (np.abs(off) < _PITCH_TOLERANCE))


def _shared(a: Fingerprint, b: Fingerprint) -> _Common:
    """Return the landmarks that two recordings have in common."""
    # At another speed, a pitch may have left its semitone: its neighbour is looked up as well.
    wanted = np.concatenate([b.hashes, b.neighbours()])
    low, high = (np.searchsorted(a.hashes, wanted, side) for side in ("left", "right"))
    n = high - low
    in_a = np.repeat(low - (np.cumsum(n) - n), n) + np.arange(n.sum())
    in_b = np.repeat(np.tile(np.arange(len(b)), 2), n)
    intervals = b.pitches[in_b] - a.pitches[in_a]
    possible = np.abs(intervals) < FARTHEST
    in_a, in_b = in_a[possible], in_b[possible]
    return _Common(a.times[in_a].astype(np.int64), b.times[in_b].astype(np.int64), intervals[possible])


def _judged(a: Fingerprint, b: Fingerprint, *, moments: Ints, speed: float, offset: float) -> Copy | None:
    """Return the copy, or None if too little of the common stretch agrees.

    `moments` are the frames of `a` in which a landmark agrees, as often as they do.
    """
    start, end = max(0.0, offset), min(a.n_frames, offset + speed * b.n_frames)
    overlap = float(end - start) / FRAMES_PER_SECOND
    if overlap < LEAST_OVERLAP or len(set(moments.tolist())) < LEAST_MOMENTS:
        return None
    n_confirmed = len(set(((moments - start) / FRAMES_PER_SECOND // _MOMENT).tolist()))
    on_a = (a.times, offset + speed * b.times)
    fewest = min(int(np.count_nonzero((times >= start) & (times < end))) for times in on_a)
    similarity = min(1.0, len(moments) / max(1, fewest))
    coverage = min(1.0, n_confirmed * _MOMENT / overlap)
    if coverage < LEAST_COVERAGE or similarity < LEAST_SHARE:
        return None
    shorter = min(a.n_frames, speed * b.n_frames)
    partial = end - start < (1 - _SPARE) * shorter
    return Copy(0, 1, similarity, coverage, offset / FRAMES_PER_SECOND, speed, overlap, partial)


def _line(common: _Common, speed: float) -> _Line:
    """Return the best line of one slope, roughly."""
    fits = np.abs(common.interval - np.log2(speed)) < _PITCH_TOLERANCE
    if not fits.any():
        return _Line(0, speed, 0.0)
    start = np.round((common.in_a[fits] - speed * common.in_b[fits]) / _WIDTH).astype(np.int64)
    low = start.min()
    votes = np.bincount(start - low, minlength=2)
    votes = votes[:-1] + votes[1:]
    best = int(votes.argmax())
    return _Line(int(votes[best]), float(speed), float((best + 0.5 + low) * _WIDTH))
