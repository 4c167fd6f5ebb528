"""``earmark scan`` and ``earmark library``: a library from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.library import Library
from sounds import tone, write


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a song and a file that is none; the library is beside it."""
    (tmp_path / "music").mkdir()
    write(tmp_path / "music" / "song.wav", tone(3.5), 22050, "wav16")
    (tmp_path / "music" / "bad.mp3").write_bytes(b"no sound at all " * 50)
    monkeypatch.setenv("EARMARK_LIBRARY", str(tmp_path / "library.sqlite"))
    return tmp_path


def test_a_library_from_scan_to_correction(run: Run, place: Path) -> None:  # noqa: F811
    first = run("scan", str(place / "music"), "--model", "echo")
    assert first.status == 1 and first.out.startswith("1 new, 1 failed (") and "bad.mp3" in first.err
    second = run("scan", "--model", "echo", "--json")
    summary = json.loads(second.out)
    assert second.status == 0 and summary["schema"] == "earmark.scan/1"
    assert (summary["unchanged"], summary["failed_before"], summary["roots"]) == (
        1,
        1,
        [str(place / "music")],
    )
    listed = run("library", "errors")
    assert listed.status == 0 and "unknown-format" in listed.out and "bad.mp3" in listed.out
    assert json.loads(run("library", "errors", "--json").out)["error"]["code"] == "unknown-format"
    facts = json.loads(run("library", "info", "--json").out)
    assert (facts["tracks"], facts["failed"], facts["models"]) == (2, 1, [{"name": "echo", "tracks": 1}])
    song = str(place / "music" / "song.wav")
    corrected = run("library", "correct", song, "--genre", "polka", "--genre", "ska")
    assert corrected.status == 0 and corrected.out.endswith("song.wav: genres polka, ska\n")
    assert corrected.err == ""
    misspelt = run("library", "correct", song, "--genre", "bleus")
    assert misspelt.status == 0 and "'bleus' is no label of" in misspelt.err
    assert misspelt.err.endswith("Did you mean 'blues'?\n")
    run("library", "correct", song, "--genre", "polka", "--genre", "ska")
    with Library(place / "library.sqlite") as library:
        row = library.find(song)
        assert row is not None and row.genres == ("polka", "ska")
    run("library", "correct", song, "--voice", "Sung", "--instrument", "tuba", "--instrument", "drums")
    listed = run("search", "voice:sung instrument:tuba", "--paths")
    assert listed.out == f"{song}\n"
    assert run("library", "correct", str(row.id), "--undo").out.endswith(": as predicted\n")
    assert run("search", "voice:sung").status == 1
    assert "nothing wrong" in run("library", "check").out
    doctor = " ".join(run("doctor", "--quick").out.split())  # its lines are broken at the width
    assert "library.sqlite, 2 tracks, nothing wrong" in doctor


def test_tempo_and_key_of_an_older_method_are_said_in_a_line(run: Run, place: Path) -> None:  # noqa: F811
    (place / "music" / "bad.mp3").unlink()
    run("scan", str(place / "music"), "--model", "echo")
    assert "older method" not in run("scan", "--model", "echo").out + run("library", "info").out
    with Library(place / "library.sqlite") as library:
        library.query("UPDATE tracks SET method = NULL")
    told = run("scan", "--model", "echo").out.splitlines()
    assert told[1] == "1 track with tempo and key by an older method: --refresh analyses again."
    assert json.loads(run("scan", "--model", "echo", "--json").out)["older_method"] == 1
    assert "tempo, key  1 track by an older method: earmark scan --refresh" in run("library", "info").out
    facts = json.loads(run("library", "info", "--json").out)
    assert facts["older_method"] == json.loads(run("library", "stats", "--json").out)["older_method"] == 1
    head = run("library", "stats").out.splitlines()[0]
    assert head.endswith(", 1 with tempo and key by an older method")
    assert run("scan", "--model", "echo", "--refresh").out.startswith("1 analysed again")
    assert json.loads(run("library", "info", "--json").out)["older_method"] == 0


def test_smart_playlists_follow_a_scan(run: Run, place: Path) -> None:  # noqa: F811
    smart = place / "smart.toml"
    smart.write_text('[[playlist]]\nfile = "all.m3u8"\nquery = ""\n')
    assert run("scan", str(place / "music"), "--model", "echo", "--playlists", str(smart)).status == 1
    assert "music/song.wav" in (place / "all.m3u8").read_text()
    smart.write_text("nothing")
    refused = run("scan", "--model", "echo", "--playlists", str(smart))
    assert refused.status == 2 and refused.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan"], "no folders yet"),
        (["scan", "nowhere"], "does not exist"),
        (["scan", "music", "--model", "nothing"], "nothing"),
        (["library", "info"], "there is no library"),
        (["library", "errors"], "there is no library"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    run: Run,  # noqa: F811
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(place)
    outcome = run(*arguments)
    assert outcome.status in (2, 3) and message in outcome.err and outcome.err.count("\n") <= 2
    assert not (place / "library.sqlite").exists()


@pytest.mark.parametrize("arguments", [[], ["--undo", "--genre", "jazz"]])
def test_a_correction_needs_labels_or_undo(run: Run, place: Path, arguments: list[str]) -> None:  # noqa: F811
    Library(place / "library.sqlite").close()
    assert run("library", "correct", "1", *arguments).status == 2
    assert "no track with id=1" in run("library", "correct", "1", "--genre", "jazz").err


def test_a_damaged_library_is_reported_by_doctor(run: Run, place: Path) -> None:  # noqa: F811
    (place / "library.sqlite").write_bytes(b"not a database at all" * 100)
    outcome = run("doctor", "--quick")
    assert outcome.status == 1 and "is no library" in " ".join(outcome.out.split())
