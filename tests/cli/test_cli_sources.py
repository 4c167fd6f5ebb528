"""Which files a command works on, and what it reports of the others."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from earmark.cli.sources import found, left_out
from earmark.errors import AudioNotFoundError, UnreadableAudioError


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
