"""A run that fails keeps what it trained, and the same command continues it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import EarmarkError, MissingExtraError, ModelError, OutputError
from earmark.train import FeatureCache, Run, importance, train
from music import write_music

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

NETWORK: dict[str, Any] = {"model": "texture", "params": {"epochs": 3}, "jobs": 1}
QUICK: dict[str, Any] = {"model": "scratch-logistic", "params": {"epochs": 5}, "jobs": 1}


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("data") / "music", n=4)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE", str(folder))
        yield


@pytest.fixture(scope="module")
def undisturbed(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(music, out=tmp_path_factory.mktemp("runs") / "undisturbed", **NETWORK)


@pytest.fixture(scope="module")
def quick(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(music, out=tmp_path_factory.mktemp("runs") / "quick", **QUICK)


def bundle(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "bundle").iterdir())}


def failing_from(call: int, function: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """The function, which raises from its nth call on."""
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise error
        return function(*args, **kwargs)

    return wrapped


def fail(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, call: int, error: Exception) -> None:
    monkeypatch.setattr(place, name, failing_from(call, getattr(place, name), error))


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OutputError("the checkpoint could not be written: No space left on device")
    fail(monkeypatch, loop().CheckpointFile, "save", 2, error)


def loss_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, loop().Loop, "_epoch", 2, ModelError("the loss is nan in epoch 2", hint="Try less."))


def full_disk_for_the_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, pipeline(), "to_bundle", 1, OutputError("the bundle could not be written"))


def full_disk_for_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, pipeline(), "write_report", 1, OutputError("report.html cannot be written"))


def full_disk_for_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, pipeline(), "save_bundle", 1, OutputError("the bundle could not be written"))


def pipeline() -> Any:
    return sys.modules["earmark.train.pipeline"]


def loop() -> Any:
    return sys.modules["earmark.estimators.torch.loop"]


@pytest.mark.parametrize(
    "hook",
    [
        full_disk,
        loss_is_nan,
        full_disk_for_the_candidate,
        full_disk_for_the_report,
        full_disk_for_the_bundle,
    ],
    ids=lambda hook: hook.__name__,
)
def test_a_failed_run_keeps_what_it_trained_and_the_same_command_continues(
    hook: Callable[[pytest.MonkeyPatch], None], undisturbed: Run, music: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        hook(patch)
        with pytest.raises(EarmarkError, match=r"is kept in .*give the same command again"):
            train(music, out=folder, **NETWORK)
    kept = list((folder / "checkpoints").rglob("*"))
    assert kept and (folder / "log.jsonl").exists() and not (folder / "bundle").exists()
    steps: list[int] = []

    def progress(stage: str, done: int, total: int, numbers: Any, /) -> None:
        steps.extend([done] if stage == "training" and done else [])

    resumed = train(music, out=folder, progress=progress, **NETWORK)
    assert resumed.resumed and 1 not in steps  # the first epochs are not trained again
    assert bundle(folder) == bundle(undisturbed.folder)
    assert not (folder / "checkpoints").exists()


def test_a_failed_run_says_why_with_its_own_exit_status(music: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        full_disk(patch)
        with pytest.raises(OutputError, match="No space left on device"):
            train(music, out=tmp_path / "run", **NETWORK)


def test_a_run_that_trained_nothing_is_removed_but_no_other_file(
    undisturbed: Run, music: Path, tmp_path: Path
) -> None:
    for name, others in (("empty", ()), ("shared", ("notes.txt",))):
        with pytest.MonkeyPatch.context() as patch:

            def refuse(*args: Any, place: Path = tmp_path / name, others: Any = others, **_: Any) -> None:
                for other in others:
                    (place / other).write_text("precious")
                raise ModelError("no")

            patch.setattr(loop().Loop, "run", refuse)
            with pytest.raises(ModelError, match=r"no$"):
                train(music, out=tmp_path / name, **NETWORK)
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["notes.txt"]


# ---------------------------------------------------------------- missing packages


@pytest.mark.parametrize("package", ["matplotlib"])
def test_a_missing_package_is_noticed_before_anything_is_computed(
    package: str, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.figure", None)
    monkeypatch.setattr(FeatureCache, "fill", lambda *_, **__: pytest.fail("features were computed"))
    with pytest.raises(MissingExtraError, match=package):
        train(music, out=tmp_path / "run", **NETWORK)
    assert not (tmp_path / "run").exists()


def test_importance_needs_matplotlib_before_it_measures(quick: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(FeatureCache, "fill", lambda *_, **__: pytest.fail("features were computed"))
    with pytest.raises(MissingExtraError, match="matplotlib"):
        importance(quick.folder)


# ---------------------------------------------------------------- damaged bundles


def damaged(kind: str, folder: Path) -> None:
    weights, card = folder / "bundle" / "model.onnx", folder / "bundle" / "card.json"
    if kind == "a byte more":
        weights.write_bytes(weights.read_bytes() + b"\0")
    elif kind == "no weights":
        weights.unlink()
    elif kind == "half a card":
        card.write_text(card.read_text()[:100])
    elif kind == "empty folder":
        weights.unlink()
        card.unlink()


@pytest.mark.parametrize("kind", ["a byte more", "no weights", "half a card", "empty folder"])
def test_a_damaged_bundle_is_reported_and_made_again(
    kind: str, quick: Run, music: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(quick.folder, tmp_path / "run"))
    damaged(kind, folder)
    again = train(music, out=folder, **QUICK)
    assert bundle(folder) == bundle(quick.folder)
    assert any("the bundle was made again" in warning for warning in again.warnings)
    assert train(music, out=folder, **QUICK).warnings == quick.warnings
