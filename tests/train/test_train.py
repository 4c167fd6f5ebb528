"""Training ends with a bundle that `classify` uses, or with a reason and nothing half-written."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.data import Manifest, read_manifest, write_cached
from earmark.errors import EarmarkError, InputError, OutputError, UnknownModelError
from earmark.estimators import TrainableModel
from earmark.features import FeatureSpec
from earmark.models import load_model, register
from earmark.models.registry import _registered
from earmark.predict import classify
from earmark.train import Run, TrainSettings
from earmark.train import train as train_any
from earmark.train.dataset import prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import plan, reopen
from earmark.train.run_folder import RunFolder
from earmark.train.windows import Recipe
from music import write_music

pytest.importorskip("sklearn")
pytest.importorskip("onnx")

train = functools.partial(train_any, model="logistic")  # quick; the default has its own test

STYLES = ("ballad", "house", "rock")


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three genres of twenty short clips."""
    return write_music(tmp_path_factory.mktemp("data") / "music", n=20)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(music: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(music, out=tmp_path_factory.mktemp("runs") / "run", cache=cache, jobs=1)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the log, which has the time in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }


# ---------------------------------------------------------------- what comes out


def test_a_folder_of_sixty_clips_becomes_a_model_that_classifies(run: Run, music: Path) -> None:
    assert {entry.name for entry in run.folder.iterdir()} == {
        "params.json", "manifest.jsonl", "log.jsonl", "curves.png", "report.html", "bundle",
    }  # fmt: skip
    model = load_model(run.bundle)
    assert model.card.classes == STYLES and model.card.input == "descriptors"
    right = sum(
        classify(music / style / f"{i:02}.wav", model=model).genres[0].label == style
        for style in STYLES
        for i in range(0, 20, 4)
    )
    assert right >= 14  # of 15, most of them seen in training


def test_the_card_states_how_good_it_is_and_on_what(run: Run) -> None:
    metrics = {metric["name"]: metric for metric in run.card.metrics}
    assert {"track accuracy", "window accuracy", "balanced accuracy", "macro F1"} <= set(metrics)
    accuracy = metrics["track accuracy"]
    assert accuracy["n"] == 12 and accuracy["split"] == "grouped, test"
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["value"] >= 10 / 12  # rock, house and a ballad are easily told apart
    assert accuracy["split_digest"] == run.card.split_digest != ""
    (collection,) = run.card.training_data
    assert collection["name"] == "music" and collection["n"] == 39
    assert load_model(run.bundle).card == run.card


def test_scores_of_classify_are_those_of_training(run: Run, music: Path, cache: Path) -> None:
    features = prepare(read_manifest(music), Recipe(input="descriptors"), cache=FeatureCache(cache), jobs=1)
    place = [track.id for track in features.manifest.tracks].index("house/03.wav")
    part = features.part(np.array([[place, i] for i in range(features.n_windows[place])]))
    rows = load_model(run.bundle).predict_proba(part.X)
    heard = classify(music / "house" / "03.wav", model=run.bundle)
    for row, segment in zip(rows, heard.segments, strict=True):
        scores = {score.label: score.score for score in segment.genres}
        assert np.allclose(row, [scores[label] for label in STYLES], atol=1e-4)


def test_the_folder_records_how_it_was_made(run: Run, music: Path) -> None:
    params = json.loads((run.folder / "params.json").read_text())
    settings = params["settings"]
    assert settings["model"] == "logistic" and settings["params"]["C"] == 0.1 and settings["seed"] == 0
    assert params["split_digest"] == run.card.split_digest
    snapshot = read_manifest(run.folder / "manifest.jsonl", group="none")
    assert [track.labels for track in snapshot.tracks] == [t.labels for t in read_manifest(music).tracks]
    events = [json.loads(line)["event"] for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert events == ["start", "data", "step", "done"]
    page = (run.folder / "report.html").read_text()
    for expected in ("balanced accuracy", "grouped", run.card.split_digest, "C", "house"):
        assert expected in page
    names = re.findall(r"<th scope=row>(\w+)</th>", page.split("<h2>Parameters</h2>")[1])
    assert "seed" in names and "C" in names and len(names) == len(set(names))
    assert (run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_again_gives_the_same_bytes(run: Run, music: Path, cache: Path, tmp_path: Path) -> None:
    again = train(music, out=tmp_path / "again", cache=cache, jobs=1)
    assert content(again.folder) == content(run.folder)
    other = train(music, out=tmp_path / "other", cache=cache, jobs=1, seed=1)
    assert content(other.bundle) != content(run.bundle)


def test_where_a_run_goes_by_itself(
    music: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = train(music, cache=cache, jobs=1)
    assert first.folder.parent == Path("runs") and first.folder.name.startswith("music-logistic-")
    assert train(music, cache=cache, jobs=1).folder == first.folder
    assert train(music, cache=cache, jobs=1, params={"C": 2}).folder != first.folder


# ---------------------------------------------------------------- protocols and balance


def test_the_leaky_protocol_is_marked_and_keeps_its_metrics_out_of_the_card(
    music: Path, cache: Path, tmp_path: Path
) -> None:
    leaky = train(music, out=tmp_path / "leaky", split="windows", cache=cache, jobs=1)
    assert leaky.leaky and leaky.metrics
    assert leaky.card.metrics == () and any("leaky" in limit for limit in leaky.card.limits)
    page = (leaky.folder / "report.html").read_text()
    metrics = re.findall(r"<b>([^<]*)</b>", page) + re.findall(r'class="soft" dx="6">([^<]*)<', page)
    assert len(metrics) > 5 and all("leaky" in figure for figure in metrics)
    assert "it was trained on other windows of these tracks" in page


def test_a_split_that_ignores_artists_is_named_in_the_card(music: Path, cache: Path, tmp_path: Path) -> None:
    made = train(music, out=tmp_path / "run", split="stratified", cache=cache, jobs=1)
    assert made.card.metrics and any("stratified" in limit for limit in made.card.limits)


def test_without_a_test_part_there_is_no_metric(music: Path, cache: Path, tmp_path: Path) -> None:
    made = train(music, out=tmp_path / "run", test=0, cache=cache, jobs=1)
    assert made.metrics == () and made.card.metrics == ()
    assert "no test part" in (made.folder / "report.html").read_text()


def test_uneven_classes_are_reported_and_weighted(music: Path, cache: Path, tmp_path: Path) -> None:
    for style, n in (("rock", 18), ("house", 5)):
        (tmp_path / "data" / style).mkdir(parents=True)
        for i in range(n):
            shutil.copy(music / style / f"{i:02}.wav", tmp_path / "data" / style)
    made = train(tmp_path / "data", out=tmp_path / "run", cache=cache, jobs=1)
    assert "times as many tracks as house" in made.balance and "have a higher weight" in made.balance
    plain = train(
        tmp_path / "data", out=tmp_path / "plain", cache=cache, jobs=1, params={"class_weight": None}
    )
    assert "are not weighted" in plain.balance


def test_long_tracks_count_no_more_than_short_ones(music: Path, cache: Path) -> None:
    manifest = read_manifest(music).take([0, 1, 20, 21, 40, 41])
    features = prepare(manifest, Recipe(window=1.0, hop=1.0), cache=FeatureCache(cache), jobs=1)
    part = features.part(np.array([[0, 0], [0, 1], [0, 2], [2, 0]]))
    assert np.allclose(part.weights, [2 / 3, 2 / 3, 2 / 3, 2])


def test_several_labels(music: Path, cache: Path, tmp_path: Path) -> None:
    for name, style in (("slow, piano", "ballad"), ("fast, piano", "house"), ("fast", "rock")):
        shutil.copytree(music / style, tmp_path / "data" / name)
    made = train(tmp_path / "data", out=tmp_path / "run", cache=cache, jobs=1)
    assert made.card.classes == ("fast", "piano", "slow") and made.card.heads[0].kind == "multilabel"
    assert {"ROC-AUC", "mAP"} <= {metric["name"] for metric in made.card.metrics}
    heard = {s.label: s.score for s in classify(music / "house" / "00.wav", model=made.bundle).genres}
    assert heard["fast"] > 0.5 and heard["piano"] > 0.5 and heard["slow"] < 0.5


# ---------------------------------------------------------------- going on


def test_a_complete_run_is_found_complete(run: Run, music: Path, cache: Path) -> None:
    before = content(run.folder)
    again = train(music, out=run.folder, cache=cache, jobs=1)
    assert again.resumed and again.card == run.card and again.metrics == run.metrics
    assert content(run.folder) == before


def test_another_run_is_not_overwritten(run: Run, music: Path, cache: Path, tmp_path: Path) -> None:
    before = content(run.folder)
    with pytest.raises(OutputError, match="seed=0, not 7"):
        train(music, out=run.folder, cache=cache, jobs=1, seed=7)
    assert content(run.folder) == before
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="holds no run"):
        train(music, out=tmp_path, cache=cache, jobs=1)
    with pytest.raises(OutputError, match="is a file"):
        train(music, out=tmp_path / "mine.txt", cache=cache, jobs=1)
    assert content(tmp_path) == {"mine.txt": b"precious"}


@pytest.mark.parametrize("lost", ["bundle", "report.html", "curves.png", "manifest.jsonl"])
def test_what_is_missing_from_a_run_is_made_again(
    lost: str, run: Run, music: Path, cache: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(run.folder, tmp_path / "run"))
    if lost == "bundle":
        shutil.rmtree(folder / lost)
    else:
        (folder / lost).unlink()
    train(music, out=folder, cache=cache, jobs=1)
    assert content(folder) == content(run.folder)


def test_an_interrupted_training_goes_on(
    run: Run, music: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for point in ("earmark.train.pipeline.to_bundle", "earmark.train.pipeline.write_report"):
        with monkeypatch.context() as patch:
            patch.setattr(point, interrupt)
            with pytest.raises(KeyboardInterrupt):
                train(music, out=tmp_path / "run", cache=cache, jobs=1)
        assert not (tmp_path / "run" / "bundle").exists()
    train(music, out=tmp_path / "run", cache=cache, jobs=1)
    assert content(tmp_path / "run") == content(run.folder)
    log = RunFolder(tmp_path / "run", lambda: 0.0)
    assert [event["event"] for event in log.events() if event["event"] in ("start", "resume", "done")] == [
        "start", "resume", "resume", "done",
    ]  # fmt: skip


def test_half_a_line_in_the_log_harms_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, lambda: 12.3456)
    folder.note("start", model="svm")
    with folder.log.open("ab") as file:
        file.write(b'{"event": "ste')
    folder.note("step", step=1, loss=0.5)
    assert folder.events("step") == [{"time": 12.346, "event": "step", "step": 1, "loss": 0.5}]
    assert len(folder.log.read_bytes().splitlines()) == 3


# ---------------------------------------------------------------- what cannot be learned from


def put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def test_one_class(music: Path, tmp_path: Path) -> None:
    shutil.copytree(music / "rock", tmp_path / "data" / "rock")
    refused(tmp_path, "one class: rock")


def test_no_files(tmp_path: Path) -> None:
    (tmp_path / "data" / "rock").mkdir(parents=True)
    (tmp_path / "data" / "jazz").mkdir()
    refused(tmp_path, "no labelled sound files")


def test_no_folder(tmp_path: Path) -> None:
    refused(tmp_path, "no data set")


def test_one_file_per_class(music: Path, tmp_path: Path) -> None:
    for style in STYLES:
        put(music / style / "00.wav", tmp_path / "data" / style / "a.wav")
    refused(tmp_path, r"ballad \(1\), house \(1\), rock \(1\)")


def test_a_class_whose_files_are_all_broken(music: Path, tmp_path: Path) -> None:
    shutil.copytree(music / "rock", tmp_path / "data" / "rock")
    shutil.copytree(music / "house", tmp_path / "data" / "house")
    (tmp_path / "data" / "jazz").mkdir()
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / "data" / "jazz" / name).write_text("not sound")
    refused(tmp_path, "'jazz': none of its 2 files can be used.*text")


def test_one_artist_for_each_class(music: Path, tmp_path: Path) -> None:
    for style in ("rock", "house"):
        shutil.copytree(music / style, tmp_path / "data" / style / "one band")
    refused(tmp_path, "one group")


def refused(place: Path, why: str, **options: Any) -> None:
    with pytest.raises(InputError, match=why):
        train(place / "data", out=place / "run", cache=place / "cache", jobs=1, **options)
    assert not (place / "run").exists()


def test_odd_names_loops_and_broken_files_are_no_obstacle(music: Path, cache: Path, tmp_path: Path) -> None:
    data = tmp_path / "müsik 音楽"
    for style, name in (("rock", "röck & roll"), ("house", "日本 🎵"), ("ballad", "ballade $x$")):
        for i in range(6):
            put(music / style / f"{i:02}.wav", data / name / f"ö 🎶 {i}.wav")
    os.symlink(data, data / "loop")
    os.symlink("self", data / "röck & roll" / "self")
    (data / "röck & roll" / "text.mp3").write_text("not sound")
    (data / "röck & roll" / "empty.wav").write_bytes(b"")
    (data / "röck & roll" / "half.wav").write_bytes((music / "rock" / "00.wav").read_bytes()[:40])
    made = train(data, out=tmp_path / "run", cache=cache, jobs=1)
    assert made.card.classes == ("ballade $x$", "röck & roll", "日本 🎵")
    reasons = {Path(skipped.path).name: skipped.reason for skipped in made.skipped}
    assert {"loop", "text.mp3", "empty.wav", "half.wav"} <= set(reasons)
    logged = [event["path"] for event in RunFolder(made.folder, float).events("skipped")]
    assert [Path(path).name for path in logged] == [Path(skipped.path).name for skipped in made.skipped]
    assert "text.mp3" in (made.folder / "report.html").read_text()
    assert classify(music / "house" / "01.wav", model=made.bundle).genres


def test_silent_and_short_files_are_left_out(music: Path, cache: Path, tmp_path: Path) -> None:
    from sounds import write

    data = Path(shutil.copytree(music, tmp_path / "data"))
    write(data / "rock" / "silent.wav", np.zeros(66150, np.float32), 22050, "wav16")
    write(data / "rock" / "short.wav", np.ones(22050, np.float32) * 0.1, 22050, "wav16")
    made = train(data, out=tmp_path / "run", cache=cache, jobs=1)
    reasons = {Path(skipped.path).name: skipped.reason for skipped in made.skipped}
    assert "silent" in reasons["silent.wav"] and "shorter than window=3 s" in reasons["short.wav"]
    codes = {Path(skipped.path).name: skipped.code for skipped in made.skipped}
    assert codes == {"silent.wav": "silent", "short.wav": "too-short"}


def test_what_is_left_out_keeps_code_message_and_hint_of_its_error(
    music: Path, cache: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(music, tmp_path / "data"))
    for name, content in (("text.mp3", b"not sound"), ("cut.wav", (music / "rock/00.wav").read_bytes()[:40])):
        (data / "rock" / name).write_bytes(content)
    made = train(data, out=tmp_path / "run", cache=cache, jobs=1)
    page = (made.folder / "report.html").read_text()
    logged = {Path(event["path"]).name: event for event in RunFolder(made.folder).events("skipped")}
    for skipped in made.skipped:
        with pytest.raises(EarmarkError) as error:
            classify(skipped.path, model="echo")
        wanted = error.value.to_dict()
        assert {"code": skipped.code, "message": skipped.reason, "hint": skipped.hint} == wanted
        event = logged[Path(skipped.path).name]
        assert {"code": event["code"], "message": event["reason"], "hint": event["hint"]} == wanted
        assert wanted["code"] in page and html.escape(wanted["hint"]) in page
    assert len(made.skipped) == len(logged) == 2


def test_arguments_are_checked_before_anything_is_computed(music: Path, tmp_path: Path) -> None:
    def asked(**options: Any) -> None:
        train(music, out=tmp_path / "run", cache=tmp_path / "cache", jobs=1, **options)

    with pytest.raises(UnknownModelError, match="logistic"):
        asked(model="logistik")
    with pytest.raises(InputError, match="Did you mean 'C'"):
        asked(params={"c": 1})
    with pytest.raises(InputError, match="threads=0"):
        asked(threads=0)
    with pytest.raises(InputError, match="window=0"):
        asked(window=0.0, hop=1.0)
    with pytest.raises(InputError, match="nothing can be augmented"):
        asked(augment=["gain"])
    assert list(tmp_path.iterdir()) == []


def test_a_family_that_refuses_leaves_no_folder(music: Path, cache: Path, tmp_path: Path) -> None:
    @register("refusing")
    class Refusing(TrainableModel):
        input = "descriptors"

        def _fit(self, train: Any, valid: Any, progress: Any) -> None:
            raise EarmarkError("no")

        def _proba(self, X: Any) -> Any: ...

        def to_onnx(self) -> bytes:
            return b""

    try:
        with pytest.raises(EarmarkError, match="no"):
            train(music, model="refusing", out=tmp_path / "run", cache=cache, jobs=1)
    finally:
        del _registered["refusing"]
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- other data


def test_a_manifest_with_a_given_split(music: Path, cache: Path, tmp_path: Path) -> None:
    import dataclasses

    parts = ["train"] * 10 + ["valid"] * 5 + ["test"] * 5
    tracks = tuple(
        dataclasses.replace(track, split=parts[i % 20]) for i, track in enumerate(read_manifest(music).tracks)
    )
    made = train(Manifest(tracks), out=tmp_path / "run", split="given", cache=cache, jobs=1)
    assert made.card.metrics[0]["n"] == 15


def with_splits(music: Path, names: list[str], *, groups: list[str] | None = None) -> Manifest:
    """The tracks of each style with these splits in turn, and perhaps groups."""
    import dataclasses

    groups = groups or [""]
    tracks = read_manifest(music).tracks
    return Manifest(
        tuple(
            dataclasses.replace(track, split=names[i % len(names)], group=groups[i % len(groups)])
            for i, track in enumerate(tracks)
        )
    )


def test_a_split_that_the_data_state_is_the_default(music: Path, cache: Path, tmp_path: Path) -> None:
    manifest = with_splits(music, ["train"] * 14 + ["test"] * 6)
    made = train(manifest, out=tmp_path / "run", cache=cache, jobs=1)
    assert made.split == "given" and made.split_reason == "the data state a split"
    tested = [track.id for track in manifest.tracks if track.split == "test"]
    assert made.card.metrics[0]["n"] == len(tested) == 18
    assert made.card.metrics[0]["split"] == "given, test"
    assert "Split given (the data state a split)" in (made.folder / "report.html").read_text()
    (data,) = RunFolder(made.folder).events("data")
    assert data["split"] == "given" and data["split_reason"] == "the data state a split"
    assert json.loads((made.folder / "params.json").read_text())["settings"]["split"] == "given"
    assert reopen(made.folder, cache=FeatureCache(cache), jobs=1).split.digest == made.card.split_digest
    named = train(manifest, out=tmp_path / "named", cache=cache, jobs=1, split="given")
    assert content(named.bundle) == content(made.bundle)
    grouped = train(manifest, out=tmp_path / "grouped", cache=cache, jobs=1, split="grouped")
    assert grouped.split == "grouped" and grouped.split_reason == "set by split='grouped'"
    assert grouped.card.split_digest != made.card.split_digest


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([""], "the data state no split"),
        (["excluded", ""], "the data state no split"),
        (["train", "train", "valid"], "the data state only train and valid, and not train and test"),
        (["1", "2", "3"], "the data number 3 folds, and state no train and test"),
    ],
)
def test_data_without_train_and_test_are_split_by_artist(
    music: Path, cache: Path, names: list[str], reason: str
) -> None:
    settings = TrainSettings(model="logistic")
    job = plan(with_splits(music, names), settings, cache=FeatureCache(cache), jobs=1)
    assert (job.split.protocol, job.split_reason) == ("grouped", reason)
    assert job.settings.split == "grouped"


def test_a_stated_split_that_divides_artists_or_leaves_tracks_out_is_reported(
    music: Path, cache: Path, tmp_path: Path
) -> None:
    # Splits repeat every 20 tracks and artists every 20: those of 0 to 9 are in train alone, 10 is in both.
    groups = [f"artist {min(i, 10)}" for i in range(20)]
    manifest = with_splits(music, ["train"] * 12 + ["test"] * 7 + [""], groups=groups)
    made = train(manifest, out=tmp_path / "run", cache=cache, jobs=1)
    assert any("groups in both train and test: 1;" in warning for warning in made.warnings)
    assert any("state: 3 of 60" in warning for warning in made.warnings)
    assert any("Artists in both training and test: 1." in limit for limit in made.card.limits)


def test_a_class_without_stated_training_tracks_is_refused_by_name(music: Path, tmp_path: Path) -> None:
    names = ["train"] * 15 + ["test"] * 25 + ["train"] * 15 + ["test"] * 5  # none of house to train on
    with pytest.raises(InputError, match=r"no track of house .*split='given'.*split=grouped"):
        train(with_splits(music, names), out=tmp_path / "run", cache=tmp_path / "cache", jobs=1)
    assert not (tmp_path / "run").exists()


def test_log_mels_without_sound(music: Path, cache: Path, tmp_path: Path) -> None:
    features = prepare(read_manifest(music), Recipe(), cache=FeatureCache(cache), jobs=1)
    tracks = features.manifest.tracks
    spec = FeatureSpec()
    write_cached(
        tmp_path / "mels.npz",
        ids=[track.id for track in tracks],
        S_db=np.stack([features.load(i)[:, :130] for i in range(len(tracks))]),
        spec=spec.to_dict(),
        digest=spec.digest,
        labels=[track.labels for track in tracks],
    )
    with pytest.raises(InputError, match="holds log-mels"):
        train(tmp_path / "mels.npz", out=tmp_path / "run", jobs=1)
    with pytest.raises(InputError, match="130 frames"):
        prepare(read_manifest(tmp_path / "mels.npz"), Recipe(window=5.0, hop=5.0), cache=FeatureCache(cache))
    again = prepare(read_manifest(tmp_path / "mels.npz"), Recipe(), cache=FeatureCache(cache))
    assert np.array_equal(again.part(np.array([[3, 0]])).X[0], features.load(3)[:, :130])


def test_progress_is_reported(music: Path, cache: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def watch(stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
        told.append((stage, done, total))

    train(music, out=tmp_path / "run", cache=cache, jobs=1, progress=watch)
    assert ("features", 60, 60) in told and ("training", 1, 1) in told
