"""Spectral shape, loudness and zero crossings: librosa's numbers, and those that follow from the signal."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
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

SR = 22050
T = np.arange(3 * SR) / SR
RNG = np.random.default_rng(11)
SPEC = FeatureSpec()
OTHER = FeatureSpec(sr=16000, n_fft=1000, hop_length=300)  # 501 bins: no power of two anywhere

SIGNALS = {
    "noise": 0.3 * RNG.standard_normal(len(T)),
    "brown noise": np.cumsum(RNG.standard_normal(len(T))) / 300,
    "tone": 0.5 * np.sin(2 * np.pi * 1000.3 * T),
    "sweep": 0.8 * np.sin(2 * np.pi * (50 * T + 0.5 * 9000 / 3 * T**2)),
    "pulses": np.sign(np.sin(2 * np.pi * 110 * T)) * np.exp(-4 * (T % 0.5)),
    "gated noise": 0.3 * RNG.standard_normal(len(T)) * (T % 1 < 0.5),
}


@pytest.fixture(params=SIGNALS)
def y(request: pytest.FixtureRequest) -> np.ndarray:
    return SIGNALS[request.param].astype(np.float32)


@pytest.fixture(params=[SPEC, OTHER], ids=["default", "other"])
def spec(request: pytest.FixtureRequest) -> FeatureSpec:
    return request.param


def heard(S: np.ndarray) -> np.ndarray:
    """Frames with sound: of what is left in digital silence each library's rounding decides."""
    return S.sum(axis=0) > 1e-3


def test_magnitudes(y: np.ndarray, spec: FeatureSpec) -> None:
    theirs = np.abs(librosa.stft(y, n_fft=spec.n_fft, hop_length=spec.hop_length))
    np.testing.assert_allclose(magnitudes(y, spec), theirs, rtol=1e-4, atol=1e-5)  # float32, peaks near 500


def test_centroid(y: np.ndarray, spec: FeatureSpec) -> None:
    S = magnitudes(y, spec)
    theirs = librosa.feature.spectral_centroid(S=S, sr=spec.sr, n_fft=spec.n_fft)[0]
    np.testing.assert_allclose(spectral_centroid(S, spec)[heard(S)], theirs[heard(S)], rtol=1e-4)


def test_bandwidth(y: np.ndarray, spec: FeatureSpec) -> None:
    S = magnitudes(y, spec)
    theirs = librosa.feature.spectral_bandwidth(S=S, sr=spec.sr, n_fft=spec.n_fft)[0]
    np.testing.assert_allclose(spectral_bandwidth(S, spec)[heard(S)], theirs[heard(S)], rtol=1e-4)


@pytest.mark.parametrize("share", [0.85, 0.5, 0.99])
def test_rolloff(y: np.ndarray, spec: FeatureSpec, share: float) -> None:
    """The order of a float32 sum may move it by a bin where it falls on an edge, hardly ever."""
    S = magnitudes(y, spec)
    theirs = librosa.feature.spectral_rolloff(S=S, sr=spec.sr, n_fft=spec.n_fft, roll_percent=share)[0]
    off = np.abs(spectral_rolloff(S, spec, share=share) - theirs)[heard(S)]
    assert off.max() <= 1.01 * spec.sr / spec.n_fft
    assert (off > 0).mean() < 0.02


def test_flatness(y: np.ndarray, spec: FeatureSpec) -> None:
    S = magnitudes(y, spec)
    theirs = librosa.feature.spectral_flatness(S=S)[0]
    np.testing.assert_allclose(spectral_flatness(S), theirs, rtol=1e-3, atol=1e-7)


def test_contrast(y: np.ndarray, spec: FeatureSpec) -> None:
    """Where librosa's cut at 80 dB below the clip's loudest, a statistic of the whole, does not bite."""
    S = magnitudes(y, spec)
    theirs = librosa.feature.spectral_contrast(S=np.maximum(S, S.max() * 1e-7), sr=spec.sr, n_fft=spec.n_fft)
    ours = spectral_contrast(np.maximum(S, S.max() * 1e-7), spec)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # dB


def test_rms(y: np.ndarray, spec: FeatureSpec) -> None:
    theirs = librosa.feature.rms(y=y, frame_length=spec.n_fft, hop_length=spec.hop_length)[0]
    np.testing.assert_allclose(rms(y, spec), theirs, rtol=1e-5, atol=1e-8)


def test_zero_crossings(y: np.ndarray, spec: FeatureSpec) -> None:
    theirs = librosa.feature.zero_crossing_rate(y, frame_length=spec.n_fft, hop_length=spec.hop_length)[0]
    np.testing.assert_allclose(zero_crossing_rate(y, spec), theirs, atol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 511, 1024, 2047, 2048, 2049])
def test_short_sounds(n: int) -> None:
    y = SIGNALS["noise"][:n].astype(np.float32)
    frames = 1 + n // 512
    assert magnitudes(y).shape == (1025, frames)
    assert rms(y).shape == zero_crossing_rate(y).shape == (frames,)
    theirs = librosa.feature.zero_crossing_rate(y)[0]
    np.testing.assert_allclose(zero_crossing_rate(y), theirs, atol=1e-7)


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
    np.testing.assert_allclose(fft_frequencies(OTHER), librosa.fft_frequencies(sr=16000, n_fft=1000))


def test_what_has_no_contrast_says_so() -> None:
    with pytest.raises(InputError, match=r"sr=8000, n_fft=2048\. Accepted here: sr > 12800"):
        spectral_contrast(np.ones((1025, 2), np.float32), FeatureSpec(sr=8000))
    with pytest.raises(InputError, match=r"n_fft=64"):
        spectral_contrast(np.ones((33, 2), np.float32), FeatureSpec(n_fft=64, hop_length=32))


@pytest.mark.parametrize("share", [0.0, 1.0, -1, float("nan")])
def test_share_of_the_rolloff(share: float) -> None:
    with pytest.raises(InputError, match="share="):
        spectral_rolloff(np.ones((1025, 2), np.float32), share=share)
