"""Chroma: energy by pitch class, tuned to the recording.

Each Fourier bin is given to the pitch classes by a Gaussian of its distance in semitones (a bin is
wider than a semitone in the bass, so its width grows there), and weighted towards the octaves around
A5 (D. Ellis, "Chroma feature analysis and synthesis", 2007; as in librosa 0.11 `filters.chroma`, but for
the bins below the lowest note of a piano, which have no weight here: an offset or a rumble is no note).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from earmark.arrays import Bools, Float32, Float64
from earmark.features.spec import FeatureSpec
from earmark.features.tuning import estimate_tuning, first_audible_bin, loudest

_CENTRE_OCTAVE = 5.0  # the octave that counts most, in octaves above A0 = 27.5 Hz
_OCTAVE_WIDTH = 2.0  # standard deviation of the weight, in octaves

# A frame whose strongest pitch class is weaker than a tone 100 dB below full scale is silent: dither and the
# rounding of 16 bits lie below it, and would otherwise weigh as much as music once each frame is normalised.
_SILENT_AMPLITUDE = 1e-5

_TUNING_SECONDS = 60.0  # of sound on which the tuning is estimated
# On at most so many frames of it, evenly spaced: those between look at the same notes again.
_TUNING_FRAMES = 1000
_HELD_VALUES = 2**22  # at most so many float32 are held until the tuning is known: 16 MB


@lru_cache(maxsize=128)  # as many as there are tunings, and some
def chroma_filterbank(spec: FeatureSpec, tuning: float = 0.0) -> Float32:
    """Return the weights of the pitch classes [shape=(n_bins, 12)], C first; do not write to them.

    Parameters
    ----------
    spec : FeatureSpec
        Sampling rate and frame length.
    tuning : float
        Deviation from A4 = 440 Hz in semitones.
    """
    hz = np.arange(1, spec.n_fft) * (spec.sr / spec.n_fft)
    pitch = 12 * np.log2(hz / (440.0 * 2 ** (tuning / 12) / 16))  # semitones above A0
    pitch = np.concatenate([[pitch[0] - 18], pitch])  # 0 Hz has no pitch: any number, its weight is 0
    width = np.concatenate([np.maximum(np.diff(pitch), 1.0), [1.0]])  # of each bin, in semitones
    distance = (pitch - np.arange(12)[:, None] + 6 + 120) % 12 - 6
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=0))
    weights *= np.exp(-0.5 * ((pitch / 12 - _CENTRE_OCTAVE) / _OCTAVE_WIDTH) ** 2)
    weights[:, : first_audible_bin(spec)] = 0
    bank = np.roll(weights, -3, axis=0)[:, : spec.n_bins].T.astype(np.float32)  # from A first to C first
    bank = np.ascontiguousarray(bank)
    bank.flags.writeable = False
    return bank


def chroma(S: Float32, spec: FeatureSpec | None = None, *, tuning: float = 0.0) -> Float32:
    """Return the energy by pitch class of each frame [shape=(12, n_frames)], the greatest being 1.

    Equal to ``librosa.feature.chroma_stft`` with the same tuning (its default is that of `estimate_tuning`)
    where nothing sounds below 27.5 Hz. Frames below -100 dBFS are 0.

    Parameters
    ----------
    S : np.ndarray [shape=(n_bins, n_frames)]
        Magnitudes, of `magnitudes`.
    spec : FeatureSpec
        How they were made.
    tuning : float
        Deviation from A4 = 440 Hz in semitones.
    """
    spec = spec or FeatureSpec()
    power = np.square(S.T, dtype=np.float32)
    return _chroma_of(power, _audible(power, spec), spec, tuning)


def _chroma_of(power: Float32, audible: Bools, spec: FeatureSpec, tuning: float) -> Float32:
    """Return the chroma [shape=(12, k)] of power spectra [shape=(k, n_bins)], 0 where not `audible`."""
    energy = (power @ chroma_filterbank(spec, tuning)).T
    peak = energy.max(axis=0, initial=0)
    sounds = audible & (peak > 0)
    energy *= np.where(sounds, 1 / np.where(sounds, peak, 1), 0)
    return energy


def _audible(power: Float32, spec: FeatureSpec) -> Bools:
    """Return which frames hold anything above -100 dBFS at an audible frequency [shape=(k,)]."""
    tone = (_SILENT_AMPLITUDE * spec.n_fft / 4) ** 2  # power of a tone of that amplitude
    audible: Bools = loudest(power, spec) >= tone
    return audible


class ChromaStream:
    """Chroma of spectra that arrive in pieces, tuned to the recording, in constant memory.

    The tuning is that of the first minute of sound (`estimate_tuning` of its frames, or of every second or
    third where they are more than 1000), leading silence not counted. Until it is known, spectra are held
    back, at most 16 MB of them, and so are their chroma; what `mean` gives in the meantime is tuned by what
    has come so far.

    Parameters
    ----------
    spec : FeatureSpec
        How the spectra are made.

    Examples
    --------
    >>> stream = ChromaStream()
    >>> power = np.ones((10, 1025), dtype=np.float32)
    >>> stream.push(power).shape, stream.mean().shape, stream.close().shape
    ((12, 0), (12,), (12, 10))
    """

    def __init__(self, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        self.n_frames = 0
        self._to_hold = min(self.spec.n_frames(_TUNING_SECONDS), 1 + _HELD_VALUES // self.spec.n_bins)
        self._held: list[tuple[Float32, Bools]] = []  # power, and which frames are not silent
        self._tuning: float | None = None
        self._total = np.zeros(12)  # of the chroma that were given

    @property
    def tuning(self) -> float:
        """Deviation from A4 = 440 Hz in semitones, as far as it is known; 0 before any sound."""
        return self._estimate() if self._tuning is None else self._tuning

    def push(self, power: Float32) -> Float32:
        """Take the power spectra of the next frames and give the chroma of those that are ready.

        Parameters
        ----------
        power : np.ndarray [shape=(k, n_bins)]
            Frames first; not kept.

        Returns
        -------
        np.ndarray [shape=(12, m)]
            None in the first minute, then those held back and the new ones.
        """
        self.n_frames += len(power)
        audible = _audible(power, self.spec)
        if self._tuning is not None:
            return self._counted(_chroma_of(power, audible, self.spec, self._tuning))
        n_silent = 0 if self._held else int(np.append(audible, True).argmax())
        enough = min(n_silent + self._to_hold, len(power))
        self._hold(power[n_silent:enough], audible[n_silent:enough])
        ready = [np.zeros((12, n_silent), dtype=np.float32)]
        if self._to_hold == 0:
            ready.append(self.close())
            rest = _chroma_of(power[enough:], audible[enough:], self.spec, self.tuning)
            ready.append(self._counted(rest))
        return np.hstack(ready)

    def close(self) -> Float32:
        """Settle the tuning and give the chroma that were held back; more may be pushed."""
        if self._tuning is None:
            self._tuning = self._estimate()
        ready = [_chroma_of(*held, self.spec, self._tuning) for held in self._held]
        self._held.clear()
        return self._counted(np.hstack([np.zeros((12, 0), dtype=np.float32), *ready]))

    def mean(self) -> Float64:
        """Return the mean chroma of all frames so far [shape=(12,)], what `estimate_key` takes."""
        tuning = self.tuning
        parts = [_chroma_of(*held, self.spec, tuning).sum(axis=1, dtype=np.float64) for held in self._held]
        total: Float64 = self._total + sum(parts, np.zeros(12))
        return total / max(self.n_frames, 1)

    def _hold(self, power: Float32, audible: Bools) -> None:
        if len(power):
            self._held.append((power.copy(), audible))
            self._to_hold -= len(power)

    def _estimate(self) -> float:
        n = sum(len(power) for power, _ in self._held)
        chosen = np.arange(n) % max(1, -(-n // _TUNING_FRAMES)) == 0
        rows, first = [np.empty((0, self.spec.n_bins), dtype=np.float32)], 0
        for power, audible in self._held:
            rows.append(power[audible & chosen[first : first + len(power)]])
            first += len(power)
        return estimate_tuning(np.concatenate(rows).T, self.spec)

    def _counted(self, chroma: Float32) -> Float32:
        self._total += chroma.sum(axis=1, dtype=np.float64)
        return chroma
