"""The house keeps its shape: imports point one way, and importing is light."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import earmark

ROOT = Path(earmark.__file__).parent

# A module may import from rungs to its left only, never from a neighbour on its own rung.
LADDER = [
    {"arrays", "errors", "rates"},
    {"storage", "progress", "vocabulary"},
    {"workers", "audio"},
    {"features", "data", "demo"},
    {"models"},
    {"estimators", "predict"},
    {"contract", "duplicates", "tables", "report"},
    {"check", "evaluate", "live", "library", "plot"},
    {"train"},
    {"web", "cluster"},
    {"cli"},
]
RUNG = {room: rung for rung, rooms in enumerate(LADDER) for room in rooms}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "core", "config", "misc"}
HEAVY = {"torch", "sklearn", "fastapi", "ray", "matplotlib", "onnxruntime", "av", "soundfile", "rich"}

MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of earmark that a module imports, also inside functions, relative or absolute."""
    package = ["earmark", *path.relative_to(ROOT).parts[:-1]]
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("earmark.")}
    return rooms & RUNG.keys()


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py" or p.parent != ROOT], ids=str)
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__main__":
        room = "cli"
    assert room in RUNG, f"{room} has no rung: give it one in the ladder"
    wrong = {other for other in imported_rooms(path) - {room} if RUNG[other] >= RUNG[room]}
    assert not wrong, f"{path.relative_to(ROOT)} (rung {RUNG[room]}) imports {wrong}"


def test_the_ladder_test_can_fail() -> None:
    assert imported_rooms(ROOT / "predict" / "scorer.py") >= {"errors", "features", "models"}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_modules_are_small_and_well_named(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES
    assert len(path.read_text().splitlines()) <= 500


def test_import_is_light() -> None:
    code = f"import sys, earmark; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_public_names_exist() -> None:
    assert sorted(earmark.__all__) == sorted([*earmark._PUBLIC, "__version__"])
    for name in earmark.__all__:
        assert getattr(earmark, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = earmark.nonsense


def test_the_first_example_holds() -> None:
    done = doctest.testmod(earmark)
    assert (done.attempted, done.failed) == (3, 0)


def test_test_modules_have_names_of_their_own() -> None:
    # Pytest imports them without their folders: of two with one name, the second is not collected.
    found = [path for path in Path(__file__).parent.rglob("test_*.py") if "node_modules" not in path.parts]
    names = sorted(path.name for path in found)
    assert names == sorted(set(names))
