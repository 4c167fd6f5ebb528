"""The log-mel: librosa's numbers, whatever the signal, the spec and the division into blocks."""

from __future__ import annotations

from types import SimpleNamespace

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import BadSamplesError, EmptyAudioError, InputError
from earmark.features import FeatureSpec, FrameStream, log_mel, mel_filterbank, mel_frequencies

SR = 22050
T = np.arange(3 * SR) / SR
RNG = np.random.default_rng(7)


def music(seconds: float = 3.0) -> np.ndarray:
    """Chords of decaying partials, a bass, and a burst of noise on each beat."""
    t = np.arange(round(seconds * SR)) / SR
    chord = sum(np.sin(2 * np.pi * f * h * t) / h**2 for f in (220, 277.2, 329.6) for h in range(1, 9))
    bass = np.sign(np.sin(2 * np.pi * 55 * t))
    beat = t % 0.5
    noise = np.random.default_rng(1).standard_normal(len(t)) * np.exp(-40 * beat)
    return (0.12 * chord * np.exp(-3 * beat) + 0.05 * bass + 0.1 * noise).astype(np.float32)


SIGNALS = {
    "noise": 0.3 * RNG.standard_normal(len(T)),
    "quiet noise": 1e-3 * RNG.standard_normal(len(T)),
    "bass tone": 0.9 * np.sin(2 * np.pi * 55.3 * T),
    "tone": np.sin(2 * np.pi * 440.0 * T),
    "high tone": 0.5 * np.sin(2 * np.pi * 9871.3 * T),
    "sweep": 0.8 * np.sin(2 * np.pi * (20 * T + 0.5 * 10000 / 3 * T**2)),
    "click": np.eye(1, len(T), 20000)[0],
    "offset": 0.5 * np.ones(len(T)),
    "gated tone": np.sin(2 * np.pi * 440 * T) * (T % 1 < 0.5),
    "music": music(),
}

SPECS = {
    "default": FeatureSpec(),
    "htk": FeatureSpec(htk=True, norm=None),
    "small": FeatureSpec(n_fft=1024, hop_length=256, n_mels=64),
    "odd sizes": FeatureSpec(n_fft=1000, hop_length=333, n_mels=41),
    "band": FeatureSpec(fmin=50.0, fmax=8000.0),
    "magnitude": FeatureSpec(power=1.0),
    "speech": FeatureSpec(sr=16000, n_fft=512, hop_length=160, n_mels=80, fmin=20, fmax=7600, amin=1e-12),
    "long": FeatureSpec(sr=44100, n_fft=4096, hop_length=1024, n_mels=229, fmin=30.0),
}


def librosa_log_mel(y: np.ndarray, spec: FeatureSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return librosa's decibels, and the power of each cell."""
    S = librosa.feature.melspectrogram(
        y=y, sr=spec.sr, n_fft=spec.n_fft, hop_length=spec.hop_length, n_mels=spec.n_mels, fmin=spec.fmin,
        fmax=spec.fmax, power=spec.power, htk=spec.htk, norm=spec.norm,
    )  # fmt: skip
    if spec.power == 1:
        return librosa.amplitude_to_db(S, ref=1.0, amin=spec.amin**0.5, top_db=None), S**2
    return librosa.power_to_db(S, ref=1.0, amin=spec.amin, top_db=None), S


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("signal", SIGNALS)
def test_equals_librosa(signal: str, spec: FeatureSpec) -> None:
    """0.01 dB is a twentieth of the smallest step that anything downstream stores (0.45 dB).

    Below a power of 1e-8 it cannot hold: the float32 transform of a tone at full scale has a
    rounding floor there, 130 dB below its peak. Such cells must only agree on being very quiet.
    Longer frames and bands without unit area raise the whole scale, and this limit with it.
    """
    y = SIGNALS[signal].astype(np.float32)
    theirs, power = librosa_log_mel(y, spec)
    ours = log_mel(y, spec)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    scale = mel_filterbank(spec).max() / mel_filterbank(FeatureSpec()).max() * (spec.n_fft / 2048) ** 2
    limit = 1e-8 * max(1, scale)
    loud = power > limit
    assert np.abs(ours - theirs)[loud].max(initial=0) < 0.01
    assert ours[~loud].max(initial=-200) < 10 * np.log10(limit) + 1


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_filterbank_equals_librosa(spec: FeatureSpec) -> None:
    theirs = librosa.filters.mel(
        sr=spec.sr, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.fmax, htk=spec.htk,
        norm=spec.norm,
    )  # fmt: skip
    np.testing.assert_allclose(mel_filterbank(spec), theirs, atol=1e-6)
    centres = librosa.mel_frequencies(spec.n_mels + 2, fmin=spec.fmin, fmax=spec.top_hz, htk=spec.htk)[1:-1]
    np.testing.assert_allclose(mel_frequencies(spec), centres, rtol=1e-9)


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
    with pytest.raises(
        InputError, match=r"clip\.sr=44100, spec\.sr=22050\. Load it with load\(source, sr=22050"
    ):
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
    with pytest.raises(BadSamplesError, match="Full scale is 1"):
        log_mel(y)


def test_closed_streams_say_so() -> None:
    stream = FrameStream()
    stream.close()
    with pytest.raises(InputError, match="after close"):
        stream.push(np.zeros(10, np.float32))
    with pytest.raises(InputError, match="after close"):
        stream.close()
