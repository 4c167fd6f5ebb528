"""Onsets, tempo and beats: librosa's answers, and those that a click track must give."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.demo import demo_clip
from earmark.errors import InputError
from earmark.features import FeatureSpec, OnsetStream, beats, log_mel, onset_strength, tempo

SR = 22050
HOP_SECONDS = 512 / SR


def clicks(bpm: float, seconds: float = 20.0, *, first: float = 0.5) -> np.ndarray:
    """Short bursts of noise at a steady tempo."""
    rng = np.random.default_rng(3)
    y = 1e-4 * rng.standard_normal(round(seconds * SR))
    burst = rng.standard_normal(800) * np.exp(-np.arange(800) / 100)
    for at in np.arange(first, seconds - 0.1, 60 / bpm):
        start = round(at * SR)
        y[start : start + 800] += 0.5 * burst
    return y.astype(np.float32)


def swing(seconds: float = 20.0) -> np.ndarray:
    """Uneven clicks of changing strength: an envelope on which trackers have to decide."""
    rng = np.random.default_rng(5)
    y = 0.01 * rng.standard_normal(round(seconds * SR))
    at = 0.3
    while at < seconds - 0.2:
        n = rng.integers(300, 2000)
        start = round(at * SR)
        y[start : start + n] += rng.uniform(0.1, 0.8) * rng.standard_normal(n) * np.exp(-np.arange(n) / 200)
        at += rng.choice([0.21, 0.42, 0.43, 0.63])
    return y.astype(np.float32)


SOUNDS = {
    "clicks": clicks(100),
    "swing": swing(),
    "noise": 0.1 * np.random.default_rng(0).standard_normal(15 * SR).astype(np.float32),
    "rock": demo_clip("rock", seconds=15).y,
    "short": clicks(140, 3.0),
}


@pytest.mark.parametrize("aggregate", ["median", "mean"])
@pytest.mark.parametrize("name", SOUNDS)
def test_onset_strength_equals_librosa(name: str, aggregate: str) -> None:
    S_db = np.maximum(log_mel(SOUNDS[name]), -80)  # below that nothing is an onset here
    theirs = librosa.onset.onset_strength(S=S_db, sr=SR, aggregate=getattr(np, aggregate))
    np.testing.assert_allclose(onset_strength(S_db, aggregate=aggregate), theirs, atol=1e-4)


@pytest.mark.parametrize("name", SOUNDS)
def test_tempo_and_beats_equal_librosa(name: str) -> None:
    envelope = onset_strength(log_mel(SOUNDS[name]))
    bpm, theirs = librosa.beat.beat_track(onset_envelope=envelope, sr=SR, units="time")
    assert tempo(envelope) == pytest.approx(bpm[0])
    np.testing.assert_allclose(beats(envelope), theirs, atol=1e-6)


def onsets(rng: np.random.Generator, n: int, background: np.ndarray | float) -> np.ndarray:
    envelope = rng.random(n) ** 4 * (rng.random(n) < rng.uniform(0.05, 1)) + 1e-3 * background
    envelope[:3] = 0  # as in every onset envelope; librosa leaves the first value out
    return envelope


@given(seed=st.integers(0, 10_000), n=st.integers(20, 900), bpm=st.floats(40, 250))
@settings(max_examples=40, deadline=None)
def test_beats_equal_librosa_on_any_envelope(seed: int, n: int, bpm: float) -> None:
    # where the background is flat, two sequences can be worth the same to the last bit: see the test below
    envelope = onsets(np.random.default_rng(seed), n, background=np.random.default_rng(seed + 1).random(n))
    _, theirs = librosa.beat.beat_track(onset_envelope=envelope, sr=SR, bpm=bpm, units="time")
    np.testing.assert_allclose(beats(envelope, bpm=bpm), theirs, atol=1e-6)


@pytest.mark.parametrize(("seed", "n", "bpm"), [(385, 881, 225.0), (42, 657, 197.7618206303764)])
def test_beats_that_are_not_librosas_are_worth_as_much(seed: int, n: int, bpm: float) -> None:
    """Intervals of 9 and 10 frames or of 10 and 9, in silence: rounding alone decides between them."""
    envelope = onsets(np.random.default_rng(seed), n, background=1.0)
    ours = np.rint(beats(envelope, bpm=bpm) / HOP_SECONDS).astype(int)
    _, theirs = librosa.beat.beat_track(onset_envelope=envelope, sr=SR, bpm=bpm, units="frames")
    period = round(60 / HOP_SECONDS / bpm)
    smooth = np.exp(-0.5 * (np.arange(-period, period + 1) * 32 / period) ** 2)
    score = np.convolve(envelope / envelope.std(ddof=1), smooth, mode="same")

    def worth(frames: np.ndarray) -> float:  # Ellis 2007, equation 1
        return float(score[frames].sum() - 100 * (np.log(np.diff(frames) / period) ** 2).sum())

    assert len(ours) == len(theirs)
    assert worth(ours) == pytest.approx(worth(theirs), abs=1e-9)


@pytest.mark.parametrize("bpm", [70, 90, 120, 150])
def test_a_click_track_has_its_tempo_and_beats(bpm: float) -> None:
    """Lags are whole frames of 23 ms, so neighbouring tempi lie up to 6 % apart at 150 BPM."""
    envelope = onset_strength(log_mel(clicks(bpm)))
    step = HOP_SECONDS / (60 / bpm)
    assert tempo(envelope) == pytest.approx(bpm, rel=0.51 * step)
    found = beats(envelope)
    expected = np.arange(0.5, 19.9, 60 / bpm)
    nearest = expected[np.abs(found[:, None] - expected).argmin(axis=1)]
    assert np.abs(found - nearest).max() < 0.06  # s; the field's tolerance for a beat is 0.07
    assert len(found) >= len(expected) - 2


@pytest.mark.parametrize(("style", "bpm"), [("rock", 120.0), ("house", 126.0)])
def test_demo_music_has_its_tempo(style: str, bpm: float) -> None:
    found = tempo(onset_strength(log_mel(demo_clip(style, seconds=12, bpm=bpm).y)))
    assert found == pytest.approx(bpm, rel=0.04)


@given(cuts=st.lists(st.integers(0, 300), max_size=10), aggregate=st.sampled_from(["median", "mean"]))
@settings(max_examples=30, deadline=None)
def test_division_into_pieces_does_not_matter(cuts: list[int], aggregate: str) -> None:
    S_db = np.random.default_rng(1).uniform(-90, 30, (128, 300)).astype(np.float32)
    stream = OnsetStream(aggregate=aggregate)
    parts = [stream.push(part) for part in np.split(S_db, sorted(cuts), axis=1)]
    np.testing.assert_allclose(np.concatenate(parts), onset_strength(S_db, aggregate=aggregate), atol=1e-5)


def test_tempo_does_not_depend_on_loudness() -> None:
    y = SOUNDS["swing"]
    assert tempo(onset_strength(log_mel(y))) == tempo(onset_strength(log_mel(0.25 * y)))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 50])
def test_short_envelopes(n: int) -> None:
    envelope = np.random.default_rng(n).random(n)
    assert 0 <= tempo(envelope) < 320
    times = beats(envelope)
    assert np.isfinite(times).all()
    assert ((times >= 0) & (times < n * HOP_SECONDS)).all()


def test_silence_has_no_tempo() -> None:
    envelope = onset_strength(log_mel(np.zeros(10 * SR, np.float32)))
    assert tempo(envelope) == 0.0
    assert len(beats(envelope)) == 0


def test_another_spec() -> None:
    spec = FeatureSpec(hop_length=256, n_fft=1024)
    assert tempo(onset_strength(log_mel(clicks(100), spec), spec), spec) == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize("envelope", [np.zeros(0), np.ones((2, 5)), np.array([1.0, np.nan])], ids=str)
def test_what_is_no_envelope_is_refused(envelope: np.ndarray) -> None:
    for function in (tempo, beats):
        with pytest.raises(InputError, match="onset_envelope with shape="):
            function(envelope)


@pytest.mark.parametrize("options", [{"bpm": 0}, {"bpm": -1}, {"bpm": np.inf}, {"tightness": 0}], ids=str)
def test_options_out_of_range_are_named(options: dict[str, float]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(InputError, match=f"{name}={value}"):
        beats(np.ones(100), **options)
    with pytest.raises(InputError, match="aggregate='max'"):
        OnsetStream(aggregate="max")
