"""Files of SQLite that several open, or make, at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from earmark.errors import OutputError
from earmark.library import Library, schema
from earmark.library.tags import Journal, journal
from earmark.library.write_ahead import use_write_ahead_log

KINDS: list[Callable[[Path], Library | Journal]] = [Library, Journal]


@pytest.mark.parametrize("kind", KINDS)
def test_several_may_make_the_same_file_at_once(
    tmp_path: Path, kind: Callable[[Path], Library | Journal]
) -> None:
    n, n_files = 6, 25  # of a fault that two openings in a hundred showed
    barrier = threading.Barrier(n, timeout=30)

    def make(_: int) -> None:
        for i in range(n_files):
            barrier.wait()
            with kind(tmp_path / f"{i}.sqlite"):
                pass

    with ThreadPoolExecutor(n) as threads:
        list(threads.map(make, range(n)))
    assert not list(tmp_path.glob("*.backup"))  # no copy of what another has just made
    for path in tmp_path.glob("*.sqlite"):
        assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_that_another_has_locked_is_waited_for(
    tmp_path: Path, kind: Callable[[Path], Library | Journal]
) -> None:
    path = tmp_path / "new.sqlite"
    with sqlite3.connect(path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")  # may be read, but not turned to another kind of log
        later = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        later.start()
        with kind(path) as opened:
            assert later.finished.is_set() and opened.path == path
        later.join(30)


def test_who_holds_the_lock_for_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(journal, "_WAIT", 0.05)
    other = sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for kind in KINDS:
        with pytest.raises(OutputError, match="locked"):
            kind(tmp_path / "new.sqlite")


def test_a_database_in_memory_needs_no_log() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    use_write_ahead_log(connection, 0.0)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("memory",)
