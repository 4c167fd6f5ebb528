"""Every option of a training is declared once, and what it needs is checked before anything is computed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from earmark.cli.settings import flags, takes_settings
from earmark.errors import InputError, MissingExtraError, OutputError
from earmark.evaluate.subsets import _settings
from earmark.train import FeatureCache, Run, TrainSettings, train
from earmark.train.plan import plan, reopen
from earmark.train.run_folder import read_params
from music import write_music

pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

FIELDS = {each.name: each for each in dataclasses.fields(TrainSettings)}
QUICK = TrainSettings(model="scratch-logistic", params={"epochs": 3}, seed=3, test=0.3)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("data") / "music", n=4)


@pytest.fixture(scope="module")
def run(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(music, QUICK, out=tmp_path_factory.mktemp("runs") / "run", jobs=1)


# ---------------------------------------------------------------- one declaration


def command_with_settings(found: list[TrainSettings]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @takes_settings()
    def keep(*, settings: TrainSettings) -> None:
        found.append(settings)

    return app


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "params"])
def test_the_command_line_takes_name_default_and_help_from_the_field(name: str) -> None:
    option = next(each for each in get_command(command_with_settings([])).params if each.name == name)
    field = FIELDS[name]
    assert option.opts == [f"--{name}"] and option.metavar == field.metadata["metavar"]
    assert option.help == field.metadata["help"]
    assert option.default == (",".join(field.default) if name == "augment" else field.default)


@pytest.mark.parametrize(
    "settings",
    [
        TrainSettings(),
        TrainSettings(model="cnn", split="stratified", augment=("gain", "noise=0.3", "-pitch"), seed=-7),
        TrainSettings(window=1.5, hop=0.5, test=0.1, valid=0.0, name="-mine 'x'", licence="MIT", threads=2),
    ],
)
def test_printed_flags_give_the_same_settings_again(settings: TrainSettings) -> None:
    found: list[TrainSettings] = []
    done = CliRunner().invoke(command_with_settings(found), flags(settings))
    assert done.exit_code == 0, done.output
    assert found == [settings]


def test_settings_survive_json() -> None:
    settings = TrainSettings(model="svm", params={"C": 3}, augment=["gain"], hop=1.0)
    assert TrainSettings.from_run({"settings": json.loads(json.dumps(settings.to_dict()))}) == settings
    for wrong in ({}, {"settings": 3}, {"settings": {"colour": 1}}):
        with pytest.raises(InputError):
            TrainSettings.from_run(wrong)


def test_options_change_settings_and_a_misspelt_one_is_refused(music: Path, tmp_path: Path) -> None:
    assert TrainSettings.build(QUICK, seed=9) == dataclasses.replace(QUICK, seed=9)
    with pytest.raises(InputError, match=r"no option 'sede'. Did you mean 'seed'\?"):
        train(music, out=tmp_path / "run", sede=1)
    assert not (tmp_path / "run").exists()


def test_a_run_records_its_settings_and_is_opened_again_by_them(run: Run) -> None:
    recorded = TrainSettings.from_run(read_params(run.folder))
    assert recorded.params["epochs"] == 3 and recorded.params["seed"] == 3  # resolved, defaults included
    assert recorded.name == "music-scratch-logistic" and recorded.hop == 3.0
    facts, now = read_params(run.folder), reopen(run.folder, cache=FeatureCache(), jobs=1).facts()
    assert all(now[key] == facts[key] for key in ("settings", "split_digest", "features"))


# ---------------------------------------------------------------- runs of earlier versions


def as_version_1(params: dict[str, Any]) -> dict[str, Any]:
    """The same facts where earmark.run/1 had them: the layout of folders made before `TrainSettings`."""
    settings, features = params["settings"], params["features"]
    return {
        "schema": "earmark.run/1",
        "earmark": params["earmark"],
        **{name: settings[name] for name in ("model", "name", "params")},
        "data": params["data"],
        "split": {
            "protocol": settings["split"],
            "digest": params["split_digest"],
            "test": settings["test"],
            "valid": settings["valid"],
        },
        "features": {**features, "window": settings["window"], "hop": settings["hop"]},
        **{name: settings[name] for name in ("augment", "seed", "threads", "licence")},
    }


def test_a_run_of_the_version_before_is_continued_reopened_and_evaluated(
    run: Run, music: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(run.folder, tmp_path / "run"))
    old = as_version_1(read_params(run.folder))
    (folder / "params.json").write_text(json.dumps(old))
    assert read_params(folder) == read_params(run.folder)
    again = train(music, QUICK, out=folder, jobs=1)
    assert again.resumed and again.card == run.card
    assert reopen(folder, cache=FeatureCache(), jobs=1).settings == TrainSettings.from_run(
        read_params(folder)
    )
    assert (
        _settings(folder)
        == _settings(run.folder)
        == {"protocol": "grouped", "test": 0.3, "valid": 0.15, "seed": 3}
    )
    with pytest.raises(OutputError, match="seed=3, not 4"):
        train(music, QUICK, out=folder, jobs=1, seed=4)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "earmark.run/9"}', '{"schema": "earmark.run/1"}'])
def test_a_run_that_cannot_be_read_is_refused(content: str, music: Path, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(content)
    with pytest.raises(InputError, match=r"params\.json|no run"):
        train(music, QUICK, out=tmp_path, jobs=1)
    assert (tmp_path / "params.json").read_text() == content


# ---------------------------------------------------------------- checked before anything is computed

NEEDS = [
    *((name, "onnx") for name in ("logistic", "svm", "knn", "mlp", "boosting", "scratch-mlp", "embedding")),
    *((name, "sklearn") for name in ("logistic", "svm", "mlp", "boosting", "embedding")),
    *((name, package) for name in ("cnn", "texture") for package in ("torch", "safetensors")),
    ("resnet34", "transformers"),
]


@pytest.mark.parametrize(("model", "package"), NEEDS)
def test_a_missing_package_is_noticed_before_features_are_computed(
    model: str, package: str, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("earmark.train.plan.prepare", lambda *_, **__: pytest.fail("features were computed"))
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'earmark\[(train|torch|hub)\]'"):
        plan(music, TrainSettings(model=model), cache=FeatureCache())


def test_windows_that_the_base_of_an_embedding_does_not_take_are_refused_early(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr("earmark.train.plan.prepare", lambda *_, **__: pytest.fail("features were computed"))
    with pytest.raises(InputError, match="takes"):
        plan(music, TrainSettings(model="embedding", window=1.0), cache=FeatureCache())


def test_an_embedding_is_trained_without_torch(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setitem(sys.modules, "torch", None)
    made = train(music, out=tmp_path / "run", jobs=1, model="embedding")
    assert made.card.embedding_size and made.card.classes == ("ballad", "house", "rock")
