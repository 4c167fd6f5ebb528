"""The index of the families: name, module, summary and input. Listing imports none of them.

To add a family, write its file and add its row here; a test holds the rows to the classes. A package of its
own names its class in the entry point group ``earmark.estimators``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from earmark.errors import InputError, UnknownModelError, suggestion
from earmark.estimators.base import TrainableModel, requires_extra
from earmark.models.registry import FAMILIES, MODELS, load_plugin, plugins, registered, trains

SEEDS = ("seed", "random_state")  # what a parameter that takes the random seed is called


@dataclass(frozen=True)
class FamilyInfo:
    """What is known of a family without importing it.

    Parameters
    ----------
    name : str
        For `family` and ``earmark train --model``.
    summary : str
        One line.
    input : str
        ``"log_mel"``, ``"descriptors"`` or ``"embeddings"``, of a trained model; empty where only the class
        knows (a plugin's).
    location : str
        Module and name of the class, with a colon between them.
    extra : str
        Extra of earmark that brings its packages; empty where NumPy is enough to train it.
    """

    name: str
    summary: str
    input: str
    location: str
    extra: str = ""


def _row(name: str, location: str, input: str, extra: str, summary: str) -> FamilyInfo:
    return FamilyInfo(name, summary, input, f"earmark.estimators.{location}", extra)


INDEX = {
    row.name: row
    for row in (
        _row("boosting", "boosting:Boosting", "descriptors", "train",
             "Gradient-boosted trees of descriptors: no scaling, and odd values do not hurt"),
        _row("cnn", "torch.cnn:Cnn", "log_mel", "torch",
             "The five-block network of the GTZAN demos, on log-mels"),
        _row("embedding", "embedding:Embedding", "embeddings", "train",
             "A trained network, frozen, under a small classifier: the most from few tracks"),
        _row("fusion", "torch.fusion:Fusion", "log_mel", "torch",
             "Descriptors and short-chunk ResNet of the same log-mels, joined early or late"),
        _row("knn", "knn:Knn", "descriptors", "train",
             "Nearest neighbours among descriptors: nothing to train, a first idea of any data"),
        _row("knn-kl", "knn_kl:KnnKl", "log_mel", "train",
             "Nearest neighbours between Gaussians of MFCC frames, as the first demos had it"),
        _row("logistic", "logistic:Logistic", "descriptors", "train",
             "Logistic regression of descriptors: quick, and hard to beat on few tracks"),
        _row("mlp", "mlp:Mlp", "descriptors", "train",
             "Neural network of descriptors, with one hidden layer"),
        _row("mn", "torch.mobilenet:MobileModel", "log_mel", "torch",
             "Mobile network (EfficientAT) on log-mels, from nothing or from an AudioSet tagger"),
        _row("resnet34", "torch.resnet:ResNet34", "log_mel", "torch",
             "ResNet-34 on log-mels as images, from ImageNet weights of the hub or a folder"),
        _row("resnet50", "torch.resnet:ResNet50", "log_mel", "torch",
             "ResNet-50 on log-mels as images, from ImageNet weights of the hub or a folder"),
        _row("scratch-logistic", "scratch:ScratchLogistic", "descriptors", "train",
             "Logistic regression written out in NumPy, for study"),
        _row("scratch-mlp", "scratch:ScratchMlp", "descriptors", "train",
             "Neural network written out in NumPy, for study"),
        _row("short-chunk", "torch.short_chunk:ShortChunkModel", "log_mel", "torch",
             "Short-chunk ResNet on log-mels, sized for hundreds of tracks"),
        _row("svm", "svm:Svm", "descriptors", "train",
             "Support vector machine of descriptors: the classic of the field"),
        _row("texture", "torch.texture:TextureModel", "log_mel", "torch",
             "Perceptron on descriptors of the log-mel, computed in the graph"),
    )
}  # fmt: skip


def list_families() -> list[FamilyInfo]:
    """Every family by name: those of earmark, those that `earmark.register` was called with, plugins.

    Returns
    -------
    list of FamilyInfo
        Nothing is imported for it, and a name occurs once.
    """
    found = dict(INDEX)
    for info in [*_registered_families(), *_plugin_families()]:
        found.setdefault(info.name, info)
    return list(found.values())


def family(name: str) -> type[TrainableModel]:
    """One family that can be trained, by name.

    Parameters
    ----------
    name : str
        One of `list_families`.

    Returns
    -------
    type
        A class derived from `TrainableModel`.

    Raises
    ------
    UnknownModelError
        No family of that name.
    ModelError
        A plugin of that name failed to load.
    MissingExtraError
        A package that the family is written with is not installed.
    """
    for found in _candidates(name):
        if isinstance(found, type) and issubclass(found, TrainableModel):
            return found
    known = [info.name for info in list_families()]
    near = suggestion(name, known)
    raise UnknownModelError(
        f"{name!r} is no family of models that can be trained",
        hint=f"{near}Accepted: {', '.join(known)}.",
    )


def build(name: str, params: Mapping[str, Any] | None = None, *, seed: int | None = None) -> TrainableModel:
    """Untrained model of a family, its parameters checked.

    Parameters
    ----------
    name : str
        One of `list_families`.
    params : mapping, optional
        Parameters by name; the others have their defaults.
    seed : int, optional
        Random seed, for a family that has one and where `params` gives none.

    Returns
    -------
    TrainableModel

    Raises
    ------
    UnknownModelError
        No family of that name.
    InputError
        A parameter that the family does not have, or an illegal value.
    MissingExtraError
        A package that the family is written with is not installed.
    """
    kind, chosen = family(name), dict(params or {})
    known = kind().get_params()
    for parameter in chosen:
        if parameter not in known:
            raise _no_parameter(name, parameter, known)
    if seed is not None:
        chosen = {key: seed for key in SEEDS if key in known} | chosen
    model = kind(**chosen)
    model.check()
    return model


def _no_parameter(name: str, parameter: str, known: Mapping[str, Any]) -> InputError:
    near = suggestion(parameter, known)
    accepted = ", ".join(f"{key}={value!r}" for key, value in known.items()) or "none"
    return InputError(
        f"{name!r} has no parameter {parameter!r}",
        hint=f"{near}Accepted: {accepted}.",
    )


def _candidates(name: str) -> Iterator[Any]:
    """Whatever has the name; plugins are imported only if nothing before them has it."""
    if name in INDEX:
        yield _imported(INDEX[name])
    if name in registered():
        yield registered()[name].factory
    for group in (FAMILIES, MODELS):
        yield from (load_plugin(plugin) for plugin in plugins(group) if plugin.name == name)


def _imported(info: FamilyInfo) -> Any:
    module, _, kind = info.location.partition(":")
    with requires_extra(info.extra):
        return getattr(importlib.import_module(module), kind)


def _registered_families() -> Iterator[FamilyInfo]:
    for name, made in sorted(registered().items()):
        if trains(made.factory):
            kind = getattr(made.factory, "input", "")
            yield FamilyInfo(name, made.summary, kind, made.location)


def _plugin_families() -> Iterator[FamilyInfo]:
    for plugin in plugins(FAMILIES):
        package = plugin.dist.name if plugin.dist else plugin.module
        yield FamilyInfo(plugin.name, f"from the package {package}", "", plugin.value)
