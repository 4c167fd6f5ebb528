"""A recording as a set of landmarks, which survive coding, noise, gain and a small change of speed.

After A. Wang, "An industrial-strength audio search algorithm" (ISMIR 2003): the peaks of a spectrogram are
what is left of it after any abuse, and two peaks together (their pitches and the time between them) are rare
enough to be looked up. Wang's hash has the exact frequencies of both peaks, and a tape that runs 2 % faster
changes all of them. Here the hash has the pitch of the first peak to a semitone only, the interval to the
second to a quarter tone, and the time between: most of these survive 2 %. What the hash no longer has is
kept beside it, the exact pitch, and asked when two recordings are compared: all their common landmarks must
be off by the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio import Clip
from earmark.features.spec import FeatureSpec
from earmark.features.stft import magnitudes

# 5.4 Hz by 23 ms: a semitone above 150 Hz is more than one bin.
SPEC = FeatureSpec(n_fft=4096, hop_length=512)
FRAMES_PER_SECOND = SPEC.sr / SPEC.hop_length

_LOWEST_HZ, _HIGHEST_HZ = 150.0, 5_000.0  # what every codec keeps
_FLOOR = 1e-5  # magnitude that counts as silence
_REACH_FRAMES, _REACH_BINS = 6, 8  # a peak is the greatest within 0.14 s and 43 Hz on each side
_PEAKS_PER_SECOND = 20
_FAN = 5  # pairs that begin at one peak
_DT = (2, 64)  # frames from the first peak of a pair to the second
_OCTAVES = 1.2  # farthest apart

_SEMITONES, _QUARTERS = 12, 24  # steps an octave of the pitch and of the interval in a hash
_A4 = np.log2(440.0)  # notes in tune lie in the middle of a semitone, so that 2 % more do not leave it
_LOWEST_STEP = int((np.log2(_LOWEST_HZ) - _A4) * _SEMITONES) - 2
_STEP_BITS = 14

Ints = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The landmarks of a recording.

    Parameters
    ----------
    hashes : np.ndarray [shape=(n,)]
        What two recordings must have in common: int32, ascending.
    times : np.ndarray [shape=(n,)]
        Frame of the first peak, int32.
    pitches : np.ndarray [shape=(n,)]
        Its pitch in octaves (log2 of Hz), float32.
    n_frames : int
        Length of the recording.
    """

    hashes: Ints
    times: Ints
    pitches: Float32
    n_frames: int

    def __len__(self) -> int:
        return len(self.hashes)

    def neighbours(self) -> Ints:
        """Return what the hashes would be in the next semitone, above or below, whichever is nearer."""
        step = (self.pitches - _A4) * _SEMITONES
        above = np.where(step > np.round(step), 1, -1).astype(np.int32)
        return self.hashes + (above << _STEP_BITS)


def fingerprint(clip: Clip) -> Fingerprint:
    """Return the landmarks of a clip at 22,050 Hz: about a hundred for each second of music."""
    times, pitches = peaks(magnitudes(clip, SPEC))
    return from_peaks(times, pitches, SPEC.n_frames(clip.duration))


def from_peaks(times: Ints, pitches: npt.NDArray[np.float64], n_frames: int) -> Fingerprint:
    """Return the landmarks that some peaks make.

    Parameters
    ----------
    times, pitches : np.ndarray [shape=(n,)]
        Frame, ascending, and octaves of each, as `peaks` gives them.
    n_frames : int
        Length of the recording.
    """
    first, second = _pairs(times, pitches)
    semitone = np.round((pitches[first] - _A4) * _SEMITONES).astype(np.int32) - _LOWEST_STEP
    interval = np.round((pitches[second] - pitches[first]) * _QUARTERS).astype(np.int32) + 32
    hashes = (semitone << _STEP_BITS) | (interval << 7) | (times[second] - times[first])
    order = np.argsort(hashes, kind="stable")
    first = first[order]
    return Fingerprint(hashes[order], times[first], pitches[first].astype(np.float32), n_frames)


def joined(pieces: Sequence[Fingerprint]) -> Fingerprint:
    """Return the landmarks of a recording from those of consecutive pieces of whole frames.

    Parameters
    ----------
    pieces : sequence of Fingerprint
        In order, each but the last of a whole number of hops. Only pairs of peaks across a cut are lost.
    """
    starts = np.cumsum([0, *(piece.n_frames - 1 for piece in pieces)])  # a piece has a frame at both ends
    hashes = np.concatenate([piece.hashes for piece in pieces])
    times = np.concatenate([piece.times + start for piece, start in zip(pieces, starts[:-1], strict=True)])
    order = np.argsort(hashes, kind="stable")
    pitches = np.concatenate([piece.pitches for piece in pieces])
    return Fingerprint(hashes[order], times[order].astype(np.int32), pitches[order], int(starts[-1]) + 1)


def peaks(S: Float32) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Return frame and pitch (octaves) of the peaks of a magnitude spectrogram, in order of time.

    Parameters
    ----------
    S : np.ndarray [shape=(n_bins, n_frames)]
        Of `SPEC`.
    """
    bin_hz = SPEC.sr / SPEC.n_fft
    low = int(_LOWEST_HZ / bin_hz)
    S_log = np.log(S[low : int(_HIGHEST_HZ / bin_hz)] + np.float32(_FLOOR))
    # Against the mean of its band: else a hum, or the tilt of the spectrum, would have all the peaks.
    relief = S_log - S_log.mean(axis=1, keepdims=True)
    highest = _running_max(_running_max(relief, _REACH_BINS, 0), _REACH_FRAMES, 1)
    row, frame = np.nonzero((relief == highest) & (S_log > np.log(_FLOOR) + 1))
    inside = (row > 0) & (row < len(S_log) - 1)
    row, frame = row[inside], frame[inside]
    below, here, above = (S_log[row + k, frame].astype(np.float64) for k in (-1, 0, 1))
    curve = np.minimum(below - 2 * here + above, -1e-6)
    shift = np.clip(0.5 * (below - above) / curve, -0.5, 0.5)  # vertex of the parabola through the three
    pitch = np.log2((row + low + shift) * bin_hz)
    chosen = _loudest(frame, relief[row, frame])
    chosen = chosen[np.lexsort((pitch[chosen], frame[chosen]))]
    return frame[chosen].astype(np.int32), pitch[chosen]


def _running_max(x: Float32, reach: int, axis: int) -> Float32:
    """Return the maximum within `reach` on each side, by doubling the span: log2(reach) passes."""
    x = np.moveaxis(x, axis, -1)
    n, width = x.shape[-1], 2 * reach + 1
    edge = np.full((*x.shape[:-1], reach), -np.inf, dtype=x.dtype)
    run, span = np.concatenate([edge, x, edge], axis=-1), 1
    while 2 * span <= width:
        run = np.maximum(run[..., :-span], run[..., span:])
        span *= 2
    rest = width - span
    return np.moveaxis(np.maximum(run[..., :n], run[..., rest : rest + n]), -1, axis)


def _loudest(frame: npt.NDArray[np.integer], height: Float32) -> npt.NDArray[np.intp]:
    """Return which peaks are among the highest of their second."""
    second = (frame / FRAMES_PER_SECOND).astype(int)
    order = np.lexsort((-height, second))
    rank = np.arange(len(order)) - np.searchsorted(second[order], second[order])
    return order[rank < _PEAKS_PER_SECOND]


def _pairs(
    times: Ints, pitches: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return which peaks make pairs: each with the next few that are near in time and pitch."""
    n = len(times)
    made = np.zeros(n, dtype=int)
    found = [(np.zeros(0, dtype=np.intp),) * 2]
    for step in range(1, n):
        first = np.arange(n - step)
        dt = times[step:] - times[:-step]
        if dt.min() > _DT[1]:
            break
        near = (dt >= _DT[0]) & (dt <= _DT[1]) & (made[first] < _FAN)
        near &= np.abs(pitches[step:] - pitches[:-step]) <= _OCTAVES
        first = first[near]
        made[first] += 1
        found.append((first, first + step))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])
