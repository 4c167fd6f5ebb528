"""FeatureSpec: every number that changes the log-mel array, and one digest of them all."""

from __future__ import annotations

import dataclasses
import functools
import numbers
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from earmark.errors import InputError
from earmark.rates import DEFAULT_SR, HIGHEST_SR, LOWEST_SR
from earmark.storage import digest

_SCHEMA = "earmark.features/1"  # raised when the same numbers begin to mean another array


@dataclass(frozen=True)
class FeatureSpec:
    """How sound becomes a log-mel spectrogram.

    The defaults are librosa's own (0.11), so that any of its users gets the same numbers. There is no
    statistic of the whole clip in it (no ``ref=max``, no ``top_db``): a file, an upload and a microphone
    agree.

    Parameters
    ----------
    sr : int
        Samples per second of the sound.
    n_fft : int
        Length of a frame and of its Hann window in samples; even.
    hop_length : int
        Samples from one frame to the next; at most ``n_fft``, and at most a second.
    n_mels : int
        Number of mel bands.
    fmin, fmax : float
        Lowest and highest frequency in Hz; ``fmax=None`` means ``sr / 2``.
    power : {2.0, 1.0}
        Whether the bands sum power (2) or magnitude (1).
    htk : bool
        Whether the mel scale is HTK's formula instead of Slaney's.
    norm : {"slaney", None}
        Whether each band has unit area, or a peak of one.
    amin : float
        Power below which a band counts as silent: the floor is ``10 * log10(amin)`` dB.
    scaling : {"db"}
        Absolute decibels with reference 1.

    Raises
    ------
    InputError
        A value is out of range; the message names ``field=value``.

    Examples
    --------
    >>> FeatureSpec().n_frames(3.0)
    130
    >>> FeatureSpec(hop_length=0)
    Traceback (most recent call last):
    earmark.errors.InputError: hop_length=0. Accepted: an int from 1 to n_fft=2048.
    """

    sr: int = DEFAULT_SR
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    power: float = 2.0
    htk: bool = False
    norm: str | None = "slaney"
    amin: float = 1e-10
    scaling: str = "db"

    def __post_init__(self) -> None:
        # Numbers of NumPy become Python's own, which JSON knows.
        for field in ("sr", "n_fft", "hop_length", "n_mels"):
            object.__setattr__(self, field, _plain_int(getattr(self, field)))
        if type(self.htk).__name__ == "bool":  # NumPy's, too
            object.__setattr__(self, "htk", bool(self.htk))
        self._require("sr", _is_int(LOWEST_SR, HIGHEST_SR), f"an int from {LOWEST_SR} to {HIGHEST_SR} (Hz)")
        self._require(
            "n_fft", lambda n: _is_int(16, 65_536)(n) and n % 2 == 0, "an even int from 16 to 65536"
        )
        longest = min(self.n_fft, self.sr)
        named = f"n_fft={self.n_fft}" if longest == self.n_fft else f"sr={self.sr}, one second"
        self._require("hop_length", _is_int(1, longest), f"an int from 1 to {named}")
        self._require("n_mels", _is_int(1, 2_048), "an int from 1 to 2048")
        nyquist = self.sr / 2
        self._require("fmin", lambda f: _is_number(f) and 0 <= f < nyquist, f"Hz, from 0 to below {nyquist}")
        self._require(
            "fmax",
            lambda f: f is None or (_is_number(f) and self.fmin < f <= nyquist),
            f"Hz above fmin={self.fmin} and at most sr/2={nyquist}, or None for sr/2",
        )
        self._require("power", lambda p: _is_number(p) and p in (1, 2), "2.0 (power) or 1.0 (magnitude)")
        self._require("htk", lambda flag: isinstance(flag, bool), "True or False")
        self._require("norm", lambda norm: norm in ("slaney", None), "'slaney' or None")
        self._require("amin", lambda a: _is_number(a) and 1e-30 <= a <= 1, "a power from 1e-30 to 1")
        self._require("scaling", lambda name: name == "db", "'db'")
        for field in ("fmin", "fmax", "power", "amin"):  # 0 and 0.0 must give one digest
            value = getattr(self, field)
            if value is not None:
                object.__setattr__(self, field, float(value))

    def _require(self, field: str, accepts: Callable[[Any], bool], accepted: str) -> None:
        value = getattr(self, field)
        if not accepts(value):
            raise InputError(f"{field}={value!r}", hint=f"Accepted: {accepted}.")

    @property
    def top_hz(self) -> float:
        """Highest frequency in Hz: ``fmax``, or half the sampling rate."""
        return self.sr / 2 if self.fmax is None else self.fmax

    @property
    def n_bins(self) -> int:
        """Number of frequencies of the Fourier transform, from 0 to ``sr / 2``."""
        return self.n_fft // 2 + 1

    @property
    def floor_db(self) -> float:
        """Level of silence in dB."""
        return self.to_db(self.amin)

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits that change whenever the array would."""
        facts = {**self.to_dict(), "fmax": self.top_hz, "schema": _SCHEMA}
        return digest(facts)

    def n_frames(self, seconds: float) -> int:
        """Return the number of frames of a sound of so many seconds: the first is centred on its start."""
        return 1 + round(seconds * self.sr) // self.hop_length

    def seconds(self, n_frames: int) -> float:
        """Return the time in s from the first frame's centre to that of the frame ``n_frames`` later."""
        return n_frames * self.hop_length / self.sr

    def to_db(self, power: float) -> float:
        """Return one power (not magnitude) in dB, as the log-mel gives it."""
        import math

        return 10 * math.log10(max(power, self.amin))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec of `to_dict`; fields that are missing have their defaults.

        Raises
        ------
        InputError
            A key is not a field, or a value is out of range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for key in facts:
            if key not in known:
                raise InputError(f"unknown field {key}={facts[key]!r}", hint=f"Accepted: {', '.join(known)}.")
        return cls(**facts)


def _is_int(low: int, high: int) -> Callable[[Any], bool]:
    return lambda n: isinstance(n, int) and not isinstance(n, bool) and low <= n <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _plain_int(value: Any) -> Any:
    """Return anything that counts as an index as an int; the rest as it is, to be refused."""
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return value
