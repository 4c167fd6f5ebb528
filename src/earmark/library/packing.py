"""Scores, timelines and fingerprints in few bytes: a track takes about 3 kB of the catalogue.

float16 keeps a score to 0.05 %, more than its third decimal means. A timeline, which is looked at and
not computed with, has one byte for each score. A fingerprint is the peaks that its landmarks are made of
(a hundred landmarks a second come from twenty peaks).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from earmark.features.fingerprint import Fingerprint, from_peaks
from earmark.predict import Quadrant, Score, Segment, SoundClass, Voice

_PITCH_LOW, _PITCH_RANGE = 6.0, 8.0  # octaves: 64 Hz to 16 kHz in 65,536 steps of 0.15 cents
_TIME_STEPS = 100  # of the timeline, a second
_FAST = 6  # level of zlib
_Likeliest = TypeVar("_Likeliest", Quadrant, Voice, SoundClass)


class Peaks(NamedTuple):
    """What the landmarks of a recording are made of: see `earmark.features.fingerprint.peaks`.

    Parameters
    ----------
    times : np.ndarray, int32 [shape=(n,)]
        Frames, ascending.
    pitches : np.ndarray, float64 [shape=(n,)]
        Octaves.
    n_frames : int
        Length of the recording.
    """

    times: npt.NDArray[np.int32]
    pitches: npt.NDArray[np.float64]
    n_frames: int

    def fingerprint(self) -> Fingerprint:
        """Return the landmarks."""
        return from_peaks(self.times, self.pitches, self.n_frames)


def pack_scores(scores: Sequence[float]) -> bytes:
    """Return float16 values as bytes."""
    return np.asarray(scores, dtype="<f2").tobytes()


def unpack_scores(data: bytes) -> npt.NDArray[np.float64]:
    """Return what `pack_scores` packed [shape=(n,)]."""
    return np.frombuffer(data, dtype="<f2").astype(np.float64)


def pack_timeline(segments: Sequence[Segment], classes: Sequence[str], quadrants: Sequence[str]) -> bytes:
    """Return segments as bytes: times to 10 ms, scores to 1/255.

    Parameters
    ----------
    segments : sequence of Segment
        Of one prediction.
    classes, quadrants : sequence of str
        Labels in the order of the model's card.
    """
    times = np.array([[s.start, s.end - s.start] for s in segments]) * _TIME_STEPS
    scores = np.array([[*_genres_of(s, classes), *_quadrant_of(s, quadrants)] for s in segments])
    n = len(segments)
    columns = np.round(times.reshape(n, 2)).T.astype("<u4")
    # Column by column, where neighbours are alike, is what zlib likes.
    values = np.round(255 * np.clip(scores.reshape(n, len(classes) + len(quadrants)), 0, 1)).astype("u1").T
    return zlib.compress(n.to_bytes(4, "little") + columns.tobytes() + values.tobytes(), _FAST)


def unpack_timeline(data: bytes, classes: Sequence[str], quadrants: Sequence[str]) -> tuple[Segment, ...]:
    """Return what `pack_timeline` packed."""
    plain = zlib.decompress(data)
    n = int.from_bytes(plain[:4], "little")
    times = np.frombuffer(plain, "<u4", 2 * n, 4).reshape(2, n) / _TIME_STEPS
    scores = np.frombuffer(plain[4 + 8 * n :], "u1").reshape(-1, n).T / 255 if n else np.zeros((0, 0))
    return tuple(
        Segment(
            float(start),
            float(start + length),
            ranked(classes, row[: len(classes)]),
            likeliest(Quadrant, quadrants, row[len(classes) :]),
        )
        for start, length, row in zip(*times, scores, strict=True)
    )


def pack_peaks(peaks: Peaks) -> bytes:
    """Return peaks as bytes: frames as steps, pitches to 0.15 cents."""
    steps = np.diff(peaks.times, prepend=0).astype("<u2")
    pitches = np.round((peaks.pitches - _PITCH_LOW) * (65_535 / _PITCH_RANGE)).astype("<u2")
    head = peaks.n_frames.to_bytes(4, "little")
    return head + zlib.compress(steps.tobytes() + pitches.tobytes(), _FAST)


def unpack_peaks(data: bytes) -> Peaks:
    """Return what `pack_peaks` packed."""
    steps, pitches = np.frombuffer(zlib.decompress(data[4:]), "<u2").reshape(2, -1)
    return Peaks(
        np.cumsum(steps, dtype=np.int32),
        pitches * (_PITCH_RANGE / 65_535) + _PITCH_LOW,
        int.from_bytes(data[:4], "little"),
    )


def ranked(classes: Sequence[str], scores: npt.NDArray[np.floating], least: float = 0.0) -> tuple[Score, ...]:
    """Return the first class and those with a score of `least`, highest first, equal ones in their order."""
    order, values = np.argsort(-scores, kind="stable").tolist(), scores.tolist()
    return tuple(Score(classes[i], values[i]) for i in order if values[i] >= least or i == order[0])


def likeliest(
    kind: type[_Likeliest], classes: Sequence[str], scores: npt.NDArray[np.floating]
) -> _Likeliest | None:
    """Return the quadrant, or the kind of voice or sound, of the highest score; None where there is none."""
    if not len(scores) or not scores.any():
        return None
    values = dict(zip(classes, scores.tolist(), strict=True))
    return kind(max(values, key=values.__getitem__), values)


def _genres_of(segment: Segment, classes: Sequence[str]) -> list[float]:
    scores = {score.label: score.score for score in segment.genres}
    return [scores.get(label, 0.0) for label in classes]


def _quadrant_of(segment: Segment, quadrants: Sequence[str]) -> list[float]:
    scores = segment.quadrant.scores if segment.quadrant else {}
    return [scores.get(label, 0.0) for label in quadrants]
