"""What is asked of a training: family, parameters, seeds; checked before anything is computed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earmark.data import Manifest
from earmark.errors import InputError
from earmark.estimators import TrainableModel, build


def estimator(model: str, params: Mapping[str, Any] | None = None, *, seed: int = 0) -> TrainableModel:
    """Untrained model of a family.

    Parameters
    ----------
    model : str
        Name of the family.
    params : mapping, optional
        Parameters of its constructor; the others have their defaults.
    seed : int
        For what chance decides, unless `params` says otherwise.

    Raises
    ------
    UnknownModelError
        No family of that name.
    InputError
        A parameter that the family does not have, or an illegal value.
    """
    return build(model, params, seed=seed)


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
            f"{path} cannot be read as parameters: {error}", hint="Give a JSON object."
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}", hint="Give a JSON object of parameters.")
    params = content.get("params", content) if "model" in content or "params" in content else content
    if model and content.get("model", model) != model:
        raise InputError(
            f"{path} has parameters of {content['model']!r}, not of {model!r}",
            hint=f"earmark tune DATA --model {model} finds some.",
        )
    if not isinstance(params, dict):
        raise InputError(f"{path}: params is a {type(params).__name__}", hint="Give a JSON object.")
    return params


def parsed(setting: str) -> tuple[str, Any]:
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
        raise InputError(f"threads={threads}", hint="At least 1.")
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # it comes with scikit-learn; else NumPy does as its environment says
        yield
        return
    with threadpool_limits(threads):
        yield
