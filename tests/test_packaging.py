"""What is published: the source distribution is complete, and the base install works on its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sounds import write

ROOT = Path(__file__).parents[1]
LARGEST_WHEEL, LARGEST_MODEL = 30e6, 20e6  # bytes
EXTRAS = {"torch", "scikit-learn", "matplotlib", "onnx", "optuna", "transformers", "pyarrow", "fastapi"}

pytest.importorskip("hatchling", reason="needs hatchling: pip install 'earmark[dev]'")


def call(*command: object, cwd: Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program away from this checkout: nothing on its path is ours."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "EARMARK"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean | env, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def tone(frequency: float) -> npt.NDArray[np.float32]:
    return np.float32(0.3) * np.sin(2 * np.pi * frequency / 22050 * np.arange(4 * 22050)).astype(np.float32)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from the checkout and unpacked elsewhere."""
    place = tmp_path_factory.mktemp("sdist")
    call(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", place, cwd=ROOT)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    return place / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> Path:
    """The wheel, built from the source distribution as an installer does it."""
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", unpacked / "dist", cwd=unpacked)
    (built,) = (unpacked / "dist").glob("*.whl")
    return built


def test_the_sdist_has_what_its_tests_read_and_no_page_of_another_folder(unpacked: Path) -> None:
    def files(root: Path, *folders: str) -> set[str]:
        found = (path for folder in folders for path in (root / folder).rglob("*") if path.is_file())
        made = {"__pycache__", "node_modules"}
        return {str(p.relative_to(root)) for p in found if not made & set(p.parts) and p.suffix != ".pyc"}

    folders = ("src", "tests", "docs", "benchmarks", "experiments")
    assert files(ROOT, *folders) <= files(unpacked, *folders)
    top = {path.name for path in unpacked.iterdir() if path.is_file()}
    assert {"README.md", "Makefile", "CHANGELOG.md", "LICENSE", "NOTICE", "pyproject.toml"} <= top


def test_the_wheel_has_the_shipped_models_and_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    names, bundles = list(sizes), "earmark/models/bundles"
    assert {"earmark/py.typed"} | {
        f"{bundles}/{model}/{file}"
        for model in ("earmark-base", "earmark-lite")
        for file in ("card.json", "model.onnx")
    } <= set(names)
    assert max(size for name, size in sizes.items() if name.startswith(bundles)) < LARGEST_MODEL
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".wav")]
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_only_the_extras_torch_and_hub_of_the_wheel_bring_torch(wheel: Path) -> None:
    (metadata,) = (path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info"))
    required = PathDistribution(metadata).requires or []  # type: ignore[arg-type]
    assert any(line.startswith("numpy") and "extra" not in line for line in required)
    asked_by = {line.split("extra ==")[-1].strip(" '\"") for line in required if line.startswith("torch")}
    assert "torch" in asked_by and asked_by <= {"torch", "hub", "all", "dev"}
    train = [line for line in required if line.endswith(("extra == 'train'", 'extra == "train"'))]
    assert {line.split(">")[0].strip() for line in train} == {"scikit-learn", "onnx", "optuna", "matplotlib"}


@pytest.mark.slow
def test_the_base_install_classifies_and_names_the_extra_that_training_needs(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    installed = call(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path, check=False)
    if installed.returncode:
        pytest.skip(f"the base packages cannot be installed here: {installed.stderr.strip()[-200:]}")
    listed = call(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).stdout.lower()
    assert not EXTRAS & {line.split("==")[0] for line in listed.splitlines()}
    shown = call(python, "-m", "earmark", "demo", cwd=tmp_path)
    assert "electronic" in shown.stdout and (tmp_path / "demo.wav").is_file()
    for i in range(12):
        song = tmp_path / "data" / ("low", "high")[i % 2] / f"{i}.wav"
        song.parent.mkdir(parents=True, exist_ok=True)
        write(song, tone(80 * (i + 1)), 22050, "wav16")
    refused = call(python, "-m", "earmark", "train", "data", "--model", "logistic", cwd=tmp_path, check=False)
    assert refused.returncode == 4, refused.stderr
    assert "pip install 'earmark[train]'" in refused.stderr and "Traceback" not in refused.stderr
