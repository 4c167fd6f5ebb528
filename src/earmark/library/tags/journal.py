"""The journal of changes of tags: what it takes to bring every file back, apart from the catalogue."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.errors import InputError, OutputError
from earmark.library.tags.splice import Splice, pack, unpack
from earmark.library.write_ahead import use_write_ahead_log
from earmark.storage import make_folder, user_dirs

VERSION = 1
# Of an edit: written before the file is replaced, after that, given up before that, and taken back.
PREPARED, DONE, ABORTED, UNDONE = "prepared", "done", "aborted", "undone"
_WAIT = 30.0  # s for another process that writes the journal

_SCHEMA = """
CREATE TABLE edits (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,           -- of one `tag apply`
    made REAL NOT NULL,          -- seconds since 1970
    path BLOB NOT NULL,          -- as the system has it
    before TEXT NOT NULL,        -- SHA-256 of the file
    after TEXT NOT NULL,
    mtime INTEGER NOT NULL,      -- of the file before, nanoseconds
    undo BLOB NOT NULL,          -- the bytes of the tags as they were: `splice.pack`
    state TEXT NOT NULL
);
CREATE INDEX edits_by_path ON edits (path);
CREATE INDEX edits_by_run ON edits (run);
"""


@dataclass(frozen=True, slots=True)
class Edit:
    """An entry: one change of one file."""

    id: int
    run: str
    made: float
    path: str
    before: str
    after: str
    mtime: int
    undo: tuple[Splice, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Run:
    """One `tag apply`: when it began, how many files it changed, how many of these were brought back."""

    run: str
    made: float
    n_files: int
    n_undone: int


def default_journal() -> Path:
    """Where the journal of this user lies."""
    return user_dirs().data / "tag-journal.sqlite"


class Journal:
    """A journal in an SQLite file; several processes may write it at once.

    Parameters
    ----------
    path : path
        Made if it is not there.

    Raises
    ------
    OutputError
        It cannot be opened or made.
    InputError
        It is no journal, or one of a newer earmark.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        make_folder(self.path.parent)
        with self._failing():
            self._db = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            use_write_ahead_log(self._db, _WAIT)
            self._db.execute("PRAGMA synchronous = FULL")  # an entry is on the disk before the file changes
            self._migrate()

    def _migrate(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise InputError(
                f"{self.path} is a journal of version {version}",
                hint=f"Accepted: up to {VERSION}; update earmark.",
            )
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")

    def prepare(
        self, run: str, path: str, *, before: str, after: str, mtime: int, undo: Sequence[Splice]
    ) -> int:
        """Write down, to the disk, how to take a change back that is about to be made.

        Returns
        -------
        int
            Number of the entry, for `settle`.
        """
        name = os.fsencode(path)
        row = (run, time.time(), name, before, after, mtime, pack(undo), PREPARED)
        with self._failing():
            self._db.execute("BEGIN IMMEDIATE")
            # The file is as before: what an earlier run was about to do here, it did not do.
            self._db.execute(
                "UPDATE edits SET state = ? WHERE path = ? AND before = ? AND state = ?",
                (ABORTED, name, before, PREPARED),
            )
            columns = "run, made, path, before, after, mtime, undo, state"
            found = self._db.execute(f"INSERT INTO edits ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._db.execute("COMMIT")
        return int(found.lastrowid or 0)

    def settle(self, entry: int, state: str) -> None:
        """Write down what became of an edit."""
        with self._failing():
            self._db.execute("UPDATE edits SET state = ? WHERE id = ?", (state, entry))

    def edits(self, *, run: str | None = None, paths: Sequence[str] = ()) -> list[Edit]:
        """Edits that can be taken back, the newest first.

        Parameters
        ----------
        run : str, optional
            Of this run only.
        paths : sequence of str
            Of these files only, if there are any.
        """
        query = (
            "SELECT id, run, made, path, before, after, mtime, undo, state FROM edits WHERE state IN (?, ?)"
        )
        values: list[object] = [PREPARED, DONE]
        if run is not None:
            query, values = query + " AND run = ?", [*values, run]
        with self._failing():
            rows = self._db.execute(query + " ORDER BY id DESC", values).fetchall()
        wanted = {os.fsencode(path) for path in paths}
        return [
            Edit(number, name, made, os.fsdecode(path), before, after, mtime, tuple(unpack(packed)), state)
            for number, name, made, path, before, after, mtime, packed, state in rows
            if not wanted or path in wanted
        ]

    def runs(self) -> list[Run]:
        """Runs, the newest first."""
        query = (
            "SELECT run, min(made), sum(state != ?), sum(state = ?) FROM edits "
            "GROUP BY run HAVING sum(state != ?) > 0 ORDER BY min(id) DESC"
        )
        with self._failing():
            return [Run(*row) for row in self._db.execute(query, (ABORTED, UNDONE, ABORTED))]

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn errors of SQLite into ours, and leave no transaction open."""
        try:
            yield
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.OperationalError):
                raise OutputError(
                    f"cannot write the journal {self.path}: {error}",
                    hint="Try: --journal PATH in another place, or free some space.",
                ) from None
            raise InputError(
                f"{self.path} is no journal of tags ({error})", hint="Try: --journal PATH in another place."
            ) from None
        finally:
            if hasattr(self, "_db") and self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
