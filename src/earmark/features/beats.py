"""Beat times by dynamic programming.

D. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36 (1), 2007: the best
sequence of frames, where each is rewarded for its onset and punished for how far the step from the one
before, in log time, is from the tempo's. With librosa's ways of smoothing, of ending and of trimming.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float64, Indices
from earmark.errors import InputError
from earmark.features.rhythm import envelope_of, tempo
from earmark.features.spec import FeatureSpec


def beats(
    onset_envelope: npt.NDArray[np.floating],
    spec: FeatureSpec | None = None,
    *,
    bpm: float | None = None,
    tightness: float = 100.0,
) -> Float64:
    """Return the times of the beats in s [shape=(n_beats,)].

    Parameters
    ----------
    onset_envelope : np.ndarray [shape=(n_frames,)]
        Of `onset_strength` or `OnsetStream`.
    spec : FeatureSpec
        Its sampling rate and hop give the time between frames.
    bpm : float, optional
        The tempo, if it is known; otherwise that of `tempo`, and no beats where it finds none.
    tightness : float
        How strictly the beats keep to the tempo.

    Raises
    ------
    InputError
        ``bpm`` or ``tightness`` is not positive, or the envelope is not a finite vector.
    """
    spec = spec or FeatureSpec()
    frames = beat_frames(onset_envelope, spec, bpm=bpm, tightness=tightness)
    return frames.astype(np.float64) * (spec.hop_length / spec.sr)


def beat_frames(
    onset_envelope: npt.NDArray[np.floating],
    spec: FeatureSpec,
    *,
    bpm: float | None = None,
    tightness: float = 100.0,
) -> Indices:
    """Return the frames of the beats [shape=(n_beats,)], as `beats` does their times."""
    envelope = envelope_of(onset_envelope)
    if bpm is not None and not 0 < bpm < np.inf:
        raise InputError(f"bpm={bpm}", hint="Accepted: a positive number, or None to estimate it.")
    if not 0 < tightness < np.inf:
        raise InputError(f"tightness={tightness}", hint="Accepted: a positive number; 100 is usual.")
    bpm = tempo(envelope, spec) if bpm is None else bpm
    if len(envelope) < 2 or not envelope.any() or bpm == 0:
        return np.zeros(0, dtype=np.intp)
    period = max(1, round(60 * spec.sr / spec.hop_length / bpm))
    score = _local_score(envelope, period)
    frames = _walk_back(*_best_predecessors(score, period, tightness))
    return _trim(frames, score)


def _local_score(envelope: Float64, period: int) -> Float64:
    """Scale onsets to unit deviation and smooth them by a Gaussian of 1/32 of a beat."""
    normal = envelope / (envelope.std(ddof=1) + np.finfo(float).tiny)
    window = np.exp(-0.5 * (np.arange(-period, period + 1) * 32 / period) ** 2)
    return np.convolve(normal, window)[period : period + len(envelope)]


def _best_predecessors(score: Float64, period: int, tightness: float) -> tuple[Float64, Indices]:
    """Return the score of the best beat sequence that ends at each frame, and its beat before (or -1).

    A predecessor lies between half a period and two periods back. So the next half period of frames
    depends on nothing within itself, and is done in one go.
    """
    n, block, far = len(score), max(1, round(period / 2)), 2 * period
    steps = np.arange(block, far + 1)
    penalty = tightness * np.log(steps / period) ** 2
    total = np.full(far + n, -np.inf)  # with nothing before the start
    # Row i: the totals of the predecessors of frame i, nearest first.
    before = np.lib.stride_tricks.sliding_window_view(total, len(steps))[:, ::-1]
    back = np.full(n, -1, dtype=np.intp)
    for start in range(0, n, block):
        here = slice(start, min(start + block, n))
        options = before[here] - penalty
        best = options.argmax(axis=1)
        gain = options[np.arange(len(best)), best]
        linked = gain > -np.inf
        back[here] = np.where(linked, np.arange(here.start, here.stop) - steps[best], -1)
        total[far + here.start : far + here.stop] = score[here] + np.where(linked, gain, 0)
    # Quiet frames before the first beat begin no sequence.
    back[: np.flatnonzero(score >= 0.01 * score.max())[0]] = -1
    return total[far:], back


def _walk_back(total: Float64, back: Indices) -> Indices:
    """Return the frames of the best sequence: from its last good end, link by link."""
    padded = np.concatenate([[total[0]], total, [total[-1]]])
    peaks = np.flatnonzero((total > padded[:-2]) & (total >= padded[2:]))
    frame = len(total) - 1
    if len(peaks):
        good = peaks[total[peaks] >= 0.5 * np.median(total[peaks])]
        frame = int(good[-1]) if len(good) else frame
    path = []
    while frame >= 0:
        path.append(frame)
        frame = int(back[frame])
    return np.array(path[::-1], dtype=np.intp)


def _trim(frames: Indices, score: Float64) -> Indices:
    """Leave out beats before the first and after the last frame with at least half the usual onset."""
    smooth = np.convolve(score[frames], np.hanning(5))[2 : 2 + len(score)]
    threshold = 0.5 * np.sqrt(np.mean(smooth**2))
    strong = np.flatnonzero(score > threshold)
    if len(strong) == 0:
        return frames[:0]
    kept: Indices = frames[(frames >= strong[0]) & (frames <= strong[-1])]
    return kept
