"""An index of landmarks: which of many recordings share more of them with a new one than chance would.

An inverted index, as Wang 2003 has it (see `earmark.features.fingerprint`): for each hash, the recordings and
the times that have it. What a copy shares crowds at one lag and one interval of pitch, and is counted there.

Of a library's landmarks only a fraction is indexed, one hash in `rate`, chosen by the hash itself, so that a
copy has the same ones. Of the landmarks of a query, those go first whose hash is rare: they cost least to
look up and say most. So the time of a query has a bound that hardly depends on the number of recordings.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.features.fingerprint import Fingerprint
from earmark.storage import atomic_file

LEAST_COUNT = 20  # landmarks that agree, if all are indexed
LEAST_SHARE = 0.03  # of the landmarks in the common stretch; chance gives 0.02 at most
FARTHEST = 0.09  # octaves: the pitch at 5 % more speed, and the tolerance

_LEAST_SAMPLED = 4  # landmarks that agree, of those that were sampled
_ROUGH = 64  # frames: a change of speed moves landmarks about within so much
_STEP, _N_STEPS = 0.03, 8  # octaves, and steps from the least interval to the greatest, with one to spare
_MOST_SUSPECTS = 512  # recordings that are counted exactly
_GOLDEN = np.uint32(2_654_435_761)  # Knuth's multiplier: spreads neighbouring hashes over all of 32 bits

_MAGIC = b"earmark copy index 1\n"
_LONGEST_HEADER = 500  # bytes
_DTYPES = ("<i8", "<f8", "<i4", "<i4", "<i4", "<f2")  # lengths, densities, and the columns of `_Postings`

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Postings(NamedTuple):
    """Landmarks of many recordings, by hash [shape=(n,) each]."""

    hashes: npt.NDArray[np.int32]
    tracks: npt.NDArray[np.int32]
    times: npt.NDArray[np.int32]
    pitches: npt.NDArray[np.float16]

    @classmethod
    def of(cls, pieces: list[_Postings]) -> _Postings:
        """Join postings; within a hash, earlier pieces stay first."""
        columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))


class _Matches(NamedTuple):
    """Landmarks of recordings that the query has as well [shape=(n,) each]."""

    tracks: npt.NDArray[np.int32]
    lags: Ints  # of the recording, in steps of `_ROUGH` frames
    steps: Ints  # of the interval of pitch

    def of(self, chosen: npt.NDArray[np.bool_]) -> _Matches:
        return _Matches(self.tracks[chosen], self.lags[chosen], self.steps[chosen])


class CopyIndex:
    """Finds recordings that may be copies of another; grows, and can lie on disk.

    Parameters
    ----------
    rate : int
        One hash in so many is indexed: 1 for the few thousand tracks of a data set, 64 for a library. An
        indexed landmark takes 14 bytes, and music has about a hundred a second.
    budget : int
        Landmarks of the index that a query looks at, which bounds its time: about 0.1 s for a million.

    Raises
    ------
    InputError
        If `rate` or `budget` is less than 1.
    """

    def __init__(self, *, rate: int = 1, budget: int = 250_000) -> None:
        if rate < 1 or budget < 1:
            raise InputError(f"rate={rate}, budget={budget}", hint="Accepted: whole numbers from 1.")
        self.rate, self._budget = rate, budget
        self._segments: list[_Postings] = []
        self._waiting: list[_Postings] = []
        self._n_waiting = 0
        self._lengths: list[int] = []
        self._densities: list[float] = []
        self._length, self._density = np.zeros(0, np.int64), np.zeros(0)

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def n_landmarks(self) -> int:
        """Number of landmarks that are indexed."""
        return sum(len(segment.hashes) for segment in self._segments) + self._n_waiting

    def add(self, landmarks: Fingerprint) -> int:
        """Add a recording.

        Parameters
        ----------
        landmarks : Fingerprint
            Of the recording.

        Returns
        -------
        int
            Its number: 0 for the first, 1 for the next.
        """
        number = len(self._lengths)
        kept = self._sampled(landmarks.hashes)
        tracks = np.full(int(kept.sum()), number, dtype=np.int32)
        self._waiting.append(
            _Postings(
                landmarks.hashes[kept],
                tracks,
                landmarks.times[kept],
                landmarks.pitches[kept].astype(np.float16),
            )
        )
        self._n_waiting += len(tracks)
        self._lengths.append(landmarks.n_frames)
        self._densities.append(len(landmarks) / max(1, landmarks.n_frames))
        return number

    def candidates(
        self, landmarks: Fingerprint, *, limit: int | None = 8, before: int | None = None
    ) -> list[int]:
        """Return the recordings that share more with another one than chance would, the likeliest first.

        Parameters
        ----------
        landmarks : Fingerprint
            Of the other recording, which need not be in the index; if it is, it finds itself.
        limit : int or None
            Return so many at most.
        before : int, optional
            Only recordings of lower numbers.

        Returns
        -------
        list of int
            For `earmark.duplicates.compare`, which judges them.
        """
        self._merge()
        found, fraction = self._matches(landmarks, len(self) if before is None else before)
        found = self._suspects(found, fraction)
        scores = self._crowds(found, landmarks, fraction)
        numbers = np.flatnonzero(scores >= 1)
        ranked = numbers[np.argsort(-scores[numbers], kind="stable")]
        return [int(number) for number in ranked[:limit]]

    # ------------------------------------------------------------ looking up

    def _sampled(self, hashes: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        if self.rate == 1:
            return np.ones(len(hashes), dtype=bool)
        return np.asarray((hashes.astype(np.uint32) * _GOLDEN) < np.uint32(2**32 // self.rate))

    def _matches(self, own: Fingerprint, before: int) -> tuple[_Matches, float]:
        """Return what a query shares with recordings, and how much of it was looked up."""
        # At another speed, a pitch may have left its semitone: its neighbour is looked up as well.
        wanted = np.concatenate([own.hashes, own.neighbours()])
        places = np.tile(np.arange(len(own)), 2)
        sampled = self._sampled(wanted)
        wanted, places = wanted[sampled], places[sampled]
        spans = [_spans(segment, wanted) for segment in self._segments]
        costs = np.sum([high - low for low, high in spans], axis=0) if spans else np.zeros(len(wanted))
        order = np.argsort(costs, kind="stable")
        chosen = order[np.cumsum(costs[order]) <= self._budget]
        pieces = [
            _gathered(segment, (low[chosen], high[chosen]), own, places[chosen], before=before)
            for segment, (low, high) in zip(self._segments, spans, strict=True)
        ]
        if not pieces:
            return _Matches(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64)), 1.0
        fraction = len(chosen) / max(1, 2 * len(own))
        return _Matches(*(np.concatenate(column) for column in zip(*pieces, strict=True))), fraction

    def _suspects(self, found: _Matches, fraction: float) -> _Matches:
        """Return the matches of recordings of which some crowd at one lag and interval."""
        if not len(found.tracks):
            return found
        cell = (found.tracks.astype(np.uint32) * np.uint32(97) + found.lags.astype(np.uint32)) * np.uint32(8)
        n_bits = max(10, int(4 * len(found.tracks)).bit_length())
        slot = ((cell + found.steps.astype(np.uint32)) * _GOLDEN) >> np.uint32(max(0, 32 - n_bits))
        counts = np.bincount(slot)[slot]
        # A crowd may lie over four cells. Where everything was looked up, nothing that `_crowds` would
        # count may get lost here.
        least = LEAST_COUNT // 4 if fraction == 1 else 2
        suspects = np.zeros(len(self), dtype=np.int64)
        np.maximum.at(suspects, found.tracks[counts >= least], counts[counts >= least])
        chosen = suspects >= least
        if fraction < 1 and np.count_nonzero(chosen) > _MOST_SUSPECTS:
            chosen = np.zeros(len(self), dtype=bool)
            chosen[np.argpartition(suspects, -_MOST_SUSPECTS)[-_MOST_SUSPECTS:]] = True
        return found.of(chosen[found.tracks])

    def _crowds(self, found: _Matches, own: Fingerprint, fraction: float) -> Floats:
        """Return by how much the densest crowd of each recording exceeds what a copy needs [shape=(n,)]."""
        scores = np.zeros(len(self))
        if not len(found.tracks):
            return scores
        first = int(found.lags.min()) - 1
        width = int(found.lags.max()) - first + 2
        place = (found.tracks.astype(np.int64) * width + (found.lags - first)) * (_N_STEPS + 1) + found.steps
        # Of neighbours together, for the line and the interval may lie between: each counts in four cells.
        cells, counts = np.unique(
            np.concatenate([place, place - 1, place - _N_STEPS - 1, place - _N_STEPS - 2]), return_counts=True
        )
        track, lag = cells // (_N_STEPS + 1) // width, cells // (_N_STEPS + 1) % width + first
        # What a copy shares grows with the stretch that both have at this lag.
        start = (lag + 1) * _ROUGH
        stretch = np.minimum(self._length[track], start + own.n_frames) - np.maximum(0, start)
        density = np.minimum(self._density[track], len(own) / max(1, own.n_frames))
        least = LEAST_COUNT if fraction == 1 else max(_LEAST_SAMPLED, LEAST_COUNT * fraction)
        needed = np.maximum(least, LEAST_SHARE * fraction * density * stretch)
        np.maximum.at(scores, track, counts / needed)
        return scores

    # ------------------------------------------------------------ keeping

    def _merge(self) -> None:
        """Make a sorted segment of what was added; segments of about a size become one."""
        if self._waiting:
            self._segments.append(_Postings.of(self._waiting))
            self._waiting, self._n_waiting = [], 0
            self._length = np.array(self._lengths, dtype=np.int64)
            self._density = np.array(self._densities)
        while len(self._segments) > 1 and 2 * len(self._segments[-1].hashes) >= len(
            self._segments[-2].hashes
        ):
            self._segments[-2:] = [_Postings.of(self._segments[-2:])]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to one file, whole or not at all.

        Parameters
        ----------
        path : path
            Its arrays lie one after the other, so that `open` can map them into memory.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self._merge()
        whole = _Postings.of(self._segments) if self._segments else None
        facts = {"rate": self.rate, "n": len(self), "landmarks": self.n_landmarks}
        with atomic_file(path) as file:
            file.write(_MAGIC + json.dumps(facts).encode() + b"\n")
            for array, dtype in zip((self._length, self._density, *(whole or ())), _DTYPES, strict=False):
                file.write(np.ascontiguousarray(array, dtype=dtype).data)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> CopyIndex:
        """Open an index that `save` wrote; its landmarks stay on disk until they are looked at.

        Raises
        ------
        InputError
            If it is no such file.
        """
        try:
            facts, (lengths, densities, *postings) = _mapped(Path(path))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"{path} is no index of copies ({error})", hint="Try: build it again.") from None
        index = cls(rate=facts["rate"])
        index._lengths, index._densities = lengths.tolist(), densities.tolist()
        index._length, index._density = np.array(lengths), np.array(densities)
        index._segments = [_Postings(*postings)] if len(postings[0]) else []
        return index


def _spans(segment: _Postings, wanted: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Return where each hash begins and ends in a segment."""
    low, high = (np.searchsorted(segment.hashes, wanted, side) for side in ("left", "right"))
    return low.astype(np.int64), high.astype(np.int64)


def _gathered(
    segment: _Postings, spans: tuple[Ints, Ints], own: Fingerprint, places: Ints, *, before: int
) -> _Matches:
    """Return the landmarks of some spans of a segment that may belong to a copy."""
    low, high = spans
    n = high - low
    theirs = np.repeat(low - (np.cumsum(n) - n), n) + np.arange(n.sum())
    ours = np.repeat(places, n)
    intervals = own.pitches[ours] - segment.pitches[theirs].astype(np.float32)
    tracks = segment.tracks[theirs]
    possible = (np.abs(intervals) < FARTHEST) & (tracks < before)
    theirs, ours = theirs[possible], ours[possible]
    lags = (segment.times[theirs].astype(np.int64) - own.times[ours]) // _ROUGH
    steps = np.floor((intervals[possible] + FARTHEST) / _STEP).astype(np.int64) + 1
    return _Matches(tracks[possible], lags, steps)


def _mapped(path: Path) -> tuple[dict[str, int], list[np.ndarray]]:
    """Return the numbers and the arrays of a file, the arrays mapped into memory."""
    with path.open("rb") as file:
        if file.readline(len(_MAGIC)) != _MAGIC:
            raise ValueError("it begins otherwise")
        facts = json.loads(file.readline(_LONGEST_HEADER))
        start, end = file.tell(), os.fstat(file.fileno()).st_size
    rate, n, total = (int(facts[name]) for name in ("rate", "n", "landmarks"))
    arrays = []
    for dtype, length in zip(_DTYPES, (n, n, total, total, total, total), strict=True):
        size = length * np.dtype(dtype).itemsize
        if length < 0 or start + size > end:
            raise ValueError("it ends early")
        arrays.append(np.memmap(path, dtype, "r", start, (length,)) if length else np.zeros(0, dtype))
        start += size
    return {"rate": rate}, arrays
