"""Beats as a path: exhaustive search, drift, gaps, silence, extremes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import beat_path as module
from earmark.features.beat_path import beat_path


def probabilities(frames: np.ndarray, n: int, level: float = 0.8) -> np.ndarray:
    beat = np.full(n, 0.01, np.float32)
    beat[np.rint(frames).astype(int)] = level
    return beat


def best_by_search(odds: np.ndarray, periods: np.ndarray) -> float:
    """The best total over all sequences whose first beat lies within its own period from the start."""

    def best(frame: int, period: int) -> float:
        """Best total of what follows a beat at `frame` that came after `period`."""
        found = []
        for step in periods:
            rest = 0.0 if frame + step >= len(odds) else odds[frame + step] + best(frame + step, step)
            found.append(rest - module._CHANGE * np.log(step / period) ** 2)
        return max(found)

    firsts = [(frame, period) for period in periods for frame in range(int(period))]
    return max(odds[frame] + best(frame, period) for frame, period in firsts)


def total(path: np.ndarray, odds: np.ndarray, periods: np.ndarray) -> float:
    """The best total that the sequence can have: its first and last period are free."""
    steps = np.diff(path)
    changes = module._CHANGE * np.log(steps[1:] / steps[:-1]) ** 2
    return odds[path].sum() - changes.sum()


@given(seed=st.integers(0, 10_000), n=st.integers(14, 34))
@settings(max_examples=15, deadline=None)
def test_no_other_sequence_is_better(seed: int, n: int) -> None:
    odds, periods = np.random.default_rng(seed).normal(0, 3, n), np.array([5, 6, 7])
    path = module._best_path(odds, periods)
    assert set(np.diff(path)) <= set(periods)
    assert path[0] < 7 and path[-1] >= n - 7
    # Sequences that the search allows may pay for a period before the first beat or after the last.
    assert total(path, odds, periods) >= best_by_search(odds, periods) - 1e-9


@pytest.mark.parametrize("period", [10, 21.5, 43])
def test_steady_beats_are_found_to_the_frame_and_no_others(period: float) -> None:
    frames = np.arange(period / 2, 800, period)
    found = beat_path(probabilities(frames, 800), period * 1.03)
    np.testing.assert_array_equal(found, np.rint(frames))


def test_a_tempo_that_drifts_by_a_tenth_is_followed() -> None:
    frames = 7 + np.cumsum(np.linspace(19, 23, 60))
    beat = probabilities(frames, int(frames[-1]) + 30)
    np.testing.assert_allclose(beat_path(beat, 21), np.rint(frames), atol=1)


def test_missing_beats_are_filled_in_but_for_those_before_the_first_and_after_the_last() -> None:
    frames = np.arange(100, 900, 20)
    beat = probabilities(frames, 1000)
    beat[380:500] = 0
    np.testing.assert_array_equal(beat_path(beat, 20), frames)


def test_a_single_stray_peak_bends_nothing() -> None:
    frames = np.arange(10, 600, 20)
    beat = probabilities(frames, 600)
    beat[317] = 0.9
    np.testing.assert_array_equal(beat_path(beat, 20), frames)


@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_where_nothing_is_a_beat_there_is_none(n: int) -> None:
    assert len(beat_path(np.zeros(n, np.float32), 20)) == 0


def test_faint_beats_are_beats() -> None:
    frames = np.arange(10, 600, 20)
    np.testing.assert_array_equal(beat_path(probabilities(frames, 600, level=0.15), 20), frames)


@pytest.mark.parametrize("period", [0.1, 2.0, 500.0, 1e15])
def test_any_period_is_taken(period: float) -> None:
    found = beat_path(probabilities(np.arange(3, 300, 30), 300), period)
    assert len(found) >= 1 and (np.diff(found) > 0).all()
    assert found.min() >= 0 and found.max() < 300
