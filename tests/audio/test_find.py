"""Finding the sound files of folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import sounds
from earmark.audio import EXTENSIONS, find_audio
from earmark.errors import AudioError, UnreadableAudioError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found_in(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Names of what is found, of what gives an error, and of what is left out."""
    errors: list[str] = []
    others: list[str] = []

    def on_error(path: Path, error: AudioError) -> None:
        assert isinstance(error, UnreadableAudioError) and str(path) in error.message and error.hint
        errors.append(path.name)

    found = find_audio([folder], on_error=on_error, on_other=lambda path: others.append(path.name))
    return [path.name for path in found], errors, others


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "b.mp3",
        "a/c.FLAC",
        "a/notes.txt",
        "a/b/d.m4a",
        ".hidden/e.mp3",
        "a/.f.mp3",
        "z.opus",
        "cover.jpg",
    )
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken.mp3")
    given = tmp_path / "a" / "notes.txt"
    found = list(find_audio([given, tmp_path, tmp_path / "b.mp3", tmp_path / "gone.mp3"]))
    expected = "a/notes.txt a/b/d.m4a a/c.FLAC b.mp3 broken.mp3 z.opus gone.mp3"
    assert [str(path.relative_to(tmp_path)) for path in found] == expected.split()
    assert found_in(tmp_path)[2] == ["notes.txt", "cover.jpg"]


def test_only_regular_files_are_found_and_nothing_else_is_opened(tmp_path: Path) -> None:
    touch(tmp_path, "song.mp3")
    os.mkfifo(tmp_path / "radio.mp3")
    os.mkfifo(tmp_path / "notes")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket has room for 100 bytes
        try:
            listening.bind("socket.flac")
        finally:
            os.chdir(before)
        os.symlink("/dev/zero", tmp_path / "zero.wav")
        os.symlink("round.ogg", tmp_path / "round.ogg")
        found, errors, others = found_in(tmp_path)
    assert found == ["round.ogg", "song.mp3"]  # opening the link to itself gives its error
    assert errors == ["radio.mp3", "socket.flac", "zero.wav"]
    assert others == []


def test_a_folder_that_may_not_be_read_is_reported_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/x.mp3", "b/y.mp3", "c/d/z.mp3")
    real = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        if folder.endswith("d"):
            raise OSError(5, "Input/output error")
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found_in(tmp_path) == (["y.mp3"], ["a", "d"], [])
    with pytest.raises(UnreadableAudioError, match="No permission to read the folder"):
        list(find_audio([tmp_path]))


def test_files_need_no_system_call_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network share each would be a round trip: 200,000 for a large library."""
    touch(tmp_path, *(f"{folder}/{i}.mp3" for folder in "ab" for i in range(20)))
    calls: list[object] = []
    for name in ("stat", "lstat"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda path, *args, real=real, **kwargs: calls.append(path) or real(path)
        )
    assert len(list(find_audio([str(tmp_path)]))) == 40
    assert len(calls) <= 4  # one for each folder, and one for the argument


def test_files_are_found_while_the_walk_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.mp3", "b/y.mp3")
    walk = find_audio([tmp_path])
    assert next(walk).name == "x.mp3"
    touch(tmp_path, "b/late.mp3")
    assert [path.name for path in walk] == ["late.mp3", "y.mp3"]


def test_every_format_that_is_read_is_found_by_its_usual_ending() -> None:
    endings = {sounds.suffix(fmt) for fmt in (*sounds.FORMATS, *sounds.OTHERS) if fmt != "wma1"}
    more = (
        "bwf m4r mpga ogv m4b m4p aifc snd oga spx weba mkv 3gp amr ra rm dts thd tak dsf dff voc ts m2ts mts"
    )
    assert endings | {f".{name}" for name in more.split()} <= EXTENSIONS
