"""Figures: those of scikit-learn where it has them, worked out by hand where it has not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from earmark.errors import InputError
from earmark.evaluate import metrics

EXACT = 1e-12


def one_label(rng: np.random.Generator, n: int = 60, n_classes: int = 5, *, ties: bool = False):
    """Truth, scores and class numbers of `n` tracks with a label each; with ties, of few different scores."""
    y = rng.integers(0, n_classes, n)
    scores = rng.random((n, n_classes)) + 1.2 * np.eye(n_classes)[y] * rng.random((n, 1))
    scores /= scores.sum(axis=1, keepdims=True)
    if ties:
        scores = np.ceil(scores * 6) / 6
    return np.eye(n_classes, dtype=bool)[y], scores, y


def many_labels(rng: np.random.Generator, n: int = 60, n_classes: int = 5):
    truth = rng.random((n, n_classes)) < 0.35
    truth[np.arange(n), rng.integers(0, n_classes, n)] = True
    return truth, np.clip(rng.random((n, n_classes)) * 0.7 + 0.3 * truth, 0, 1)


@pytest.fixture(params=range(6))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("ties", [False, True])
def test_one_label_agrees_with_scikit_learn(rng: np.random.Generator, ties: bool) -> None:
    truth, scores, y = one_label(rng, ties=ties)
    w = rng.integers(0, 3, len(y)).astype(float)
    given = scores.argmax(axis=1)
    for weights in (None, w):
        same = {"sample_weight": weights}
        assert metrics.accuracy(truth, scores, weights=weights) == pytest.approx(
            oracle.accuracy_score(y, given, **same), abs=EXACT
        )
        assert metrics.balanced_accuracy(truth, scores, weights=weights) == pytest.approx(
            oracle.balanced_accuracy_score(y, given, **same), abs=EXACT
        )
        for ours, theirs in (
            (metrics.recalls, oracle.recall_score),
            (metrics.precisions, oracle.precision_score),
            (metrics.f1_scores, oracle.f1_score),
        ):
            expected = theirs(y, given, labels=range(5), average=None, zero_division=np.nan, **same)
            np.testing.assert_allclose(ours(truth, scores, weights=weights), expected, atol=EXACT)
    np.testing.assert_array_equal(metrics.confusion(truth, scores), oracle.confusion_matrix(y, given))


def test_top_k_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    truth, scores, y = one_label(rng)
    for k in (1, 2, 3, 5):
        expected = oracle.top_k_accuracy_score(y, scores, k=k, labels=range(5)) if k < 5 else 1.0
        assert metrics.accuracy(truth, scores, k=k) == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize("ties", [False, True])
def test_ranking_agrees_with_scikit_learn(rng: np.random.Generator, ties: bool) -> None:
    truth, scores = many_labels(rng)
    scores = np.round(scores * 5) / 5 if ties else scores
    w = rng.integers(0, 3, len(truth)).astype(float)
    for weights in (None, w):
        same = {"sample_weight": weights, "average": None}
        np.testing.assert_allclose(
            metrics.roc_aucs(truth, scores, weights=weights),
            oracle.roc_auc_score(truth, scores, **same), atol=EXACT,
        )  # fmt: skip
        np.testing.assert_allclose(
            metrics.average_precisions(truth, scores, weights=weights),
            oracle.average_precision_score(truth, scores, **same), atol=EXACT,
        )  # fmt: skip
    assert metrics.roc_auc(truth, scores) == pytest.approx(oracle.roc_auc_score(truth, scores), abs=EXACT)


def test_reliability_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.calibration import calibration_curve

    truth, scores, _ = one_label(rng, n=400)
    curve = metrics.reliability(truth, scores)
    full = curve.n > 0
    accuracy, sure = calibration_curve(metrics.hits(truth, scores), metrics.confidence(scores), n_bins=10)
    np.testing.assert_allclose(curve.accuracy[full], accuracy, atol=EXACT)
    np.testing.assert_allclose(curve.confidence[full], sure, atol=EXACT)


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    truth, scores = many_labels(rng)
    times = rng.integers(0, 4, len(truth))
    repeated = np.repeat(truth, times, axis=0), np.repeat(scores, times, axis=0)
    for figure in (
        metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1, metrics.roc_auc,
        metrics.mean_average_precision, metrics.ece,
    ):  # fmt: skip
        assert figure(truth, scores, weights=times.astype(float)) == pytest.approx(
            figure(*repeated), abs=EXACT
        )


def rows(*given: tuple[str, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Tables from labels (letters) and scores of a, b, c."""
    truth = np.array([[letter in labels for letter in "abc"] for labels, _ in given])
    return truth, np.array([scores for _, scores in given])


def test_several_labels_by_hand() -> None:
    truth, scores = rows(
        ("ab", [0.7, 0.2, 0.1]),  # hit with a
        ("ab", [0.1, 0.8, 0.1]),  # hit with b
        ("c", [0.6, 0.0, 0.4]),  # miss: a for c
        ("bc", [0.9, 0.0, 0.1]),  # miss: a for b and c
    )
    assert metrics.hits(truth, scores).tolist() == [True, True, False, False]
    assert metrics.hits(truth, scores, k=2).tolist() == [True, True, True, True]
    assert metrics.recalls(truth, scores).tolist() == [1.0, 2 / 3, 0.0]
    np.testing.assert_allclose(metrics.precisions(truth, scores), [1 / 3, 1.0, np.nan])
    np.testing.assert_allclose(metrics.f1_scores(truth, scores), [2 / 4, 2 / 3, 0.0])
    assert metrics.confusion(truth, scores).tolist() == [[1, 0, 0], [1, 1, 0], [2, 0, 0]]


def test_no_answer_is_no_hit() -> None:
    truth, scores = rows(("a", [0.0, 0.0, 0.0]), ("b", [0.0, 0.5, 0.0]))
    assert metrics.accuracy(truth, scores) == 0.5 and metrics.accuracy(truth, scores, k=3) == 0.5
    assert metrics.confusion(truth, scores).sum() == 1
    np.testing.assert_array_equal(metrics.recalls(truth, scores), [0.0, 1.0, np.nan])


def test_classes_that_nobody_has_are_left_out_of_means() -> None:
    truth, scores = rows(("a", [0.9, 0.0, 0.1]), ("a", [0.1, 0.0, 0.9]), ("b", [0.1, 0.8, 0.1]))
    assert metrics.balanced_accuracy(truth, scores) == pytest.approx((0.5 + 1) / 2)
    assert metrics.macro_f1(truth, scores) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(metrics.roc_aucs(truth, scores)[2]) and not np.isnan(metrics.roc_auc(truth, scores))


def test_calibration_by_hand() -> None:
    # Four answers at 0.75 of which three are right, two at 0.35 of which none is.
    truth, scores = rows(*[("a", [0.75, 0.0, 0.0])] * 3, ("b", [0.75, 0, 0]), *[("b", [0.35, 0.0, 0.0])] * 2)
    curve = metrics.reliability(truth, scores)
    assert curve.n.tolist() == [0, 0, 0, 2, 0, 0, 0, 4, 0, 0]
    assert curve.ece == pytest.approx(0.35 * 2 / 6)
    top = metrics.reliability(*rows(("a", [1.0, 0, 0]), ("a", [0.0, 0, 0])))
    assert top.n[[0, 9]].tolist() == [1, 1] and top.ece == 0


def test_risk_against_coverage_by_hand() -> None:
    truth, scores = rows(("a", [0.9, 0, 0]), ("b", [0.8, 0, 0]), ("a", [0.8, 0, 0]), ("b", [0.1, 0, 0]))
    coverage, risk = metrics.risk_coverage(truth, scores)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(risk, [0, 0.25, 1 / 3, 0.5])  # the two at 0.8 share their one miss
    assert risk.mean() == pytest.approx((0.25 + 1 / 3 + 0.5) / 4)


tables = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        hnp.arrays(bool, (n, 4)).map(
            lambda t: t | (~t.any(axis=1, keepdims=True) & np.eye(4, dtype=bool)[0])
        ),
        hnp.arrays(np.float64, (n, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])),
    )
)


@settings(max_examples=60)
@given(tables)
def test_figures_are_shares_and_do_not_depend_on_the_order(table: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = metrics.validate(*table)
    backwards = truth[::-1], scores[::-1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (
            metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1, metrics.roc_auc,
            metrics.mean_average_precision, metrics.ece,
        ):  # fmt: skip
            value = figure(truth, scores)
            assert np.isnan(value) or 0 <= value <= 1 + EXACT
            assert figure(*backwards) == pytest.approx(value, abs=EXACT, nan_ok=True)
    risk = metrics.risk_coverage(truth, scores)[1]
    assert risk[-1] == pytest.approx(1 - metrics.accuracy(truth, scores))


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ([[1, 0]], [[0.5, 0.5, 0.0]], r"truth.shape=\(1, 2\), scores.shape=\(1, 3\)"),
        ([1, 0], [0.5, 0.5], r"truth.shape=\(2,\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), r"truth.shape=\(0, 2\)"),
        ([[2, 0]], [[0.5, 0.5]], "other values than 0 and 1"),
        ([[0, 0]], [[0.5, 0.5]], "row 0 has no label"),
        ([[1, 0]], [[1.5, 0.5]], "scores from 0.5 to 1.5"),
        ([[1, 0]], [[np.nan, 0.5]], "1 of them NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(truth: object, scores: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics.validate(truth, scores)
