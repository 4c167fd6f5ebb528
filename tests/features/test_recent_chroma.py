"""The chroma of the last minute of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.features import ChromaStream, FeatureSpec, RecentChroma, estimate_key
from earmark.features.stft import Framer, PowerSpectrum

SPEC = FeatureSpec()
SR = SPEC.sr
TRIADS = {"C major": (261.63, 329.63, 392.0), "F# minor": (369.99, 440.0, 554.37)}


def spectra(key: str, seconds: float, *, cents: float = 0.0) -> np.ndarray:
    """Power spectra of a chord [shape=(k, n_bins)]."""
    t = np.arange(round(seconds * SR)) / SR
    y = sum(np.sin(2 * np.pi * hz * 2 ** (cents / 1200) * t) for hz in TRIADS[key]) * 0.1
    frames = Framer(SPEC.n_fft, SPEC.hop_length).push(y.astype(np.float32))
    return np.concatenate([power.copy() for _, power in PowerSpectrum(SPEC).chunks(frames)])


def test_what_the_stream_gives_is_not_changed() -> None:
    power = spectra("C major", 70)
    plain, recent = ChromaStream(), RecentChroma()
    for start in range(0, len(power), 97):
        expected = plain.push(power[start : start + 97])
        np.testing.assert_array_equal(recent.push(power[start : start + 97]), expected)
        recent.recent_mean()
    np.testing.assert_array_equal(recent.mean(), plain.mean())


def test_in_the_first_minute_it_is_the_mean_of_all_with_the_tuning_so_far() -> None:
    power = spectra("C major", 9, cents=30)
    plain, recent = ChromaStream(), RecentChroma()
    for start in range(0, len(power), 11):
        plain.push(power[start : start + 11])
        recent.push(power[start : start + 11])
    np.testing.assert_allclose(recent.recent_mean(), plain.mean(), atol=1e-5)
    assert recent.tuning == pytest.approx(0.3, abs=0.03)


def test_only_the_last_seconds_count() -> None:
    recent = RecentChroma(seconds=20.0)
    for key, seconds in (("C major", 65), ("F# minor", 21)):
        power = spectra(key, seconds)
        for start in range(0, len(power), 11):
            recent.push(power[start : start + 11])
        assert estimate_key(recent.recent_mean()) == key
    assert len(recent._sums) < 90
