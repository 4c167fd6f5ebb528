"""Augmentation of log-mel windows by what rooms, phones, noise and DJs do to music, in named steps.

All of it happens on the log-mel itself, thousands of times faster than on samples, so that every batch can be
augmented anew. How good that is, step by step (the tests hold each against the same step on samples,
`earmark.train.augment_audio`):

============  ==========================================================================================
gain          exact, down to the floor of the front end
mixup         exact: it is defined on the input of the network; the training loop does it, as it mixes targets
specaugment   exact, likewise
time-shift    exact but for the seam: what leaves the window at its end comes in at its start
eq            good, for gains that change little within a band
noise         good: powers add, on average over the phases
room          good: a band's power, convolved with the decay of that band's power; phases are left out
pitch         fair: the axis is warped, so what was one partial may be wider than it should
stretch       fair: frames are interpolated, so onsets soften or sharpen
codec         a caricature: band limit, holes below the masking threshold, ripple
============  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError, suggestion
from earmark.features import FeatureSpec, hz_to_mel, mel_filterbank, mel_frequencies

Array = npt.NDArray[np.float32]
Rng = np.random.Generator

MIXUP = "mixup"
DEFAULT = ("pitch", "stretch", "time-shift", "eq", "gain", "specaugment", MIXUP)
_ALPHA = 0.3  # of mixup


@dataclass(frozen=True)
class Step:
    """A step of augmentation.

    Parameters
    ----------
    name : str
        Name of the step.
    summary : str
        One line.
    fraction : float
        Fraction of the windows that it is applied to; for mixup the parameter of its Beta distribution.
    apply : callable or None
        Windows in dB [shape=(n, n_mels, n_frames)], spec and generator to windows of the same shape.
    """

    name: str
    summary: str
    fraction: float
    apply: Callable[[Array, FeatureSpec, Rng], Array] | None


class Augmentation:
    """Steps in the order given, each on some windows of a batch.

    Parameters
    ----------
    steps : sequence of str
        Names of `STEPS`, ``"default"`` for `DEFAULT`, ``"all"``; ``"noise=0.5"`` states the fraction of
        windows (of mixup the parameter of its Beta distribution); ``"-noise"`` leaves out a step that a name
        before it included.
    spec : FeatureSpec
        How the log-mels were made.

    Attributes
    ----------
    mixup : float
        For the training loop: 0 if it is off.

    Raises
    ------
    InputError
        A step that is not known, or a fraction out of range.

    Examples
    --------
    >>> augment = Augmentation(["default", "noise=0.2", "-pitch"])
    >>> X = augment(X, np.random.default_rng(0))
    """

    def __init__(self, steps: Sequence[str], *, spec: FeatureSpec | None = None) -> None:
        self.spec = spec or FeatureSpec()
        self.fractions = _parsed(steps)
        self.mixup = self.fractions.get(MIXUP, 0.0)

    def __repr__(self) -> str:
        steps = ", ".join(f"{name}={fraction:g}" for name, fraction in self.fractions.items())
        return f"Augmentation({steps}; {self.spec.digest})"

    def __call__(self, X: Array, rng: Rng) -> Array:
        """Augmented copies.

        Parameters
        ----------
        X : np.ndarray, float32 [shape=(n, n_mels, n_frames)]
            Log-mel windows in dB; not written to.
        rng : np.random.Generator
            Chance.

        Returns
        -------
        np.ndarray, float32 [shape=(n, n_mels, n_frames)]
        """
        X = X.copy()
        for name, fraction in self.fractions.items():
            apply = STEPS[name].apply
            rows = np.flatnonzero(rng.random(len(X)) < fraction)
            if apply is not None and len(rows):
                X[rows] = apply(X[rows], self.spec, rng)
        augmented: Array = np.maximum(X, np.float32(self.spec.floor_db))
        return augmented


def _parsed(steps: Iterable[str]) -> dict[str, float]:
    """Fraction of each step, in order."""
    fractions: dict[str, float] = {}
    for text in steps:
        name, _, value = text.partition("=")
        if name in ("default", "all"):
            names = DEFAULT if name == "default" else tuple(STEPS)
            fractions |= {each: STEPS[each].fraction for each in names if each not in fractions}
        elif name.startswith("-"):
            fractions.pop(_known(name[1:]), None)
        else:
            default = STEPS[_known(name)].fraction
            fractions[name] = _fraction(text, value) if value else default
    return fractions


def _known(name: str) -> str:
    if name not in STEPS:
        raise InputError(
            f"there is no augmentation {name!r}",
            hint=f"{suggestion(name, STEPS)}Accepted: {', '.join(STEPS)}.",
        )
    return name


def _fraction(text: str, value: str) -> float:
    try:
        fraction = float(value)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise InputError(f"augment={text!r}", hint="Accepted: a fraction from 0 to 1 after the equals sign.")
    return fraction


# ---------------------------------------------------------------- steps


def gain(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Louder or softer: a deviation of 6 dB."""
    return _float32(S_db + rng.normal(0, 6, (len(S_db), 1, 1)))


def eq(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """A smooth curve of gains through six random points, of 3 dB each."""
    points = rng.normal(0, 3, (len(S_db), 6))
    places = np.linspace(0, 5, S_db.shape[1])
    curves = np.stack([np.interp(places, np.arange(6), row) for row in points])
    return _float32(S_db + curves[:, :, None])


def time_shift(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Begin at another frame and go round."""
    n_frames = S_db.shape[2]
    starts = rng.integers(n_frames, size=len(S_db))
    places = (starts[:, None] + np.arange(n_frames)) % n_frames
    return np.take_along_axis(S_db, places[:, None], axis=2)


def pitch(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Up to two semitones up or down, at the same speed."""
    ratios = 2 ** (rng.uniform(-2, 2, len(S_db)) / 12)
    return pitched(S_db, spec, ratios)


def pitched(S_db: Array, spec: FeatureSpec, ratios: np.ndarray) -> Array:
    """Windows whose frequencies are multiplied.

    The power of a density P(f) comes to lie at P(f / r) / r. Nothing is known above the top of the front
    end: there the top band is repeated.
    """
    centres = mel_frequencies(spec)
    bottom, top = hz_to_mel([spec.fmin, spec.top_hz], htk=spec.htk)
    sources = hz_to_mel(centres / np.asarray(ratios)[:, None], htk=spec.htk)
    places = (sources - bottom) / (top - bottom) * (spec.n_mels + 1) - 1
    level = 10 * np.log10(np.asarray(ratios))[:, None, None]
    return _float32(_interpolated(S_db, places, axis=1) - level)


def stretch(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Up to 15 % faster or slower, at the same pitch."""
    return stretched(S_db, rng.uniform(0.85, 1.15, len(S_db)))


def stretched(S_db: Array, rates: np.ndarray) -> Array:
    """Windows played faster (above 1) or slower; the missing end is filled from the start."""
    n_frames = S_db.shape[2]
    places = np.arange(n_frames) * np.asarray(rates)[:, None]
    return _interpolated(S_db, np.where(places > n_frames - 1, places - (n_frames - 1), places), axis=2)


def noise(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Noise between white and brown, 5 to 30 dB below the window."""
    n, _, n_frames = S_db.shape
    octaves = np.log2(np.maximum(mel_frequencies(spec), 50) / 1000)
    colour = 10 ** (-rng.uniform(0, 6, (n, 1)) * octaves / 10)  # up to -6 dB an octave
    # A band sums the powers of several bins, each distributed exponentially.
    weights = mel_filterbank(spec)
    bins = np.maximum(weights.sum(1) ** 2 / np.maximum((weights**2).sum(1), 1e-12), 1)
    ripple = rng.gamma(bins[:, None], 1 / bins[:, None], (n, spec.n_mels, n_frames))
    return with_noise(S_db, colour[:, :, None] * ripple, np.asarray(rng.uniform(5, 30, n)), spec)


def with_noise(S_db: Array, noise_power: np.ndarray, ratios_db: np.ndarray, spec: FeatureSpec) -> Array:
    """Windows with noise of that power added, scaled to a ratio of signal to noise over the window.

    Power over all frequencies is the sum over the bands of density by width.
    """
    widths = np.gradient(mel_frequencies(spec))[:, None]
    power = _power(S_db)
    wanted = (power * widths).sum(1).mean(1) * 10 ** (-np.asarray(ratios_db) / 10)
    had = (noise_power * widths).sum(1).mean(1)
    return _db(power + noise_power * (wanted / np.maximum(had, 1e-30))[:, None, None], spec)


def room(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """A room with a reverberation time of 0.2 to 1.2 s, shorter at high frequencies."""
    n = len(S_db)
    low_s = rng.uniform(0.2, 1.2, n)
    return reverberant(S_db, spec, low_s, rng.uniform(0.3, 0.9, n), rng.uniform(-6, 9, n))


def reverberant(
    S_db: Array, spec: FeatureSpec, low_s: np.ndarray, high_by_low: np.ndarray, direct_db: np.ndarray
) -> Array:
    """Windows with the reverberation of rooms whose power decays exponentially, band by band.

    Parameters
    ----------
    low_s : np.ndarray [shape=(n,)]
        Time to decay by 60 dB at low frequencies, in s.
    high_by_low : np.ndarray [shape=(n,)]
        That time at the top band by that at the bottom, along a line in mel.
    direct_db : np.ndarray [shape=(n,)]
        Direct sound by all reverberation.
    """
    n_mels, n_frames = S_db.shape[1:]
    bend = 1 - (1 - np.asarray(high_by_low)[:, None]) * np.linspace(0, 1, n_mels)
    seconds = (np.asarray(low_s)[:, None] * bend)[:, :, None]
    tail = 10 ** (-6 * spec.seconds(1) * np.arange(n_frames) / seconds)
    direct = 10 ** (np.asarray(direct_db)[:, None, None] / 10)
    kernel = tail / tail.sum(2, keepdims=True)
    kernel[:, :, :1] += direct
    kernel /= 1 + direct
    # Round and round: what the room still holds when the window begins is taken from the window's end.
    spectrum = np.fft.rfft(_power(S_db), axis=2) * np.fft.rfft(kernel, axis=2)
    return _db(np.fft.irfft(spectrum, n_frames, axis=2), spec)


def codec(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """A few bits a second: a band limit from 4 to 11 kHz, holes and ripple."""
    n = len(S_db)
    limit_hz = rng.uniform(4000, 11000, (n, 1))
    above = 60 * np.maximum(0, np.log2(mel_frequencies(spec) / limit_hz))[:, :, None]  # dB
    around = S_db.copy()
    for distance in (1, 2, 3, 4):  # loudest within four bands: a rough masker
        around[:, distance:] = np.maximum(around[:, distance:], S_db[:, :-distance])
        around[:, :-distance] = np.maximum(around[:, :-distance], S_db[:, distance:])
    masked = S_db < around - rng.uniform(9, 20, (n, 1, 1))
    ripple = rng.normal(0, 1, S_db.shape)
    return _float32(S_db - 15 * masked - above + ripple)


def specaugment(S_db: Array, spec: FeatureSpec, rng: Rng) -> Array:
    """Two bands (up to an eighth of the axis each) and two spans (up to a fifth) set to the mean.

    After D. S. Park et al., "SpecAugment", Interspeech 2019 (arXiv 1904.08779), without their warping.
    """
    S_db = S_db.copy()
    n_mels, n_frames = S_db.shape[1:]
    for window in S_db:
        mean = window.mean()
        for _ in range(2):
            height, width = rng.integers(0, n_mels // 8 + 1), rng.integers(0, n_frames // 5 + 1)
            low = rng.integers(0, n_mels - height + 1)
            begin = rng.integers(0, n_frames - width + 1)
            window[low : low + height] = mean
            window[:, begin : begin + width] = mean
    return S_db


STEPS = {
    step.name: step
    for step in (
        Step("pitch", "up to two semitones up or down", 0.5, pitch),
        Step("stretch", "up to 15 % faster or slower", 0.5, stretch),
        Step("time-shift", "begin elsewhere in the window", 1.0, time_shift),
        Step("eq", "a smooth random equaliser", 0.5, eq),
        Step("room", "reverberation of a random room", 0.3, room),
        Step("noise", "white to brown noise, 5 to 30 dB below", 0.3, noise),
        Step("codec", "band limit, holes and ripple of few bits a second", 0.2, codec),
        Step("gain", "louder or softer by some 6 dB", 0.5, gain),
        Step("specaugment", "bands and spans set to the mean", 0.7, specaugment),
        Step(MIXUP, "two windows and their labels blended", _ALPHA, None),
    )
}


def _power(S_db: Array) -> np.ndarray:
    return np.asarray(np.exp(S_db.astype(np.float64) * (np.log(10) / 10)))


def _db(power: np.ndarray, spec: FeatureSpec) -> Array:
    return _float32(10 * np.log10(np.maximum(power, spec.amin)))


def _float32(values: np.ndarray) -> Array:
    return np.asarray(values, dtype=np.float32)


def _interpolated(S_db: Array, places: np.ndarray, *, axis: int) -> Array:
    """Values at fractional places [shape=(n, length)] of one axis, in between along a line."""
    length = S_db.shape[axis]
    places = np.clip(places, 0, length - 1)
    below = np.minimum(places.astype(int), length - 2)
    fraction = _float32(places - below)
    expand = (slice(None), slice(None), None) if axis == 1 else (slice(None), None, slice(None))
    low = np.take_along_axis(S_db, below[expand], axis=axis)
    high = np.take_along_axis(S_db, below[expand] + 1, axis=axis)
    return low + (high - low) * fraction[expand]
