"""A clip in one vector of named numbers, all from one Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32, Float64
from earmark.errors import EmptyAudioError
from earmark.features.beats import beat_frames
from earmark.features.frame_features import BLOCK, FrameFeatures, FrameFeatureStream
from earmark.features.key import KEYS, estimate_key, key_scores
from earmark.features.mfcc import delta, mfcc
from earmark.features.moments import Moments
from earmark.features.rhythm import OnsetStream, tempo
from earmark.features.spec import FeatureSpec
from earmark.features.stft import samples, vector
from earmark.features.subsonic import SubsonicFilter
from earmark.vocabulary import PITCH_CLASSES

if TYPE_CHECKING:
    from earmark.audio import Clip

SCHEMA = "earmark.descriptors/2"  # raised when a name begins to mean another number; of caches
_TOP_DB = np.float32(80.0)  # librosa's mfcc of a waveform raises bands to this far below the clip's loudest
_N_MFCC = 20
_DELTA_WIDTH = 9
_HELD_SECONDS = 600.0  # of log-mel until the loudest is taken as known, on which the MFCC depend
_HELD_VALUES = 2**22  # at most so many float32 of it: 16 MB
_SHAPE = (
    "rms",
    "zero_crossing_rate",
    "spectral_centroid",
    "spectral_bandwidth",
    "spectral_rolloff",
    "spectral_flatness",
)


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


def descriptors_digest(spec: FeatureSpec) -> str:
    """Return what decides the numbers: the digest of the front end, and the version of the descriptors.

    Parameters
    ----------
    spec : FeatureSpec
        Front end.
    """
    return f"{spec.digest} {SCHEMA}"


def descriptors(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Descriptors:
    """Describe a clip by statistics of its frames, its tempo and its key; docs/features.md lists them all.

    A constant offset, drift and rumble below hearing are taken out first, as `earmark.classify` does.

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
    stream = DescriptorStream(spec)
    y = samples(source, spec)
    for start in range(0, len(y), BLOCK):
        stream.push(y[start : start + BLOCK])
    return stream.close()


class DescriptorStream:
    """Descriptors of sound that arrives in blocks, without what lies below hearing (see `SubsonicFilter`).

    Memory does not grow with the sound, but for the onset envelope: 172 bytes a second.

    Parameters
    ----------
    spec : FeatureSpec
        How; at least 20 mel bands, and above 12,800 samples a second.

    Examples
    --------
    >>> stream = DescriptorStream()
    >>> for block in np.zeros((3, 22050), dtype=np.float32):
    ...     stream.push(block)
    >>> stream.close()["rms_mean"]
    0.0
    """

    def __init__(self, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        self._filter = SubsonicFilter(self.spec.sr)
        self._frames = FrameFeatureStream(self.spec)
        self._shape, self._chroma, self._pitch_classes = Moments(), Moments(), Moments()
        self._timbre = _Timbre(self.spec)
        self._onsets = OnsetStream(self.spec)
        self._envelope: list[Float32] = []
        self._n_samples = 0

    def push(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next samples [shape=(n,)], floats with full scale 1, at ``spec.sr``.

        Raises
        ------
        InputError, BadSamplesError
            As `FrameStream.push`.
        """
        y = vector(block)
        self._n_samples += len(y)
        with np.errstate(over="ignore", invalid="ignore"):  # `LogBands` raises on the outcome
            clean = self._filter.push(y)
        self._add(self._frames.push(clean))

    def close(self) -> Descriptors:
        """Describe everything that was pushed.

        Raises
        ------
        EmptyAudioError
            That was nothing.
        """
        if self._n_samples == 0:
            raise EmptyAudioError("no samples", hint="Accepted: at least one sample.")
        with np.errstate(over="ignore", invalid="ignore"):
            clean = self._filter.close()
        self._add(self._frames.push(clean))
        last = self._frames.close()
        self._add(last)
        found = {
            **self._statistics(),
            **self._rhythm(),
            **self._timbre.close(),
            **self._tonality(last.tuning),
        }
        found = {name: found.pop(name) for name in _LIBROSA_ORDER} | found
        values = np.array(list(found.values()), dtype=np.float64)
        return Descriptors(tuple(found), values, estimate_key(self._pitch_classes.mean))

    def _add(self, frames: FrameFeatures) -> None:
        self._shape.add(np.vstack([*(getattr(frames, name) for name in _SHAPE), frames.spectral_contrast]))
        self._chroma.add(frames.chroma.reshape(1, -1))
        self._pitch_classes.add(frames.chroma)
        self._timbre.push(frames.S_db)
        self._envelope.append(self._onsets.push(frames.S_db))

    def _statistics(self) -> dict[str, float]:
        found = _named(("chroma_stft",), self._chroma)
        n_bands = len(self._shape.mean) - len(_SHAPE)
        columns = [name.removeprefix("spectral_") if "rolloff" in name else name for name in _SHAPE]
        return found | _named([*columns, *_numbered("spectral_contrast", n_bands)], self._shape)

    def _rhythm(self) -> dict[str, float]:
        """Tempo, onsets, and how much stronger they are on the beats than elsewhere."""
        onsets = np.concatenate(self._envelope)
        bpm = tempo(onsets, self.spec)
        places = beat_frames(onsets, self.spec, bpm=bpm) if bpm else np.zeros(0, dtype=np.intp)
        mean, var = onsets.mean(dtype=np.float64), onsets.var(dtype=np.float64)
        return {
            "tempo": bpm,
            "onset_strength_mean": float(mean),
            "onset_strength_var": float(var),
            "beat_strength": float(onsets[places].mean() / mean) if len(places) and mean > 0 else 0.0,
        }

    def _tonality(self, tuning: float) -> dict[str, float]:
        classes = self._pitch_classes.mean
        scores = key_scores(classes)
        major = max(score for key, score in zip(KEYS, scores, strict=True) if key.endswith("major"))
        minor = max(score for key, score in zip(KEYS, scores, strict=True) if key.endswith("minor"))
        return {
            **{f"chroma_{name}_mean": float(v) for name, v in zip(PITCH_CLASSES, classes, strict=True)},
            "tuning": tuning,
            "key_strength": float(max(major, minor)),
            "key_major_minus_minor": float(major - minor),
        }


class _Timbre:
    """Statistics of the MFCC and of their deltas.

    Bands are raised to 80 dB below the loudest of the sound, as librosa does; so the log-mel of the first ten
    minutes (13 MB) is held until that is known. Later frames take the loudest up to each of them.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._to_hold = min(spec.n_frames(_HELD_SECONDS), 1 + _HELD_VALUES // spec.n_mels)
        self._held: list[Float32] = []
        self._loudest = np.float32(-np.inf)
        self._mfcc, self._delta = Moments(), Moments()
        self._recent = np.empty((_N_MFCC, 0), dtype=np.float32)  # MFCC that later deltas need

    def push(self, S_db: Float32) -> None:
        now = S_db[:, : self._to_hold]
        if self._to_hold > 0 and now.shape[1]:
            self._held.append(now)
            self._to_hold -= now.shape[1]
            if self._to_hold == 0:
                self._settle()
        self._add(S_db[:, now.shape[1] :])

    def close(self) -> dict[str, float]:
        if self._held:
            self._settle()
        if self._delta.n == 0:  # fewer frames than a delta needs
            self._delta.add(np.zeros((_N_MFCC, 1)))
        else:  # as in `delta`, the first and the last are repeated at the ends
            self._delta.add(np.repeat(self._first_delta, _DELTA_WIDTH // 2, axis=1))
            self._delta.add(np.repeat(self._last_delta, _DELTA_WIDTH // 2, axis=1))
        # The mean of a delta is the difference of a sound's two ends, and says nothing: only the variance.
        names = [f"{name}_delta_var" for name in _numbered("mfcc", _N_MFCC)]
        spread = dict(zip(names, self._delta.var.tolist(), strict=True))
        return _named(_numbered("mfcc", _N_MFCC), self._mfcc) | spread

    def _settle(self) -> None:
        self._loudest = max(S_db.max() for S_db in self._held)
        for S_db in self._held:
            self._add(S_db)
        self._held.clear()

    def _add(self, S_db: Float32) -> None:
        if S_db.shape[1] == 0:
            return
        loudest = np.maximum.accumulate(np.maximum(S_db.max(axis=0), self._loudest))
        self._loudest = loudest[-1]
        cepstrum = mfcc(np.maximum(S_db, loudest - _TOP_DB), n_mfcc=_N_MFCC)
        self._mfcc.add(cepstrum)
        self._recent = np.hstack([self._recent, cepstrum])
        half = _DELTA_WIDTH // 2
        if self._recent.shape[1] >= _DELTA_WIDTH:
            change = delta(self._recent, width=_DELTA_WIDTH)[:, half:-half]
            if self._delta.n == 0:
                self._first_delta = change[:, :1]
            self._last_delta = change[:, -1:]
            self._delta.add(change)
            self._recent = self._recent[:, 1 - _DELTA_WIDTH :]


def _numbered(name: str, n: int) -> list[str]:
    return [f"{name}{i}" for i in range(1, n + 1)]


def _named(names: Sequence[str], moments: Moments) -> dict[str, float]:
    """Return mean and variance of each row under its name."""
    found: dict[str, float] = {}
    for name, mean, var in zip(names, moments.mean.tolist(), moments.var.tolist(), strict=True):
        found |= {f"{name}_mean": mean, f"{name}_var": var}
    return found


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
