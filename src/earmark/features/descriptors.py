"""A clip in one vector of named numbers, all from one Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64
from earmark.features.beats import beat_frames
from earmark.features.chroma import PITCH_CLASSES
from earmark.features.frame_features import FrameFeatures, frame_features
from earmark.features.key import KEYS, estimate_key, key_scores
from earmark.features.mfcc import delta, mfcc
from earmark.features.rhythm import onset_strength, tempo
from earmark.features.spec import FeatureSpec

if TYPE_CHECKING:
    from earmark.audio import Clip

_TOP_DB = np.float32(80.0)  # librosa's mfcc of a waveform raises bands to this far below the clip's loudest
_N_MFCC = 20
_DELTA_WIDTH = 9


@dataclass(frozen=True, eq=False)
class Descriptors:
    """A vector of named numbers that describes a clip.

    Parameters
    ----------
    names : tuple of str
        Of the values; those of the usual librosa columns where they mean the same.
    values : np.ndarray [shape=(d,)]
        float64, all finite.
    key : str
        The key that fits best, like ``"A minor"``, or ``""`` where there is none.
    """

    names: tuple[str, ...]
    values: Float64
    key: str

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.names.index(name)])

    def to_dict(self) -> dict[str, float]:
        """Return the numbers by name, in order."""
        return dict(zip(self.names, self.values.tolist(), strict=True))


def descriptors(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Descriptors:
    """Describe a clip by statistics of its frames, its tempo and its key; docs/features.md lists them all.

    Parameters
    ----------
    source : Clip or np.ndarray [shape=(n,)]
        Mono sound of any length; an array is taken to have the rate ``spec.sr``.
    spec : FeatureSpec
        How; at least 20 mel bands, and above 12,800 samples a second.

    Raises
    ------
    EmptyAudioError, InputError, BadSamplesError
        As `log_mel`.
    """
    spec = spec or FeatureSpec()
    frames = frame_features(source, spec)
    numbers = {**_sound(frames), **_rhythm(frames, spec), **_timbre(frames), **_tonality(frames)}
    numbers = {name: numbers.pop(name) for name in _LIBROSA_ORDER} | numbers
    values = np.array(list(numbers.values()), dtype=np.float64)
    return Descriptors(tuple(numbers), values, estimate_key(frames.chroma.mean(axis=1)))


def _sound(frames: FrameFeatures) -> dict[str, float]:
    return {
        **_mean_and_var("chroma_stft", frames.chroma),
        **_mean_and_var("rms", frames.rms),
        **_mean_and_var("spectral_centroid", frames.spectral_centroid),
        **_mean_and_var("spectral_bandwidth", frames.spectral_bandwidth),
        **_mean_and_var("rolloff", frames.spectral_rolloff),
        **_mean_and_var("zero_crossing_rate", frames.zero_crossing_rate),
        **_mean_and_var("spectral_flatness", frames.spectral_flatness),
        **_by_row("spectral_contrast", frames.spectral_contrast),
    }


def _timbre(frames: FrameFeatures) -> dict[str, float]:
    cepstrum = mfcc(np.maximum(frames.S_db, frames.S_db.max() - _TOP_DB), n_mfcc=_N_MFCC)
    # The mean of a delta is the difference of a clip's two ends, and says nothing: only the variance.
    enough = cepstrum.shape[1] >= _DELTA_WIDTH
    change = delta(cepstrum, width=_DELTA_WIDTH) if enough else np.zeros_like(cepstrum)
    spread = change.var(axis=1, dtype=np.float64)
    return _by_row("mfcc", cepstrum) | {f"mfcc{i}_delta_var": float(v) for i, v in enumerate(spread, 1)}


def _rhythm(frames: FrameFeatures, spec: FeatureSpec) -> dict[str, float]:
    """Tempo, onsets, and how much stronger they are on the beats than elsewhere."""
    onsets = onset_strength(frames.S_db, spec)
    bpm = tempo(onsets, spec)
    places = beat_frames(onsets, spec, bpm=bpm or None)
    mean = float(onsets.mean())
    return {
        "tempo": bpm,
        **_mean_and_var("onset_strength", onsets),
        "beat_strength": float(onsets[places].mean()) / mean if len(places) and mean > 0 else 0.0,
    }


def _tonality(frames: FrameFeatures) -> dict[str, float]:
    classes = frames.chroma.mean(axis=1, dtype=np.float64)
    scores = key_scores(classes)
    major = max(score for key, score in zip(KEYS, scores, strict=True) if key.endswith("major"))
    minor = max(score for key, score in zip(KEYS, scores, strict=True) if key.endswith("minor"))
    return {
        **{f"chroma_{name}_mean": float(v) for name, v in zip(PITCH_CLASSES, classes, strict=True)},
        "tuning": frames.tuning,
        "key_strength": float(max(major, minor)),
        "key_major_minus_minor": float(major - minor),
    }


def _mean_and_var(name: str, values: Float32) -> dict[str, float]:
    return {
        f"{name}_mean": float(values.mean(dtype=np.float64)),
        f"{name}_var": float(values.var(dtype=np.float64)),
    }


def _by_row(name: str, rows: Float32) -> dict[str, float]:
    mean, var = rows.mean(axis=1, dtype=np.float64), rows.var(axis=1, dtype=np.float64)
    numbers: dict[str, float] = {}
    for i, (m, v) in enumerate(zip(mean.tolist(), var.tolist(), strict=True), start=1):
        numbers |= {f"{name}{i}_mean": m, f"{name}{i}_var": v}
    return numbers


# The columns that tables made with librosa have, in their order (GTZAN's `features_30_sec.csv` on Kaggle).
_LIBROSA_ORDER = (
    *(
        f"{name}_{statistic}"
        for name in (
            "chroma_stft",
            "rms",
            "spectral_centroid",
            "spectral_bandwidth",
            "rolloff",
            "zero_crossing_rate",
        )
        for statistic in ("mean", "var")
    ),
    "tempo",
    *(f"mfcc{i}_{statistic}" for i in range(1, _N_MFCC + 1) for statistic in ("mean", "var")),
)
