"""Tempo and beats by the network: analytic drum tracks and clicks, octaves, streaming, memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from feature_sounds import SR, clicks, music
from hypothesis import given, settings
from hypothesis import strategies as st
from test_features_rhythm import drums

import earmark
from earmark.audio import Clip
from earmark.errors import InputError
from earmark.features import FeatureSpec, PulseStream, log_mel, pulse, stored
from earmark.features.pulse_network import N_BINS, bands, tempo_log_probability
from earmark.features.pulse_network import pulse as network

SPEC = FeatureSpec()


def pulse_of(y: np.ndarray) -> PulseStream:
    stream = PulseStream()
    stream.push(log_mel(y))
    return stream


@pytest.mark.parametrize("bpm", [62.5, 71.3, 80, 97.1, 111.1, 120, 125, 133.3, 150, 163, 174])
@pytest.mark.parametrize("sound", [clicks, drums])
def test_a_steady_tempo_comes_out_to_half_a_per_cent_at_its_level_or_an_octave_from_it(
    sound, bpm: float
) -> None:
    found = pulse_of(sound(bpm, 20.0)).candidates()
    ratios = np.array([1, 2, 1 / 2])
    assert np.abs(found[0].tempo / bpm / ratios - 1).min() < 0.005


@pytest.mark.parametrize("bpm", [110, 120, 125, 140, 160, 174])
def test_the_level_of_a_drum_kit_is_that_of_kick_and_snare(bpm: float) -> None:
    """At 174 BPM, drum and bass, half of it would be as regular."""
    found = pulse_of(drums(bpm, 20.0)).candidates()
    assert found[0].tempo == pytest.approx(bpm, rel=0.005)
    assert found[0].score > 0.5


@pytest.mark.parametrize("bpm", [70, 90, 120, 150])
def test_beats_of_clicks_lie_on_them(bpm: float) -> None:
    stream = pulse_of(clicks(bpm))
    assert stream.candidates()[0].tempo == pytest.approx(bpm, rel=0.005)
    found, expected = stream.beats(), np.arange(0.5, 19.9, 60 / bpm)
    nearest = expected[np.abs(found[:, None] - expected).argmin(axis=1)]
    assert np.abs(found - nearest).max() < 0.05
    assert len(found) >= 0.9 * len(expected) - 1
    assert len(stream.beats(tempo=2 * bpm)) > 1.5 * len(found)


@pytest.mark.parametrize("tempo", [0.0, -3.0, np.inf, np.nan])
def test_beats_of_no_tempo_are_refused(tempo: float) -> None:
    with pytest.raises(InputError, match="tempo="):
        pulse_of(clicks(120)).beats(tempo=tempo)


def test_candidates_are_ordered_and_their_scores_are_probabilities() -> None:
    found = pulse_of(drums(100, 20.0)).candidates()
    scores = [one.score for one in found]
    assert len(found) > 2 and scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1)


def test_an_expected_tempo_tells_it_from_its_double_and_half() -> None:
    stream = pulse_of(drums(88, 20.0))
    slow, fast = stream.candidates(expected=70.0), stream.candidates(expected=190.0)
    assert slow[0].tempo == pytest.approx(88, rel=0.005) and fast[0].tempo == pytest.approx(176, rel=0.005)
    assert {round(one.tempo, 6) for one in slow} == {round(one.tempo, 6) for one in fast}
    assert sum(one.score for one in fast) == pytest.approx(1)


@pytest.mark.parametrize("expected", [0.0, -120.0, np.inf, np.nan])
def test_no_tempo_cannot_be_expected(expected: float) -> None:
    with pytest.raises(InputError, match="expected="):
        pulse_of(clicks(120)).candidates(expected=expected)


@given(cuts=st.lists(st.integers(0, 6000), max_size=8))
@settings(max_examples=8, deadline=None)
def test_division_into_pieces_does_not_matter(cuts: list[int]) -> None:
    """6000 frames: two chunks are final, a third is open."""
    S_db = np.tile(log_mel(music(20.0)), 7)[:, :6000]
    stream, expected = PulseStream(), network(bands(S_db)).beat
    for part in np.split(S_db, sorted(cuts), axis=1):
        stream.push(part)
    np.testing.assert_allclose(stream.beat_probability(), expected, atol=1e-5)
    assert stream.n_frames == len(stream.onsets) == 6000


def test_the_tempo_of_a_stretch_is_its_own() -> None:
    stream = PulseStream()
    for bpm in (110, 150):
        stream.push(log_mel(drums(bpm, 40.0)))
    half = SPEC.n_frames(40.0)
    for bpm, found in ((110, stream.candidates(0, half)), (150, stream.candidates(half))):
        assert found[0].tempo == pytest.approx(bpm, rel=0.005)
    assert stream.candidates(10_000) == ()


def test_what_is_forgotten_changes_nothing_that_is_left_and_memory_is_bounded() -> None:
    long, short = PulseStream(), PulseStream()
    S_db = log_mel(drums(125, 30.0))
    for _ in range(12):
        long.push(S_db)
        short.push(S_db)
        short.forget(SPEC.n_frames(30.0))
        assert short.n_frames < SPEC.n_frames(130.0)
    assert short.n_frames == len(short.onsets) < long.n_frames
    kept = SPEC.n_frames(30.0)
    np.testing.assert_allclose(short.beat_probability()[-kept:], long.beat_probability()[-kept:], atol=1e-5)
    last = [one.candidates(one.n_frames - kept)[0].tempo for one in (long, short)]
    assert last[0] == pytest.approx(last[1], rel=1e-3)


def test_another_stretch_begins_without_an_onset() -> None:
    quiet, loud = np.full((128, 40), -60, np.float32), np.full((128, 40), 0, np.float32)
    joined, cut = PulseStream(), PulseStream()
    for stream in (joined, cut):
        stream.push(quiet)
        if stream is cut:
            stream.begin()
        stream.push(loud)
    assert joined.onsets.max() == pytest.approx(60) and cut.onsets.max() == 0


def test_the_log_probability_of_tempi_is_one() -> None:
    found = tempo_log_probability(np.zeros(32, np.float32))
    assert found.shape == (N_BINS,)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-5)


def test_another_front_end_falls_back_on_the_autocorrelation_without_a_score() -> None:
    spec = FeatureSpec(hop_length=256, n_fft=1024)
    stream = PulseStream(spec)
    stream.push(log_mel(clicks(123.4, 12.0), spec))
    (found,) = stream.candidates()
    assert found.tempo == pytest.approx(123.4, rel=0.005) and np.isnan(found.score)
    assert len(stream.beats()) > 20
    assert (stream.beat_probability() == 0).all()
    n = stream.n_frames
    stream.forget(100)
    assert 100 <= stream.n_frames < 164 < n


def test_a_prediction_holds_tempo_and_key_with_their_confidence() -> None:
    found = earmark.classify(Clip(drums(125, 20.0), SR), model="dummy")
    assert found.tempo == found.tempo_candidates[0].tempo
    assert found.tempo_confidence == found.tempo_candidates[0].score > found.tempo_candidates[1].score
    assert (found.key, found.key_confidence) == (None, None)
    entries = found.to_dict()
    assert entries["tempo_candidates"][0] == {
        "tempo": entries["tempo"],
        "score": entries["tempo_confidence"],
    }
    again = earmark.predict.Prediction.from_dict(entries)
    assert again.to_dict() == entries
    old = {
        key: value for key, value in entries.items() if "candidates" not in key and "confidence" not in key
    }
    assert earmark.predict.Prediction.from_dict(old).tempo_candidates == ()


def test_weights_are_read_once_and_cannot_be_written_to() -> None:
    array = stored.weights("key")["weight"]
    assert array is stored.weights("key")["weight"] and array.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_the_weights_are_small() -> None:
    folder = Path(pulse.__file__).parent
    files = list((folder / "weights").glob("*.npz"))
    assert {file.stem for file in files} == {"key", "pulse", "tempo"}
    assert sum(file.stat().st_size for file in files) < 60_000
