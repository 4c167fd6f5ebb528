"""Models by name: those in this folder, the bundles that ship, and those of plugins.

To add a family, drop a file into this folder that calls `register`; to ship weights, drop a bundle into
``bundles/``; to publish a model in a package of its own, name its factory in the entry point group
``earmark.models``.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from earmark.errors import BundleError, InputError, ModelError, UnknownModelError
from earmark.models.base import Model
from earmark.models.bundle import CARD_FILE, read_card
from earmark.models.card import ModelCard
from earmark.models.trainable import TrainableModel

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "earmark.models"
BUNDLES = Path(__file__).parent / "bundles"

Factory = TypeVar("Factory", bound=Callable[[], Model | TrainableModel])


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without loading it.

    Parameters
    ----------
    name : str
        For `load_model`.
    summary : str
        One line; of a bundle that cannot be read, what is wrong with it.
    origin : {"bundle", "family", "trainable", "plugin"}
        A folder with weights, a file of earmark, one that must be trained first, or another package.
    location : str
        The folder, or the module and name of the factory.
    card : ModelCard or None
        Its card, where that is known before loading.
    """

    name: str
    summary: str
    origin: Literal["bundle", "family", "trainable", "plugin"]
    location: str
    card: ModelCard | None = None


@dataclass(frozen=True)
class _Family:
    factory: Callable[[], Model | TrainableModel]
    summary: str


_families: dict[str, _Family] = {}


def register(name: str, *, summary: str = "") -> Callable[[Factory], Factory]:
    """Make a model known by name: a decorator for a class or function that builds it from nothing.

    A class derived from `TrainableModel` becomes a family that `families` lists and ``earmark train`` takes.

    Parameters
    ----------
    name : str
        For `load_model`.
    summary : str
        One line for `list_models`.

    Returns
    -------
    callable
        Gives back the factory that it decorates.

    Raises
    ------
    InputError
        The name belongs to another factory.

    Examples
    --------
    >>> @register("mine", summary="What it is")
    ... def mine() -> Model: ...
    """

    def remember(factory: Factory) -> Factory:
        before = _families.get(name)
        if before is not None and _where(before.factory) != _where(factory):
            raise InputError(
                f"model name={name!r} is taken by {_where(before.factory)}",
                hint="Register it under another name.",
            )
        _families[name] = _Family(factory, summary)
        return factory

    return remember


def list_models() -> list[ModelInfo]:
    """Every model that `load_model` knows by name, the bundles first.

    Cards are read and the light files of this folder imported; no weights are touched, and of plugins
    only the names.

    Returns
    -------
    list of ModelInfo
        A name occurs once: bundles go before families, families before plugins.
    """
    found: dict[str, ModelInfo] = {}
    for info in [*_bundles(), *_family_infos(), *_plugin_infos()]:
        found.setdefault(info.name, info)
    return list(found.values())


def families() -> dict[str, type[TrainableModel]]:
    """Every family that can be trained, by name: those of this folder, then those of plugins.

    Returns
    -------
    dict of str to type
        Classes derived from `TrainableModel`. A plugin that fails to load is left out; `family` tells why.
    """
    _import_families()
    found = {name: _trainable(made.factory) for name, made in sorted(_families.items())}
    for plugin in _plugins():
        if plugin.name not in found:
            with contextlib.suppress(ModelError):
                found[plugin.name] = _trainable(_loaded_plugin(plugin))
    return {name: trained for name, trained in found.items() if trained}


def family(name: str) -> type[TrainableModel]:
    """One family that can be trained, by name.

    Raises
    ------
    UnknownModelError
        No family of that name.
    ModelError
        A plugin of that name failed to load.
    """
    _import_families()
    made = _families.get(name)
    candidates = [made.factory] if made else [_loaded_plugin(p) for p in _plugins() if p.name == name]
    for candidate in candidates:
        if trained := _trainable(candidate):
            return trained
    known = list(families())
    near = difflib.get_close_matches(name.lower(), known, n=1)
    raise UnknownModelError(
        f"{name!r} is no family of models that can be trained",
        hint=(f"Did you mean {near[0]!r}? " if near else "") + f"Known: {', '.join(known)}.",
    )


def load_model(source: str | os.PathLike[str], *, threads: int = 1, flush_denormals: bool = False) -> Model:
    """Model by name, or from the folder of a bundle.

    Parameters
    ----------
    source : str or path
        A name of `list_models`, or a folder with ``card.json`` and ``model.onnx``. A text without a
        slash is a name first.
    threads, flush_denormals
        For models that ONNX Runtime runs: see `earmark.models.OnnxModel`.

    Returns
    -------
    Model

    Raises
    ------
    UnknownModelError
        No model of that name and no folder there.
    BundleError
        The bundle is incomplete, altered or of a newer version.
    ModelError
        A plugin failed to load, or the name is that of a family which must be trained first.
    InputError
        Neither a name nor a path.
    """
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"model={source!r}", hint="Give the name of a model, or the folder of a bundle.")
    name = os.fspath(source)
    if isinstance(source, str) and not _looks_like_path(source):
        if (BUNDLES / name / CARD_FILE).is_file():
            return _load_bundle(BUNDLES / name, threads, flush_denormals)
        _import_families()
        if name in _families:
            return _ready(name, _families[name].factory)
        for plugin in _plugins():
            if plugin.name == name:
                return _load_plugin(plugin)
    if (name and (Path(name) / CARD_FILE).exists()) or (_looks_like_path(name) and Path(name).exists()):
        return _load_bundle(Path(name), threads, flush_denormals)
    raise _unknown(name)


def _load_bundle(folder: Path, threads: int, flush_denormals: bool) -> Model:
    from earmark.models.onnx import OnnxModel

    if not folder.is_dir():
        raise BundleError(f"{folder} is a file", hint="Give the folder that holds card.json and model.onnx.")
    return OnnxModel.load(folder, threads=threads, flush_denormals=flush_denormals)


def _ready(name: str, factory: Any) -> Model:
    """What the factory makes, unless it has to be trained before."""
    if _trainable(factory):
        raise ModelError(
            f"{name!r} is a family of models: it must be trained first",
            hint=f"earmark train DATA --model {name}, then use the bundle that this makes.",
        )
    model: Model = factory()
    return model


def _trainable(factory: object) -> type[TrainableModel] | None:
    return factory if isinstance(factory, type) and issubclass(factory, TrainableModel) else None


def _loaded_plugin(plugin: EntryPoint) -> Any:
    try:
        return plugin.load()
    except Exception as error:  # another package's code: whatever it raises
        raise _plugin_failed(plugin, error) from error


def _plugin_failed(plugin: EntryPoint, error: Exception) -> ModelError:
    return ModelError(
        f"the plugin model {plugin.name!r} ({plugin.value}) failed: {type(error).__name__}: {error}",
        hint="Update or remove the package that brings it.",
    )


def _load_plugin(plugin: EntryPoint) -> Model:
    factory = _loaded_plugin(plugin)
    if _trainable(factory):
        return _ready(plugin.name, factory)
    try:
        model = factory()
    except Exception as error:  # another package's code: whatever it raises
        raise _plugin_failed(plugin, error) from error
    if not isinstance(model, Model):
        raise ModelError(
            f"the plugin model {plugin.name!r} ({plugin.value}) is a {type(model).__name__}",
            hint="Its entry point must name a function that returns an object with card and predict_proba.",
        )
    return model


def _looks_like_path(source: str) -> bool:
    return any(mark in source for mark in {os.sep, os.altsep or os.sep, "/"}) or source in {".", ".."}


def _unknown(name: str) -> UnknownModelError:
    known = [info.name for info in list_models()]
    if _looks_like_path(name):
        return UnknownModelError(
            f"there is no folder {name!r}", hint=f"Models known by name: {', '.join(known)}."
        )
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return UnknownModelError(
        f"there is no model {name!r}",
        hint=f"{hint}Known: {', '.join(known)}; or give the folder of a bundle.",
    )


def _bundles() -> Iterator[ModelInfo]:
    for path in sorted(BUNDLES.glob(f"*/{CARD_FILE}")):
        name = path.parent.name
        try:
            card = read_card(path.parent)
        except BundleError as error:
            yield ModelInfo(name, f"broken: {error.message}", "bundle", str(path.parent))
        else:
            yield ModelInfo(name, card.summary, "bundle", str(path.parent), card)


def _family_infos() -> Iterator[ModelInfo]:
    _import_families()
    for name, made in sorted(_families.items()):
        card = getattr(made.factory, "card", None)
        known = card if isinstance(card, ModelCard) else None
        origin: Literal["family", "trainable"] = "trainable" if _trainable(made.factory) else "family"
        yield ModelInfo(name, made.summary, origin, _where(made.factory), known)


def _plugin_infos() -> Iterator[ModelInfo]:
    for plugin in _plugins():
        package = plugin.dist.name if plugin.dist else plugin.module
        yield ModelInfo(plugin.name, f"from the package {package}", "plugin", plugin.value)


def _plugins() -> Iterator[EntryPoint]:
    from importlib.metadata import entry_points  # as slow as the rest of this package together

    yield from entry_points(group=ENTRY_POINT_GROUP)


def _import_families() -> None:
    """Import the files of this folder: each is light, and registers what it brings."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{__package__}.{module.name}")


def _where(factory: Callable[[], Model | TrainableModel]) -> str:
    return f"{factory.__module__}:{factory.__qualname__}"
