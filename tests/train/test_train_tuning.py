"""Tuning finds better parameters without a look at the test part, and goes on where it stopped."""

from __future__ import annotations

import functools
import json
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.data import read_manifest
from earmark.errors import EarmarkError, InputError, OutputError
from earmark.train import train
from earmark.train import tune as tune_any
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import plan
from earmark.train.settings import TrainSettings
from earmark.train.tune import _CrossValidation, _folds
from music import write_music

tune = functools.partial(tune_any, model="logistic")

pytest.importorskip("optuna")
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_music(folder / "music", n=6)
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(place / "cache"))


def scores(folder: Path) -> list[tuple[int, str, float | None]]:
    """Number, state and value of every trial, in the study's own tables."""
    with sqlite3.connect(folder / "study.db") as base:
        return base.execute(
            "select number, state, value from trials left join trial_values using (trial_id) order by number"
        ).fetchall()


def test_folds_keep_away_from_the_test_part(place: Path) -> None:
    job = plan(place / "music", TrainSettings(model="logistic"), cache=FeatureCache(), jobs=1)
    kept = set(job.pairs["test"][:, 0].tolist())
    tested: list[int] = []
    for learned, judged in _folds(job, 3):
        assert not kept & {*learned[:, 0].tolist(), *judged[:, 0].tolist()}
        assert not {*learned[:, 0].tolist()} & {*judged[:, 0].tolist()}
        tested += np.unique(judged[:, 0]).tolist()
    outside = {*job.pairs["train"][:, 0].tolist(), *job.pairs["valid"][:, 0].tolist()}
    assert sorted(tested) == sorted(outside)


def test_the_best_parameters_are_a_file_that_train_takes(place: Path, tmp_path: Path) -> None:
    reported: list[tuple[int, int]] = []

    def watch(stage: str, done: int, total: int, metrics: Any, /) -> None:
        if stage == "tuning":
            reported.append((done, total))
            assert metrics["best"] >= metrics["default"]

    tuning = tune(
        place / "music",
        model="svm",
        trials=4,
        out=tmp_path / "study",
        params={"class_weight": None},
        progress=watch,
    )
    assert reported == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert tuning.n_trials == 4 and tuning.score >= tuning.default
    best = json.loads(tuning.file.read_text())
    assert best["model"] == "svm" and best["params"] == tuning.params and best["folds"] == 3
    assert tuning.params["class_weight"] is None
    made = train(place / "music", model="svm", params=tuning.params, out=tmp_path / "run")
    assert json.loads((made.folder / "params.json").read_text())["split_digest"] == best["split_digest"]


def test_what_is_better_than_the_defaults_is_found(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(self: _CrossValidation, params: dict[str, float]) -> list[float]:
        return [1 - abs(np.log10(params.get("C", 0.1)) - 0.5) / 4] * 3  # best at C = 3.2

    monkeypatch.setattr(_CrossValidation, "scores", judged)
    tuning = tune(place / "music", trials=15, out=tmp_path / "study")
    assert 1 < tuning.params["C"] < 10 and tuning.score > tuning.default == pytest.approx(0.625)
    # Cut short: worse than the median of those before after a fold.
    assert 0 < tuning.n_pruned < 15
    monkeypatch.setattr(_CrossValidation, "scores", lambda self, params: [0.0 if params else 1.0])
    worse = tune(place / "music", trials=2, out=tmp_path / "worse")
    assert worse.params == {} and worse.score == worse.default == 1.0


def test_an_interrupted_study_tries_what_it_would_have_tried(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peace = tune(place / "music", trials=8, out=tmp_path / "peace")
    honest, calls = _CrossValidation.scores, 0

    def interrupted(self: _CrossValidation, params: dict[str, float]) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 4, 7):
            raise KeyboardInterrupt
        return honest(self, params)

    monkeypatch.setattr(_CrossValidation, "scores", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            tune(place / "music", trials=8, out=tmp_path / "war")
    war = tune(place / "music", trials=8, out=tmp_path / "war")
    assert war.params == peace.params and war.n_trials == 8
    finished = [trial[2] for trial in scores(tmp_path / "war") if trial[1] != "FAIL"]
    assert finished == [trial[2] for trial in scores(tmp_path / "peace")]
    more = tune(place / "music", trials=9, out=tmp_path / "peace")
    assert more.n_trials == 9


def test_a_folder_of_any_name(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "a %41 ü ? # b" / "study"
    tune(place / "music", model="knn", trials=1, folds=2, out=out)
    assert {path.name for path in out.iterdir()} == {"best.json", "study.db"}
    assert len(list(tmp_path.iterdir())) == 1


def test_another_study_is_not_mixed_in(place: Path, tmp_path: Path) -> None:
    tune(place / "music", trials=1, out=tmp_path / "study")
    with pytest.raises(OutputError, match="another folds"):
        tune(place / "music", trials=1, out=tmp_path / "study", folds=2)
    with pytest.raises(OutputError, match="holds no study"):
        tune(place / "music", trials=1, out=place)


def test_mistakes(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leak"):
        tune(place / "music", split="windows", out=tmp_path / "x")
    with pytest.raises(InputError, match="trials=0"):
        tune(place / "music", trials=0, out=tmp_path / "x")
    with pytest.raises(EarmarkError):
        tune(read_manifest(place / "music").take([0, 1, 6, 7]), folds=5, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_command(run: Run, place: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "my study"
    outcome = run("tune", place / "music", "--model", "knn", "--trials", 2, "--folds", 2, "-o", out)
    assert outcome.status == 0, outcome.err
    assert "defaults" in outcome.out and "[I " not in outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("now:")]
    command = shlex.split(line)[1:]
    assert command[:2] == ["earmark", "train"] and command[-2:] == ["--params", str(out / "best.json")]
    made = run(*command[1:], "-o", tmp_path / "r")
    assert made.status == 0, made.err
