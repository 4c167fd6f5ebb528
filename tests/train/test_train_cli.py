"""`earmark train`, as a user meets it."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.errors import InputError
from earmark.train import parse_setting, read_params_file
from music import write_music

pytest.importorskip("sklearn")
pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with music, and a place for features."""
    folder = tmp_path_factory.mktemp("place")
    write_music(folder / "music", n=6)
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(place / "cache"))
    monkeypatch.chdir(place)


def test_one_command_makes_a_model_that_classify_uses(run: Run) -> None:  # noqa: F811
    made = run("train", "music", "--output", "mine")
    assert made.status == 0, made.err
    assert "track accuracy" in made.out and "leaky" not in made.out
    assert "earmark classify --model mine/bundle" in made.err and "classes are about even" in made.err
    assert json.loads(Path("mine/params.json").read_text())["settings"]["model"] == "embedding"
    heard = run("classify", "--model", "mine/bundle", "music/house/01.wav", "--json")
    assert heard.status == 0 and {g["label"] for g in heard.lines()[0]["genres"]} == {
        "ballad", "house", "rock",
    }  # fmt: skip


def test_the_command_that_is_printed_can_be_pasted_into_a_shell(run: Run) -> None:  # noqa: F811
    out = "runs/my & other $models"
    made = run("train", "music", "--model", "scratch-logistic", "--set", "epochs=2", "-o", out)
    assert made.status == 0, made.err
    (line,) = [line for line in made.err.splitlines() if line.startswith("now:")]
    assert shlex.split(line)[1:] == ["earmark", "classify", "--model", f"{out}/bundle", "SONG.mp3"]


def test_the_split_that_was_used_is_printed_with_the_reason(run: Run) -> None:  # noqa: F811
    write_music(Path("stated"), n=6)
    for style in ("ballad", "house", "rock"):
        for i, part in enumerate(["train"] * 4 + ["test"] * 2):
            target = Path("stated-parts", part, style)
            target.mkdir(parents=True, exist_ok=True)
            Path("stated", style, f"{i:02}.wav").rename(target / f"{i:02}.wav")
    made = run("train", "stated-parts", "--model", "logistic", "-o", "by-folders")
    assert made.status == 0, made.err
    assert "split:  given (the data state a split)" in made.err and "6 tracks" in made.out
    other = run("train", "music", "--model", "logistic", "-o", "by-artist")
    assert "split:  grouped (the data state no split)" in other.err


def test_every_leaky_metric_is_marked(run: Run) -> None:  # noqa: F811
    made = run(
        "train",
        "music",
        "--model",
        "logistic",
        "--output",
        "leaky",
        "--split",
        "windows",
        "--window",
        "1",
        "--hop",
        "1",
    )
    assert made.status == 0, made.err
    assert len(made.out.splitlines()) >= 4
    assert all("leaky" in line for line in made.out.splitlines())
    assert json.loads(Path("leaky/bundle/card.json").read_text())["metrics"] == []


def test_parameters_from_a_file_and_one_by_one(run: Run) -> None:  # noqa: F811
    Path("best.json").write_text(json.dumps({"model": "logistic", "params": {"C": 2, "max_iter": 500}}))
    made = run(
        "train", "music", "--model", "logistic", "--output", "tuned", "--params", "best.json", "--set", "C=3"
    )
    assert made.status == 0, made.err
    params = json.loads(Path("tuned/params.json").read_text())["settings"]["params"]
    assert params["C"] == 3 and params["max_iter"] == 500
    assert run("train", "music", "--model", "svm", "--params", "best.json").status == 2


def test_skips_are_reported_and_no_error(run: Run) -> None:  # noqa: F811
    write_music(Path("rough"), n=4)
    Path("rough/rock/text.mp3").write_text("not sound")
    for name in ("a.wav", "b.wav"):
        Path("rough/rock", name).write_bytes(b"")
    made = run("train", "rough", "--model", "logistic", "--output", "rough-run")
    assert made.status == 0 and "3 left out:" in made.err and "text.mp3" in made.err
    assert "a.wav and 1 more: the file is empty" in made.err


@pytest.mark.skipif(os.name != "posix", reason="names that are no UTF-8")
def test_names_that_are_not_utf8(run: Run) -> None:  # noqa: F811
    data, out = Path(os.fsdecode(b"da\xffta")), Path(os.fsdecode(b"run\xe9"))
    write_music(Path("plain"), n=4)
    try:
        Path("plain").rename(data)
        (data / "rock/01.wav").rename(data / "rock" / os.fsdecode(b"\xff.wav"))
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    made = run("train", data, "--model", "logistic", "--output", out)
    assert made.status == 0, made.err
    assert run("classify", "--model", out / "bundle", data / "rock", "--json").status == 0
    measured = run("evaluate", out, data, "--html", "page.html")
    assert measured.status == 0, measured.err
    assert run("importance", out).status == 0


def test_mistakes_are_one_line(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for status, arguments in (
        (2, ("nowhere",)),
        (2, ("music", "--split", "fair")),
        (2, ("music", "--set", "C")),
        (2, ("music", "--augment", "gain")),
        (2, ("music", "--params", "gone.json")),
        (3, ("music", "--model", "nonsense")),
        (5, ("music", "--output", "music")),
    ):
        outcome = run("train", *arguments)
        assert outcome.status == status, outcome.err
        assert outcome.err.splitlines()[-1].startswith("error: ") and "Traceback" not in outcome.err


def test_parameters_are_parsed_as_json_where_they_are() -> None:
    assert parse_setting("C=0.5") == ("C", 0.5) and parse_setting("widths=[1, 2]") == ("widths", [1, 2])
    assert parse_setting("kernel=rbf") == ("kernel", "rbf") and parse_setting("a==") == ("a", "=")
    assert parse_setting("x=None") == ("x", None) and parse_setting("x=true") == ("x", True)
    with pytest.raises(InputError, match="sets nothing"):
        parse_setting("C")


@pytest.mark.parametrize("text", ["", "[1]", '{"params": 3}', '{"model": "svm", "params": {}}'])
def test_files_of_parameters_that_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_params_file(path, model="logistic")
    path.write_text('{"C": 1}')
    assert read_params_file(path, model="logistic") == {"C": 1}
