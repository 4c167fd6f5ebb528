"""Every parameter of every family is declared once, and refuses what it does not accept by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.errors import InputError, UnknownModelError
from earmark.estimators import build, family
from earmark.estimators.index import INDEX
from earmark.estimators.parameters import Choice, Parameter, Real, Search, Settings, Text, Whole, Wholes
from sounds import write

EVERY = sorted(INDEX)


@pytest.mark.parametrize("name", EVERY)
def test_every_parameter_is_declared_with_a_default_that_it_accepts(name: str) -> None:
    kind = family(name)
    assert list(kind.parameters()) == list(kind().get_params())
    for parameter in kind.parameters().values():
        parameter.check(parameter.default)
        assert str(parameter.accepted)
        for end in ends(parameter):
            parameter.check(end)


def ends(parameter: Parameter) -> list[Any]:
    """The values at the ends of where tuning searches."""
    search = parameter.search
    if search is None:
        return []
    if search.choices:
        return list(search.choices)
    found = [search.low, search.high]
    if isinstance(parameter.accepted, Wholes):
        return [[int(value)] for value in found]
    return [int(value) for value in found] if isinstance(parameter.accepted, Whole) else found


@pytest.mark.parametrize("name", EVERY)
def test_an_illegal_value_is_refused_by_name_before_anything_is_computed(name: str) -> None:
    for parameter in family(name).parameters().values():
        tried = parameter.accepted.illegal()
        assert tried
        for value in tried:
            with pytest.raises(InputError) as caught:
                build(name, {parameter.name: value})
            assert caught.value.message == f"{parameter.name}={value!r}"
            assert caught.value.hint == f"Accepted: {parameter.accepted}."


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("svm", {"C": -1}, "C=-1. Accepted: a number above 0."),
        ("svm", {"C": "abc"}, "C='abc'. Accepted: a number above 0."),
        ("mlp", {"hidden": 0}, "hidden=0. Accepted: a list of whole numbers, each 1 or more, such as [128]."),
        ("boosting", {"learning_rate": 0}, "learning_rate=0. Accepted: a number above 0."),
        ("boosting", {"max_features": 1.5}, "max_features=1.5. Accepted: a number above 0, at most 1."),
        ("logistic", {"class_weight": "foo"}, "class_weight='foo'. Accepted: 'balanced' or None."),
        ("knn", {"k": 0}, "k=0. Accepted: a whole number, 1 or more."),
        ("short-chunk", {"dropout": 1.0}, "dropout=1.0. Accepted: a number 0 or more, below 1."),
        ("fusion", {"when": "never"}, "when='never'. Accepted: 'late' or 'early'."),
        ("embedding", {"params": {"C": -1}}, "C=-1. Accepted: a number above 0."),
        (
            "embedding",
            {"classifier": "svm", "params": {"folds": 1}},
            "folds=1. Accepted: a whole",
        ),
        ("embedding", {"params": {"c": 1}}, "'logistic' has no parameter 'c'. Did you mean 'C'?"),
        (
            "svm",
            {"gama": 1},
            "'svm' has no parameter 'gama'. Did you mean 'gamma'? Accepted: C=3.0,",
        ),
    ],
)
def test_the_message_names_value_and_range(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        build(name, params)
    assert str(caught.value).startswith(message)


def test_fit_checks_what_build_did_not() -> None:
    model = family("svm")()
    model.C = -1
    with pytest.raises(InputError, match="C=-1"):
        model.fit(np.zeros((4, 2), np.float32), list("abab"))


def test_the_seed_is_given_to_those_that_take_one() -> None:
    assert build("svm", seed=3).get_params()["seed"] == 3
    assert build("svm", {"seed": 5}, seed=3).get_params()["seed"] == 5
    assert build("knn", {"k": 3}, seed=3).get_params() == {"k": 3, "class_weight": "balanced"}
    with pytest.raises(UnknownModelError):
        build("vsm")


@pytest.mark.parametrize(
    ("accepted", "legal"),
    [
        (Real(above=0), [1, 0.5, np.float32(2), np.int64(3)]),
        (Real(least=0, below=1), [0, 0.999]),
        (Whole(least=1), [1, np.int64(7)]),
        (Wholes(), [(1,), [8, 4]]),
        (Choice(("balanced", None)), ["balanced", None]),
        (Choice((True, False)), [True, False]),
        (Text(optional=True), ["x", None]),
        (Settings(), [None, {}, {"C": 1}]),
    ],
)
def test_what_is_legal_is_accepted_and_what_is_illegal_is_not(accepted: Any, legal: list[Any]) -> None:
    assert all(accepted.allows(value) for value in legal)
    assert not any(accepted.allows(value) for value in accepted.illegal())


def test_a_declaration_in_words() -> None:
    assert str(Real(above=0, most=1)) == "a number above 0, at most 1"
    assert str(Real()) == "a number"
    assert str(Search(1e-3, 10, log=True)) == "0.001 to 10 (logarithmic)"
    assert str(Search(choices=(16, 24))) == "16, 24"


@pytest.mark.parametrize(
    ("model", "setting", "message"),
    [
        ("svm", "C=-1", "C=-1. Accepted: a number above 0."),
        ("svm", "C=abc", "C='abc'. Accepted: a number above 0."),
        ("mlp", "hidden=0", "hidden=0. Accepted: a list of whole numbers, each 1 or more, such as [128]."),
        ("boosting", "learning_rate=0", "learning_rate=0. Accepted: a number above 0."),
        ("logistic", "class_weight=foo", "class_weight='foo'. Accepted: 'balanced' or None."),
        ("short-chunk", "epochs=0", "epochs=0. Accepted: a whole number, 1 or more."),
        ("logistic", "c=1", "'logistic' has no parameter 'c'. Did you mean 'C'?"),
    ],
)
def test_earmark_train_refuses_an_illegal_value_before_it_computes(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    setting: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    for i in range(6):
        song = tmp_path / "music" / "ab"[i % 2] / f"{i}.wav"
        song.parent.mkdir(parents=True, exist_ok=True)
        write(song, np.full(4 * 8000, 0.1 * (i + 1), np.float32), 8000, "wav16")
    refused = run("train", "music", "--model", model, "--set", setting, "--output", "mine")
    assert refused.status == 2, refused.err
    assert message in refused.err and "fault of earmark" not in refused.err
    assert not (tmp_path / "mine").exists() and not (tmp_path / "cache").exists()
