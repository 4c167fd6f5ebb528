"""Which files a command works on, and what it reports of the others."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.cli.sources import found, left_out
from earmark.errors import AudioNotFoundError, UnreadableAudioError
from sounds import tone, write


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_what_a_scan_leaves_out_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "a.mp3", "b.m4r", "c.mpga", "cover.jpg", "sub/cover.JPG", "notes.txt", "LICENSE")
    sources, n_unreadable = found([str(tmp_path)])
    assert ([Path(source).name for source in sources], n_unreadable) == (["a.mp3", "b.m4r", "c.mpga"], 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "4 other files left out: 2 .jpg, 1 without ending, 1 .txt\n"


def test_many_kinds_are_summed_up() -> None:
    kinds = Counter({".jpg": 8, ".txt": 4, ".cue": 2, ".log": 2, ".nfo": 1, ".pdf": 1})
    assert left_out(kinds) == "18 other files left out: 8 .jpg, 4 .txt, 2 .cue, 2 .log, 2 of other kinds"
    assert left_out(Counter({".jpg": 1})) == "1 other file left out: 1 .jpg"


def test_a_pipe_in_a_folder_is_reported_and_counts_as_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "a.mp3")
    os.mkfifo(tmp_path / "radio.mp3")
    sources, n_unreadable = found([str(tmp_path)])
    assert ([Path(source).name for source in sources], n_unreadable) == (["a.mp3"], 1)
    assert "radio.mp3 is a pipe" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_has_a_line_of_its_own_in_json(
    tmp_path: Path,
    run: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = os.scandir

    def refuse(folder: str) -> Any:
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    (tmp_path / "music/closed").mkdir(parents=True)
    write(tmp_path / "music/a.wav", tone(4.0, sr=22050), 22050, "wav16")
    monkeypatch.setattr(os, "scandir", refuse)
    both = run("classify", "--model", "echo", "--json", tmp_path / "music")
    alone = run("classify", "--model", "echo", "--json", tmp_path / "music/closed")
    for outcome in (both, alone):
        assert outcome.status == 1 and "No permission to read the folder" in outcome.err
        (line,) = [line for line in outcome.lines() if line["schema"] == "earmark.error/1"]
        assert line["source"] == str(tmp_path / "music/closed")
        assert line["error"]["code"] == "unreadable" and line["error"]["hint"]
    assert len(both.lines()) == 2 and len(alone.lines()) == 1
    table = run("classify", "--model", "echo", "--csv", tmp_path / "music")
    assert "earmark.error/1" not in table.out and table.status == 1


def test_a_closed_folder_by_itself_is_no_folder_without_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied")

    touch(tmp_path, "text.txt")
    with pytest.raises(AudioNotFoundError, match=r"no sound files.*1 other file left out: 1 \.txt"):
        found([str(tmp_path)])
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UnreadableAudioError, match="No permission to read the folder"):
        found([str(tmp_path)])
