"""Families of models: each keeps the contract of training, and does the arithmetic that its page says."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark.audio import Clip
from earmark.contract import check_model
from earmark.errors import InputError, MissingExtraError, ModelError
from earmark.estimators import Examples, build, family, to_bundle
from earmark.estimators.boosting import Boosting, _rounded_down
from earmark.estimators.embedding import Embedding
from earmark.estimators.index import INDEX
from earmark.estimators.knn import Knn
from earmark.estimators.knn_kl import KnnKl
from earmark.estimators.logistic import Logistic
from earmark.estimators.scratch import (
    ScratchMlp,
    _held_out,
    activations,
    loss_and_gradients,
    softmax,
)
from earmark.estimators.svm import Svm
from earmark.features import FeatureSpec, descriptors
from earmark.models import ModelCard, load_model
from earmark.models.windows import descriptor_names
from earmark.predict import classify
from earmark.train.report import describe_balance
from music import band

# With the parameters that make them quick.
OF_DESCRIPTORS = {
    "logistic": {},
    "knn": {"k": 4},
    "svm": {"folds": 2},
    "boosting": {"rounds": 20},
    "mlp": {"epochs": 40, "hidden": (8, 4), "alpha": 0.1, "learning_rate": 0.01},
    "scratch-logistic": {"epochs": 40},
    "scratch-mlp": {"epochs": 40, "hidden": (16, 8), "learning_rate": 0.03},
}
QUICK = {**OF_DESCRIPTORS, "knn-kl": {"n_mfcc": 6}, "embedding": {"bundle": "earmark-lite"}}
SCALES = 10.0 ** (np.arange(6) % 5 - 2)


def problem(n=60, n_classes=3, seed=0):
    """Descriptors of unlike scale, in which each class is somewhere else [shape=(n, 6)], and labels."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % n_classes
    X = (rng.normal(0, 1, (n, 6)) + 1.5 * rng.normal(0, 1, (n_classes, 6))[codes]) * SCALES
    return X.astype(np.float32), np.array(["a", "b", "c", "d"])[codes]


def several_labels(n=60, seed=0):
    X, y = problem(n, 3, seed)
    also = np.random.default_rng(seed + 1).random(n) < 0.3
    return X, np.column_stack([y == "a", y == "b", (y == "c") | also]).astype(int)


def bundle_of(model, folder):
    names = [f"d{i}" for i in range(*model.shape_)] if model.input == "descriptors" else ()
    to_bundle(model, folder, name="tiny", descriptor_names=names)
    return load_model(folder)


@pytest.mark.parametrize("name", QUICK)
def test_every_family_keeps_the_contract(name):
    report = check_model(family(name)(**QUICK[name]))
    assert {"learns", "again", "bundle", "shapes", "extremes"} <= report.clauses.keys()
    assert report.size_bytes > 0


@pytest.mark.parametrize("name", OF_DESCRIPTORS)
@pytest.mark.parametrize("labels", ["two classes", "three classes", "several labels", "two of several"])
def test_the_graph_gives_the_same_probabilities(name, labels, tmp_path):
    X, y = several_labels() if "several" in labels else problem(n_classes=2 if "two" in labels else 3)
    y = y[:, :2] if labels == "two of several" else y
    weights = np.random.default_rng(3).uniform(0.5, 2, len(X))
    model = family(name)(**OF_DESCRIPTORS[name]).fit(X, y, sample_weight=weights)
    fresh = problem(n=40, seed=8)[0]
    rows, graph = model.predict_proba(fresh), bundle_of(model, tmp_path / "tiny")
    np.testing.assert_allclose(graph.predict_proba(fresh), rows, atol=1e-5)
    assert graph.card.heads[0].kind == ("multilabel" if "several" in labels else "softmax")
    assert rows.std(axis=0).min() > 0.01
    if "several" not in labels:
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("labels", ["two classes", "three classes", "several labels"])
def test_the_graph_of_logistic_regression_is_that_of_scikit_learn(labels, tmp_path):
    """Against scikit-learn's own probabilities, to 1e-6."""
    X, y = several_labels() if "several" in labels else problem(n_classes=2 if "two" in labels else 3)
    model = Logistic(C=1.0).fit(X, y)
    fresh = problem(n=200, seed=8)[0]
    theirs = model._classifier.predict_proba(model._scaler.transform(fresh.astype(float)))
    assert theirs.std(axis=0).min() > 0.1
    graph = bundle_of(model, tmp_path / "tiny")
    np.testing.assert_allclose(graph.predict_proba(fresh), theirs, atol=1e-6)


@pytest.mark.parametrize("name", ["knn-kl", "embedding"])
def test_several_labels_of_spectrograms(name, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(-40, 8, (24, 128, 130)).astype(np.float32)
    y = (rng.random((24, 3)) < 0.4).astype(int)
    X[:, :40] += 20 * y[:, :1, None]
    model = family(name)(**QUICK[name]).fit(X, y, classes=["x", "y", "z"])
    graph = bundle_of(model, tmp_path / "tiny")
    np.testing.assert_allclose(graph.predict_proba(X), model.predict_proba(X), atol=1e-5)
    assert graph.card.classes == ("x", "y", "z")


@pytest.mark.parametrize("name", ["logistic", "mlp", "svm", "boosting", "scratch-logistic", "knn"])
def test_a_rare_class_counts_as_much_as_a_common_one(name):
    """By chance alone (descriptors of noise), balanced means even, and unbalanced the fractions."""
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (300, 2)).astype(np.float32)
    y = np.where(np.arange(300) % 10 == 0, "rare", "common")
    params = {**OF_DESCRIPTORS[name], **({"k": 60} if name == "knn" else {})}
    means = [
        family(name)(**params, class_weight=weight).fit(X, y).predict_proba(X)[:, 1].mean()
        for weight in ("balanced", None)
    ]
    assert 0.35 < means[0] < 0.65
    assert means[1] < 0.2


@pytest.mark.parametrize("name", ["svm", "boosting", "mlp", "scratch-mlp"])
def test_a_seed_decides_all(name):
    X, y = problem(seed=2)
    rows = [family(name)(**OF_DESCRIPTORS[name], seed=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.abs(rows[0] - rows[2]).max() > 1e-6


# scratch


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_gradients_are_those_of_finite_differences(multilabel, hidden):
    rng = np.random.default_rng(1)
    X, targets = rng.normal(0, 1, (7, 4)), np.eye(3)[rng.integers(0, 3, 7)]
    weights, sizes = rng.uniform(0.2, 2, 7), [4, *hidden, 3]
    layers = [(rng.normal(0, 0.5, pair), rng.normal(0, 0.5, pair[1])) for pair in itertools.pairwise(sizes)]
    options = {"l2": 0.3, "multilabel": multilabel}
    _, gradients = loss_and_gradients(layers, X, targets, weights, **options)
    for layer, gradient in zip(layers, gradients, strict=True):
        for values, slopes in zip(layer, gradient, strict=True):
            for place in np.ndindex(values.shape):
                kept, step = values[place], 1e-6
                values[place] = kept + step
                above, _ = loss_and_gradients(layers, X, targets, weights, **options)
                values[place] = kept - step
                below, _ = loss_and_gradients(layers, X, targets, weights, **options)
                values[place] = kept
                assert slopes[place] == pytest.approx((above - below) / (2 * step), abs=1e-7)


def test_going_downhill_ends_where_scikit_learn_ends():
    from sklearn.linear_model import LogisticRegression

    X, y = problem(120)
    X, targets = X.astype(float), np.eye(3)[np.searchsorted(["a", "b", "c"], y)]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    layers = [(np.zeros((6, 3)), np.zeros(3))]
    for _ in range(2000):
        _, gradients = loss_and_gradients(layers, Z, targets, np.ones(120), l2=0.05, multilabel=False)
        layers = [(W - 0.5 * dW, b - 0.5 * db) for (W, b), (dW, db) in zip(layers, gradients, strict=True)]
    # Their penalty is 1 / (2 C) on the sum over examples, this one l2 / 2 on the mean.
    theirs = LogisticRegression(C=1 / (0.05 * len(X)), tol=1e-10, max_iter=5000).fit(Z, y)
    np.testing.assert_allclose(softmax(activations(layers, Z)[-1]), theirs.predict_proba(Z), atol=1e-5)


def test_training_stops_when_the_held_out_loss_rises():
    X, y = problem(60)
    rng, told = np.random.default_rng(0), []
    noise = (rng.normal(0, 1, (60, 6)) * SCALES).astype(np.float32)
    model = ScratchMlp(epochs=500, patience=5, l2=0.0, learning_rate=0.05)
    model.fit(X, y, valid=(noise, rng.permutation(y)), progress=lambda *step: told.append(step))
    losses = [figures["valid_loss"] for _, _, _, figures in told]
    assert len(told) < 100
    assert len(losses) - 1 - int(np.argmin(losses)) == 5


@given(n=st.integers(2, 60), n_groups=st.integers(1, 12), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_holding_out_keeps_groups_together_and_leaves_every_class(n, n_groups, seed):
    rng = np.random.default_rng(seed)
    targets = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    groups = rng.integers(0, n_groups, n).astype(str)
    X = np.arange(n, dtype=np.float32)[:, None]
    train, held = _held_out(Examples(X, targets, np.ones(n), groups), rng)
    assert (train.targets.sum(axis=0) > 0).all()
    if held is not train:
        assert sorted([*train.X[:, 0], *held.X[:, 0]]) == list(range(n))
        assert not set(train.groups) & set(held.groups)
        assert len(held) <= 0.15 * n + 1


def by_rate(name, learning_rate, **params):
    return build(name, {**QUICK[name], **params, "learning_rate": learning_rate}, seed=0)


@pytest.mark.parametrize(
    ("name", "learning_rate"),
    [
        ("scratch-logistic", 1e6),
        ("scratch-logistic", 1e300),
        ("scratch-mlp", 1e3),
        ("scratch-mlp", 1e6),
        ("mlp", 1e3),
        ("mlp", 1e300),
    ],
)
def test_a_training_that_diverges_is_an_error_and_leaves_no_model(name, learning_rate):
    model = by_rate(name, learning_rate)
    with pytest.raises(ModelError, match=r"the training diverged: .*Try: a.* learning_rate"):
        model.fit(*problem())
    with pytest.raises(ModelError, match="is not trained"):
        model.predict_proba(problem()[0])


def test_a_model_of_nan_is_no_model():
    with pytest.raises(ModelError, match="the training diverged: it gives NaN"):
        Svm(gamma=1e300).fit(*problem())


# Neighbours


def test_neighbours_vote_as_dudani_wrote():
    X, y = problem(40)
    fresh = problem(5, seed=9)[0]
    rows = Knn(k=5, class_weight=None).fit(X, y).predict_proba(fresh)
    scale = X.astype(float).std(axis=0)
    for row, point in zip(rows, fresh, strict=True):
        distances = np.linalg.norm((X.astype(float) - point) / scale, axis=1)
        order = np.argsort(distances)
        lead = distances[order[5]] - distances[order[:5]]
        share = np.array([lead[y[order[:5]] == label].sum() / lead.sum() for label in "abc"])
        expected = (5 * share + np.array([14, 13, 13]) / 40) / 6  # the prior has a vote too
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_neighbours_that_are_all_equally_far_vote_alike():
    X = np.array([[0.0], [0.0], [0.0], [0.0]], np.float32)
    rows = Knn(k=3).fit(X, ["a", "b", "a", "b"]).predict_proba(X[:1] + 1)
    assert np.isfinite(rows).all()
    assert rows.sum() == pytest.approx(1)


def test_more_neighbours_than_examples_are_all_examples():
    X, y = problem(6)
    assert Knn(k=50).fit(X, y).predict_proba(X).shape == (6, 3)
    with pytest.raises(InputError, match="k=0"):
        Knn(k=0).fit(X, y)


def test_the_distance_is_the_divergence_of_gaussians():
    """Against the textbook's formula for each pair, up to what is the same for all examples."""
    from earmark.features import mfcc

    rng = np.random.default_rng(0)
    X = (rng.normal(-40, 8, (9, 32, 50)) + 10 * rng.normal(0, 1, (9, 32, 1))).astype(np.float32)
    model = KnnKl(k=3, n_mfcc=4).fit(X, list("abcabcabc"))
    seen = []
    model._vote = lambda distances: (seen.append(distances), np.full((len(distances), 3), 1 / 3))[1]
    model.predict_proba(X)
    C = np.stack([mfcc(S, n_mfcc=4) for S in X]).astype(float)
    C = (C - C.mean(axis=(0, 2))[:, None]) / C.std(axis=(0, 2))[:, None]
    means = C.mean(axis=2)
    covariances = [np.cov(c, bias=True) + 0.1 * np.eye(4) for c in C]

    def divergence(p, q):
        inverse, away = np.linalg.inv(covariances[q]), means[q] - means[p]
        shape = np.trace(inverse @ covariances[p]) + away @ inverse @ away - 4
        return 0.5 * (shape + np.linalg.slogdet(covariances[q])[1] - np.linalg.slogdet(covariances[p])[1])

    twice = np.array([[2 * (divergence(p, q) + divergence(q, p)) for q in range(9)] for p in range(9)])
    difference = seen[0] - twice
    np.testing.assert_allclose(difference, difference[:, :1].repeat(9, axis=1), atol=1e-4)


# Trees


@given(hnp.arrays(np.float64, 20, elements=st.floats(-1e30, 1e30)))
@settings(max_examples=100, deadline=None)
def test_a_rounded_threshold_parts_the_same_numbers(thresholds):
    down = _rounded_down(thresholds)
    assert down.dtype == np.float32
    beside = np.concatenate([down, np.nextafter(down, np.float32(np.inf)), thresholds.astype(np.float32)])
    np.testing.assert_array_equal(
        beside[:, None].astype(np.float64) <= thresholds, beside[:, None] <= down[None, :]
    )


def test_trees_decide_alike_on_their_very_thresholds(tmp_path):
    X = np.round(problem(90)[0] / SCALES, 1).astype(np.float32)  # thresholds fall between tenths
    model = Boosting(rounds=10, min_samples_leaf=2).fit(X, problem(90)[1])
    steps = np.round(np.linspace(-4, 4, 161), 3).astype(np.float32)
    grid = np.tile(steps[:, None], (1, 6))
    np.testing.assert_allclose(
        bundle_of(model, tmp_path / "t").predict_proba(grid), model.predict_proba(grid), atol=1e-5
    )


# svm


def test_the_svm_calibrates_by_groups_and_states_when_it_cannot():
    X, y = problem(30)
    train = Examples(
        X, np.eye(3, dtype=np.float32)[np.arange(30) % 3], np.ones(30), (np.arange(30) // 3).astype(str)
    )
    model = Svm()
    model.multilabel_ = False
    for kept, held in model._folds(train):
        assert not set(train.groups[kept]) & set(train.groups[held])
    with pytest.raises(InputError, match="a class has 1 example"):
        Svm().fit(X[:3], y[:3])
    by_class = Svm().fit(X, y, groups=y)  # a group for each class: such folds cannot be
    assert by_class.predict_proba(X).shape == (30, 3)


# embedding


def test_an_embedding_model_gives_the_embedding_of_its_base(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(-40, 8, (6, 128, 130)).astype(np.float32)
    model = bundle_of(Embedding(bundle="earmark-lite").fit(X, list("ababab")), tmp_path / "tiny")
    base = load_model("earmark-lite")
    assert model.card.embedding_size == base.card.embedding_size
    np.testing.assert_allclose(model.embed(X), base.embed(X), atol=1e-5)


def test_an_embedding_has_the_priors_of_its_classifier(tmp_path):
    X = np.random.default_rng(0).normal(-40, 8, (8, 128, 130)).astype(np.float32)
    y = list("aaaaaabb")
    lite, as_they_are = {"bundle": "earmark-lite"}, {"class_weight": None}
    even = bundle_of(Embedding(**lite).fit(X, y), tmp_path / "even").card
    assert even.priors["genres"] == pytest.approx({"a": 0.5, "b": 0.5})
    counted = bundle_of(Embedding(**lite, params=as_they_are).fit(X, y), tmp_path / "counted").card
    assert counted.priors["genres"] == pytest.approx({"a": 0.75, "b": 0.25})
    assert "higher weight" in describe_balance(Embedding(), {"a": 6, "b": 2})
    assert "not weighted" in describe_balance(Embedding(params=as_they_are), {"a": 6, "b": 2})


def test_the_card_of_an_embedding_states_what_it_builds_on(tmp_path):
    X = np.random.default_rng(0).normal(-40, 8, (6, 128, 130)).astype(np.float32)
    model = Embedding(bundle="earmark-lite").fit(X, list("ababab"))
    card = to_bundle(
        model, tmp_path / "once", name="once", licence="CC0-1.0", training_data=[{"name": "mine"}]
    )
    base = load_model("earmark-lite").card
    (stated,) = card.based_on
    assert (stated["name"], stated["sha256"], stated["licence"]) == (base.name, base.sha256, base.licence)
    assert list(stated["limits"]) == list(base.limits) and len(stated["training_data"]) == len(
        base.training_data
    )
    assert ModelCard.from_json(card.to_json()) == card
    # And a model on that one states both.
    twice = Embedding(bundle=str(tmp_path / "once")).fit(X, list("ababab"))
    (outer,) = to_bundle(twice, tmp_path / "twice", name="twice").based_on
    assert outer["name"] == "once" and outer["based_on"][0]["name"] == base.name
    assert Logistic().fit(*problem()).based_on_ == ()


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"bundle": "echo"}, ModelError, "bundle='echo' has no weights with an embedding"),
        ({"classifier": "knn-kl"}, InputError, "classifier='knn-kl' takes log_mel"),
        ({"classifier": "logistik"}, ModelError, "Did you mean 'logistic'"),
    ],
)
def test_an_embedding_without_base_or_classifier_is_refused(params, error, message):
    X = np.full((4, 128, 130), -40, np.float32)
    with pytest.raises(error, match=message):
        Embedding(**{"bundle": "earmark-lite", **params}).fit(X, list("abab"))
    with pytest.raises(InputError, match=r"takes \(128, 130\)"):
        Embedding(bundle="earmark-lite").fit(X[:, :, 1:], list("abab"))


def test_the_card_states_the_priors(tmp_path):
    X, y = problem(40)
    y = np.array(["rare" if label == y[0] and i >= 4 else "common" for i, label in enumerate(y)])
    share = np.mean(y == "rare")
    assert 0 < share < 0.5

    def priors_of(model, **weights):
        model.fit(X, y, **weights)
        return to_bundle(model, tmp_path / "x", name="x", descriptor_names=list("uvwxyz")).priors

    assert priors_of(Logistic())["genres"] == pytest.approx({"common": 0.5, "rare": 0.5})
    assert priors_of(Svm())["genres"] == pytest.approx({"common": 0.5, "rare": 0.5})
    plain = priors_of(Svm(class_weight=None))["genres"]
    assert plain == pytest.approx({"common": 1 - share, "rare": share})
    assert priors_of(Svm(class_weight=None), sample_weight=np.where(y == "rare", 3.0, 1.0))["genres"][
        "rare"
    ] == pytest.approx(3 * share / (3 * share + 1 - share))
    X, y = several_labels()
    assert not to_bundle(
        Logistic().fit(X, y), tmp_path / "y", name="y", descriptor_names=[f"d{i}" for i in range(X.shape[1])]
    ).priors


def test_another_prior_than_that_of_training(tmp_path):
    clip = band("rock")
    names = descriptor_names(FeatureSpec())[::7]
    X = np.random.default_rng(0).normal(size=(40, len(names))).astype(np.float32)
    # so held back that it learns the class frequencies and little else
    model = Logistic(C=1e-10, class_weight=None).fit(X, ["a", "a", "a", "b"] * 10)
    to_bundle(model, tmp_path / "mine", name="mine", descriptor_names=names)
    scores = [
        {s.label: s.score for s in classify(clip, model=tmp_path / "mine", prior=prior).genres}["b"]
        for prior in ({"b": 0.05}, None, "even")
    ]
    assert scores == pytest.approx([0.05, 0.25, 0.5], abs=0.02)


# In classify


def test_classify_computes_the_descriptors_of_every_window(tmp_path, monkeypatch):
    clip = band("rock")
    clip = Clip(np.tile(clip.y, 3)[: int(10.2 * clip.sr)], clip.sr)
    names = descriptor_names(FeatureSpec())[::-7]
    length, starts = 129 * 512, [0, 129, 258, 1 + len(clip.y) // 512 - 130]
    sounds = [clip.y[start * 512 : start * 512 + length] for start in starts]
    X = np.array([[descriptors(y)[name] for name in names] for y in sounds], np.float32)
    model = Logistic(C=10.0).fit(X, ["a", "b", "c", "a"])
    to_bundle(model, tmp_path / "mine", name="mine", descriptor_names=names)
    rows = model.predict_proba(X)
    for batch in (1, 8):
        monkeypatch.setattr(importlib.import_module("earmark.predict.scorer"), "BATCH", batch)
        segments = classify(clip, model=tmp_path / "mine").segments
        assert [s.start for s in segments] == pytest.approx([start * 512 / 22050 for start in starts])
        for segment, row in zip(segments, rows, strict=True):
            scores = {s.label: s.score for s in segment.genres}
            np.testing.assert_allclose([scores[label] for label in "abc"], row, atol=1e-5)
    assert check_model(load_model(tmp_path / "mine")).clauses["extremes"].startswith("silence")


def test_descriptors_that_cannot_be_computed_are_named(tmp_path):
    X, y = problem(12)
    names = ["mfcc1_mean", "mfcc2_mean", "harmony_mean", "tempo", "rms_mean", "rms_var"]
    to_bundle(Logistic().fit(X, y), tmp_path / "csv", name="csv", descriptor_names=names)
    with pytest.raises(ModelError, match="cannot be computed here: harmony_mean"):
        classify(band("rock"), model=tmp_path / "csv")


def test_a_model_of_descriptors_refuses_a_spectrogram(tmp_path):
    X, y = problem(12)
    model = bundle_of(Logistic().fit(X, y), tmp_path / "tiny")
    with pytest.raises(InputError, match="takes descriptors, not one spectrogram"):
        model.predict_spectrogram(np.zeros((1, 128, 130), np.float32))
    with pytest.raises(InputError, match=r"X.shape=\(1, 5\); model 'tiny' takes \(n, 6\)"):
        model.predict_proba(np.zeros((1, 5), np.float32))


# The house


def test_families_are_listed_without_their_libraries():
    code = (
        "import sys; from earmark.estimators import list_families;"
        f"assert {set(QUICK)!r} <= {{info.name for info in list_families()}};"
        "print(*sorted({'sklearn', 'onnx', 'torch', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_missing_library_names_its_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingExtraError, match=r"earmark\[train\]"):
        family(name)().fit(*problem())


@pytest.mark.parametrize("name", sorted(INDEX))
def test_what_a_trial_suggests_is_accepted(name):
    class Trial:
        def suggest_float(self, name, low, high, **_):
            assert low < high
            return low

        def suggest_int(self, name, low, high, **_):
            assert low < high
            return high

        def suggest_categorical(self, name, choices):
            return choices[0]

    suggested = family(name).space(Trial())
    assert suggested
    build(name, suggested)


def test_the_card_states_the_parameters(tmp_path):
    model = Logistic(C=0.5).fit(*problem())
    card = to_bundle(
        model, tmp_path / "x", name="x", descriptor_names=list("uvwxyz"), limits=["few"], licence="CC0-1.0"
    )
    assert card.summary == "Logistic(C=0.5, class_weight='balanced', max_iter=1000)"
    assert (card.input, card.descriptor_names) == ("descriptors", tuple("uvwxyz"))
    assert dataclasses.replace(card, sha256="").limits == ("few",)
    with pytest.raises(InputError, match=r"input of shape \(5,\), the model was trained on \(6,\)"):
        to_bundle(model, tmp_path / "y", name="x", descriptor_names=list("uvwxy"))
    assert not (tmp_path / "y").exists()
