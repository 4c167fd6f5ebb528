"""The log-mel of a whole sound or of a stream, the same numbers either way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32
from earmark.errors import BadSamplesError, InputError
from earmark.features.chroma import ChromaStream
from earmark.features.mel import mel_bands
from earmark.features.spec import FeatureSpec
from earmark.features.stft import CHUNK, Framer, PowerSpectrum, samples, vector

if TYPE_CHECKING:
    from earmark.audio import Clip

_LOUDEST = 1e30  # power of a band, of which a network can still sum a window in single precision
_BLOCK = 65_536  # samples: what a decoder hands over at a time


@dataclass(frozen=True, eq=False)
class Frames:
    """Some consecutive frames.

    Parameters
    ----------
    S_db : np.ndarray [shape=(n_mels, k)]
        Log-mel spectrogram in absolute dB, float32.
    chroma : np.ndarray [shape=(12, m)] or None
        Energy by pitch class, C first, each frame's greatest 1, of the frames that are ready: they come
        late, once the tuning of the recording is known (see `ChromaStream`). Only where it was asked for.
    start : int
        Index of the first of these frames in the stream.
    """

    S_db: Float32
    chroma: Float32 | None
    start: int


class FrameStream:
    """Log-mel frames of sound that arrives in blocks, in constant memory.

    Parameters
    ----------
    spec : FeatureSpec
        How; the default is librosa's.
    chroma : bool or ChromaStream
        Whether to give the chroma of the same spectra as well. A `ChromaStream` that is passed in takes them
        in and stays open at the end, so that several excerpts of a recording have one tuning and one mean.
    spectra : callable, optional
        Is called with the power spectra of the next frames [shape=(k, n_bins)], which are valid until it
        returns: what `TonalStream.push` takes.

    Notes
    -----
    Whatever the division into blocks, the log-mel frames are those of `log_mel` of the whole, bit for bit.

    Examples
    --------
    >>> stream = FrameStream(FeatureSpec())
    >>> block = np.zeros(22050, dtype=np.float32)
    >>> stream.push(block).S_db.shape, stream.close().S_db.shape
    ((128, 42), (128, 2))
    """

    def __init__(
        self,
        spec: FeatureSpec | None = None,
        *,
        chroma: bool | ChromaStream = False,
        spectra: Callable[[Float32], object] | None = None,
    ) -> None:
        self.spec = spec or FeatureSpec()
        self.n_frames = 0
        self._framer = Framer(self.spec.n_fft, self.spec.hop_length)
        self._spectrum = PowerSpectrum(self.spec)
        self._bands = LogBands(self.spec)
        self._chroma = (
            chroma if isinstance(chroma, ChromaStream) else ChromaStream(self.spec) if chroma else None
        )
        self._closes_chroma = chroma is True
        self._spectra = spectra
        self._closed = False

    def push(self, block: npt.NDArray[np.floating]) -> Frames:
        """Take samples and give the frames that are complete now (maybe none).

        Parameters
        ----------
        block : np.ndarray [shape=(n,)]
            The next samples, floats with full scale 1, at ``spec.sr``.

        Raises
        ------
        InputError
            The block is not a vector of floats, or the stream is closed.
        BadSamplesError
            NaN, infinite or absurdly large samples.
        """
        if self._closed:
            raise InputError("push() after close()", hint="Try: a new FrameStream for each sound.")
        return self._render(self._framer.push(vector(block)))

    def close(self) -> Frames:
        """Give the last frames; the sound is taken to end in silence."""
        if self._closed:
            raise InputError("close() after close()", hint="Try: a new FrameStream for each sound.")
        self._closed = True
        last = self._render(self._framer.close())
        if self._chroma is None or last.chroma is None or not self._closes_chroma:
            return last
        return Frames(last.S_db, np.hstack([last.chroma, self._chroma.close()]), last.start)

    def ahead(self, block: Float32) -> Float32:
        """Return the frames [shape=(n_mels, k)] that `push` would give for a block, and take nothing in."""
        other = copy.copy(self)
        other._framer, other._chroma, other._spectra = copy.copy(self._framer), None, None
        return other.push(block).S_db

    def _render(self, frames: Float32) -> Frames:
        start, k = self.n_frames, len(frames)
        S_db = np.empty((self.spec.n_mels, k), dtype=np.float32)
        chroma = [np.empty((12, 0), dtype=np.float32)]
        with np.errstate(over="ignore", invalid="ignore"):  # `LogBands` raises on the outcome
            for place, power in self._spectrum.chunks(frames, first=start):
                S_db[:, place] = self._bands(power, row=(start + place.start) % CHUNK).T
                if self._chroma is not None:
                    chroma.append(self._chroma.push(power))
                if self._spectra is not None:
                    self._spectra(power)
        self.n_frames += k
        return Frames(S_db, None if self._chroma is None else np.hstack(chroma), start)


class LogBands:
    """Mel bands in dB of up to CHUNK power spectra, in a buffer that is used again."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._power = spec.power
        self._amin = spec.amin ** (spec.power / 2)
        self._bands = mel_bands(spec, CHUNK)
        self._mel = np.empty((CHUNK, spec.n_mels), dtype=np.float32)
        self._filled = np.zeros((CHUNK, spec.n_bins), dtype=np.float32)

    def __call__(self, power: Float32, *, row: int = 0) -> Float32:
        """Return the bands [shape=(k, n_mels)] of ``power`` [shape=(k, n_bins)], valid until the next call.

        The order in which BLAS adds depends on the number of rows and on the place of a row among them. So
        the product is always of CHUNK rows: a frame at the same `row` always gives the same bits.

        Raises
        ------
        BadSamplesError
            A band is NaN or above `_LOUDEST`: the samples were NaN, infinite or absurdly large.
        """
        S = power if self._power == 2 else np.sqrt(power)
        rows = slice(row, row + len(S))
        if len(S) < CHUNK:
            self._filled[rows] = S
            S = self._filled
        mel = self._bands(S, self._mel)[rows]
        # The greatest is NaN or infinite if any is: a hundredth of the work of looking at each sample.
        if not mel.max(initial=0) < _LOUDEST:
            raise BadSamplesError(
                "NaN, infinite or far too large samples", hint="Accepted: finite samples; full scale is 1.0."
            )
        np.maximum(mel, self._amin, out=mel)
        np.log10(mel, out=mel)
        return np.multiply(mel, np.float32(20 / self._power), out=mel)


def log_mel(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Float32:
    """Return the log-mel spectrogram of a whole sound.

    Equal to ``librosa.power_to_db(librosa.feature.melspectrogram(y=y, ...), ref=1.0, top_db=None)`` of
    librosa 0.11 with the values of ``spec`` (with ``power=1``, to ``amplitude_to_db``), within 0.01 dB
    wherever the power is above 1e-8: there the rounding of the float32 transform ends to matter.

    Parameters
    ----------
    source : Clip or np.ndarray [shape=(n,)]
        Mono sound; an array is taken to have the rate ``spec.sr``.
    spec : FeatureSpec
        How; the default is librosa's.

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n // hop_length)]
        Absolute dB, float32.

    Raises
    ------
    EmptyAudioError
        There are no samples.
    InputError
        The array is not a vector of floats, or the clip has another sampling rate.
    BadSamplesError
        NaN, infinite or absurdly large samples.
    """
    spec = spec or FeatureSpec()
    y = samples(source, spec)
    stream = FrameStream(spec)
    S_db = np.empty((spec.n_mels, 1 + len(y) // spec.hop_length), dtype=np.float32)
    for start in range(0, len(y), _BLOCK):
        frames = stream.push(y[start : start + _BLOCK])
        S_db[:, frames.start : stream.n_frames] = frames.S_db
    last = stream.close()
    S_db[:, last.start :] = last.S_db
    return S_db
