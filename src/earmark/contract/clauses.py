"""The contract suite: what every model must do, whoever wrote it.

Each clause is a function that raises `ContractError` or returns in a few words what it found. To add a
clause, write the function, add it to `CLAUSES`, and add a model that breaks it to the tests.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from earmark.contract.inputs import extremes, music_like
from earmark.contract.judging import judged, require
from earmark.contract.training import check_training
from earmark.errors import ContractError, InputError
from earmark.estimators.base import TrainableModel
from earmark.models.base import Array, Model, ModelOutput, call, checked_output
from earmark.models.card import ModelCard
from earmark.models.registry import load_model

Found = TypeVar("Found")

# Float32 sums of some thousand terms, added in another order: runtimes choose their kernels by the
# size of the batch. Probabilities then differ by about 1e-6; a model that mixes its windows, by far more.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class ContractReport:
    """A model that passed, clause by clause.

    Parameters
    ----------
    model : str
        Its name.
    clauses : dict of str to str
        What each clause found.
    size_bytes : int
        Of its bundle; 0 for a model that has nothing to save.
    windows_per_second : float
        In batches of 16.
    realtime : float
        Seconds of sound in a second of computing, without decoding and front end.
    """

    model: str
    clauses: dict[str, str]
    size_bytes: int
    windows_per_second: float
    realtime: float

    def __str__(self) -> str:
        width = max(map(len, self.clauses))
        lines = [f"  {name:{width}}  {found}" for name, found in self.clauses.items()]
        return "\n".join([f"{self.model}: keeps the contract", *lines])


@dataclass(frozen=True)
class _Case:
    model: Model
    X: Array  # inputs like music, [shape=(n, *card.input_shape)]
    tolerance: float
    clock: Callable[[], float]


def check_model(
    model: Model | TrainableModel,
    *,
    tolerance: float = TOLERANCE,
    clock: Callable[[], float] = time.perf_counter,
) -> ContractReport:
    """Put a model through the contract that everything else in earmark relies on.

    A family that can be trained is trained on a small set of its own making; the bundle that this gives is
    then put through the contract like any model.

    Parameters
    ----------
    model : Model or TrainableModel
        Any object with `card` and `predict_proba`; or an untrained model of a family.
    tolerance : float
        Largest difference between two probabilities, or relative difference between two embeddings,
        that should be the same.
    clock : callable
        Gives seconds; for the stated speed.

    Returns
    -------
    ContractReport
        What each clause found, the size and the speed.

    Raises
    ------
    ContractError
        Names the first clause that the model breaks, and how.

    Examples
    --------
    >>> check_model(load_model("echo")).model
    'echo'
    """
    if isinstance(model, TrainableModel):
        clauses, bundle = check_training(model, tolerance=tolerance)
        report = check_model(bundle, tolerance=tolerance, clock=clock)
        return dataclasses.replace(report, clauses={**clauses, **report.clauses})
    found = {"card": _judge("card", _card, model)}
    case = _Case(model, music_like(model.card, n=7), tolerance, clock)
    found |= {clause: _judge(clause, judge, case) for clause, judge in CLAUSES.items()}
    size_bytes, speed = _judge("size and speed", lambda case: (_size(case), _speed(case)), case)
    realtime = speed * model.card.hop
    found["size and speed"] = f"{size_bytes:,} bytes, {speed:,.0f} windows/s, {realtime:,.0f} x real time"
    return ContractReport(model.card.name, found, size_bytes, speed, realtime)


def _judge(clause: str, judge: Callable[[Any], Found], case: Any) -> Found:
    model = case.model if isinstance(case, _Case) else case
    name = getattr(getattr(model, "card", None), "name", type(model).__name__)
    return judged(f"model {name!r}", clause, judge, case, page="docs/models.md")


def _card(model: Model) -> str:
    card = getattr(model, "card", None)
    require(isinstance(card, ModelCard), f"card is a {type(card).__name__}, not a ModelCard")
    require(callable(getattr(model, "predict_proba", None)), "there is no predict_proba(X)")
    text = model.card.to_json()
    require(ModelCard.from_json(text).to_json() == text, "the card changes on its way through JSON")
    return f"{len(model.card.heads)} heads, {len(model.card.classes)} classes"


def _shapes(case: _Case) -> str:
    """One row for each window, one column for each class, floats; every head of the card given."""
    card, n = case.model.card, len(case.X)
    rows = case.model.predict_proba(case.X)
    require(isinstance(rows, np.ndarray), f"predict_proba gives a {type(rows).__name__}, not an array")
    require(np.issubdtype(rows.dtype, np.floating), f"predict_proba gives {rows.dtype}, not floats")
    wanted = (n, len(card.classes))
    require(rows.shape == wanted, f"predict_proba gives shape {rows.shape}, not {wanted}")
    output = call(case.model, case.X)
    given = {head.name for head in card.heads} if hasattr(case.model, "forward") else {card.heads[0].name}
    require(output.heads.keys() == given, f"heads {sorted(output.heads)}, not {sorted(given)}")
    for head in card.heads:
        shape = np.shape(output.heads.get(head.name, np.empty((n, len(head.classes)))))
        require(
            shape == (n, len(head.classes)), f"{head.name} has shape {shape}, not {(n, len(head.classes))}"
        )
    shape = (n, 0) if output.embedding is None else np.shape(output.embedding)
    require(shape == (n, card.embedding_size), f"embeddings of shape {shape}, not {(n, card.embedding_size)}")
    return f"{rows.dtype} {rows.shape}, embedding {card.embedding_size}"


def _finite(case: _Case) -> str:
    for name, values in _outputs(call(case.model, case.X)).items():
        require(bool(np.isfinite(values).all()), f"{name} holds NaN or infinite values")
    return "no NaN, no infinity"


def _probabilities(case: _Case) -> str:
    """Probabilities and amounts lie in [0, 1]; only the rows of a softmax head have a sum to keep."""
    output = checked_output(case.model, case.X)
    for head in case.model.card.heads:
        if head.name not in output.heads:
            continue
        rows = output.heads[head.name]
        low, high = float(rows.min()), float(rows.max())
        require(low >= 0 and high <= 1 + 1e-6, f"{head.name} lies in [{low:.6g}, {high:.6g}], not in [0, 1]")
        if head.kind == "softmax":
            worst = float(np.abs(rows.sum(axis=1) - 1).max())
            require(worst <= 1e-4, f"rows of {head.name} miss a sum of one by {worst:.3g}")
    return "in [0, 1], softmax rows sum to one"


def _consistent(case: _Case) -> str:
    """`predict_proba`, `embed` and `predict_spectrogram` give what `forward` gives."""
    output, model = checked_output(case.model, case.X), case.model
    first = output.heads[model.card.heads[0].name]
    doors: dict[str, tuple[Any, Any]] = {"predict_proba": (model.predict_proba(case.X), first)}
    if hasattr(model, "predict_spectrogram") and model.card.input == "log_mel":
        doors["predict_spectrogram"] = (model.predict_spectrogram(case.X), first)
    if hasattr(model, "embed") and output.embedding is not None:
        doors["embed"] = (model.embed(case.X), output.embedding)
    for name, (values, expected) in doors.items():
        difference = _difference(values, expected)
        require(difference <= case.tolerance, f"{name} differs from forward by {difference:.3g}")
    return ", ".join(doors)


def _deterministic(case: _Case) -> str:
    once, twice = (_outputs(checked_output(case.model, case.X)) for _ in range(2))
    for name, values in once.items():
        require(np.array_equal(values, twice[name]), f"{name} differs from one call to the next")
    return "the same output twice"


def _alone(case: _Case) -> str:
    together = _outputs(checked_output(case.model, case.X))
    alone = [_outputs(checked_output(case.model, case.X[i : i + 1])) for i in range(len(case.X))]
    worst = 0.0
    for name, values in together.items():
        difference = _difference(np.concatenate([one[name] for one in alone]), values)
        require(
            difference <= case.tolerance,
            f"{name} of a window alone and in a batch differ by {difference:.3g}",
        )
        worst = max(worst, difference)
    return f"alone or in a batch: differ by {worst:.1g}"


def _shuffled(case: _Case) -> str:
    order = np.random.default_rng(1).permutation(len(case.X))
    straight = _outputs(checked_output(case.model, case.X))
    shuffled = _outputs(checked_output(case.model, np.ascontiguousarray(case.X[order])))
    for name, values in straight.items():
        difference = _difference(shuffled[name], values[order])
        require(difference <= case.tolerance, f"{name} depends on the order of windows, by {difference:.3g}")
    return "in any order"


def _input_unchanged(case: _Case) -> str:
    X = case.X.copy()
    checked_output(case.model, X)
    case.model.predict_proba(X)
    require(np.array_equal(X, case.X), "the input was written to")
    X.flags.writeable = False
    case.model.predict_proba(X)
    return "not written to"


def _layouts(case: _Case) -> str:
    """Any float type and any memory layout of the same numbers give the same output."""
    expected = case.model.predict_proba(case.X)
    layouts: dict[str, Any] = {
        "float64": case.X.astype(np.float64),
        "Fortran order": np.asfortranarray(case.X),
    }
    for name, X in layouts.items():
        difference = _difference(case.model.predict_proba(X), expected)
        require(difference <= case.tolerance, f"the same input in {name} differs by {difference:.3g}")
    return ", ".join(layouts)


def _extremes(case: _Case) -> str:
    """Silence, a click and a signal far over full scale get finite probabilities, too."""
    inputs = extremes(case.model.card)
    for name, X in inputs.items():
        for what, values in _outputs(call(case.model, X)).items():
            require(bool(np.isfinite(values).all()), f"{what} of {name} holds NaN or infinite values")
        _probabilities(_Case(case.model, X, case.tolerance, case.clock))
    return ", ".join(inputs)


def _no_windows(case: _Case) -> str:
    rows = case.model.predict_proba(case.X[:0])
    wanted = (0, len(case.model.card.classes))
    require(np.shape(rows) == wanted, f"no windows give shape {np.shape(rows)}, not {wanted}")
    return "no windows, no rows"


def _bad_values(case: _Case) -> str:
    bad = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}
    for name, value in bad.items():
        X = case.X.copy()
        X[2].flat[5] = value
        _must_refuse(case.model, X, name)
    return f"{', '.join(bad)}: InputError"


def _bad_shapes(case: _Case) -> str:
    X = case.X
    bad: dict[str, Array] = {
        "a single window without its batch axis": X[0],
        "a batch of batches": X[np.newaxis],
    }
    if X.ndim == 2:
        bad["one number less"] = X[:, 1:]
    else:
        bad |= {"one mel band less": X[:, 1:], "one frame less": X[:, :, 1:]}
        if X.shape[1] != X.shape[2]:
            bad["time before frequency"] = X.transpose(0, 2, 1)
    for name, wrong in bad.items():
        _must_refuse(case.model, wrong, name)
    return f"{len(bad)} wrong shapes: InputError"


def _bad_types(case: _Case) -> str:
    X: Any = np.abs(case.X[:1])
    bad = {"integers": np.uint8, "complex numbers": np.complex64, "texts": np.str_}
    for name, dtype in bad.items():
        _must_refuse(case.model, X.astype(dtype), name)
    _must_refuse(case.model, None, "None")
    return f"{', '.join(bad)}: InputError"


def _save_and_load(case: _Case) -> str:
    save = getattr(case.model, "save", None)
    if save is None:
        require(
            not case.model.card.sha256,
            "its card has a checksum, so it has weights, but there is no save(folder)",
        )
        return "nothing to save"
    with tempfile.TemporaryDirectory() as temporary:
        save(Path(temporary) / "bundle")
        loaded = load_model(Path(temporary) / "bundle")
        before, after = (_outputs(checked_output(model, case.X)) for model in (case.model, loaded))
    require(before.keys() == after.keys(), f"heads {sorted(before)} come back as {sorted(after)}")
    require(loaded.card.classes == case.model.card.classes, "the classes come back in another order")
    for name, values in before.items():
        difference = _difference(after[name], values)
        require(difference <= case.tolerance, f"{name} differs by {difference:.3g} after save and load")
    return "the same after a round trip"


CLAUSES: dict[str, Callable[[_Case], str]] = {
    "shapes": _shapes,
    "finite": _finite,
    "probabilities": _probabilities,
    "consistent": _consistent,
    "deterministic": _deterministic,
    "alone": _alone,
    "shuffled": _shuffled,
    "input unchanged": _input_unchanged,
    "layouts": _layouts,
    "extremes": _extremes,
    "no windows": _no_windows,
    "bad values": _bad_values,
    "bad shapes": _bad_shapes,
    "bad types": _bad_types,
    "save and load": _save_and_load,
}


def _outputs(output: ModelOutput) -> dict[str, Array]:
    embedding = {} if output.embedding is None else {"embedding": output.embedding}
    return {**output.heads, **embedding}


def _difference(values: Any, expected: Any) -> float:
    """Largest difference, relative to the largest value where that is above one."""
    values, expected = np.asarray(values), np.asarray(expected)
    require(values.shape == expected.shape, f"shape {values.shape} instead of {expected.shape}")
    if not expected.size:
        return 0.0
    return float(np.abs(values - expected).max() / max(1.0, np.abs(expected).max()))


def _must_refuse(model: Model, X: Any, name: str) -> None:
    try:
        model.predict_proba(X)
    except InputError:
        return
    except Exception as error:
        raise ContractError(f"{name}: {type(error).__name__} instead of InputError: {error}") from error
    raise ContractError(f"{name}: accepted instead of raising InputError")


def _size(case: _Case) -> int:
    save = getattr(case.model, "save", None)
    if save is None:
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        save(Path(temporary) / "bundle")
        return sum(path.stat().st_size for path in Path(temporary).rglob("*") if path.is_file())


def _speed(case: _Case, n: int = 16, repeats: int = 3) -> float:
    X = music_like(case.model.card, n)
    times = []
    for _ in range(repeats):
        began = case.clock()
        checked_output(case.model, X)
        times.append(case.clock() - began)
    return n / max(min(times), 1e-9)
