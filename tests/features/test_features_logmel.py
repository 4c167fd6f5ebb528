"""The log-mel: librosa's numbers, whatever the signal, the spec and the division into blocks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from feature_sounds import COLUMNS, HZ, SPECS, SR, T, golden, logmel_signals, music
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import BadSamplesError, EmptyAudioError, InputError
from earmark.features import (
    FeatureSpec,
    FrameStream,
    hz_to_mel,
    log_mel,
    mel_filterbank,
    mel_frequencies,
    mel_to_hz,
)

SIGNALS = logmel_signals()
STEP_DB = 0.005  # of the frozen decibels


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("signal", SIGNALS)
def test_equals_librosa(signal: str, name: str) -> None:
    """0.01 dB is a twentieth of the smallest step that anything downstream stores (0.45 dB).

    Below a power of 1e-8 it cannot hold: the float32 transform of a tone at full scale has a
    rounding floor there, 130 dB below its peak. Such cells must only agree on being very quiet.
    Longer frames and bands without unit area raise the whole scale, and this limit with it.
    """
    spec = SPECS[name]
    theirs = golden()[f"log_mel/{name}/{signal}"] * STEP_DB
    ours = log_mel(SIGNALS[signal].astype(np.float32), spec)
    assert ours.dtype == np.float32
    ours = ours[:, COLUMNS]
    scale = mel_filterbank(spec).max() / mel_filterbank(FeatureSpec()).max() * (spec.n_fft / 2048) ** 2
    limit_db = 10 * np.log10(1e-8 * max(1, scale))
    loud = theirs > limit_db
    assert np.abs(ours - theirs)[loud].max(initial=0) < 0.01 + STEP_DB / 2
    assert ours[~loud].max(initial=-200) < limit_db + 1


@pytest.mark.parametrize("name", SPECS)
def test_filterbank_equals_librosa(name: str) -> None:
    spec = SPECS[name]
    np.testing.assert_allclose(mel_filterbank(spec), golden()[f"mel/{name}"], atol=1e-6)
    np.testing.assert_allclose(mel_frequencies(spec), golden()[f"mel_hz/{name}"], rtol=1e-9)


@pytest.mark.parametrize("htk", [False, True])
def test_mel_scale_equals_librosa_and_comes_back(htk: bool) -> None:
    np.testing.assert_allclose(hz_to_mel(HZ, htk=htk), golden()[f"hz_to_mel/{htk}"], rtol=1e-9)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(HZ, htk=htk), htk=htk), HZ, rtol=1e-9, atol=1e-9)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    spec = FeatureSpec()
    hz = mel_frequencies(spec)
    for band in (20, 60, 100, 127):
        y = np.sin(2 * np.pi * hz[band] * T).astype(np.float32)
        assert log_mel(y, spec)[:, 60].argmax() == band


@pytest.mark.parametrize("n", [1, 2, 511, 512, 513, 1024, 2048, 5000])
def test_short_sounds(n: int) -> None:
    y = SIGNALS["noise"][:n].astype(np.float32)
    S_db = log_mel(y)
    assert S_db.shape == (128, 1 + n // 512)
    assert np.isfinite(S_db).all()


@given(gain_db=st.floats(-40, 20), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_gain_shifts_every_cell(gain_db: float, seed: int) -> None:
    y = 0.1 * np.random.default_rng(seed).standard_normal(4000)
    shift = log_mel(y * 10 ** (gain_db / 20)) - log_mel(y)
    np.testing.assert_allclose(shift, gain_db, atol=1e-3)  # dB; a float32 near 100 has steps of 1e-5


@given(cuts=st.lists(st.integers(0, 30_000), max_size=12), name=st.sampled_from(["default", "odd sizes"]))
@settings(max_examples=30, deadline=None)
def test_division_into_blocks_does_not_matter(cuts: list[int], name: str) -> None:
    spec = SPECS[name]
    y = music()[:30_000]
    stream = FrameStream(spec, chroma=True)
    parts = [stream.push(block) for block in np.split(y, sorted(cuts))]
    parts.append(stream.close())
    assert [part.start for part in parts] == list(np.cumsum([0] + [p.S_db.shape[1] for p in parts[:-1]]))
    np.testing.assert_array_equal(np.hstack([part.S_db for part in parts]), log_mel(y, spec))
    whole = FrameStream(spec, chroma=True)
    chroma = np.hstack([whole.push(y).chroma, whole.close().chroma])
    np.testing.assert_allclose(np.hstack([part.chroma for part in parts]), chroma, atol=1e-5)


@given(n=st.integers(1, 10_000), delay=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_delay_by_hops_moves_the_frames(n: int, delay: int) -> None:
    y = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    late = log_mel(np.concatenate([np.zeros(512 * delay, np.float32), y]))
    np.testing.assert_allclose(late[:, delay:], log_mel(y), atol=1e-4)


def test_a_stream_without_samples_has_the_frames_of_silence() -> None:
    last = FrameStream().close()
    assert last.S_db.shape == (128, 1)
    np.testing.assert_allclose(last.S_db, -100, atol=1e-4)


def test_input_is_not_changed() -> None:
    y = music()
    before = y.copy()
    log_mel(y)
    np.testing.assert_array_equal(y, before)


def test_a_clip_is_taken_at_its_rate() -> None:
    clip = SimpleNamespace(y=music(), sr=SR)
    np.testing.assert_array_equal(log_mel(clip), log_mel(clip.y))
    with pytest.raises(InputError, match=r"clip\.sr=44100, spec\.sr=22050\. Try: load\(source, sr=22050"):
        log_mel(SimpleNamespace(y=music(), sr=44100))


@pytest.mark.parametrize("y", [np.zeros((2, 100)), np.zeros(100, np.int16), [0.0] * 100, None], ids=str)
def test_what_is_not_sound_is_refused(y: object) -> None:
    with pytest.raises(InputError, match="Accepted: a mono vector of floats"):
        log_mel(y)
    with pytest.raises(InputError, match="Accepted: a mono vector of floats"):
        FrameStream().push(y)


def test_no_samples() -> None:
    with pytest.raises(EmptyAudioError):
        log_mel(np.zeros(0, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("place", [0, 20_000, -1])
def test_samples_that_are_not_finite_are_refused(value: float, place: int) -> None:
    y = music()
    y[place] = value
    with pytest.raises(BadSamplesError, match="full scale is 1"):
        log_mel(y)


def test_samples_that_no_network_can_sum_are_refused() -> None:
    y = 0.5 * np.sin(np.arange(22050, dtype=np.float32))
    assert np.isfinite(log_mel(y * np.float32(1e11))).all()
    with pytest.raises(BadSamplesError, match="far too large"):
        log_mel(y * np.float32(1e15))


def test_closed_streams_say_so() -> None:
    stream = FrameStream()
    stream.close()
    with pytest.raises(InputError, match="after close"):
        stream.push(np.zeros(10, np.float32))
    with pytest.raises(InputError, match="after close"):
        stream.close()
