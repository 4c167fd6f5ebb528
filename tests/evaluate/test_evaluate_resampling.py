"""Intervals hold what they promise, and tests between models agree with SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from earmark.errors import InputError
from earmark.evaluate.bootstrap import Interval, bootstrap, group_weights, mcnemar
from earmark.evaluate.metrics import ece


def test_whole_groups_are_drawn() -> None:
    groups = ["a", "b", "a", "c", "b", "a"]
    drawn = list(group_weights(groups, n_resamples=200))
    for w in drawn:
        assert w[0] == w[2] == w[5] and w[1] == w[4]
        assert w[0] + w[1] + w[3] == 3
    assert np.mean(drawn, axis=0) == pytest.approx(1, abs=0.2)


def test_the_same_seed_draws_the_same() -> None:
    def mean(w: np.ndarray) -> float:
        return float(np.average(np.arange(20), weights=w))

    groups = np.arange(20) // 2
    assert (
        bootstrap(mean, groups, seed=3) == bootstrap(mean, groups, seed=3) != bootstrap(mean, groups, seed=4)
    )


def test_the_interval_is_that_of_theory() -> None:
    # The mean of n independent hits at rate p has a standard error of sqrt(p (1 - p) / n).
    n, p = 400, 0.7
    right = np.arange(n) < p * n
    (interval,) = bootstrap(lambda w: np.average(right, weights=w), np.arange(n), n_resamples=4000)
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    assert interval.low == pytest.approx(p - half, abs=0.006)
    assert interval.high == pytest.approx(p + half, abs=0.006)


def test_tracks_that_fail_together_widen_the_interval() -> None:
    # Groups of ten that are right or wrong as one tell no more than a tenth of the tracks.
    right = (np.arange(400) // 10) % 2 == 0
    alone, together = (
        bootstrap(lambda w: np.average(right, weights=w), groups)[0]
        for groups in (np.arange(400), np.arange(400) // 10)
    )
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.15)


def test_several_figures_at_once_and_figures_that_are_not_always_there() -> None:
    groups = np.arange(8)
    first = groups == 0

    def figures(w: np.ndarray) -> list[float]:
        return [float(w[first].sum()), float("nan"), 1.0 if w[0] else float("nan")]

    count, never, sometimes = bootstrap(figures, groups)
    assert count.low == 0 and count.high >= 2
    assert math.isnan(never.low) and math.isnan(never.high)
    assert sometimes == Interval(1.0, 1.0)


def test_one_group_tells_no_interval() -> None:
    (interval,) = bootstrap(lambda w: float(w.sum()), ["a", "a", "a"])
    assert math.isnan(interval.low) and math.isnan(interval.high)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    # 40 groups of three tracks that agree, 300 times: the true rate is inside in about 95 %.
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(300):
        right = np.repeat(rng.random(40) < 0.6, 3)
        (interval,) = bootstrap(
            lambda w, right=right: np.average(right, weights=w),
            np.arange(120) // 3,
            n_resamples=300,
            seed=trial,
        )
        inside += interval.low <= 0.6 <= interval.high
    assert 0.90 <= inside / 300 <= 0.98


def test_a_figure_that_resampling_inflates_stays_inside_its_interval() -> None:
    # The calibration error of a calibrated model: chance alone makes it larger in every resample.
    rng = np.random.default_rng(1)
    sure = rng.random(200)
    truth, scores = (rng.random(200) < sure)[:, None] | [False, True], np.column_stack([sure, sure * 0])
    value = ece(truth, scores)
    (interval,) = bootstrap(lambda w: ece(truth, scores, weights=w), np.arange(200), centred=True)
    assert interval.low < value < interval.high < 2.5 * value


@pytest.mark.parametrize("wrong", [{"n_resamples": 0}, {"level": 1.0}, {"level": 0.0}])
def test_arguments_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="n_resamples="):
        bootstrap(lambda w: 0.0, ["a", "b"], **wrong)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 10))
def test_mcnemar_is_the_binomial_test(n_a: int, n_b: int, n_both: int) -> None:
    a = np.array([True] * n_a + [False] * n_b + [True] * n_both)
    b = np.array([False] * n_a + [True] * n_b + [True] * n_both)
    expected = binomtest(n_a, n_a + n_b).pvalue if n_a + n_b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(b, a) == mcnemar(a, b)


def test_mcnemar_of_many_tracks() -> None:
    a = np.arange(20000) < 10150
    expected = binomtest(10150, 20000).pvalue
    assert mcnemar(a, ~a) == pytest.approx(expected, rel=1e-6)


def test_mcnemar_wants_the_same_tracks() -> None:
    with pytest.raises(InputError, match=r"hits_a.shape=\(2,\), hits_b.shape=\(3,\)"):
        mcnemar([True, False], [True, False, True])
