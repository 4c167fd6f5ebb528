"""Key by peaks of the spectrum: all 24 keys, tunings, streaming, what has no key."""

from __future__ import annotations

import numpy as np
import pytest
from feature_sounds import A_CADENCE, C_CADENCE, SR, notes
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import KEYS, FrameStream, RecentTonalStream, TonalStream, magnitudes, tonal
from earmark.features.key_choice import key_candidates, moved

CADENCES = {"major": C_CADENCE, "minor": A_CADENCE}
TONICS = {"major": 0, "minor": 9}


def stream_of(y: np.ndarray, cuts: tuple[int, ...] = ()) -> TonalStream:
    stream = TonalStream()
    frames = FrameStream(spectra=stream.push)
    for block in np.split(y, cuts):
        frames.push(block)
    frames.close()
    return stream


@pytest.mark.parametrize("tuning", [-0.35, 0.0, 0.3])
@pytest.mark.parametrize("key", KEYS)
def test_a_cadence_in_any_key_and_tuning_has_its_key(key: str, tuning: float) -> None:
    mode = key.split()[1]
    steps = (KEYS.index(key) % 12 - TONICS[mode] + 6) % 12 - 6
    y = notes(*CADENCES[mode], seconds=0.6, tuning=steps + tuning)
    found = stream_of(y).key_candidates()
    assert found[0].key == key
    assert len(found) == 24 and sum(one.score for one in found) == pytest.approx(1)


def test_a_scale_has_its_key() -> None:
    y = notes("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5", "G4", "E4", "C4")
    assert stream_of(y).key_candidates()[0].key == "C major"


@pytest.mark.parametrize("tuning", [-0.4, -0.1, 0.0, 0.25])
def test_the_tuning_is_that_of_the_notes(tuning: float) -> None:
    y = np.tile(notes(*C_CADENCE, seconds=1.0, tuning=tuning), 8)
    assert stream_of(y).tuning == pytest.approx(tuning, abs=0.05)


@given(cuts=st.lists(st.integers(0, 40 * SR), max_size=8))
@settings(max_examples=6, deadline=None)
def test_division_into_blocks_does_not_matter(cuts: list[int]) -> None:
    y = np.tile(notes(*C_CADENCE, *A_CADENCE, seconds=1.0), 5)  # 40 s: one segment is closed
    expected = stream_of(y).vectors()
    np.testing.assert_allclose(stream_of(y, tuple(sorted(cuts))).vectors(), expected, atol=1e-6)


def test_memory_is_bounded() -> None:
    stream = RecentTonalStream(seconds=10.0)
    for _ in range(30):
        stream.push(np.ones((500, 1025), np.float32))
        held = [*stream._held, *stream._recent]
        assert sum(part.nbytes for part in held) < 1.5e6
    assert stream.recent_key_candidates() == ()


def test_the_recent_key_follows_and_the_whole_remains() -> None:
    stream = RecentTonalStream(seconds=10.0)
    assert stream.recent_key_candidates() == ()
    for chords, times in ((C_CADENCE, 12), (A_CADENCE, 3)):
        stream.push(magnitudes(np.tile(notes(*chords, seconds=1.0), times)).T ** 2)
    assert stream.recent_key_candidates()[0].key == "A minor"
    assert stream.key_candidates()[0].key == "C major"


def test_loudness_does_not_matter_and_silence_counts_for_nothing() -> None:
    y = notes(*C_CADENCE, seconds=1.0)
    expected = stream_of(y).vectors()
    np.testing.assert_allclose(stream_of(0.1 * y).vectors(), expected, atol=0.02)
    padded = np.concatenate([y, np.zeros(10 * SR, np.float32)])
    np.testing.assert_allclose(stream_of(padded).vectors(), expected, atol=0.03)


def test_moving_the_notes_moves_the_keys() -> None:
    vectors = np.random.default_rng(0).random((9, 12))
    scores = {one.key: one.score for one in key_candidates(vectors)}
    higher = {one.key: one.score for one in key_candidates(np.roll(vectors, 2, axis=1))}
    for key, score in scores.items():
        i = KEYS.index(key)
        assert higher[KEYS[i // 12 * 12 + (i + 2) % 12]] == pytest.approx(score)
    assert moved(vectors[:-1]).shape == (12, 96)


def test_nothing_has_no_key() -> None:
    assert TonalStream().key_candidates() == ()
    assert key_candidates(np.zeros((tonal.N_VECTORS, 12))) == ()
    assert key_candidates(np.ones((tonal.N_VECTORS, 12))) == ()


def test_frames_that_are_looked_at_ahead_are_not_counted() -> None:
    y = notes(*C_CADENCE)
    stream = TonalStream()
    frames = FrameStream(spectra=stream.push)
    for block in np.array_split(y, 9):
        frames.ahead(notes(*A_CADENCE))
        frames.push(block)
    frames.close()
    np.testing.assert_allclose(stream.vectors(), stream_of(y).vectors(), atol=1e-6)
