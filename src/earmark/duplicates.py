"""Which recordings are the same one, at another bitrate, level, offset or speed.

Two recordings are compared by the landmarks that they share (see `fingerprint`). If one is a copy, its
landmarks lie on one line, ``t_a = offset + speed * t_b``, and their pitches are off by ``log2(speed)``; what
is shared by chance lies anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.features.fingerprint import FRAMES_PER_SECOND, Fingerprint
from earmark.progress import Progress

# A copy agrees nearly everywhere in the stretch that both have; two songs with the same drum machine share
# many landmarks as well, but in a few strokes. So it is not their number that decides, but how much of the
# time they confirm. Measured in docs/check.md: copies 0.7 to 1, other pairs up to 0.5.
LEAST_COVERAGE = 0.55
LEAST_MOMENTS = 15  # frames in which landmarks agree
LEAST_OVERLAP = 3.0  # s

_LEAST_COUNT = 20  # landmarks that agree
_LEAST_SHARE = 0.03  # of the landmarks in the common stretch; chance gives 0.02 at most
_SPARE = 0.2  # of the shorter recording: what may be its own before it is more than a copy
_MOMENT = 0.5  # s: what one agreeing landmark confirms
_ROUGH = 64  # frames: a change of speed moves landmarks about within so much
_SPEEDS = 1 + np.arange(-10, 11) * 0.005
_WIDTH = 8  # frames: how far off a line may be before its slope is known exactly
_REACHES = (12.0, 6.0, 2.5)  # frames from the line, ever closer as its slope becomes known
_FARTHEST = 0.09  # octaves: the pitch at 5 % more speed, and the tolerance
_STEP, _N_STEPS = 0.03, 7  # octaves, and steps from the least interval to the greatest
_PITCH_TOLERANCE = 1 / 48  # octaves: the resolution of a peak

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copy:
    """Two recordings that are one.

    Parameters
    ----------
    a, b : int
        Their places; ``a < b`` as found.
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


def find_copies(prints: Sequence[Fingerprint], *, progress: Progress | None = None) -> list[Copy]:
    """Compare every recording with every other.

    Parameters
    ----------
    prints : sequence of Fingerprint
        Of the recordings.
    progress : callable, optional
        Called after each recording (``"comparing"``).

    Returns
    -------
    list of Copy
        The most similar first.
    """
    index = _Index(prints)
    found = []
    for b in range(len(prints)):
        found += [copy for a, common in index.earlier(b) if (copy := _compare(prints, a, b, common))]
        if progress is not None:
            progress("comparing", b + 1, len(prints), {})
    return sorted(found, key=lambda copy: (-copy.similarity, copy.a, copy.b))


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


class _Index:
    """All landmarks of all recordings, by hash."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        self._prints = prints
        self._lengths = np.array([p.n_frames for p in prints], dtype=np.int64)
        self._densities = np.array([len(p) / max(1, p.n_frames) for p in prints])
        hashes = np.concatenate([p.hashes for p in prints]) if prints else np.zeros(0, np.int32)
        order = np.argsort(hashes, kind="stable")  # within a hash, earlier recordings stay first
        self._hashes = hashes[order]
        if prints:
            self._track = np.repeat(np.arange(len(prints), dtype=np.int32), [len(p) for p in prints])[order]
            self._times = np.concatenate([p.times for p in prints])[order]
            self._pitches = np.concatenate([p.pitches for p in prints])[order]

    def earlier(self, b: int) -> Iterator[tuple[int, _Common]]:
        """Yield the recordings before `b` that may be the same, with what they share."""
        own = self._prints[b]
        # At another speed, a pitch may have left its semitone: its neighbour is looked up as well.
        wanted = np.concatenate([own.hashes, own.neighbours()])
        low, high = (np.searchsorted(self._hashes, wanted, side) for side in ("left", "right"))
        n = high - low
        theirs = np.repeat(low, n) + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        ours = np.repeat(np.arange(len(wanted)) % max(1, len(own)), n)
        possible = self._track[theirs] < b
        possible &= np.abs(own.pitches[ours] - self._pitches[theirs]) < _FARTHEST
        theirs, ours = theirs[possible], ours[possible]
        common = _Common(
            self._times[theirs].astype(np.int64),
            own.times[ours].astype(np.int64),
            own.pitches[ours] - self._pitches[theirs],
        )
        track = self._track[theirs]
        for a in self._voted(track, common, b):
            yield int(a), common.of(track == a)

    def _voted(self, track: npt.NDArray[np.int32], common: _Common, b: int) -> npt.NDArray[np.intp]:
        """Return the recordings whose common landmarks crowd at some lag and interval, as a copy's would."""
        if not len(track):
            return np.zeros(0, dtype=np.intp)
        lag = (common.in_a - common.in_b) // _ROUGH
        first = int(lag.min())
        width = int(lag.max()) - first + 2
        step = np.floor((common.interval + _FARTHEST) / _STEP).astype(np.int64)
        place = (track * width + (lag - first)) * _N_STEPS + step
        votes = np.bincount(place, minlength=b * width * _N_STEPS).reshape(b, width, _N_STEPS)
        # Of neighbours together, for the line and the interval may lie between.
        votes = votes[:, :-1] + votes[:, 1:]
        crowd = (votes[:, :, :-1] + votes[:, :, 1:]).max(axis=2)
        # What a copy shares grows with the stretch that both have at this lag.
        start = (np.arange(first, first + width - 1) + 1) * _ROUGH
        lengths = self._lengths[:b, None]
        stretch = np.minimum(lengths, start + self._lengths[b]) - np.maximum(0, start)
        density = np.minimum(self._densities[:b], self._densities[b])[:, None]
        enough = np.maximum(_LEAST_COUNT, _LEAST_SHARE * density * stretch)
        return np.flatnonzero((crowd >= enough).any(axis=1))


def _compare(prints: Sequence[Fingerprint], a: int, b: int, common: _Common) -> Copy | None:
    """Find the line on which most of the common landmarks lie, and judge it."""
    line = max((_line(common, speed) for speed in _SPEEDS), key=lambda line: line.count)
    if line.count < _LEAST_COUNT:
        return None
    for reach in _REACHES:
        near = common.near(line, reach)
        if len(set(common.in_b[near].tolist())) < 2:
            return None
        speed, start = np.polyfit(common.in_b[near], common.in_a[near], 1)
        line = _Line(int(near.sum()), float(speed), float(start))
    moments = common.in_a[common.near(line, _REACHES[-1])]
    return _judged(prints, a, b, moments=moments, speed=line.speed, offset=line.start)


def _judged(
    prints: Sequence[Fingerprint], a: int, b: int, *, moments: Ints, speed: float, offset: float
) -> Copy | None:
    """Return the copy, or None if too little of the common stretch agrees.

    `moments` are the frames of `a` in which a landmark agrees, as often as they do.
    """
    start, end = max(0.0, offset), min(prints[a].n_frames, offset + speed * prints[b].n_frames)
    overlap = float(end - start) / FRAMES_PER_SECOND
    if overlap < LEAST_OVERLAP or len(set(moments.tolist())) < LEAST_MOMENTS:
        return None
    n_confirmed = len(set(((moments - start) / FRAMES_PER_SECOND // _MOMENT).tolist()))
    on_a = (prints[a].times, offset + speed * prints[b].times)
    fewest = min(int(np.count_nonzero((times >= start) & (times < end))) for times in on_a)
    similarity = min(1.0, len(moments) / max(1, fewest))
    coverage = min(1.0, n_confirmed * _MOMENT / overlap)
    if coverage < LEAST_COVERAGE or similarity < _LEAST_SHARE:
        return None
    shorter = min(prints[a].n_frames, speed * prints[b].n_frames)
    partial = end - start < (1 - _SPARE) * shorter
    return Copy(a, b, similarity, coverage, offset / FRAMES_PER_SECOND, speed, overlap, partial)


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
