"""What nobody hears changes nothing, and what is there to be heard stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import Clip
from earmark.features import descriptors
from earmark.features.subsonic import SubsonicFilter, without_subsonic
from earmark.predict import classify
from music import band

SR = 22050
T = np.arange(8 * SR) / SR
INAUDIBLE = {
    "constant": np.full(len(T), 0.03),
    "negative constant": np.full(len(T), -0.2),
    "drift": 0.1 * np.sin(2 * np.pi * 0.1 * T),
    "step": np.where(T > 4, 0.05, 0.0),
    "rumble at 5 Hz": 0.05 * np.sin(2 * np.pi * 5 * T),
    "rumble at 10 Hz": 0.05 * np.sin(2 * np.pi * 10 * T),
    "a constant from a third on": np.where(T > 3, 0.03, 0.0),
}


def level_db(y):
    return 10 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-20)


def half_silent():
    """Four seconds of silence, four of music."""
    return np.concatenate([np.zeros(4 * SR, np.float32), 0.5 * band("house", seconds=4.0).y])


def in_blocks(y, sizes):
    stream, pieces, at, i = SubsonicFilter(SR), [], 0, 0
    while at < len(y):
        pieces.append(stream.push(y[at : at + sizes[i % len(sizes)]]))
        at, i = at + sizes[i % len(sizes)], i + 1
    return np.concatenate([*pieces, stream.close()])


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000])
def test_a_constant_is_taken_out_to_the_last_sample_at_any_rate(sr):
    for n in (1, 63, sr // 3, 2 * sr + 17):
        clean = without_subsonic(np.full(n, 0.02, np.float32), sr)
        assert len(clean) == n
        if n > sr // 10:
            assert np.abs(clean).max() < 1e-6


@pytest.mark.parametrize(("hz", "weakest_db"), [(1, 60), (5, 45), (10, 40), (13, 30)])
def test_rumble_is_taken_out(hz, weakest_db):
    y = (0.1 * np.sin(2 * np.pi * hz * T)).astype(np.float32)
    clean = without_subsonic(y, SR)
    assert level_db(clean[SR:-SR]) < level_db(y) - weakest_db


@pytest.mark.parametrize("hz", [27.5, 30, 41.2, 110, 440, 5000])
def test_the_lowest_notes_keep_every_bit(hz):
    y = (0.3 * np.sin(2 * np.pi * hz * T)).astype(np.float32)
    assert without_subsonic(y, SR) is y


@pytest.mark.parametrize("style", ["rock", "house", "ballad"])
def test_ordinary_music_keeps_every_bit(style):
    y = band(style, seconds=8.0).y
    for gain in (1.0, 0.01):
        quiet = (gain * y).astype(np.float32)
        np.testing.assert_array_equal(in_blocks(quiet, [50_000]), quiet)


def test_silence_before_and_after_something_loud_stays_silence():
    loud = 0.8 * np.cos(2 * np.pi * 60 * T[:SR]) * (T[:SR] < 0.4)  # begins and ends with a jump
    y = np.concatenate([np.zeros(SR), loud, np.zeros(SR)])
    clean = without_subsonic(y.astype(np.float32), SR)
    assert not clean[:SR].any()
    assert not clean[round(1.5 * SR) :].any()


@given(sizes=st.lists(st.integers(1, 50_000), min_size=1, max_size=6))
@settings(max_examples=10, deadline=None)
def test_the_division_into_blocks_does_not_matter(sizes):
    y = (half_silent() + INAUDIBLE["rumble at 5 Hz"]).astype(np.float32)
    sizes = sizes if sum(sizes) > 2_000 else [*sizes, 2_000]
    np.testing.assert_allclose(in_blocks(y, sizes), without_subsonic(y, SR), atol=1e-7)


def test_what_was_pushed_may_be_overwritten():
    y = (half_silent() + 0.03).astype(np.float32)
    stream, buffer, pieces = SubsonicFilter(SR), np.empty(700, np.float32), []
    for at in range(0, len(y), 700):
        part = buffer[: len(y[at : at + 700])]
        part[:] = y[at : at + 700]
        pieces.append(stream.push(part).copy())
        buffer[:] = 1.0
    np.testing.assert_allclose(np.concatenate([*pieces, stream.close()]), without_subsonic(y, SR), atol=1e-7)


@pytest.mark.parametrize("name", [name for name in INAUDIBLE if name != "step"])  # which is a click
def test_inaudible_sound_is_silence(name):
    assert classify(Clip(INAUDIBLE[name].astype(np.float32), SR)).verdict == "silence"


@pytest.mark.parametrize("name", INAUDIBLE)
def test_inaudible_sound_leaves_the_prediction_as_it_is(name):
    y = half_silent()
    expected = classify(Clip(y, SR))
    prediction = classify(Clip((y + INAUDIBLE[name]).astype(np.float32), SR))
    assert (expected.verdict, prediction.verdict) == ("music", "music")
    assert [s.start for s in prediction.segments] == [s.start for s in expected.segments]
    scores = {score.label: score.score for score in prediction.genres}
    for score in expected.genres:
        assert scores[score.label] == pytest.approx(score.score, abs=0.07)  # a step leaves a little


# Of music at -30 dB: what is 7 dB below the music stays, so at full level less would be equal.
TOLERANCE = 0.02
TOLERANCE_DB = 0.5  # of the mean MFCC, which reach from -500 to 200
COLUMNS = ("rms", "zero_crossing_rate", "spectral_centroid", "spectral_bandwidth", "rolloff", "chroma_stft")
COLUMNS += ("onset_strength",)


@pytest.mark.parametrize("style", ["rock", "house", "ballad"])
@pytest.mark.parametrize("name", [name for name in INAUDIBLE if name != "step"])  # which is an onset
def test_inaudible_sound_leaves_the_descriptors_as_they_are(name, style):
    y = 0.1 * band(style, seconds=8.0).y
    expected, found = (descriptors(x.astype(np.float32)) for x in (y, y + INAUDIBLE[name]))
    assert found.key == expected.key
    for column in [f"{column}_mean" for column in COLUMNS] + ["tempo"]:
        assert found[column] == pytest.approx(expected[column], rel=TOLERANCE), column
    for i in range(1, 21):
        assert found[f"mfcc{i}_mean"] == pytest.approx(expected[f"mfcc{i}_mean"], abs=TOLERANCE_DB), i


@pytest.mark.parametrize("level", [0.5, 0.07, 0.03, -0.001])
def test_an_offset_of_silence_has_the_descriptors_of_silence(level):
    expected, found = (descriptors(np.full(3 * SR, x, np.float32)).to_dict() for x in (0.0, level))
    assert found == pytest.approx(expected, abs=1e-3)
