"""What `fit` promises, the registry of families, and a suite that catches families which break a promise."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from earmark.contract import check_model
from earmark.contract.training import CLAUSES
from earmark.errors import ContractError, InputError, ModelError, UnknownModelError
from earmark.estimators import TrainableModel, family, list_families
from earmark.estimators.graph import Graph
from earmark.estimators.knn import Knn
from earmark.estimators.parameters import Real, param
from earmark.models import ModelCard, list_models, load_model, registry

X = np.random.default_rng(0).normal(0, 1, (6, 4)).astype(np.float32)
Y = list("ababcc")


class Means(TrainableModel):
    """The nearest mean of a class, with as much of the contract as the base class gives."""

    input = "descriptors"

    def __init__(self, *, sharpness=1.0, seed=0):
        self.sharpness = sharpness
        self.seed = seed

    def _fit(self, train, valid, progress):
        self._scale = 1 / train.X.std(axis=0)
        self._means = (train.targets.T @ train.X) / train.targets.sum(axis=0)[:, None]
        self.seen = train, valid
        progress("training", 1, 1, {"loss": 0.5})

    def _logits(self):
        W = 2 * (self._means * self._scale**2).T * self.sharpness
        return W, -((self._means * self._scale) ** 2).sum(axis=1) * self.sharpness

    def _proba(self, X):
        W, b = self._logits()
        powers = np.exp((logits := X @ W + b) - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def to_onnx(self):
        self._require_fitted()
        W, b = self._logits()
        g = Graph("X", ("n", *self.shape_))
        return g.finish(genres=(g.dense(g.to("X", np.float64), [(W, b)], multilabel=False), W.shape[1]))


def test_a_family_of_a_page_keeps_the_contract():
    assert [*CLAUSES, "bundle", "card"] == list(check_model(Means()).clauses)[: len(CLAUSES) + 2]


# A family that breaks one clause alone


class Prescribes(Means):
    def __init__(self, *, sharpness=1.0, seed=0):
        self.sharpness = sharpness + 1
        self.seed = seed


class AnswersUntrained(Means):
    def predict_proba(self, X):
        return super().predict_proba(X) if hasattr(self, "classes_") else np.ones((len(X), 2))


class LearnsNothing(Means):
    def _proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class MissesOne(Means):
    def _proba(self, X):
        return 1.01 * super()._proba(X)


class WritesToItsInput(Means):
    def fit(self, X, y, **options):
        super().fit(X, y, **options)
        X[0] = 0
        return self


class GoesOn(Means):
    def _fit(self, train, valid, progress):
        before = getattr(self, "_means", None)
        super()._fit(train, valid, progress)
        self._means = self._means if before is None else 0.5 * (self._means + before)


class Dices(Means):
    def _fit(self, train, valid, progress):
        super()._fit(train, valid, progress)
        self._means = self._means * np.random.default_rng().uniform(1, 1.0001)


class SortsClasses(Means):
    def fit(self, X, y, *, classes=None, **options):
        return super().fit(X, y, classes=classes and sorted(classes), **options)


class TakesAnyLabel(Means):
    def fit(self, X, y, **options):
        return super().fit(X, [str(label) for label in y], **options)


class TakesNaN(Means):
    def fit(self, X, y, **options):
        return super().fit(np.nan_to_num(X) if isinstance(X, np.ndarray) else X, y, **options)


class ExportsAnother(Means):
    def to_onnx(self):
        self._require_fitted()
        kept, self.sharpness = self.sharpness, 3 * self.sharpness
        graph = super().to_onnx()
        self.sharpness = kept
        return graph


@dataclass(kw_only=True, eq=False, repr=False)
class TakesAnyParameter(Means):
    sharpness: float = param(1.0, Real(above=0))

    def check(self):
        """Whatever it is."""


@dataclass(kw_only=True, eq=False, repr=False)
class NamesNoParameter(Means):
    sharpness: float = param(1.0, Real(above=0))

    def check(self):
        try:
            super().check()
        except InputError:
            raise InputError("a parameter is illegal") from None


BROKEN = {
    Prescribes: "parameters",
    TakesAnyParameter: "bad parameters",
    NamesNoParameter: "bad parameters",
    AnswersUntrained: "untrained",
    LearnsNothing: "learns",
    MissesOne: "learns",
    WritesToItsInput: "learns",
    GoesOn: "again",
    Dices: "again",
    SortsClasses: "order of classes",
    TakesAnyLabel: "bad labels",
    TakesNaN: "bad examples",
    ExportsAnother: "bundle",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_what_breaks_a_clause_is_caught_by_that_clause(kind):
    with pytest.raises(ContractError, match=f"family {kind.__name__} breaks the clause '{BROKEN[kind]}'"):
        check_model(kind())


def test_every_clause_has_a_family_that_breaks_it():
    assert {*CLAUSES, "bundle"} == set(BROKEN.values())


# fit


def test_what_a_family_learns_from_is_checked_and_named():
    told = []
    model = Means().fit(
        X.astype(np.float64),
        Y,
        classes=["c", "b", "a"],
        groups=[1, 1, 2, 2, 3, 3],
        sample_weight=[1, 1, 1, 1, 2, 6],
        valid=(X[:2], ["c", "a"]),
        progress=lambda *step: told.append(step),
    )
    train, valid = model.seen
    assert told == [("training", 1, 1, {"loss": 0.5})]
    assert list(model.classes_) == ["c", "b", "a"]
    assert train.X.dtype == np.float32
    np.testing.assert_array_equal(train.codes, [2, 1, 2, 1, 0, 0])
    np.testing.assert_allclose(train.weights, [0.5, 0.5, 0.5, 0.5, 1, 3])
    np.testing.assert_array_equal(valid.targets, [[1, 0, 0], [0, 0, 1]])
    # Each class weighs as much as the others then: 1, 1 and 4 before.
    np.testing.assert_allclose(train.weights @ train.targets, [4, 1, 1])
    np.testing.assert_allclose(train.balanced().weights @ train.targets, [2, 2, 2])
    np.testing.assert_array_equal(train.take(np.array([4, 0])).groups, ["3", "1"])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["a"] * 6, {}, r"classes=\['a'\]. Accepted: two or more"),
        (Y[1:], {}, r"y.shape=\(5,\), X holds 6 examples"),
        ([1, 2, 1, 2, 1, 2], {}, "y holds 1, a int"),
        (["", *Y[1:]], {}, "y holds '', a str"),
        (Y, {"classes": ["a", "b"]}, "y holds 'c'.*Accepted: a, b"),
        (Y, {"classes": ["a", "b", "c", "a"]}, "names a class twice"),
        (Y, {"classes": ["a", "b", "c", "d"]}, "class 'd' has no positive or no negative examples"),
        (np.eye(6), {"classes": ["a"] * 5 + ["b"]}, "names a class twice"),
        (np.ones((6, 2)), {}, "class '0', '1' has no positive or no negative"),
        (np.full((6, 2), 0.5), {}, "Accepted: 0 and 1"),
        (np.eye(6)[:, :2], {"valid": (X, np.eye(6))}, r"shape \(6, 2\)"),
        (Y, {"valid": (X, ["d"] * 6)}, "y holds 'd'"),
        (Y, {"sample_weight": np.zeros(6)}, "not all 0"),
        (Y, {"sample_weight": [1, np.nan, 1, 1, 1, 1]}, "6 finite numbers"),
        (Y, {"groups": list("ab")}, r"groups.shape=\(2,\)"),
    ],
)
def test_labels_that_cannot_be_are_refused_with_the_reason(y, options, message):
    with pytest.raises(InputError, match=message):
        Means().fit(X, y, **options)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :, None], r"X.shape=\(6, 4, 1\). Accepted: \(n, d\), the descriptors"),
        (X[:, :0], "Accepted"),
        (X.astype(int), "X.dtype=int64"),
        (X.tolist(), "X is a list"),
        (X * np.inf, "NaN or infinite"),
        (X[:0], "no examples"),
    ],
)
def test_examples_that_cannot_be_are_refused_with_the_reason(rows, message):
    with pytest.raises(InputError, match=message), np.errstate(invalid="ignore"):
        Means().fit(rows, Y)


def test_an_untrained_model_is_refused():
    for attempt in (lambda: Means().predict_proba(X), lambda: Means().to_onnx()):
        with pytest.raises(ModelError, match=r"Means is not trained. Try: fit"):
            attempt()


def test_a_trained_model_refuses_another_size():
    with pytest.raises(InputError, match=r"X.shape=\(6, 3\); trained on \(n, 4\)"):
        Means().fit(X, Y).predict_proba(X[:, 1:])
    assert Means().fit(X, Y).predict_proba(X[:0]).shape == (0, 3)


def test_an_error_from_progress_ends_the_training():
    class Enough(Exception):
        pass

    def stop(*_):
        raise Enough

    with pytest.raises(Enough):
        Means().fit(X, Y, progress=stop)


# The registry


def test_families_are_listed_apart_from_models_and_must_be_trained_first():
    assert not {info.name for info in list_families()} & {info.name for info in list_models()}
    assert family("knn") is Knn
    with pytest.raises(ModelError, match=r"trained first. Try: earmark train DATA --model knn-kl -o RUN"):
        load_model("knn-kl")
    with pytest.raises(UnknownModelError, match="Did you mean 'logistic'"):
        family("logistics")
    with pytest.raises(UnknownModelError, match="'echo' is no family"):
        family("echo")


@pytest.mark.parametrize("group", ["earmark.estimators", "earmark.models"])
def test_families_of_other_packages_take_the_same_route(group, tmp_path, monkeypatch):
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    points = [f"[{group}]", "theirs = their_family:Theirs", "broken = their_family:none"]
    (info / "entry_points.txt").write_text("\n".join(points))
    code = "from earmark.estimators.knn import Knn\nclass Theirs(Knn):\n    pass\n"
    (tmp_path / "their_family.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        names = {info.name for info in (list_families() if group == "earmark.estimators" else list_models())}
        assert {"theirs", "broken"} <= names
        assert "their_family" not in sys.modules
        assert issubclass(family("theirs"), Knn)
        with pytest.raises(ModelError, match="'theirs' is a family of models: it must be trained first"):
            load_model("theirs")
        with pytest.raises(ModelError, match="the plugin model 'broken'"):
            family("broken")
    finally:
        sys.modules.pop("their_family", None)


def test_a_family_of_ones_own_is_registered_like_any_model(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    registry.register("means", summary="nearest mean")(Means)
    assert family("means") is Means
    assert {info.name: info.summary for info in list_families()}["means"] == "nearest mean"
    assert "means" not in {info.name for info in list_models()}


# The card


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"input": "samples"}, "input='samples'"),
        ({"input": "descriptors"}, "with 0 descriptor_names"),
        ({"descriptor_names": ("a",)}, "input='log_mel' with 1 descriptor_names"),
        ({"input": "descriptors", "descriptor_names": ("a", "a")}, "Accepted: different, non-empty"),
        ({"input": "descriptors", "descriptor_names": ("a", 3)}, "Accepted: different, non-empty"),
    ],
)
def test_a_card_whose_input_cannot_be_is_refused(entries, message):
    card = {"schema": "earmark.card/1", "name": "x", "heads": [{"name": "genres", "classes": ["a", "b"]}]}
    assert ModelCard.from_dict(card).input_shape == (128, 130)
    assert "input" not in ModelCard.from_dict(card).to_dict()  # cards from before stay as they were
    with pytest.raises(Exception, match=message):
        ModelCard.from_dict(card | entries)


# The page


def test_the_page_runs_and_names_every_clause(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "families.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(code, "page", "exec", dont_inherit=True), {"__name__": "page", "print": lambda *_: None})
    assert (tmp_path / "mine" / "card.json").exists()
    clauses = re.findall(
        r"^\| ([a-z ]+) \| ", page.split("| clause |")[1].split("## ")[0], flags=re.MULTILINE
    )
    assert clauses == [*CLAUSES, "bundle"]
