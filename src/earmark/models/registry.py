"""Models by name or folder: the bundles that ship, the built-in ones, those of plugins, and runs.

To ship weights, drop a bundle into ``bundles/``; to publish a model in a package of its own, name its
factory in the entry point group ``earmark.models``. What must be trained first is in `earmark.estimators`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from earmark.errors import BundleError, InputError, ModelError, UnknownModelError, suggestion
from earmark.models.base import Model
from earmark.models.builtin import BUILTIN
from earmark.models.bundle import CARD_FILE, RUN_BUNDLE, is_bundle, read_card
from earmark.models.card import ModelCard

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

MODELS, FAMILIES = "earmark.models", "earmark.estimators"  # entry points of models, and of what is trained
BUNDLES = Path(__file__).parent / "bundles"

# Names that mean a family of `earmark.estimators`: no model takes them, and loading one is an error: it
# must be trained. A test holds the list to the index there, which this room may not import.
FAMILY_NAMES = (
    "boosting", "cnn", "embedding", "fusion", "knn", "knn-kl", "logistic", "mlp", "mn", "resnet34",
    "resnet50", "scratch-logistic", "scratch-mlp", "short-chunk", "svm", "texture",
)  # fmt: skip

Factory = TypeVar("Factory", bound=Callable[..., object])


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without loading it.

    Parameters
    ----------
    name : str
        For `load_model`.
    summary : str
        One line; of a bundle that cannot be read, what is wrong with it.
    origin : {"bundle", "built-in", "registered", "plugin"}
        A folder with weights, a class of earmark, one of this process, or another package.
    location : str
        The folder, or the module and name of the factory.
    card : ModelCard or None
        Its card, where that is known before loading.
    """

    name: str
    summary: str
    origin: Literal["bundle", "built-in", "registered", "plugin"]
    location: str
    card: ModelCard | None = None


@dataclass(frozen=True)
class Registered:
    """A factory of this process, and one line on what it makes."""

    factory: Callable[..., object]
    summary: str

    @property
    def location(self) -> str:
        """Module and name of the factory."""
        return _where(self.factory)


_registered: dict[str, Registered] = {}


def register(name: str, *, summary: str = "") -> Callable[[Factory], Factory]:
    """Make a model known by name: a decorator for a class or function that builds it without arguments.

    A class with a method `fit`, such as one derived from `earmark.estimators.TrainableModel`, becomes a
    family that `earmark.estimators.list_families` lists and ``earmark train`` takes.

    Parameters
    ----------
    name : str
        For `load_model`, or for `earmark.estimators.family`.
    summary : str
        One line for the list.

    Returns
    -------
    callable
        Returns the factory that it decorates.

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
        before = _registered.get(name)
        taken = before.location if before else _reserved(name)
        if taken and taken != _where(factory):
            raise InputError(f"model name={name!r} is taken by {taken}", hint="Try: another name.")
        _registered[name] = Registered(factory, summary)
        return factory

    return remember


def registered() -> Mapping[str, Registered]:
    """Every factory that `register` was called with, by name: models and families alike."""
    return MappingProxyType(_registered)


def trains(factory: Any) -> bool:
    """Whether a factory is a class with a method `fit`: what it makes is no model before it is trained."""
    return isinstance(factory, type) and callable(getattr(factory, "fit", None))


def plugins(group: str = MODELS) -> Iterator[EntryPoint]:
    """Entry points of other packages; none of them is imported."""
    from importlib.metadata import entry_points  # as slow as the rest of this package together

    yield from entry_points(group=group)


def load_plugin(plugin: EntryPoint) -> Any:
    """Factory that an entry point names.

    Raises
    ------
    ModelError
        It cannot be imported.
    """
    try:
        return plugin.load()
    except Exception as error:  # another package's code: whatever it raises
        raise _plugin_failed(plugin, error) from error


def list_models() -> list[ModelInfo]:
    """Every model that `load_model` knows by name, the bundles first.

    Cards are read; no weights are touched, and of plugins only the names. What must be trained first is
    listed by `earmark.estimators.list_families`.

    Returns
    -------
    list of ModelInfo
        A name occurs once: bundles go before built-in models, these before registered ones and plugins.
    """
    found: dict[str, ModelInfo] = {}
    for info in [*_bundles(), *_builtin(), *_registered_models(), *_plugin_infos()]:
        found.setdefault(info.name, info)
    return list(found.values())


def load_model(source: str | os.PathLike[str], *, threads: int = 1, flush_denormals: bool = False) -> Model:
    """Model by name, from the folder of a bundle or of a run, or from a bundle in one file.

    Parameters
    ----------
    source : str or path
        A name of `list_models`; a folder, or a zip, with ``card.json`` and ``model.onnx``; or the folder of
        a complete run of ``earmark train``, for the bundle in it. A text without a slash is a name first.
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
        raise InputError(f"model={source!r}", hint="Accepted: the name of a model, or a folder.")
    name = os.fspath(source)
    if isinstance(source, str) and not _looks_like_path(source):
        if (BUNDLES / name / CARD_FILE).is_file():
            return _load_bundle(BUNDLES / name, threads, flush_denormals)
        if (model := _by_name(name)) is not None:
            return model
    folder = bundle_folder(name)
    if folder is not None or (_looks_like_path(name) and Path(name).exists()):
        return _load_bundle(folder or Path(name), threads, flush_denormals)
    raise _unknown(name)


def bundle_folder(folder: str | os.PathLike[str]) -> Path | None:
    """Folder of the bundle that a folder stands for: itself, or of a complete run, the bundle in it.

    Parameters
    ----------
    folder : path
        Any path.

    Returns
    -------
    Path or None
        None where there is no card in either place.
    """
    places = (Path(folder), Path(folder) / RUN_BUNDLE) if os.fspath(folder) else ()
    return next((place for place in places if is_bundle(place)), None)


def _by_name(name: str) -> Model | None:
    """Model of a class, a function or a plugin of that name; None where there is none."""
    if name in BUILTIN:
        return BUILTIN[name]()
    if name in _registered:
        return _ready(name, _registered[name].factory)
    if name in FAMILY_NAMES:
        raise _untrained(name)
    for plugin in plugins():
        if plugin.name == name:
            return _plugin_model(plugin)
    if any(plugin.name == name for plugin in plugins(FAMILIES)):
        raise _untrained(name)
    return None


def _load_bundle(folder: Path, threads: int, flush_denormals: bool) -> Model:
    from earmark.models.onnx import OnnxModel

    if folder.is_file() and not is_bundle(folder):
        raise BundleError(
            f"{folder} is no bundle", hint="Accepted: the folder of a bundle or a run, or a zip of one."
        )
    return OnnxModel.load(folder, threads=threads, flush_denormals=flush_denormals)


def _ready(name: str, factory: Any) -> Model:
    """What the factory makes, unless it has to be trained before."""
    if trains(factory):
        raise _untrained(name)
    model: Model = factory()
    return model


def _untrained(name: str) -> ModelError:
    return ModelError(
        f"{name!r} is a family of models: it must be trained first",
        hint=f"Try: earmark train DATA --model {name} -o RUN, then --model RUN.",
    )


def _plugin_failed(plugin: EntryPoint, error: Exception) -> ModelError:
    return ModelError(
        f"the plugin model {plugin.name!r} ({plugin.value}) failed: {type(error).__name__}: {error}",
        hint="Try: update or remove the package that brings it.",
    )


def _plugin_model(plugin: EntryPoint) -> Model:
    factory = load_plugin(plugin)
    if trains(factory):
        raise _untrained(plugin.name)
    try:
        model = factory()
    except Exception as error:  # another package's code: whatever it raises
        raise _plugin_failed(plugin, error) from error
    if not isinstance(model, Model):
        raise ModelError(
            f"the plugin model {plugin.name!r} ({plugin.value}) is a {type(model).__name__}",
            hint="Accepted: a function that returns an object with card and predict_proba.",
        )
    return model


def _looks_like_path(source: str) -> bool:
    return any(mark in source for mark in {os.sep, os.altsep or os.sep, "/"}) or source in {".", ".."}


def _unknown(name: str) -> UnknownModelError:
    known = [info.name for info in list_models()]
    if _looks_like_path(name):
        return UnknownModelError(
            f"there is no folder {name!r}",
            hint=f"Accepted: a folder that exists, or one of {', '.join(known)}.",
        )
    near = suggestion(name, [*known, *FAMILY_NAMES])
    return UnknownModelError(
        f"there is no model {name!r}",
        hint=f"{near}Accepted: {', '.join(known)}; a bundle, or the folder of a run.",
    )


def _reserved(name: str) -> str:
    """What of earmark has the name, if anything."""
    if name in BUILTIN:
        return _where(BUILTIN[name])
    return "a family of earmark.estimators" if name in FAMILY_NAMES else ""


def _bundles() -> Iterator[ModelInfo]:
    for path in sorted(BUNDLES.glob(f"*/{CARD_FILE}")):
        name = path.parent.name
        try:
            card = read_card(path.parent)
        except BundleError as error:
            yield ModelInfo(name, f"broken: {error.message}", "bundle", str(path.parent))
        else:
            yield ModelInfo(name, card.summary, "bundle", str(path.parent), card)


def _builtin() -> Iterator[ModelInfo]:
    for name, kind in BUILTIN.items():
        yield ModelInfo(name, kind.card.summary, "built-in", _where(kind), kind.card)


def _registered_models() -> Iterator[ModelInfo]:
    for name, made in sorted(_registered.items()):
        if not trains(made.factory):
            card = getattr(made.factory, "card", None)
            known = card if isinstance(card, ModelCard) else None
            yield ModelInfo(name, made.summary, "registered", made.location, known)


def _plugin_infos() -> Iterator[ModelInfo]:
    for plugin in plugins():
        package = plugin.dist.name if plugin.dist else plugin.module
        yield ModelInfo(plugin.name, f"from the package {package}", "plugin", plugin.value)


def _where(factory: Callable[..., object]) -> str:
    return f"{factory.__module__}:{factory.__qualname__}"
