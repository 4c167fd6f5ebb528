"""Every option of a training, declared once.

`TrainSettings` is the argument of `earmark.train.train`, the ``settings`` in a run's ``params.json`` from
which a run is opened again, and what the options of ``earmark train`` and ``earmark tune`` are made from.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import InputError, suggestion

if TYPE_CHECKING:
    from earmark.data import Manifest
    from earmark.estimators import TrainableModel


def _option(default: Any, help: str, *, metavar: str, **more: Any) -> Any:
    """A field with what a command line says of it; `more` are further arguments of a Typer option."""
    return field(default=default, metadata={"help": help, "metavar": metavar, **more})


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Options of a training.

    Parameters
    ----------
    model : str
        Name of a family, as `earmark.estimators.list_families` has it.
    params : mapping
        Parameters of the family; the others have their defaults.
    split : str
        Protocol: ``"grouped"``, ``"stratified"``, ``"random"``, ``"given"``, or ``"windows"`` (leaky).
        ``"auto"`` is ``"given"`` where the data state a split into train and test, else ``"grouped"``.
    test, valid : float
        Fractions of the tracks that are held out, to measure the model and to stop early.
    augment : tuple of str
        Steps of augmentation, as `earmark.train.augment.Augmentation` takes them.
    seed : int
        Random seed of the split, the family and the augmentation.
    window, hop : float
        Length of a window and distance between two, in seconds; by default windows touch.
    name : str, optional
        Name on the card; by default that of the data set and the family.
    licence : str
        Licence of the weights (SPDX), for the card.
    threads : int
        Threads of the numerical libraries. Another number may add floats in another order.

    Raises
    ------
    InputError
        `threads` is below 1.

    Examples
    --------
    >>> TrainSettings(model="svm", params={"C": 3}).window
    3.0
    """

    model: str = _option("embedding", "Family of models to train.", metavar="NAME")
    params: Mapping[str, Any] = field(default_factory=dict)
    split: str = _option(
        "auto",
        "grouped, stratified, random, given, or windows (leaky).",
        metavar="PROTOCOL",
        show_default="given where the data state a split, else grouped",
    )
    augment: tuple[str, ...] = _option((), "Steps of augmentation, in order.", metavar="A,B,C")
    seed: int = _option(0, "Random seed.", metavar="N")
    window: float = _option(3.0, "Window length.", metavar="SECONDS")
    hop: float | None = _option(
        None, "From one window to the next.", metavar="SECONDS", show_default="the window"
    )
    test: float = _option(0.2, "Fraction held out for testing.", metavar="FRACTION")
    valid: float = _option(0.15, "Fraction held out for validation.", metavar="FRACTION")
    name: str | None = _option(
        None, "Name of the model, for its card.", metavar="NAME", show_default="from the data"
    )
    licence: str = _option("", "Licence of the weights.", metavar="SPDX")
    threads: int = _option(1, "Training threads (another number may change the result).", metavar="N", min=1)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"threads={self.threads}", hint="Accepted: 1 or more.")
        object.__setattr__(self, "params", dict(self.params))
        object.__setattr__(self, "augment", tuple(self.augment))

    @property
    def hop_or_window(self) -> float:
        """Distance between two windows, in seconds."""
        return self.window if self.hop is None else self.hop

    def estimator(self) -> TrainableModel:
        """Untrained model of the family, its parameters checked; see `earmark.estimators.build`."""
        from earmark.estimators import build

        return build(self.model, self.params, seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """The settings, ready for JSON."""
        return {**dataclasses.asdict(self), "augment": list(self.augment)}

    @classmethod
    def build(cls, settings: TrainSettings | None = None, **options: Any) -> TrainSettings:
        """Settings with some options changed.

        Parameters
        ----------
        settings : TrainSettings, optional
            What to start from; by default the defaults.
        **options
            Fields by name.

        Raises
        ------
        InputError
            There is no such option.
        """
        known = [each.name for each in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                raise InputError(
                    f"a training has no option {name!r}",
                    hint=f"{suggestion(name, known)}Accepted: {', '.join(known)}.",
                )
        return dataclasses.replace(settings or cls(), **options)

    @classmethod
    def from_run(cls, params: Mapping[str, Any]) -> TrainSettings:
        """Settings of a run, from the content of its ``params.json``.

        Raises
        ------
        InputError
            They are not complete, or of another version.
        """
        try:
            return cls.build(**params["settings"])
        except (KeyError, TypeError) as error:
            raise InputError(
                f"the settings of the run cannot be read: {error}", hint="Try: train again."
            ) from error


def upgraded(params: Mapping[str, Any]) -> dict[str, Any]:
    """``params.json`` of a run by earmark.run/1, which had the settings in several places, as earmark.run/2.

    Parameters
    ----------
    params : mapping
        Content of the file.

    Returns
    -------
    dict
        The same facts in the places of earmark.run/2.
    """
    split, features = params["split"], params["features"]
    alike = ("model", "params", "augment", "seed", "name", "licence", "threads")
    settings = {name: params[name] for name in alike} | {
        "split": split["protocol"],
        "test": split["test"],
        "valid": split["valid"],
        "window": features["window"],
        "hop": features["hop"],
    }
    return {
        "schema": "earmark.run/2",
        "earmark": params["earmark"],
        "settings": settings,
        "data": params["data"],
        "split_digest": split["digest"],
        "features": {name: features[name] for name in ("input", "spec", "digest")},
    }


def read_params_file(path: str | os.PathLike[str], *, model: str | None = None) -> dict[str, Any]:
    """Parameters from a file of ``earmark tune``, or any JSON object of parameters.

    Parameters
    ----------
    path : path
        The file.
    model : str, optional
        Family that they are for: a file that names another is refused.

    Raises
    ------
    InputError
        It cannot be read, is no JSON object, or is for another family.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as parameters: {error}", hint="Accepted: a JSON object."
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__}", hint="Accepted: a JSON object of parameters."
        )
    params = content.get("params", content) if "model" in content or "params" in content else content
    if model and content.get("model", model) != model:
        raise InputError(
            f"{path} has parameters of {content['model']!r}, not of {model!r}",
            hint=f"Try: earmark tune DATA --model {model}, which finds some.",
        )
    if not isinstance(params, dict):
        raise InputError(f"{path}: params is a {type(params).__name__}", hint="Accepted: a JSON object.")
    return params


def parse_setting(setting: str) -> tuple[str, Any]:
    """Name and value of ``key=value``; the value is read as JSON where it is JSON, else as text.

    Raises
    ------
    InputError
        There is no ``=``.
    """
    name, mark, text = setting.partition("=")
    if not mark or not name.strip():
        raise InputError(f"{setting!r} sets nothing", hint="Accepted: key=value, such as C=0.5.")
    try:
        value = json.loads(text)
    except ValueError:
        value = {"None": None, "True": True, "False": False}.get(text, text)
    return name.strip(), value


def model_name(text: str) -> str:
    """Name that a card accepts, as near as can be to some text."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    return plain[:64].rstrip("-._") or "model"


def name_of(manifest: Manifest) -> str:
    """Short name of a data set: that of its folder or file."""
    name = Path(os.path.abspath(manifest.cache or manifest.root or "data")).stem
    return name.encode("utf-8", "replace").decode()  # it will stand in a card


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let numerical libraries use so many threads inside: sums then come in the same order each time.

    Raises
    ------
    InputError
        Not a positive number.
    """
    if threads < 1:
        raise InputError(f"threads={threads}", hint="Accepted: at least 1.")
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # it comes with scikit-learn; else NumPy does as its environment says
        yield
        return
    with threadpool_limits(threads):
        yield
