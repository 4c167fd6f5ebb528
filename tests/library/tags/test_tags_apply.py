"""Apply and undo: whole or not at all, whoever kills it, fills the disk or changes the files meanwhile."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conditions import MP4, V1
from tagged import KINDS, plain, rich

from earmark.errors import InputError, OutputError
from earmark.library.tags import (
    FilePlan,
    Journal,
    Outcome,
    PlanOptions,
    Wanted,
    apply,
    make_plan,
    read_tags,
    undo,
)
from earmark.library.tags import apply as apply_function
from earmark.library.tags.swap import held

GENRES = (("rock", 0.81), ("r&b", 0.62))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "data" / "journal.sqlite") as found:
        yield found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plans_of(*paths: Path, genres: Any = GENRES, **options: Any) -> list[FilePlan]:
    found = [Wanted(str(path), genres, (("calm", 0.9),), 120.0, "A minor", "m") for path in paths]
    return list(make_plan(found, PlanOptions(**{"replace": True, **options})))


def song(folder: Path, fmt: str = "mp3", name: str = "song") -> Path:
    path = folder / name
    path.write_bytes(rich(fmt))
    return path


def one(outcomes: Iterator[Outcome]) -> Outcome:
    (found,) = outcomes
    return found


@pytest.mark.parametrize("fmt", KINDS)
def test_tags_are_written_and_taken_back_whole(fmt: str, tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path, fmt)
    os.chmod(path, 0o640)
    os.utime(path, ns=(10**18, 10**18 + 7))
    before = sha256(path)
    assert one(apply(plans_of(path), journal)).state == "applied"
    assert read_tags(path).genres == ("rock", "r&b") and path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime_ns != 10**18 + 7
    assert one(undo(journal)).state == "undone"
    assert sha256(path) == before and path.stat().st_mtime_ns == 10**18 + 7
    assert list(undo(journal)) == [] and journal.runs()[0].n_undone == 1
    assert [entry.name for entry in tmp_path.iterdir()] != [] and not list(tmp_path.glob(".earmark-*"))


def test_applying_twice_changes_nothing_more(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    plans = plans_of(path)
    assert one(apply(plans, journal)).state == "applied"
    after = sha256(path)
    assert one(apply(plans, journal)).state == "unchanged" and sha256(path) == after
    assert plans_of(path)[0].changes == ()


def test_the_time_of_the_last_change_is_kept_on_request(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    os.utime(path, ns=(10**18, 10**18))
    assert one(apply(plans_of(path), journal, keep_mtime=True)).state == "applied"
    assert path.stat().st_mtime_ns == 10**18


def test_extended_attributes_and_the_owner_stay(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    try:
        os.setxattr(path, "user.rating", b"5")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    assert one(apply(plans_of(path), journal)).state == "applied"
    assert os.getxattr(path, "user.rating") == b"5"
    if os.geteuid() == 0:
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_several_runs_are_taken_back_one_after_the_other(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    states = [sha256(path)]
    for genre in ("jazz", "folk"):
        assert one(apply(plans_of(path, genres=((genre, 0.9),)), journal, run=genre)).state == "applied"
        states.append(sha256(path))
    assert [run.run for run in journal.runs()] == ["folk", "jazz"]
    failed = one(undo(journal, run="jazz"))
    assert failed.state == "failed" and failed.error and failed.error.code == "changed"
    assert [o.state for o in undo(journal)] == ["undone", "undone"] and sha256(path) == states[0]


def test_only_the_files_that_are_named_are_taken_back(tmp_path: Path, journal: Journal) -> None:
    first, second = song(tmp_path, name="a"), song(tmp_path, name="b")
    assert {o.state for o in apply(plans_of(first, second), journal)} == {"applied"}
    assert one(undo(journal, paths=[str(first)])).path == str(first)
    assert read_tags(first).genres == ("Hard Rock", "Blues") and read_tags(second).genres == ("rock", "r&b")


# ---------------------------------------------------------------- what is refused


def refused(outcome: Outcome, path: Path, before: str, code: str) -> None:
    assert outcome.state == "failed" and outcome.error is not None
    assert outcome.error.code == code and outcome.error.hint.endswith(".")
    assert sha256(path) == before and not list(path.parent.glob(".earmark-*"))


def test_a_file_that_was_changed_since_the_plan_is_left_alone(tmp_path: Path, journal: Journal) -> None:
    path, other = song(tmp_path), song(tmp_path, name="other")
    plans = plans_of(path, other)
    path.write_bytes(path.read_bytes() + b"x")
    first, second = apply(plans, journal)
    refused(first, path, sha256(path), "changed")
    assert second.state == "applied"  # the others go on


def test_a_file_that_is_changed_while_it_is_written_is_left_alone(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(tmp_path)
    plans = plans_of(path)
    prepare = Journal.prepare

    def late(self: Journal, *args: Any, **kwargs: Any) -> int:
        path.write_bytes(b"somebody else's")
        return prepare(self, *args, **kwargs)

    monkeypatch.setattr(Journal, "prepare", late)
    refused(one(apply(plans, journal)), path, hashlib.sha256(b"somebody else's").hexdigest(), "changed")


def test_undo_refuses_what_somebody_changed_since(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    list(apply(plans_of(path), journal))
    path.write_bytes(path.read_bytes() + V1)
    refused(one(undo(journal)), path, sha256(path), "changed")
    path.unlink()
    gone = one(undo(journal))
    assert gone.error is not None and gone.error.code == "not-found"


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    link = tmp_path / "link.mp3"
    link.symlink_to(path)
    assert one(apply(plans_of(link), journal)).state == "applied"
    assert link.is_symlink() and read_tags(path).genres == ("rock", "r&b")
    assert one(undo(journal, paths=[str(link)])).state == "undone"


def test_a_file_with_several_names_is_left_alone_unless_they_may_be_parted(
    tmp_path: Path, journal: Journal
) -> None:
    path = song(tmp_path)
    os.link(path, tmp_path / "second")
    before = sha256(path)
    refused(one(apply(plans_of(path), journal)), path, before, "linked")
    assert one(apply(plans_of(path), journal, break_links=True)).state == "applied"
    assert sha256(tmp_path / "second") == before


def test_a_read_only_file_is_left_alone(tmp_path: Path, journal: Journal) -> None:
    path = song(tmp_path)
    path.chmod(0o444)
    refused(one(apply(plans_of(path), journal)), path, sha256(path), "output")


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "permissions"), (errno.EPERM, "permissions")],
)
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_share_or_a_disk_that_refuses_leaves_the_file_as_it_was(
    call: str, number: int, word: str, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(tmp_path)
    plans, before = plans_of(path), sha256(path)

    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        found = one(apply(plans, journal))
    refused(found, path, before, "output")
    assert found.error is not None and word in found.error.hint
    assert journal.edits() == []  # nothing to undo
    assert one(apply(plans, journal)).state == "applied"


@pytest.mark.parametrize("fmt", ["aac", "mka"])
def test_formats_that_are_not_written_are_left_alone_in_a_plan_by_hand(
    fmt: str, tmp_path: Path, journal: Journal
) -> None:
    path = tmp_path / "song"
    path.write_bytes(plain(fmt))
    good = plans_of(song(tmp_path, name="good"))[0]
    plan = FilePlan(str(path), sha256(path), path.stat().st_size, good.changes)
    refused(one(apply([plan], journal)), path, sha256(path), "tag-format")


def test_a_fault_of_our_own_is_reported_and_the_others_go_on(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = song(tmp_path), song(tmp_path, "flac", "other")
    plans, before = plans_of(path, other), sha256(path)
    from earmark.library.tags import id3

    monkeypatch.setattr(id3, "edit", lambda *_: 1 / 0)
    first, second = apply(plans, journal)
    refused(first, path, before, "internal")
    assert second.state == "applied"


# ---------------------------------------------------------------- two at once, and the journal


def test_two_applies_at_once_do_no_harm(tmp_path: Path) -> None:
    paths = [song(tmp_path, fmt, f"{fmt}-{i}") for fmt in ("mp3", "flac", "m4a") for i in range(4)]
    before = {path: sha256(path) for path in paths}
    plans = plans_of(*paths)
    found: list[Outcome] = []

    def run(name: str) -> None:
        with Journal(tmp_path / "j" / "journal.sqlite") as journal:
            found.extend(apply(plans, journal, run=name))

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [o.state for o in found]
    assert states.count("applied") == len(paths) and states.count("unchanged") == 2 * len(paths), found
    with Journal(tmp_path / "j" / "journal.sqlite") as journal:
        assert {o.state for o in undo(journal)} == {"undone"}
    assert {path: sha256(path) for path in paths} == before


def test_a_file_that_another_process_keeps_is_reported(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.library.tags import swap

    path = song(tmp_path)
    plans = plans_of(path)
    monkeypatch.setattr(swap, "_WAIT", 0.1)
    with held(str(path)):
        refused(one(apply(plans, journal)), path, sha256(path), "output")


def test_a_journal_of_a_newer_version_or_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="version 99"):
        Journal(path)
    path = tmp_path / "other.sqlite"
    path.write_bytes(b"no database at all, and longer than a header" * 40)
    with pytest.raises(InputError, match="no journal"):
        Journal(path)
    with pytest.raises(OutputError):
        Journal(path / "below")


# ---------------------------------------------------------------- kill -9, and a full disk


def _killable(plans: list[FilePlan], book: Path, at: int, what: str) -> int:
    """Apply or undo in a process that kills itself at its call number `at` of a function, Python's or C's.

    Returns
    -------
    int
        How many calls there were if it came to its end, else -9.
    """
    left = at

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def act() -> None:
        with Journal(book) as journal:
            sys.setprofile(count)
            list(apply(plans, journal) if what == "apply" else undo(journal))
            sys.setprofile(None)
        (book.parent / "calls").write_text(str(at - left))

    process = multiprocessing.get_context("fork").Process(target=act)
    process.start()
    process.join()
    return process.exitcode or int((book.parent / "calls").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("what", ["apply", "undo"])
def test_fifty_kills_leave_each_file_as_before_or_as_planned(what: str, tmp_path: Path) -> None:
    """Killed at evenly spread calls of functions, Python's own and C's: between any two steps."""

    fmts = ("mp3", "flac", "ogg", "m4a")
    paths = [song(tmp_path, fmt, fmt) for fmt in fmts]
    book = tmp_path / "j" / "j.sqlite"
    book.parent.mkdir()
    plans = plans_of(*paths)
    before = {path: sha256(path) for path in paths}
    with Journal(tmp_path / "warm.sqlite") as journal:  # imports what is imported late
        assert {o.state for o in (*apply(plans, journal), *undo(journal))} == {"applied", "undone"}
    calls = _killable(plans, book, 10**9, "apply")
    after = {path: sha256(path) for path in paths}
    if what == "undo":
        calls = _killable(plans, book, 10**9, "undo")
    seen = set()
    for i in range(50):
        for path, fmt in zip(paths, fmts, strict=True):
            path.write_bytes(rich(fmt))
        for leftover in book.parent.glob("j.sqlite*"):
            leftover.unlink()
        if what == "undo":
            assert _killable(plans, book, 10**9, "apply") > 0
        assert _killable(plans, book, 1 + (calls - 1) * i // 49, what) == -signal.SIGKILL
        now = {path: sha256(path) for path in paths}
        assert all(now[path] in (before[path], after[path]) for path in paths)
        seen.add(tuple(now[path] == after[path] for path in paths))
        with Journal(book) as journal:
            assert {o.state for o in undo(journal)} <= {"undone", "unchanged"}
            assert {path: sha256(path) for path in paths} == before
            assert journal.edits() == []
    assert len(seen) >= len(paths)  # killed before, between and behind the files


@pytest.mark.slow
def test_a_full_disk_leaves_all_files_and_says_so(tmp_path: Path) -> None:
    """On a real file system of 1 MB, if this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        paths = [song(disk, "wv", f"{i}") for i in range(2)]
        plans = plans_of(*paths)
        before = {path: sha256(path) for path in paths}
        (disk / "filler").write_bytes(bytes(300_000 - 2 * len(rich("wv")) - 60_000))
        with Journal(tmp_path / "j.sqlite") as journal:
            for path, outcome in zip(paths, apply(plans, journal), strict=True):
                refused(outcome, path, before[path], "output")
                assert outcome.error is not None and "free some space" in outcome.error.hint
            (disk / "filler").unlink()
            assert {o.state for o in apply(plans, journal)} == {"applied"}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ---------------------------------------------------------------- what other programs read

WANTED = {"genre": ["rock", "r&b"], "mood": ["calm"], "bpm": ["120"]}


@pytest.mark.parametrize("fmt", KINDS)
def test_taglib_reads_what_was_written(fmt: str, tmp_path: Path, journal: Journal) -> None:
    taglib = pytest.importorskip("taglib")
    ending = {"wav16": "wav", "wav24": "wav", "aiff16": "aiff", "alac": "m4a", "oggflac": "oga"}.get(fmt, fmt)
    path = song(tmp_path, fmt, f"song.{ending}")
    assert one(apply(plans_of(path), journal)).state == "applied"
    with taglib.File(str(path)) as file:
        found = {name: list(values) for name, values in file.tags.items()}
    assert sorted(found["GENRE"]) == sorted(WANTED["genre"])  # those of WMA come from two objects
    assert found["BPM"] == WANTED["bpm"]
    assert found["MOOD"] == WANTED["mood"] and found["TITLE"] == ["Ä title"]
    assert found.get("INITIALKEY", found.get("KEY")) == ["Am"]


@pytest.mark.parametrize("fmt", KINDS)
def test_ffprobe_reads_what_was_written(fmt: str, tmp_path: Path, journal: Journal) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    if fmt == "tta":
        pytest.skip("FFmpeg reads no ID3 tag of TTA, whoever wrote it")
    path = song(tmp_path, fmt)
    assert one(apply(plans_of(path), journal)).state == "applied"
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    tags = {k.lower(): v for k, v in found["format"].get("tags", {}).items()}
    for stream in found["streams"]:
        tags |= {k.lower(): v for k, v in stream.get("tags", {}).items()}
    assert "rock" in tags["genre"] and tags["title"] == "Ä title"


def test_the_functions_have_the_names_of_the_commands() -> None:
    assert apply_function is apply and MP4
