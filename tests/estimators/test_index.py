"""The index of the families agrees with their modules, and listing them imports none."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import earmark.estimators
from earmark.errors import InputError, MissingExtraError
from earmark.estimators import TrainableModel, family, list_families
from earmark.estimators import index as index_module
from earmark.estimators.index import INDEX
from earmark.models import register, registry


@pytest.mark.parametrize("name", sorted(INDEX))
def test_a_row_agrees_with_its_class(name: str) -> None:
    kind, row = family(name), INDEX[name]
    assert f"{kind.__module__}:{kind.__name__}" == row.location
    assert kind.input == row.input
    assert row.summary and len(row.summary) <= 100
    assert row.extra == ("torch" if ".torch." in row.location else "train")


def test_every_family_of_the_folder_has_a_row() -> None:
    found = set()
    for module in pkgutil.walk_packages(earmark.estimators.__path__, "earmark.estimators."):
        for kind in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(kind) and issubclass(kind, TrainableModel) and not inspect.isabstract(kind):
                found.add(f"{kind.__module__}:{kind.__name__}")
    # What only others derive from: all of it is there but the parameters.
    found -= {"earmark.estimators.scratch:Scratch", "earmark.estimators.torch.resnet:ResNet"}
    assert found == {row.location for row in INDEX.values()}


def test_the_registry_reserves_the_names_of_the_index() -> None:
    assert sorted(registry.FAMILY_NAMES) == sorted(INDEX)
    with pytest.raises(InputError, match="name='svm' is taken by a family"):
        register("svm")(lambda: None)


def test_a_family_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(index_module.importlib, "import_module", absent)
    with pytest.raises(MissingExtraError) as caught:
        family("short-chunk")
    assert "earmark[torch]" in caught.value.hint
    with pytest.raises(MissingExtraError) as caught:
        family("svm")
    assert "earmark[train]" in caught.value.hint
    assert len(list_families()) >= len(INDEX)
