"""``earmark tag``: from predictions to tags and back, as a user would."""

# ruff: noqa: F811  (`run` is a fixture)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_cli import Run, run  # noqa: F401

import sounds
from earmark.library.tags import read_tags


def prediction(path: Path, **other: Any) -> str:
    content = {
        "schema": "earmark.prediction/1",
        "source": str(path),
        "duration": 1.0,
        "model": {"name": "m", "sha256": "0" * 64},
        "verdict": "music",
        "genres": [{"label": "rock", "score": 0.81}, {"label": "metal", "score": 0.34}],
        "moods": [{"label": "calm", "score": 0.77}],
        "quadrant": None,
        "tempo": 121.0,
        "key": "A minor",
        "segments": [],
    }
    return json.dumps({**content, **other})


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    paths = []
    for fmt in ("mp3", "flac"):
        paths.append(tmp_path / f"song.{fmt}")
        sounds.write(paths[-1], sounds.tone(0.3), 44100, fmt)
    return paths


def test_a_library_is_planned_by_query_with_what_was_corrected(run: Run, songs: list[Path]) -> None:
    folder = songs[0].parent
    library = ("--library", str(folder / "library.sqlite"))
    longer = sounds.tone(4.0) + sounds.noise(4.0)
    for path in songs:
        sounds.write(path, longer, 44100, path.suffix[1:])
    assert run("scan", str(folder), "--model", "echo", *library).status == 0
    assert run("library", "correct", str(songs[0]), "--genre", "zydeco", *library).status == 0
    plan = ("-o", str(folder / "plan.jsonl"), "--min-score", "0")
    assert (
        run("tag", "plan", "genre:zydeco", *plan, *library).err
        == f"{folder / 'plan.jsonl'}: 1 file to change\n"
    )
    assert "  + genre: zydeco\n" in run("tag", "preview", str(folder / "plan.jsonl")).out
    assert "2 files to change" in run("tag", "plan", *plan, *library).err
    refused = run("tag", "plan", "artist:nobody", *plan, *library)
    assert refused.status == 2 and "no track" in refused.err
    assert run("tag", "plan", "x", "--from", "y", *plan).status == 2
    applied = run("tag", "apply", str(folder / "plan.jsonl"), "--journal", str(folder / "journal.sqlite"))
    assert applied.status == 0 and read_tags(songs[0]).genres == ("zydeco",)
    again = run("scan", str(folder), "--model", "echo", *library)  # only the tags have changed
    assert again.status == 0 and "2 with new tags" in again.out


def test_a_plan_that_is_not_there_or_no_text_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"\xff\xfb" * 50)
    for name, reason in (("none.jsonl", "No such file or directory"), ("song.mp3", "it is no text")):
        refused = run("tag", "apply", str(tmp_path / name))
        assert refused.status == 2 and refused.err.count("\n") == 1 and f"({reason})" in refused.err


def plan_of(run: Run, songs: list[Path], *options: str) -> Path:
    folder = songs[0].parent
    source = folder / "predictions.jsonl"
    source.write_text("\n".join(map(prediction, songs)) + "\n")
    outcome = run("tag", "plan", "--from", str(source), "-o", str(folder / "plan.jsonl"), *options)
    assert outcome.status == 0, outcome.err
    return folder / "plan.jsonl"


def test_plan_preview_apply_and_undo(run: Run, songs: list[Path], tmp_path: Path) -> None:
    before = [path.read_bytes() for path in songs]
    plan, journal = plan_of(run, songs), ("--journal", str(tmp_path / "j.sqlite"))
    shown = run("tag", "preview", str(plan))
    assert (
        "  + genre: rock\n" in shown.out and "2 files to change" in shown.err and "EARMARK" not in shown.out
    )
    assert [path.read_bytes() for path in songs] == before
    applied = run("tag", "apply", str(plan), *journal)
    assert applied.status == 0 and "2 files changed, 0 failed; undo: earmark tag undo --run" in applied.err
    assert [read_tags(path).genres for path in songs] == [("rock",)] * 2
    assert "2 files" in run("tag", "undo", "--list", *journal).out
    undone = run("tag", "undo", "--json", *journal)
    assert [json.loads(line)["state"] for line in undone.out.splitlines()] == ["undone"] * 2
    assert [path.read_bytes() for path in songs] == before
    assert "nothing to undo" in run("tag", "undo", *journal).err


def test_a_file_that_fails_makes_the_status_1_and_the_others_go_on(
    run: Run,
    songs: list[Path],
    tmp_path: Path,
) -> None:
    plan, journal = plan_of(run, songs), ("--journal", str(tmp_path / "j.sqlite"))
    songs[0].write_bytes(songs[0].read_bytes() + b"x")
    outcome = run("tag", "apply", str(plan), *journal)
    assert (
        outcome.status == 1
        and "1 file changed, 1 failed" in outcome.err
        and "was changed since" in outcome.err
    )


def test_words_of_your_own(run: Run, songs: list[Path], tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# mine\nrock = Rock & Roll\n")
    plan = plan_of(run, songs, "--word", str(words), "--word", "calm=", "--fields", "genre,mood")
    lines = [json.loads(line) for line in plan.read_text().splitlines()][1:]
    changes = {c["field"]: c["new"] for c in lines[0]["changes"]}
    assert changes["genre"] == ["Rock & Roll"] and "mood" not in changes and "bpm" not in changes


@pytest.mark.parametrize(
    ("line", "message"),
    [("no json", "line 1"), ('{"schema": "x"}', "line 1"), ("[]", "line 1")],
)
def test_what_is_no_prediction_is_refused_with_its_line(
    line: str,
    message: str,
    run: Run,
    tmp_path: Path,
) -> None:
    source = tmp_path / "p.jsonl"
    source.write_text(line + "\n")
    outcome = run("tag", "plan", "--from", str(source), "-o", str(tmp_path / "plan"))
    assert outcome.status == 2 and message in outcome.err and not (tmp_path / "plan").exists()


def test_files_that_were_not_classified_are_reported(run: Run, songs: list[Path], tmp_path: Path) -> None:
    error = {
        "schema": "earmark.error/1",
        "source": "x.mp3",
        "error": {"code": "corrupt", "message": "m", "hint": ""},
    }
    named = error | {"error": {"code": "empty", "message": "x.mp3 is empty", "hint": ""}}
    source = tmp_path / "p.jsonl"
    source.write_text(json.dumps(error) + "\n" + json.dumps(named) + "\n" + prediction(songs[0]) + "\n")
    outcome = run("tag", "plan", "--from", str(source), "-o", str(tmp_path / "plan"))
    assert outcome.status == 1 and "x.mp3: m\nerror: x.mp3 is empty\n" in outcome.err
    assert "1 file to change" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--from", "none.jsonl", "-o", "p"),
        ("preview", "none.jsonl"),
        ("apply", "none.jsonl"),
        ("undo", "--run", "none"),
        ("plan", "--from", "none.jsonl", "-o", "p", "--replace", "--add"),
        ("plan", "--from", "none.jsonl", "-o", "p", "--word", "=x"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[str, ...],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = ("--journal", "j.sqlite") if arguments[0] in ("apply", "undo") else ()
    outcome = run("tag", *arguments, *journal)
    assert outcome.status == 2 and "error: " in outcome.err
