"""Files are written whole or not at all, whoever else writes meanwhile and whenever a process dies."""

from __future__ import annotations

import csv
import errno
import io
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import OutputError
from earmark.storage import (
    atomic_file,
    digest,
    from_cell,
    hold,
    remove_abandoned,
    sha256_file,
    to_cell,
    user_dirs,
    write_atomic,
)

posix = pytest.mark.skipif(os.name != "posix", reason="signals, modes and pipes")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("content", [b"\x00\xff", "日本\udce9\n"])
def test_bytes_and_text_are_written_as_they_are(tmp_path: Path, content: bytes | str) -> None:
    target = tmp_path / "a"
    write_atomic(target, content)
    assert target.read_bytes() == (
        b"\x00\xff" if isinstance(content, bytes) else b"\xe6\x97\xa5\xe6\x9c\xac\xe9\n"
    )
    assert names(tmp_path) == ["a"]


def test_a_target_with_the_longest_name_can_be_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), b"x")
    assert names(tmp_path) == ["n" * 255]


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0, 0o666)])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    code = f"import os; os.umask({mask}); from earmark.storage import write_atomic; write_atomic('a', b'x')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@posix
def test_the_mode_of_a_file_that_is_replaced_stays(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.touch()
    target.chmod(0o640)
    write_atomic(target, b"x")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@posix
def test_files_that_other_threads_make_meanwhile_keep_to_the_umask(tmp_path: Path) -> None:
    """The umask belongs to the process: a writer that asks for it changes it for everyone."""
    stop, modes = threading.Event(), set()

    def make_files() -> None:
        n = 0
        while not stop.is_set():
            path = tmp_path / f"other{n % 50}"
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
            modes.add(stat.S_IMODE(path.stat().st_mode))
            path.unlink()
            n += 1

    before = os.umask(0o077)
    try:
        thread = threading.Thread(target=make_files)
        thread.start()
        for _ in range(300):
            write_atomic(tmp_path / "a", b"x")
        stop.set()
        thread.join()
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_nothing_in_the_source_touches_the_umask() -> None:
    import earmark

    for path in Path(earmark.__file__).parent.rglob("*.py"):
        assert "os.umask(" not in path.read_text(), path


@posix
def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").write_bytes(b"old")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


@posix
def test_what_is_no_regular_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"through")
    reader.join(20)
    assert heard == [b"through"] and stat.S_ISFIFO(pipe.stat().st_mode)
    write_atomic(os.devnull, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


# ---------------------------------------------------------------- failures


def test_an_error_in_the_block_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    for kind in (KeyboardInterrupt, ValueError, SystemExit):
        with pytest.raises(kind), atomic_file(target) as file:
            file.write(b"new")
            raise kind
    assert target.read_bytes() == b"old" and names(tmp_path) == ["a"]


def test_an_error_about_another_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a"):
        (tmp_path / "not there").read_bytes()
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some space"), (errno.EACCES, "may write to")],
)
def test_a_failure_at_any_step_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, hint: str
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError) as caught, atomic_file(target) as file:
        if call == "write":
            fail()
        file.write(b"new")
        monkeypatch.setattr(os, call if call != "write" else "fsync", fail)
    monkeypatch.undo()
    assert str(target) in caught.value.message and os.strerror(number) in caught.value.message
    assert hint in caught.value.hint and "earmark-" not in str(caught.value).replace(str(tmp_path), "")
    assert target.read_bytes() == b"old" and names(tmp_path) == ["a"]


def test_places_that_cannot_be_written_say_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, reason in [
        (tmp_path, "[Dd]irectory"),
        (tmp_path / "no" / "such" / "a", "No such file"),
        (tmp_path / "file" / "a", "[Nn]ot a directory"),
        (tmp_path / ("n" * 256), "too long"),
    ]:
        with pytest.raises(OutputError, match=rf"cannot write .*{reason}.*\. Try: .*\.$"):
            write_atomic(place, b"x")
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small disk: needs root")
def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=False)
    if done.returncode:
        pytest.skip("no mounts here")
    try:
        write_atomic(disk / "a", b"old")
        with pytest.raises(OutputError, match=r"cannot write .*/disk/a: No space left.*free some space"):
            write_atomic(disk / "a", bytes(200_000))
        assert (disk / "a").read_bytes() == b"old" and names(disk) == ["a"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


KILLED = """
import os, signal, sys
from earmark.storage import atomic_file
with atomic_file("a") as file:
    file.write(b"half of the new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_a_process_that_is_killed_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "a").read_bytes() == b"old"
    (leftover,) = (tmp_path / name for name in names(tmp_path) if name != "a")
    remove_abandoned(tmp_path)
    assert leftover.exists()  # its writer might be at work
    os.utime(leftover, (0, 0))
    remove_abandoned(tmp_path)
    assert names(tmp_path) == ["a"]


WRITER = """
import sys
from earmark.storage import write_atomic
for n in range(100):
    write_atomic("a", sys.argv[1] * 100_000)
"""


def test_writers_of_one_target_never_mix_nor_fail(tmp_path: Path) -> None:
    """Two processes, and two threads of this one, all at once."""
    target, errors = tmp_path / "a", []
    write_atomic(target, "x" * 100_000)

    def write(letter: str) -> None:
        try:
            for _ in range(100):
                write_atomic(target, letter * 100_000)
        except Exception as error:
            errors.append(error)

    processes = [subprocess.Popen([sys.executable, "-c", WRITER, c], cwd=tmp_path) for c in "pq"]
    threads = [threading.Thread(target=write, args=(c,)) for c in "rs"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or any(p.poll() is None for p in processes):
        content = target.read_bytes()
        assert len(content) == 100_000 and len(set(content)) == 1
    assert not errors and [process.returncode for process in processes] == [0, 0]
    assert names(tmp_path) == ["a"]


def test_a_name_that_another_machine_took_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: Iterator[str] = iter(["aa", "bb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))
    theirs = tmp_path / f".earmark-{os.getpid()}-aa.part"
    theirs.write_bytes(b"theirs")
    write_atomic(tmp_path / "a", b"mine")
    assert theirs.read_bytes() == b"theirs" and (tmp_path / "a").read_bytes() == b"mine"


# ---------------------------------------------------------------- folders, checksums, cells


@posix
def test_the_folders_of_a_user_follow_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "darwin":
        pytest.skip("XDG")
    for name in ("CACHE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    dirs = user_dirs()
    assert dirs.cache == tmp_path / "CACHE" / "earmark"
    assert dirs.data == tmp_path / "DATA" / "earmark"
    assert dirs.config == tmp_path / "CONFIG" / "earmark"
    assert not any(path.exists() for path in dirs)


def test_the_checksum_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@posix
def test_a_checksum_waits_for_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"folder|regular"):
            sha256_file(path)


def test_a_digest_is_of_the_facts_and_not_of_their_order() -> None:
    assert digest({"a": 1, "b": [2, None]}) == digest({"b": [2, None], "a": 1})
    assert digest({"a": 1, "b": 2}, ordered=True) != digest({"b": 2, "a": 1}, ordered=True)
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest(["\udce9"]) != digest(["\udce8"]) and len(digest("ö")) == 16


def test_digests_that_cards_state_stay_the_same() -> None:
    from earmark.features import FeatureSpec

    assert FeatureSpec().digest == "8c5ec2ea29ec15b3"


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_a_cell_that_a_spreadsheet_would_compute_is_marked_as_text(start: str) -> None:
    name = f"{start}1+1.mp3"
    assert to_cell(name) == f"'{name}" and from_cell(f"'{name}") == name


@pytest.mark.parametrize("value", ["-", "=", "song.mp3", "'til dawn.mp3", "", -3.5, -1, None, " =1"])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert to_cell(value) is value


@given(st.text(alphabet=st.one_of(st.sampled_from("'=+-@\t\r\n＝1,\""), st.characters())))
def test_every_text_comes_back_from_its_cell(text: str) -> None:
    cell = to_cell(text)
    assert isinstance(cell, str) and from_cell(cell) == text
    if "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        file = io.StringIO(newline="")
        csv.writer(file).writerow([cell, "x"])
        file.seek(0)
        assert next(csv.reader(file)) == [cell, "x"]


@pytest.mark.skipif(os.name != "posix", reason="flock")
def test_a_file_that_is_held_is_kept_from_others_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.touch()
    code = f"from earmark.storage import hold; hold({str(path)!r})"
    with hold(path):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert refused.returncode and "another process is writing" in refused.stderr
    subprocess.run([sys.executable, "-c", code], check=True)
