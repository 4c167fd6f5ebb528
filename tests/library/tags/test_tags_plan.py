"""The plan: what would be written, what is kept, and the file that carries it."""

from __future__ import annotations

import doctest
import json
import os
from pathlib import Path

import pytest
from tagged import KINDS, RICH, plain, rich, tag

from earmark.errors import InputError
from earmark.library.tags import (
    Change,
    FilePlan,
    PlanOptions,
    Wanted,
    make_plan,
    plan,
    preview,
    read_plan,
    totals,
    write_plan,
)

GENRES = (("rock", 0.81), ("r&b", 0.62), ("pop", 0.55), ("metal", 0.3))
MOODS = (("calm", 0.9), ("tense", 0.51))


def wanted(path: object, **other: object) -> Wanted:
    facts = {"genres": GENRES, "moods": MOODS, "bpm": 120.6, "key": "F# minor", "model": "m", **other}
    return Wanted(str(path), **facts)  # type: ignore[arg-type]


def planned(data: bytes, folder: Path, options: PlanOptions | None = None, **other: object) -> FilePlan:
    path = folder / "song"
    path.write_bytes(data)
    (found,) = make_plan([wanted(path, **other)], options)
    return found


def news(found: FilePlan) -> dict[str, tuple[str, ...]]:
    return {c.field: c.new for c in found.changes if not c.field.startswith("EARMARK_")}


@pytest.mark.parametrize("fmt", KINDS)
def test_a_file_without_tags_gets_all_fields_and_the_evidence(fmt: str, tmp_path: Path) -> None:
    found = planned(plain(fmt), tmp_path, model_sha256="ab" * 32)
    assert news(found) == {
        "genre": ("rock", "r&b"),
        "mood": ("calm", "tense"),
        "bpm": ("121",),
        "key": ("F#m",),
    }
    evidence = {c.field: c.new[0] for c in found.changes if c.field.startswith("EARMARK_")}
    assert evidence["EARMARK_GENRES"] == "rock=0.81; r&b=0.62; pop=0.55; metal=0.30"
    assert evidence["EARMARK_MODEL"] == "m abababababababab"
    assert set(evidence) == {"EARMARK_GENRES", "EARMARK_MOODS", "EARMARK_MODEL", "EARMARK_VERSION"}


@pytest.mark.parametrize("fmt", KINDS)
def test_what_the_tags_say_is_kept_unless_it_may_be_replaced(fmt: str, tmp_path: Path) -> None:
    found = planned(rich(fmt), tmp_path)
    assert found.changes == () and {c.field for c in found.kept} == {"genre", "mood", "bpm", "key"}
    replaced = planned(rich(fmt), tmp_path, PlanOptions(replace=True))
    assert news(replaced)["genre"] == ("rock", "r&b") and replaced.kept == ()
    assert dict((c.field, c.old) for c in replaced.changes)["genre"] == ("Hard Rock", "Blues")


def test_genres_are_added_once_whatever_their_case(tmp_path: Path) -> None:
    data = tag(plain("flac"), "vorbis", {"genre": ["ROCK", "Mine"]})
    found = planned(data, tmp_path, PlanOptions(add=True))
    assert news(found)["genre"] == ("ROCK", "Mine", "r&b")
    full = planned(rich("flac"), tmp_path, PlanOptions(add=True))
    assert set(news(full)) == {"genre", "mood"}  # tempo and key have one value
    assert news(full)["mood"] == ("calm", "sad", "tense")


@pytest.mark.parametrize(
    ("options", "genres"),
    [
        ({"min_score": 0.6}, ("rock", "r&b")),
        ({"min_score": 0.7}, ("rock",)),
        ({"min_score": 0.9}, None),
        ({"n_genres": 4, "min_score": 0.0}, ("rock", "r&b", "pop", "metal")),
        ({"n_genres": 0}, None),
        ({"vocabulary": {"r&b": "Soul", "rock": ""}}, ("Soul", "pop")),
        ({"vocabulary": {"r&b": "Rock", "rock": "Rock"}}, ("Rock", "pop")),
        ({"fields": ("mood",)}, None),
    ],
)
def test_options_choose_the_words(options: dict[str, object], genres: object, tmp_path: Path) -> None:
    found = planned(plain("mp3"), tmp_path, PlanOptions(**options))  # type: ignore[arg-type]
    assert news(found).get("genre") == genres


def test_the_comment_says_it_all_for_players_that_show_nothing_else(tmp_path: Path) -> None:
    found = planned(plain("mp3"), tmp_path, PlanOptions(comment=True))
    assert news(found)["comment"] == ("rock, r&b; calm, tense; 121 BPM; F#m",)
    assert "comment" not in news(planned(rich("mp3"), tmp_path, PlanOptions(comment=True)))
    added = planned(rich("mp3"), tmp_path, PlanOptions(comment=True, add=True))
    assert news(added)["comment"] == ("hello; rock, r&b; calm, tense; 121 BPM; F#m",)


def test_nothing_predicted_changes_nothing(tmp_path: Path) -> None:
    found = planned(plain("mp3"), tmp_path, genres=(), moods=(), bpm=None, key=None)
    assert found.changes == found.kept == () and found.error is None


def test_evidence_can_be_left_out(tmp_path: Path) -> None:
    found = planned(plain("mp3"), tmp_path, PlanOptions(evidence=False))
    assert not [c for c in found.changes if c.field.startswith("EARMARK_")]


def test_files_that_cannot_be_changed_stand_in_the_plan_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.mka").write_bytes(plain("mka"))
    found = list(make_plan([wanted(tmp_path / "a.mka"), wanted(tmp_path / "none.mp3")]))
    assert [one.error["code"] for one in found if one.error] == ["tag-format", "not-found"]


@pytest.mark.parametrize(
    "options",
    [
        {"replace": True, "add": True},
        {"min_score": 2.0},
        {"n_moods": -1},
        {"fields": ("title",)},
        {"fields": ()},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        PlanOptions(**options)  # type: ignore[arg-type]
    assert caught.value.hint.startswith("Accepted: ")


def test_a_plan_survives_its_file_whatever_the_names(tmp_path: Path) -> None:
    names = [b"plain.mp3", "Grüße ♫.mp3".encode(), b"latin \xfc \xff.mp3", b'quote " \\ \n line.mp3']
    found = []
    for name in names:
        path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
        Path(path).write_bytes(plain("mp3"))
        found += make_plan([wanted(path)])
    found.append(FilePlan("/gone", error={"code": "not-found", "message": "m", "hint": "h"}))
    target = tmp_path / "plan.jsonl"
    assert write_plan(target, found, PlanOptions()) == found
    assert read_plan(target) == found
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert lines[0]["schema"] == "earmark.tagplan/1"
    assert ["path_bytes" in line for line in lines[1:]] == [False, False, True, False, False]


def _line(**other: object) -> str:
    change = {"field": "genre", "old": [], "new": ["rock"]}
    return json.dumps({"path": "/a", "sha256": "0" * 64, "size": 1, "changes": [change], **other})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        '{"schema": "earmark.tagplan/2"}',
        "[]",
        _line(sha256="x"),
        _line(changes=[{"field": "title", "old": [], "new": ["x"]}]),
        _line(changes=[{"field": "genre", "old": [], "new": [7]}]),
        _line(changes=[{"field": "bpm", "old": [], "new": ["fast"]}]),
        _line(changes=[{"field": "key", "old": [], "new": ["A", "B"]}]),
        _line(changes=[{"field": "EARMARK_x=y", "old": [], "new": ["A"]}]),
        _line(path_bytes="%%%"),
        '{"path": "/a"}',
        "7",
    ],
)
def test_a_damaged_plan_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    target = tmp_path / "plan.jsonl"
    head = "" if text in ("", "no json", "[]") or "schema" in text else '{"schema": "earmark.tagplan/1"}\n'
    target.write_text(head + text)
    with pytest.raises(InputError) as caught:
        read_plan(target)
    assert "plan.jsonl" in caught.value.message and caught.value.hint


def test_the_preview_shows_what_goes_and_what_comes(tmp_path: Path) -> None:
    found = [
        planned(tag(plain("mp3"), "id3", {"genre": ["Old"]}), tmp_path, PlanOptions(replace=True)),
        planned(rich("mp3"), tmp_path),
        FilePlan("/gone", error={"code": "not-found", "message": "/gone does not exist", "hint": ""}),
        FilePlan("/same"),
    ]
    lines = [(line.sign, line.text) for line in preview(found)]
    path = str(tmp_path / "song")
    assert lines[:4] == [
        ("file", path),
        ("-", "  - genre: Old"),
        ("+", "  + genre: rock | r&b"),
        ("+", "  + mood: calm | tense"),
    ]
    assert ("=", "  = genre: Hard Rock | Blues (predicted: rock | r&b)") in lines
    assert lines[-2:] == [("file", "/gone"), ("!", "  ! /gone does not exist.")]
    assert any("EARMARK_MODEL" in line.text for line in preview(found, evidence=True))
    assert totals(found) == {"changes": 1, "kept": 1, "same": 1, "errors": 1}


def test_changes_know_fields_and_the_examples_hold() -> None:
    assert Change("genre", (), ("x",)).new == ("x",)
    assert doctest.testmod(plan).failed == 0
    assert set(RICH) >= {"genre", "mood", "bpm", "key"}
