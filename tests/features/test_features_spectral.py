"""Spectral shape, loudness and zero crossings: librosa's numbers, and those that follow from the signal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from feature_sounds import LENGTHS, ROLLOFFS, SHAPE_SPECS, SR, T, golden, shape_signals
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import InputError
from earmark.features import (
    FeatureSpec,
    fft_frequencies,
    magnitudes,
    rms,
    spectral_bandwidth,
    spectral_centroid,
    spectral_contrast,
    spectral_flatness,
    spectral_rolloff,
    zero_crossing_rate,
)

SIGNALS = {name: y.astype(np.float32) for name, y in shape_signals().items()}
OTHER = SHAPE_SPECS["other"]  # 501 bins: no power of two anywhere
CASES = pytest.mark.parametrize(("name", "signal"), list(itertools.product(SHAPE_SPECS, SIGNALS)))


def sounding(S: np.ndarray) -> np.ndarray:
    """Frames with sound: of what is left in digital silence each library's rounding decides."""
    return S.sum(axis=0) > 1e-3


@CASES
def test_spectrum_equals_librosas(name: str, signal: str) -> None:
    y, spec, theirs = SIGNALS[signal], SHAPE_SPECS[name], golden()
    S = magnitudes(y, spec)
    loud, case = sounding(S), f"{name}/{signal}"
    # float32, peaks near 500
    np.testing.assert_allclose(S[::5, [10, 64, 100]], theirs[f"magnitudes/{case}"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spectral_centroid(S, spec)[loud], theirs[f"centroid/{case}"][loud], rtol=1e-4)
    np.testing.assert_allclose(
        spectral_bandwidth(S, spec)[loud], theirs[f"bandwidth/{case}"][loud], rtol=1e-4
    )
    np.testing.assert_allclose(spectral_flatness(S), theirs[f"flatness/{case}"], rtol=1e-3, atol=1e-7)
    raised = np.maximum(S, S.max() * 1e-7)  # librosa's cut at 80 dB below the clip's loudest does not bite
    np.testing.assert_allclose(spectral_contrast(raised, spec), theirs[f"contrast/{case}"], atol=1e-3)  # dB


@pytest.mark.parametrize("roll_percent", ROLLOFFS)
@CASES
def test_rolloff(name: str, signal: str, roll_percent: float) -> None:
    """The order of a float32 sum may move it by a bin where it falls on an edge, hardly ever."""
    spec = SHAPE_SPECS[name]
    S = magnitudes(SIGNALS[signal], spec)
    theirs = golden()[f"rolloff/{roll_percent}/{name}/{signal}"]
    off = np.abs(spectral_rolloff(S, spec, roll_percent=roll_percent) - theirs)[sounding(S)]
    assert off.max() <= 1.01 * spec.sr / spec.n_fft
    assert (off > 0).mean() < 0.02


@CASES
def test_waveform_equals_librosas(name: str, signal: str) -> None:
    y, spec = SIGNALS[signal], SHAPE_SPECS[name]
    np.testing.assert_allclose(rms(y, spec), golden()[f"rms/{name}/{signal}"], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(zero_crossing_rate(y, spec), golden()[f"zcr/{name}/{signal}"], atol=1e-7)


@pytest.mark.parametrize("n", LENGTHS)
def test_short_sounds(n: int) -> None:
    y = SIGNALS["noise"][:n].astype(np.float32)
    frames = 1 + n // 512
    assert magnitudes(y).shape == (1025, frames)
    assert rms(y).shape == zero_crossing_rate(y).shape == (frames,)
    np.testing.assert_allclose(zero_crossing_rate(y), golden()[f"zcr/{n}"], atol=1e-7)


@pytest.mark.parametrize("hz", [100.0, 440.0, 5000.0])
def test_a_tone_is_where_it_is(hz: float) -> None:
    y = np.sin(2 * np.pi * hz * T).astype(np.float32)
    S = magnitudes(y)[:, 3:-3]  # frames that lie wholly within the tone
    bin_hz = SR / 2048
    assert np.abs(spectral_centroid(S) - hz).max() < bin_hz / 2
    assert np.abs(spectral_rolloff(S) - hz).max() < 2 * bin_hz
    assert spectral_bandwidth(S).max() < 5 * bin_hz
    assert spectral_flatness(S).max() < 1e-4
    np.testing.assert_allclose(rms(y)[3:-3], np.sqrt(0.5), rtol=0.01)  # the last period is cut
    np.testing.assert_allclose(zero_crossing_rate(y)[3:-3], 2 * hz / SR, atol=1 / 2048)


def test_white_noise_is_flat() -> None:
    S = magnitudes(SIGNALS["noise"].astype(np.float32))[:, 3:-3]
    # The mean of the log of a chi-squared power is -0.577 (Euler's constant) below the log of its mean.
    np.testing.assert_allclose(spectral_flatness(S).mean(), np.exp(-np.euler_gamma), rtol=0.02)
    np.testing.assert_allclose(spectral_centroid(S).mean(), SR / 4, rtol=0.02)
    np.testing.assert_allclose(spectral_rolloff(S).mean(), 0.85 * SR / 2, rtol=0.02)
    np.testing.assert_allclose(spectral_bandwidth(S).mean(), SR / 2 / np.sqrt(12), rtol=0.02)


def test_silence_has_a_shape_without_nan() -> None:
    S = np.zeros((1025, 5), dtype=np.float32)
    for values in (spectral_centroid(S), spectral_bandwidth(S), spectral_rolloff(S), spectral_contrast(S)):
        assert (values == 0).all()
    np.testing.assert_allclose(spectral_flatness(S), 1, rtol=1e-3)  # every bin at the floor
    assert (zero_crossing_rate(np.zeros(3000, np.float32)) == 0).all()


@given(gain_db=st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_loudness_changes_no_shape(gain_db: float) -> None:
    gain = np.float32(10 ** (gain_db / 20))
    S = magnitudes(SIGNALS["noise"][:20_000].astype(np.float32))
    np.testing.assert_allclose(spectral_centroid(gain * S), spectral_centroid(S), rtol=1e-4)
    np.testing.assert_allclose(spectral_bandwidth(gain * S), spectral_bandwidth(S), rtol=1e-4)
    np.testing.assert_allclose(spectral_contrast(gain * S), spectral_contrast(S), atol=1e-3)
    assert np.abs(spectral_rolloff(gain * S) - spectral_rolloff(S)).max() < 1.01 * SR / 2048


def test_frequencies() -> None:
    np.testing.assert_allclose(fft_frequencies(OTHER), np.arange(501) * 16.0)


def test_what_has_no_contrast_says_so() -> None:
    with pytest.raises(InputError, match=r"sr=8000, n_fft=2048\. Accepted: sr > 12800"):
        spectral_contrast(np.ones((1025, 2), np.float32), FeatureSpec(sr=8000))
    with pytest.raises(InputError, match=r"n_fft=64"):
        spectral_contrast(np.ones((33, 2), np.float32), FeatureSpec(n_fft=64, hop_length=32))


@pytest.mark.parametrize("roll_percent", [0.0, 1.0, -1, float("nan")])
def test_a_rolloff_outside_0_to_1_is_refused(roll_percent: float) -> None:
    with pytest.raises(InputError, match="roll_percent="):
        spectral_rolloff(np.ones((1025, 2), np.float32), roll_percent=roll_percent)
