"""The contract of families that can be trained: what `fit` must do, and refuse.

To add a clause, write the function, add it to `CLAUSES`, and a family that breaks it to the tests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from earmark.contract.judging import judged, require
from earmark.errors import ContractError, EarmarkError, InputError, ModelError
from earmark.estimators.base import Inputs, TrainableModel, to_bundle
from earmark.models.base import Array, Model
from earmark.models.card import Head, ModelCard
from earmark.models.registry import load_model

N_DESCRIPTORS = 12  # any number
CLASSES = ("high", "low", "mid")


@dataclass(frozen=True)
class _Case:
    model: TrainableModel  # as it was given, trained on X and y
    X: Array
    y: np.ndarray
    fresh: Array  # more of the same
    y_fresh: np.ndarray
    tolerance: float

    def another(self) -> TrainableModel:
        """An untrained model with the same parameters."""
        return type(self.model)(**self.model.get_params())


def check_training(model: TrainableModel, *, tolerance: float) -> tuple[dict[str, str], Model]:
    """What each clause found, and the bundle that training gave.

    Raises
    ------
    ContractError
        Names the first clause that the family breaks, and how.
    """
    X, y = _examples(model.inputs(), n=20, seed=0)
    case = _Case(model, X, y, *_examples(model.inputs(), n=8, seed=1), tolerance)
    found = {name: _judge(model, name, clause, case) for name, clause in CLAUSES.items()}
    bundles: list[Model] = []
    found["bundle"] = _judge(model, "bundle", lambda case: _bundle(case, bundles), case)
    return found, bundles[0]


def _examples(inputs: Inputs, n: int, seed: int) -> tuple[Array, np.ndarray]:
    """Three classes that differ in where they are loud, n of each."""
    rng = np.random.default_rng(seed)
    y = np.repeat(CLASSES, n)
    codes = np.repeat([2, 0, 1], n)  # low, mid, high third
    if inputs.input == "descriptors":
        scales = 10.0 ** (np.arange(N_DESCRIPTORS) % 7 - 2)  # as unlike as hertz and fractions
        X = rng.normal(0, 1, (len(y), N_DESCRIPTORS)) + 2 * np.eye(3)[codes].repeat(
            N_DESCRIPTORS // 3, axis=1
        )
        return (X * scales).astype(np.float32), y
    card = ModelCard("examples", (Head("genres", CLASSES),), **inputs._asdict())
    parts = [_spectrograms(codes, *frames.shape, rng) for frames in card.front_ends]
    if inputs.input == "log_mel":
        return parts[0], y
    return np.concatenate([part.reshape(len(y), -1) for part in parts], axis=1), y


def _spectrograms(codes: np.ndarray, n_mels: int, n_frames: int, rng: np.random.Generator) -> Array:
    """Windows of which one third of the bands, that of the code, is loud [shape=(n, n_mels, n_frames)]."""
    X = rng.normal(-30, 8, (len(codes), n_mels, n_frames)) + rng.uniform(-3, 3, (len(codes), 1, 1))
    for window, code in zip(X, codes, strict=True):
        window[code * n_mels // 3 : (code + 1) * n_mels // 3] += 20
    return X.astype(np.float32)


def _judge(model: TrainableModel, name: str, clause: Callable[[_Case], str], case: _Case) -> str:
    return judged(f"family {type(model).__name__}", name, clause, case, page="docs/families.md")


def _must_refuse(
    name: str, attempt: Callable[[], object], error: type[EarmarkError] = InputError, says: str = ""
) -> None:
    try:
        attempt()
    except error as refusal:
        require(says in refusal.message, f"{name}: the error does not name it: {refusal.message}")
        return
    except Exception as other:
        raise ContractError(f"{name}: {type(other).__name__} instead of {error.__name__}: {other}") from other
    raise ContractError(f"{name}: accepted instead of raising {error.__name__}")


def _parameters(case: _Case) -> str:
    """The constructor only stores: a copy made from the parameters has the same."""
    params = case.model.get_params()
    copy = case.another().get_params()
    require(repr(params) == repr(copy), f"parameters {params} become {copy} in a copy")
    return f"{len(params)} parameters"


def _bad_parameters(case: _Case) -> str:
    """Every declared parameter refuses what it does not accept, before anything is computed."""
    declared, tried = case.model.parameters(), 0
    for name, parameter in declared.items():
        for value in parameter.accepted.illegal():
            model = type(case.model)(**{**case.model.get_params(), name: value})
            _must_refuse(f"{name}={value!r}", partial(model.fit, case.X, case.y), says=f"{name}={value!r}")
            tried += 1
    return f"{tried} illegal values of {len(declared)} declared parameters: InputError"


def _untrained(case: _Case) -> str:
    _must_refuse("predict_proba before fit", lambda: case.another().predict_proba(case.X), ModelError)
    _must_refuse("to_onnx before fit", lambda: case.another().to_onnx(), ModelError)
    return "ModelError"


def _learns(case: _Case) -> str:
    """Separates three easy classes, on held-out examples."""
    X = case.X.copy()
    returned = case.model.fit(X, case.y)
    require(returned is case.model, "fit does not return the model")
    require(np.array_equal(X, case.X), "fit wrote to its input")
    require(list(case.model.classes_) == list(CLASSES), f"classes_ are {list(case.model.classes_)}")
    rows = case.model.predict_proba(case.fresh)
    right = float((case.model.classes_[rows.argmax(axis=1)] == case.y_fresh).mean())
    require(right >= 0.8, f"{right:.0%} of fresh examples of three easy classes")
    worst = float(np.abs(rows.sum(axis=1) - 1).max())
    require(worst <= 1e-4, f"rows miss a sum of one by {worst:.3g}")
    return f"{right:.0%} of fresh examples of three classes"


def _again(case: _Case) -> str:
    """From scratch each time: an earlier fit does not matter, and random numbers come from the seed."""
    expected = case.model.predict_proba(case.fresh)
    again = case.another().fit(case.X, np.roll(case.y, 20)).fit(case.X, case.y)
    if not np.array_equal(again.predict_proba(case.fresh), expected):
        once = case.another().fit(case.X, case.y)  # which of the two it is: most families never come here
        same = np.array_equal(once.predict_proba(case.fresh), expected)
        raise ContractError(
            "an earlier fit changes the model" if same else "another training gives another model"
        )
    return "the same again, bit for bit"


def _order_of_classes(case: _Case) -> str:
    turned = list(CLASSES[::-1])
    model = case.another().fit(case.X, case.y, classes=turned)
    require(list(model.classes_) == turned, f"classes={turned} become {list(model.classes_)}")
    right = float((model.classes_[model.predict_proba(case.fresh).argmax(axis=1)] == case.y_fresh).mean())
    require(right >= 0.8, f"with classes in another order only {right:.0%} are right")
    return "as given"


def _bad_labels(case: _Case) -> str:
    n = len(case.y)
    bad: dict[str, Any] = {
        "numbers": np.arange(n),
        "None among the labels": [None, *case.y[1:]],
        "one label less": case.y[1:],
        "fractions": np.full((n, 3), 0.5),
        "one class": ["low"] * n,
        "no labels": [],
    }
    for name, y in bad.items():
        _must_refuse(name, partial(case.another().fit, case.X, y))
    _must_refuse("a class without examples", lambda: _fit(case, classes=[*CLASSES, "none"]))
    _must_refuse("a label that classes lacks", lambda: _fit(case, classes=["low", "mid"]))
    _must_refuse(
        "a label that only valid has", lambda: _fit(case, valid=(case.fresh, ["new"] * len(case.fresh)))
    )
    return f"{len(bad) + 3} kinds: InputError"


def _bad_examples(case: _Case) -> str:
    with_nan = case.X.copy()
    with_nan[1].flat[3] = np.nan
    bad: dict[str, Any] = {
        "NaN": with_nan,
        "a flat array": case.X.reshape(-1),
        "integers": case.X.astype(np.int64),
        "a list": case.X[:, 0].tolist(),
        "no examples": case.X[:0],
    }
    for name, X in bad.items():
        _must_refuse(name, partial(case.another().fit, X, case.y[: len(X)]))
    _must_refuse("weights below 0", lambda: _fit(case, sample_weight=-np.ones(len(case.y))))
    _must_refuse("groups of some", lambda: _fit(case, groups=["a"]))
    _must_refuse("a size it was not trained on", lambda: case.model.predict_proba(case.X[:, 1:]))
    return f"{len(bad) + 3} kinds: InputError"


def _fit(case: _Case, **options: Any) -> TrainableModel:
    return case.another().fit(case.X, case.y, **options)


CLAUSES: dict[str, Callable[[_Case], str]] = {
    "parameters": _parameters,
    "bad parameters": _bad_parameters,
    "untrained": _untrained,
    "learns": _learns,
    "again": _again,
    "order of classes": _order_of_classes,
    "bad labels": _bad_labels,
    "bad examples": _bad_examples,
}


def _bundle(case: _Case, made: list[Model]) -> str:
    """Saved and loaded, it gives the same probabilities."""
    names = [f"d{i}" for i in range(N_DESCRIPTORS)] if case.model.input == "descriptors" else ()
    with tempfile.TemporaryDirectory() as temporary:
        to_bundle(case.model, Path(temporary) / "bundle", name="trained", descriptor_names=names)
        model = load_model(Path(temporary) / "bundle")
    difference = float(np.abs(model.predict_proba(case.fresh) - case.model.predict_proba(case.fresh)).max())
    require(difference <= case.tolerance, f"the graph differs from predict_proba by {difference:.3g}")
    made.append(model)
    return f"as ONNX the same to {difference:.1g}"
