"""Onset strength, tempo and beats, all from a log-mel that is already there.

Everything here needs one number a frame, the onset envelope: ten hours of sound are 1.5 million floats,
and `OnsetStream` makes them while the sound streams by.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64
from earmark.errors import InputError
from earmark.features.spec import FeatureSpec
from earmark.features.stft import hann

_WINDOW_SECONDS = 8.0  # of onsets that one autocorrelation sees
_STEP_SECONDS = (
    0.25  # from one autocorrelation to the next; with every frame, as in librosa, no answer changed
)
_USUAL_BPM = 120.0
_SPREAD_OCTAVES = 1.0
_MAX_BPM = 320.0
_MULTIPLES = 8  # of a period that refine it
_LONGEST_LAG = 0.75  # of a window: beyond, its Hann window leaves too little
# Clarity of a pulse, times the square root of the number of frames, below which there is no tempo: of noise
# that product does not depend on the length. Of 342 clips of GTZAN (30 s) 5 % lie below.
_LEAST_CLARITY = 1.6
_CHUNK_VALUES = 2**18  # frames that are correlated at a time

# What lies below -80 dB is no onset: the rounding to 16 bits alone gives a band of unit area -82 dB. (librosa
# cuts 80 dB below the clip's loudest, which a stream cannot know. On 342 clips of GTZAN this agrees best.)
_FLOOR_DB = np.float32(-80.0)


class OnsetStream:
    """Onset strength of log-mel frames that arrive in pieces.

    Examples
    --------
    >>> stream = OnsetStream()
    >>> S_db = np.random.default_rng(0).random((128, 100), dtype=np.float32)
    >>> parts = [stream.push(S_db[:, :7]), stream.push(S_db[:, 7:])]
    >>> bool((np.concatenate(parts) == onset_strength(S_db)).all())
    True
    """

    def __init__(self, spec: FeatureSpec | None = None, *, aggregate: str = "median") -> None:
        spec = spec or FeatureSpec()
        if aggregate not in ("median", "mean"):
            raise InputError(f"aggregate={aggregate!r}", hint="Accepted: 'median' or 'mean'.")
        self._aggregate = aggregate
        # A frame sees an onset when its far end reaches it, half a frame too early: hold the rise back.
        self._waiting: Float32 = np.zeros(1 + spec.n_fft // (2 * spec.hop_length), dtype=np.float32)
        self._last: Float32 | None = None

    def push(self, S_db: Float32) -> Float32:
        """Take k frames [shape=(n_mels, k)] and give k values of the envelope, those of its next frames."""
        if S_db.shape[1] == 0:
            return np.zeros(0, dtype=np.float32)
        level = np.maximum(S_db, _FLOOR_DB)
        before = level[:, :1] if self._last is None else self._last
        rise = np.maximum(np.diff(level, axis=1, prepend=before), 0)
        strength = _median(rise) if self._aggregate == "median" else rise.mean(axis=0)
        ready = np.concatenate([self._waiting, strength[1 if self._last is None else 0 :]])
        self._last = level[:, -1:]
        self._waiting = ready[S_db.shape[1] :]
        return ready[: S_db.shape[1]]


def _median(columns: Float32) -> Float32:
    """Return the median of each column: np.median is slower, for it looks for NaN and sorts by halves."""
    rows, n = np.sort(columns.T, axis=1), len(columns)
    middle: Float32 = (rows[:, (n - 1) // 2] + rows[:, n // 2]) * np.float32(0.5)
    return middle


def onset_strength(S_db: Float32, spec: FeatureSpec | None = None, *, aggregate: str = "median") -> Float32:
    """Return how much louder the bands become at each frame, in dB [shape=(n_frames,)].

    The rise of each band since the frame before (spectral flux; S. Böck and G. Widmer, "Maximum filter
    vibrato suppression for onset detection", DAFx 2013, without their maximum filter), and over the bands the
    median, so that half of them must rise. As ``librosa.onset.onset_strength(S=S_db, aggregate=...)``.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, n_frames)]
        Log-mel spectrogram.
    spec : FeatureSpec
        How it was made.
    aggregate : {"median", "mean"}
        The median gives better tempi: librosa's `beat_track` uses it, its `onset_strength` the mean.
    """
    return OnsetStream(spec, aggregate=aggregate).push(S_db)


def tempo(onset_envelope: npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> float:
    """Return the tempo in beats per minute, 0.0 where nothing repeats.

    The autocorrelation of the onsets in windows of 8 s, averaged over the sound; the best lag after
    weighting by a normal distribution of the log tempo around 120 BPM, one octave wide (D. Ellis, "Beat
    tracking by dynamic programming", J. New Music Research 36, 2007, section 3.2; as librosa's `tempo`).
    That lag is a whole number of frames, 4 % from the next at 120 BPM; here its multiples refine it, so that
    a steady tempo comes out to 0.2 %.

    Parameters
    ----------
    onset_envelope : np.ndarray [shape=(n_frames,)]
        Of `onset_strength` or `OnsetStream`.
    spec : FeatureSpec
        Its sampling rate and hop give the time between frames.
    """
    spec = spec or FeatureSpec()
    envelope = envelope_of(onset_envelope)
    if not envelope.any():
        return 0.0
    similarity = mean_autocorrelation(envelope, spec)
    lags = np.arange(1, len(similarity))
    bpm = 60 * spec.sr / (spec.hop_length * lags)
    score = np.log1p(1e6 * similarity[1:]) - 0.5 * (np.log2(bpm / _USUAL_BPM) / _SPREAD_OCTAVES) ** 2
    score[bpm >= _MAX_BPM] = -np.inf
    if not np.isfinite(score).any():
        return 0.0
    lag = refined_lag(similarity, int(score.argmax()) + 1)
    if not has_pulse(envelope, lag):
        return 0.0
    return 60 * spec.sr / (spec.hop_length * lag)


def refined_lag(similarity: Float64, lag: int) -> float:
    """Return the period near a whole lag that its multiples agree on, in frames.

    Onsets fall between frames, so the peak at lag p has its weight on both sides of p, and a multiple k p is
    known k times as exactly. First a comb over the multiples settles which peaks belong together; then p is
    the least-squares fit of their centroids.
    """
    reach = _LONGEST_LAG * len(similarity)
    grid = lag + np.linspace(-0.5, 0.5, 101)
    multiples = np.arange(1, max(1, min(_MULTIPLES, int(reach / (lag + 0.5)))) + 1)
    comb = np.interp(np.outer(multiples, grid), np.arange(len(similarity)), similarity).sum(axis=0)
    coarse = float(grid[comb.argmax()])
    places = np.rint(multiples * coarse).astype(int)[:, None] + np.arange(-2, 3)
    heights = similarity[np.clip(places, 0, len(similarity) - 1)]
    heights = heights - heights.min(axis=1, keepdims=True)
    total, weight = heights.sum(axis=1), heights.max(axis=1) * (places[:, -1] < len(similarity))
    centroids = (places * heights).sum(axis=1) / np.where(total > 0, total, 1)
    if not (weight * total).any():
        return coarse
    weight = np.where(total > 0, weight, 0)
    fine = float((weight * multiples * centroids).sum() / (weight * multiples**2).sum())
    return fine if abs(fine - coarse) < 0.4 else coarse


def has_pulse(envelope: Float64, lag: float) -> bool:
    """Return whether the onsets repeat with that period by more than chance."""
    return bool(pulse_clarity(envelope, lag) * np.sqrt(len(envelope)) >= _LEAST_CLARITY)


def pulse_clarity(envelope: Float64, lag: float) -> float:
    """Return how far the onsets repeat with a period of ``lag`` frames: the correlation, 1 at most.

    Mean over the period and its double, and the frames beside them, of the autocorrelation of the whole
    envelope, its mean taken out, so that noise has 0 but for chance (O. Lartillot et al., "Multi-feature
    modeling of pulse clarity", ISMIR 2008).
    """
    centred = envelope - envelope.mean()
    power = float(centred @ centred)
    found = []
    for k in (1, 2):
        shifts = range(max(1, round(k * lag) - 1), round(k * lag) + 2)
        found += [float(centred[s:] @ centred[:-s]) if s < len(centred) else 0.0 for s in shifts]
    return float(np.mean(found)) / power if power > 0 else 0.0


def mean_autocorrelation(envelope: Float64, spec: FeatureSpec) -> Float64:
    """Return the mean over windows of each one's autocorrelation, by lag in frames, lag 0 being 1."""
    n = int(_WINDOW_SECONDS * spec.sr) // spec.hop_length
    step = max(1, round(_STEP_SECONDS * spec.sr / spec.hop_length))
    padded = np.pad(envelope, n // 2, mode="linear_ramp")
    windows = np.lib.stride_tricks.sliding_window_view(padded, n)[: len(envelope) : step]
    n_fft = 1 << (2 * n - 1).bit_length()
    total = np.zeros(n)
    chunk = max(1, _CHUNK_VALUES // n)
    for start in range(0, len(windows), chunk):
        spectra = np.fft.rfft(windows[start : start + chunk] * hann(n), n=n_fft)
        lags = np.fft.irfft(spectra.real**2 + spectra.imag**2, n=n_fft)[:, :n]
        peak = np.abs(lags).max(axis=1, keepdims=True)
        total += (lags / np.where(peak > np.finfo(float).tiny, peak, 1)).sum(axis=0)
    return np.maximum(total / len(windows), 0)


def envelope_of(values: npt.NDArray[np.floating]) -> Float64:
    """Return an onset envelope as a vector of float64, or raise InputError if it is something else."""
    envelope = np.asarray(values, dtype=np.float64)
    if envelope.ndim != 1 or len(envelope) == 0 or not np.isfinite(envelope).all():
        raise InputError(
            f"onset_envelope with shape={envelope.shape}",
            hint="Accepted: a vector of finite numbers, one a frame.",
        )
    return envelope
