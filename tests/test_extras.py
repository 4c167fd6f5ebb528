"""What the package asks for: a small base, and extras that bring what they say and no more."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LARGE = {"torch", "safetensors", "transformers", "ray", "fastapi"}


def packages(requirements: list[str]) -> set[str]:
    """Names of the packages that requirements ask for; extras of earmark itself are resolved."""
    found: set[str] = set()
    for requirement in requirements:
        name, extras = re.match(r"([A-Za-z0-9_.-]+)(?:\[([^]]*)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == PROJECT["name"]:
            found |= packages([one for extra in extras.split(",") for one in EXTRAS[extra.strip()]])
        else:
            found.add(name.lower())
    return found


@pytest.mark.parametrize("extra", ["train", "plot", "parquet", "live", "watch"])
def test_no_extra_but_torch_brings_torch(extra: str) -> None:
    assert packages(EXTRAS[extra])
    assert not packages([*PROJECT["dependencies"], *EXTRAS[extra]]) & LARGE


def test_the_extras_bring_what_their_names_promise() -> None:
    assert {"scikit-learn", "onnx", "optuna", "matplotlib"} == packages(EXTRAS["train"])
    assert {"torch", "safetensors"} <= packages(EXTRAS["torch"])
    assert packages(EXTRAS["all"]) == set().union(
        *(packages(EXTRAS[e]) for e in EXTRAS if e not in ("all", "dev", "oracle"))
    )
    assert "skl2onnx" not in packages([*EXTRAS["all"], *EXTRAS["dev"]])


def test_every_extra_that_an_error_names_exists() -> None:
    source = Path(__file__).parents[1]
    pages = [*(source / "src").rglob("*.py"), *(source / "docs").glob("*.md"), source / "README.md"]
    named = {
        extra.strip()
        for page in pages
        for extras in re.findall(r"earmark\[([a-z, ]+)\]", page.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    }
    assert named <= EXTRAS.keys()
    assert {"train", "plot"} <= named


def test_small_families_are_trained_where_torch_is_not_installed(tmp_path: Path) -> None:
    code = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors", "transformers", "skl2onnx"):
            raise ModuleNotFoundError(f"No module named {{name!r}}")

sys.meta_path.insert(0, Absent())
import numpy as np
from earmark.errors import MissingExtraError
from earmark.estimators import build, list_families, to_bundle
from earmark.models import load_model
X, y = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), list("ab") * 20
X[::2] += 3
for info in list_families():
    try:
        model = build(info.name)
    except MissingExtraError as error:
        assert info.extra == "torch" and "earmark[torch]" in error.hint
    else:
        assert info.extra == "train"
        if info.input == "descriptors":
            folder = {str(tmp_path)!r} + "/" + info.name
            to_bundle(model.fit(X, y), folder, name="x", descriptor_names=list("uvw"))
            load_model(folder)
            print(info.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"logistic", "svm", "mlp", "boosting", "knn", "scratch-mlp"} <= set(done.stdout.split())
