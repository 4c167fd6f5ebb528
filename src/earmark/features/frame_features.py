"""Everything that is measured frame by frame, in one pass over one Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32
from earmark.features.chroma import ChromaStream
from earmark.features.log_mel import LogBands
from earmark.features.spec import FeatureSpec
from earmark.features.spectral import (
    contrast_bands,
    spectral_bandwidth,
    spectral_centroid,
    spectral_contrast,
    spectral_flatness,
    spectral_rolloff,
)
from earmark.features.stft import Framer, PowerSpectrum, samples
from earmark.features.waveform import frame_rms, zero_crossing_rate

if TYPE_CHECKING:
    from earmark.audio import Clip

_BLOCK = 65_536  # samples at a time


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """The features of each frame, time last.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, n_frames)]
        Log-mel spectrogram, as of `log_mel`.
    chroma : np.ndarray [shape=(12, n_frames)]
        Energy by pitch class with the tuning that was found in the first minute.
    tuning : float
        That tuning, in semitones.
    rms, zero_crossing_rate : np.ndarray [shape=(n_frames,)]
        Of the waveform.
    spectral_centroid, spectral_bandwidth, spectral_rolloff : np.ndarray [shape=(n_frames,)]
        In Hz.
    spectral_flatness : np.ndarray [shape=(n_frames,)]
        From 0, a tone, to 1, white noise.
    spectral_contrast : np.ndarray [shape=(7, n_frames)]
        In dB.
    """

    S_db: Float32
    chroma: Float32
    tuning: float
    rms: Float32
    zero_crossing_rate: Float32
    spectral_centroid: Float32
    spectral_bandwidth: Float32
    spectral_rolloff: Float32
    spectral_flatness: Float32
    spectral_contrast: Float32


def frame_features(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> FrameFeatures:
    """Return all features of all frames, for the price of hardly more than two log-mels.

    Parameters
    ----------
    source : Clip or np.ndarray [shape=(n,)]
        Mono sound; an array is taken to have the rate ``spec.sr``.
    spec : FeatureSpec
        How; above 12,800 samples a second.

    Raises
    ------
    EmptyAudioError, InputError, BadSamplesError
        As `log_mel`.
    """
    spec = spec or FeatureSpec()
    contrast_bands(spec)  # says so now if the sampling rate is too low
    y = samples(source, spec)
    table = _Table(spec, 1 + len(y) // spec.hop_length)
    framer = Framer(spec.n_fft, spec.hop_length)
    for start in range(0, len(y), _BLOCK):
        table.add(framer.push(y[start : start + _BLOCK]))
    table.add(framer.close())
    return table.finish(zero_crossing_rate(y, spec))


class _Table:
    """The frames so far."""

    def __init__(self, spec: FeatureSpec, n_frames: int) -> None:
        self._spec = spec
        self._transform = PowerSpectrum(spec)
        self._bands = LogBands(spec)
        self._chroma = ChromaStream(spec)
        self._chroma_ready: list[Float32] = []
        self._S_db = np.empty((spec.n_mels, n_frames), dtype=np.float32)
        self._shape = np.empty((5, n_frames), dtype=np.float32)
        self._contrast = np.empty((len(contrast_bands(spec)[0]), n_frames), dtype=np.float32)
        self._n = 0

    def add(self, frames: Float32) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # `LogBands` raises on the outcome
            for place, power in self._transform.chunks(frames):
                now = slice(self._n, self._n + len(power))
                self._S_db[:, now] = self._bands(power).T
                self._shape[0, now] = frame_rms(frames[place])
                self._chroma_ready.append(self._chroma.push(power))
                self._measure(np.sqrt(power).T, now)
                self._n = now.stop

    def _measure(self, S: Float32, now: slice) -> None:
        centroid = spectral_centroid(S, self._spec)
        self._shape[1, now] = centroid
        self._shape[2, now] = spectral_bandwidth(S, self._spec, centroid=centroid)
        self._shape[3, now] = spectral_rolloff(S, self._spec)
        self._shape[4, now] = spectral_flatness(S)
        self._contrast[:, now] = spectral_contrast(S, self._spec)

    def finish(self, crossings: Float32) -> FrameFeatures:
        chroma = np.hstack([*self._chroma_ready, self._chroma.close()])
        rms, centroid, bandwidth, rolloff, flatness = self._shape
        return FrameFeatures(
            S_db=self._S_db,
            chroma=chroma,
            tuning=self._chroma.tuning,
            rms=rms,
            zero_crossing_rate=crossings,
            spectral_centroid=centroid,
            spectral_bandwidth=bandwidth,
            spectral_rolloff=rolloff,
            spectral_flatness=flatness,
            spectral_contrast=self._contrast,
        )
