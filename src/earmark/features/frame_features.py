"""Everything that is measured frame by frame, in one pass over one Fourier transform."""

from __future__ import annotations

import dataclasses
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
from earmark.features.stft import Framer, PowerSpectrum, samples, vector
from earmark.features.waveform import ZeroCrossings, frame_rms

if TYPE_CHECKING:
    from earmark.audio import Clip

BLOCK = 65_536  # samples at a time


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
    stream = FrameFeatureStream(spec)
    y = samples(source, spec)
    parts = [stream.push(y[start : start + BLOCK]) for start in range(0, len(y), BLOCK)]
    parts.append(stream.close())
    names = [field.name for field in dataclasses.fields(FrameFeatures) if field.name != "tuning"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names}
    return FrameFeatures(**joined, tuning=parts[-1].tuning)


class FrameFeatureStream:
    """All features of the frames of sound that arrives in blocks, in constant memory.

    Parameters
    ----------
    spec : FeatureSpec
        How; above 12,800 samples a second.

    Raises
    ------
    InputError
        The sampling rate is too low for the spectral contrast.
    """

    def __init__(self, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        contrast_bands(self.spec)  # says so now if the sampling rate is too low
        self._framer = Framer(self.spec.n_fft, self.spec.hop_length)
        self._spectrum = PowerSpectrum(self.spec)
        self._bands = LogBands(self.spec)
        self._chroma = ChromaStream(self.spec)
        self._crossings = ZeroCrossings(self.spec)

    def push(self, block: npt.NDArray[np.floating]) -> FrameFeatures:
        """Take samples and give the features of the frames that are complete now (maybe none).

        Their chroma come late, once the tuning is known: see `ChromaStream`.

        Parameters
        ----------
        block : np.ndarray [shape=(n,)]
            The next samples, floats with full scale 1, at ``spec.sr``.

        Raises
        ------
        InputError, BadSamplesError
            As `FrameStream.push`.
        """
        y = vector(block)
        return self._measure(self._framer.push(y), self._crossings.push(y))

    def close(self) -> FrameFeatures:
        """Give the last frames, and the chroma that were held back; the sound is taken to end in silence."""
        last = self._measure(self._framer.close(), self._crossings.close())
        chroma = np.hstack([last.chroma, self._chroma.close()])
        return dataclasses.replace(last, chroma=chroma, tuning=self._chroma.tuning)

    def _measure(self, frames: Float32, crossings: Float32) -> FrameFeatures:
        k = len(frames)
        S_db = np.empty((self.spec.n_mels, k), dtype=np.float32)
        shape = np.empty((5, k), dtype=np.float32)
        contrast = np.empty((len(contrast_bands(self.spec)[0]), k), dtype=np.float32)
        chroma = [np.empty((12, 0), dtype=np.float32)]
        with np.errstate(over="ignore", invalid="ignore"):  # `LogBands` raises on the outcome
            for place, power in self._spectrum.chunks(frames):
                S_db[:, place] = self._bands(power).T
                chroma.append(self._chroma.push(power))
                shape[0, place] = frame_rms(frames[place])
                shape[1:, place], contrast[:, place] = self._shape(np.sqrt(power).T)
        rms, centroid, bandwidth, rolloff, flatness = shape
        return FrameFeatures(
            S_db=S_db,
            chroma=np.hstack(chroma),
            tuning=0.0,  # known at the end
            rms=rms,
            zero_crossing_rate=crossings,
            spectral_centroid=centroid,
            spectral_bandwidth=bandwidth,
            spectral_rolloff=rolloff,
            spectral_flatness=flatness,
            spectral_contrast=contrast,
        )

    def _shape(self, S: Float32) -> tuple[tuple[Float32, ...], Float32]:
        centroid = spectral_centroid(S, self.spec)
        bandwidth = spectral_bandwidth(S, self.spec, centroid=centroid)
        rolloff = spectral_rolloff(S, self.spec)
        return (centroid, bandwidth, rolloff, spectral_flatness(S)), spectral_contrast(S, self.spec)
