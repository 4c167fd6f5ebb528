"""The options of a training on the command line, made from the fields of `TrainSettings`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from earmark.train.settings import TrainSettings, parse_setting, read_params_file

R = TypeVar("R")

FIELDS = {each.name: each for each in dataclasses.fields(TrainSettings)}
_TYPES = get_type_hints(TrainSettings)


def takes_settings(*names: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options of some settings; what they come to is its argument ``settings``.

    Parameters
    ----------
    *names : str
        Fields of `TrainSettings`; by default all.

    Returns
    -------
    callable
        Decorator of a command whose annotations can be resolved, with a parameter ``settings``.
    """
    chosen = names or tuple(FIELDS)

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += _options(chosen) if parameter.name == "settings" else [parameter]

        @functools.wraps(command)
        def run(**arguments: Any) -> R:
            taken = {name: arguments.pop(name) for name in _parameter_names(chosen)}
            return command(settings=settings_of(taken), **arguments)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def settings_of(arguments: dict[str, Any]) -> TrainSettings:
    """Settings from the values of their options.

    Parameters
    ----------
    arguments : dict
        By the names of the fields, and for ``params`` those of its two options.

    Raises
    ------
    InputError
        A file or a parameter that cannot be read.
    """
    options = dict(arguments)
    if "augment" in options:
        options["augment"] = [step.strip() for step in options["augment"].split(",") if step.strip()]
    if "set_params" in options:
        path, pairs = options.pop("params_file"), options.pop("set_params")
        params = read_params_file(path, model=options.get("model")) if path is not None else {}
        options["params"] = params | dict(parse_setting(pair) for pair in pairs or [])
    return TrainSettings(**options)


def flags(settings: TrainSettings, *, without: Iterable[str] = ()) -> list[str]:
    """Arguments that give these settings again on a command line; those of the defaults are left out."""
    arguments = []
    for name, each in FIELDS.items():
        value = getattr(settings, name)
        if name == "params" or name in without or value == each.default:
            continue
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        arguments += [f"--{name}={text}" if text.startswith("-") else f"--{name}"]
        arguments += [] if text.startswith("-") else [text]
    return arguments


def _parameter_names(names: Iterable[str]) -> list[str]:
    return [each.name for each in _options(tuple(names))]


@functools.lru_cache
def _options(names: tuple[str, ...]) -> list[inspect.Parameter]:
    """Parameters of a command, with the Typer option of each in its annotation."""
    found = []
    for name in names:
        found += _params_options() if name == "params" else [_option(name)]
    return found


def _option(name: str) -> inspect.Parameter:
    kind: Any = _TYPES[name]
    default: Any = FIELDS[name].default
    if name == "augment":
        kind, default = str, ",".join(default)
    option = typer.Option(f"--{name}", **FIELDS[name].metadata)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _params_options() -> list[inspect.Parameter]:
    """The parameters of the family: from a file, and one by one."""
    file = typer.Option("--params", metavar="FILE", help="Parameters, as earmark tune writes them.")
    one = typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the family. Repeatable.")
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
        )
        for name, kind, option in (
            ("params_file", Path | None, file),
            ("set_params", list[str] | None, one),
        )
    ]
