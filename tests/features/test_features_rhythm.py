"""Onsets, tempo and beats: librosa's answers (frozen), and those that a click track must give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from feature_sounds import SR, clicks, envelope_cases, golden, notes, random_envelope, rhythm_sounds
from hypothesis import given, settings
from hypothesis import strategies as st

import earmark
from earmark.audio import Clip, load
from earmark.errors import InputError
from earmark.features import FeatureSpec, OnsetStream, beats, descriptors, log_mel, onset_strength, tempo
from music import band

SOUNDS = rhythm_sounds()
HOP_SECONDS = 512 / SR


@pytest.mark.parametrize("aggregate", ["median", "mean"])
@pytest.mark.parametrize("name", SOUNDS)
def test_onset_strength_equals_librosa(name: str, aggregate: str) -> None:
    S_db = np.maximum(log_mel(SOUNDS[name]), -80)  # below that nothing is an onset here
    theirs = golden()[f"onsets/{aggregate}/{name}"]
    np.testing.assert_allclose(onset_strength(S_db, aggregate=aggregate), theirs, atol=1e-4)


@pytest.mark.parametrize("name", SOUNDS)
def test_tempo_and_beats_equal_librosa(name: str) -> None:
    """librosa's tempo is a whole lag: ours lies within half a frame of it, or is none."""
    envelope = onset_strength(log_mel(SOUNDS[name]))
    theirs = float(golden()[f"tempo/{name}"].ravel()[0])
    found = tempo(envelope)
    assert found == 0 if name == "noise" else abs(1 / found - 1 / theirs) * 60 / HOP_SECONDS < 0.95
    np.testing.assert_allclose(beats(envelope, bpm=theirs), golden()[f"beats/{name}"], atol=1e-6)


@pytest.mark.parametrize(("seed", "n", "bpm"), envelope_cases())
def test_beats_equal_librosa_on_any_envelope(seed: int, n: int, bpm: float) -> None:
    theirs = golden()[f"beats/{seed}"]
    np.testing.assert_allclose(beats(random_envelope(seed, n), bpm=bpm), theirs, atol=1e-6)


def drums(bpm: float, seconds: float) -> np.ndarray:
    """A kick on one and three, a snare on two and four, a hi-hat on each eighth."""
    rng = np.random.default_rng(4)
    t = np.arange(4000) / SR
    kick = np.sin(2 * np.pi * (50 * t + 3 * np.exp(-30 * t))) * np.exp(-18 * t)
    snare = 0.6 * rng.standard_normal(3000) * np.exp(-np.arange(3000) / 600)
    hat = 0.3 * rng.standard_normal(1200) * np.exp(-np.arange(1200) / 150)
    y = 1e-4 * rng.standard_normal(round(seconds * SR))
    for i, at in enumerate(np.arange(0.3, seconds - 0.3, 30 / bpm)):
        for part in (hat, *([kick], [], [snare], [])[i % 4]):
            y[round(at * SR) :][: len(part)] += part
    return (0.5 * y).astype(np.float32)


@pytest.mark.parametrize("seconds", [5.0, 12.0])
@pytest.mark.parametrize("bpm", [50, 57.3, 66, 81, 97.1, 111.1, 120, 125, 133.3, 150, 163, 174, 188.8, 200])
@pytest.mark.parametrize("sound", [clicks, drums])
def test_a_steady_tempo_comes_out_to_half_a_per_cent(
    sound: Callable[[float, float], np.ndarray], bpm: float, seconds: float
) -> None:
    """At any tempo, also between two frames; an octave (or a bar of three) off it may be."""
    found = tempo(onset_strength(log_mel(sound(bpm, seconds))))
    ratios = np.array([1, 2, 1 / 2, 3, 1 / 3, 3 / 2, 2 / 3, 4, 1 / 4])
    assert np.abs(found / bpm / ratios - 1).min() < 0.005


def test_a_minute_and_another_hop_are_as_exact() -> None:
    assert tempo(onset_strength(log_mel(clicks(123.4, 60.0)))) == pytest.approx(123.4, rel=0.001)
    spec = FeatureSpec(hop_length=256, n_fft=1024)
    envelope = onset_strength(log_mel(clicks(123.4, 12.0), spec), spec)
    assert tempo(envelope, spec) == pytest.approx(123.4, rel=0.001)


@pytest.mark.shared
@pytest.mark.parametrize("bpm", [120, 125])
def test_field_cases_of_steady_tempo(shared: Path, bpm: int) -> None:
    y = load(shared / "field" / f"tempo-{bpm}.ogg").y
    assert descriptors(y)["tempo"] == pytest.approx(bpm, rel=0.005)
    assert earmark.classify(Clip(y, SR), model="dummy").tempo == pytest.approx(bpm, rel=0.005)


def coloured_noise(slope: float, seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose power falls with frequency to that power: 0 white, 1 pink, 2 brown, -1 blue."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * SR)))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (slope / 2)
    y = np.fft.irfft(spectrum)
    return (0.1 * y / y.std()).astype(np.float32)


NOTHING = {
    "silence": np.zeros(6 * SR, np.float32),
    "offset": np.full(6 * SR, 0.02, np.float32),
    "white": coloured_noise(0, 12.0),
    "pink": coloured_noise(1, 12.0),
    "brown": coloured_noise(2, 12.0),
    "blue": coloured_noise(-1, 12.0),
    "dither": np.float32(2**-15)
    * np.rint(np.random.default_rng(1).uniform(-1, 1, 12 * SR)).astype(np.float32),
    "tone": np.sin(2 * np.pi * 440 * np.arange(6 * SR) / SR).astype(np.float32),
    "bass tone": 0.5 * np.sin(2 * np.pi * 61.7 * np.arange(6 * SR) / SR).astype(np.float32),
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_tempo_and_no_key_where_nothing_shows_one(name: str) -> None:
    found = descriptors(NOTHING[name])
    prediction = earmark.classify(Clip(NOTHING[name], SR), model="dummy")
    assert (found["tempo"], found.key) == (0.0, "")
    assert (prediction.tempo, prediction.key) == (None, None)


def test_a_drum_loop_has_a_tempo_and_no_key() -> None:
    found = descriptors(drums(110, 12.0))
    assert found["tempo"] == pytest.approx(110, rel=0.005)
    assert found.key == ""


def test_a_held_chord_has_a_key_and_no_tempo() -> None:
    found = descriptors(notes("C3 E4 G4 C5", seconds=10.0))
    assert (found["tempo"], found.key) == (0.0, "C major")


@pytest.mark.shared
def test_field_case_of_noise(shared: Path) -> None:
    found = descriptors(load(shared / "field" / "noise.opus"))
    assert (found["tempo"], found.key) == (0.0, "")


@pytest.mark.parametrize("bpm", [70, 90, 120, 150])
def test_a_click_track_has_its_tempo_and_beats(bpm: float) -> None:
    envelope = onset_strength(log_mel(clicks(bpm)))
    assert tempo(envelope) == pytest.approx(bpm, rel=0.002)
    found = beats(envelope)
    expected = np.arange(0.5, 19.9, 60 / bpm)
    nearest = expected[np.abs(found[:, None] - expected).argmin(axis=1)]
    assert np.abs(found - nearest).max() < 0.06  # s; the field's tolerance for a beat is 0.07
    assert len(found) >= len(expected) - 2


@pytest.mark.parametrize(("style", "bpm"), [("rock", 120.0), ("house", 126.0)])
def test_demo_music_has_its_tempo(style: str, bpm: float) -> None:
    found = tempo(onset_strength(log_mel(band(style, seconds=12, bpm=bpm).y)))
    assert found == pytest.approx(bpm, rel=0.04)


@given(cuts=st.lists(st.integers(0, 300), max_size=10), aggregate=st.sampled_from(["median", "mean"]))
@settings(max_examples=30, deadline=None)
def test_division_into_pieces_does_not_matter(cuts: list[int], aggregate: str) -> None:
    S_db = np.random.default_rng(1).uniform(-90, 30, (128, 300)).astype(np.float32)
    stream = OnsetStream(aggregate=aggregate)
    parts = [stream.push(part) for part in np.split(S_db, sorted(cuts), axis=1)]
    np.testing.assert_allclose(np.concatenate(parts), onset_strength(S_db, aggregate=aggregate), atol=1e-5)


def test_tempo_does_not_depend_on_loudness() -> None:
    loud, quiet = (tempo(onset_strength(log_mel(gain * SOUNDS["music"]))) for gain in (1, 0.25))
    assert loud == pytest.approx(quiet, rel=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 50])
def test_short_envelopes(n: int) -> None:
    envelope = np.random.default_rng(n).random(n)
    assert 0 <= tempo(envelope) < 320
    times = beats(envelope, bpm=120.0)
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
