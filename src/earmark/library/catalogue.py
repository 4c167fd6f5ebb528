"""The catalogue of a library: one SQLite file with a row for each track."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from earmark.errors import AbsentError, InputError
from earmark.library import records
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.schema import connect, refused
from earmark.library.search import search
from earmark.library.tags import Tags
from earmark.storage import user_dirs

NAME = "library.sqlite"
_MOST_VARIABLES = 500  # in one statement; SQLite takes at least 999

# What a listing does without: reading and unpacking it takes longer than all else.
_LARGE = ("fingerprint", "timeline", "embedding")
_LEAST_MOOD = 0.1


def _read(without: Sequence[str] = ()) -> str:
    columns = (f"{'NULL' if name in without else f'tracks.{name}'} AS {name}" for name in records.COLUMNS)
    return f"""SELECT {", ".join(columns)}, tracks.id, folders.path AS folder_path,
        methods.digest AS method_digest
        FROM tracks JOIN folders ON folders.id = tracks.folder
        LEFT JOIN methods ON methods.id = tracks.method"""


_READ, _READ_BRIEF = _read(), _read(without=_LARGE)

_FILES = """
SELECT tracks.id, folders.path AS folder_path, name, number, start, stop, size, mtime_ns, device, state,
    vanished, analysed, coverage, model, method, error
FROM tracks JOIN folders ON folders.id = tracks.folder
"""


def default_path() -> Path:
    """Where the catalogue of this user is: in the data folder of the platform."""
    return user_dirs().data / NAME


class Library:
    """Tracks with what was found about their sound, in one SQLite file.

    Every call commits before it returns, or everything in a ``with library.transaction():`` at its end.
    Readers never wait for writers; a second writer waits until the first has committed.

    Parameters
    ----------
    path : path, optional
        The file; by default that of this user. ``":memory:"`` is none.
    create : bool
        Whether to make it if it is not there.
    read_only : bool
        Whether nothing will be written.

    Raises
    ------
    InputError
        It is no library, is damaged, is of a newer earmark, or is not there with ``create=False``.
    OutputError
        It cannot be made or opened.

    Examples
    --------
    >>> with Library(":memory:") as library:
    ...     len(library)
    0
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, create: bool = True, read_only: bool = False
    ) -> None:
        self.path = default_path() if path is None else Path(path)
        self.db = connect(self.path, create=create, read_only=read_only)
        self.db.row_factory = sqlite3.Row
        self._models: dict[int, ModelInfo] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self.query("SELECT count(*) FROM tracks")[0][0])

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    # ------------------------------------------------------------ statements

    def query(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Return the rows of a statement.

        Raises
        ------
        InputError, OutputError
            The file is damaged, full, locked for long, or was removed.
        """
        try:
            return self.db.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise refused(self.path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; a block within a block belongs to the outer one.

        Raises
        ------
        OutputError
            It cannot be written; nothing has changed then.
        """
        nested = self.db.in_transaction
        if nested:
            yield
            return
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise refused(self.path, error) from error
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file: nothing, if it is whole."""
        found = [str(row[0]) for row in self.query("PRAGMA integrity_check")]
        orphans = [f"a row of {row[0]} refers to nothing" for row in self.query("PRAGMA foreign_key_check")]
        return [line for line in found if line != "ok"] + orphans

    # ------------------------------------------------------------ folders that were scanned

    def add_root(self, path: str) -> None:
        """Note a folder as one to scan."""
        with self.transaction():
            self.query(
                "INSERT OR IGNORE INTO roots (path, added) VALUES (?, ?)", (os.fsencode(path), time.time())
            )

    def roots(self) -> list[str]:
        """Folders that were scanned, in the order of their paths."""
        return [os.fsdecode(row[0]) for row in self.query("SELECT path FROM roots ORDER BY path")]

    def forget(self, folder: str | os.PathLike[str]) -> int:
        """Remove a folder from those to scan, with the rows of all tracks below it, and return their number.

        Raises
        ------
        InputError
            Nothing of it is in the library.
        """
        path = os.path.abspath(os.fspath(folder))
        with self.transaction():
            ids = [row["id"] for row in self.files(path)]
            removed = self.query("DELETE FROM roots WHERE path = ? RETURNING id", (os.fsencode(path),))
            if not ids and not removed:
                known = ", ".join(self.roots()) or "none yet"
                raise InputError(f"nothing of {path} is in the library", hint=f"Accepted: {known}.")
            self.remove(ids)
        return len(ids)

    # ------------------------------------------------------------ rows

    def put(self, row: Row) -> int:
        """Keep a row in place of the one of the same path and number, if there is one.

        Corrections and the time of addition stay.

        Parameters
        ----------
        row : Row
            With its ``id`` 0 unless it has to keep one although its path has changed.

        Returns
        -------
        int
            Its id.
        """
        with self.transaction():
            values = records.values_of(row)
            values["folder"] = self._folder(os.path.dirname(row.path))
            values["model"] = self._model(row.model) if row.model and row.prediction else None
            values["method"] = self._method(row.method) if row.method and row.prediction else None
            values["vanished"] = None
            number = row.id or self._id_of(row.item)
            row = dataclasses.replace(row, corrections=self._corrections([number]).get(number, {}))
            labels = list(records.labels_of(row))
            values["score"] = records.score_of(labels)
            if number:
                columns = ", ".join(f"{name} = :{name}" for name in values if name != "added")
                self.query(f"UPDATE tracks SET {columns} WHERE id = :id", {**values, "id": number})
            else:
                values["added"] = row.added or time.time()
                marks = ", ".join(f":{name}" for name in values)
                sql = f"INSERT INTO tracks ({', '.join(values)}) VALUES ({marks}) RETURNING id"
                number = int(self.query(sql, values)[0][0])
            self._put_labels(number, labels)
            return number

    def get(self, id: int) -> Row:
        """Return the row of an id.

        Raises
        ------
        AbsentError
            There is none.
        """
        for row in self.rows([id]):
            return row
        raise AbsentError(f"there is no track with id={id}", hint="Try: earmark search, which lists ids.")

    def find(self, path: str | os.PathLike[str], number: int = 0) -> Row | None:
        """Return the row of a file, or of a track of its CUE sheet; None if it is not in the library."""
        id = self._id_of(Item(os.path.abspath(os.fspath(path)), number))
        return self.get(id) if id else None

    def rows(self, ids: Iterable[int] | None = None, *, brief: bool = False) -> Iterator[Row]:
        """Yield rows.

        Parameters
        ----------
        ids : iterable of int, optional
            Those of these ids, in their order, ids that are not there left out; by default all, by id.
        brief : bool
            Whether to do without segments, fingerprint, embedding, and below 0.1 without mood words but the
            first and without instruments that are not present.
        """
        if ids is None:
            ids = [row[0] for row in self.query("SELECT id FROM tracks ORDER BY id")]
        wanted, read = list(ids), _READ_BRIEF if brief else _READ
        for start in range(0, len(wanted), _MOST_VARIABLES):
            some = wanted[start : start + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            found = {row["id"]: row for row in self.query(f"{read} WHERE tracks.id IN ({marks})", some)}
            corrected = self._corrections(some)
            for id in some:
                if id in found:
                    yield records.row_of(
                        found[id],
                        self._model_info(found[id]["model"]),
                        corrections=corrected.get(id),
                        least_mood=_LEAST_MOOD if brief else 0.0,
                    )

    def paths(self, ids: Iterable[int]) -> list[str]:
        """Return the paths of tracks, in their order; ids that are not there are left out."""
        sql = """SELECT tracks.id, folders.path, tracks.name FROM json_each(?) AS wanted
            JOIN tracks ON tracks.id = wanted.value JOIN folders ON folders.id = tracks.folder
            ORDER BY wanted.key"""
        rows = self.query(sql, (json.dumps(list(ids)),))
        return [os.fsdecode(os.path.join(row["path"], row["name"])) for row in rows]

    def remove(self, ids: Iterable[int]) -> None:
        """Remove rows, with their corrections."""
        with self.transaction():
            for id in ids:
                self.query("DELETE FROM tracks WHERE id = ?", (id,))

    def search(
        self, query: str = "", *, sort: str = "id", limit: int | None = None, offset: int = 0
    ) -> list[int]:
        """Return the ids of the tracks that a query means: see `earmark.library.search.search`."""
        return search(self, query, sort=sort, limit=limit, offset=offset)

    # ------------------------------------------------------------ what a scan asks

    def files(self, root: str | None = None) -> Iterator[sqlite3.Row]:
        """Yield what a scan needs to know of each track: few columns, for there may be a million.

        Parameters
        ----------
        root : str, optional
            Only tracks of files below that folder.

        Yields
        ------
        sqlite3.Row
            ``id``, ``folder_path``, ``name``, ``number``, ``start``, ``stop``, ``size``, ``mtime_ns``,
            ``device``, ``state``, ``vanished``, ``analysed``, ``coverage``, ``model`` (its `model_number`,
            None if it has none), ``method`` (its `method_number`, None if not known), ``error``.
        """
        sql = _FILES
        values: tuple[bytes | int, ...] = ()
        if root is not None:
            below = os.fsencode(root.rstrip(os.sep) + os.sep)
            sql += " WHERE folders.path = ? OR substr(folders.path, 1, ?) = ?"
            values = (os.fsencode(root.rstrip(os.sep) or os.sep), len(below), below)
        yield from self.query(f"{sql} ORDER BY tracks.id", values)

    def state_of(self, item: Item) -> tuple[float, int, int] | None:
        """Return when a track was analysed, and size and time stamp of its file then; None of a new one."""
        id = self._id_of(item)
        found = self.query("SELECT analysed, size, mtime_ns FROM tracks WHERE id = ?", (id,)) if id else ()
        return (found[0][0], found[0][1], found[0][2]) if found else None

    def model_number(self, model: ModelInfo) -> int | None:
        """Return the number of a model in this file; None if no row was ever of it."""
        sql = "SELECT id FROM models WHERE name = ? AND sha256 = ? AND spec = ?"
        found = self.query(sql, (model.name, model.sha256, model.spec))
        return int(found[0][0]) if found else None

    def method_number(self, digest: str) -> int | None:
        """Return the number of a method for tempo and key in this file; None if no row was ever of it."""
        found = self.query("SELECT id FROM methods WHERE digest = ?", (digest,))
        return int(found[0][0]) if found else None

    def places(self, sound: str, number: int) -> list[sqlite3.Row]:
        """Return where tracks with a digest of their sound are: a hundred at most, for silence may have more.

        Returns
        -------
        list of sqlite3.Row
            ``id``, ``folder_path``, ``name``, ``size``, ``device``, ``state``, ``duration``, ``start``,
            ``stop``.
        """
        sql = """SELECT tracks.id, folders.path AS folder_path, name, size, device, state, duration, start,
            stop FROM tracks JOIN folders ON folders.id = tracks.folder
            WHERE sound = ? AND number = ? ORDER BY tracks.id LIMIT 100"""
        return self.query(sql, (bytes.fromhex(sound), number))

    def sounds(self, ids: Iterable[int]) -> set[tuple[str, int]]:
        """Return the digests of the sound of some tracks, each with the number of the track."""
        found: set[tuple[str, int]] = set()
        for id in ids:
            for row in self.query(
                "SELECT sound, number FROM tracks WHERE id = ? AND sound IS NOT NULL", (id,)
            ):
                found.add((row[0].hex(), row[1]))
        return found

    def vanished(self) -> list[int]:
        """Return the ids of the tracks that are marked as vanished."""
        return [row[0] for row in self.query("SELECT id FROM tracks WHERE vanished IS NOT NULL ORDER BY id")]

    def with_sound(self, sound: str) -> list[Row]:
        """Return the rows whose coded sound has a digest."""
        found = self.query("SELECT id FROM tracks WHERE sound = ? ORDER BY id", (bytes.fromhex(sound),))
        return list(self.rows([row[0] for row in found]))

    def touch(self, id: int, file: FileState) -> None:
        """Note that a file is there, and is as it was analysed but for its time stamp or its place."""
        with self.transaction():
            self.query(
                "UPDATE tracks SET size = ?, mtime_ns = ?, device = ?, vanished = NULL WHERE id = ?",
                (file.size, file.mtime_ns, file.device, id),
            )

    def place(self, id: int, item: Item, file: FileState, tags: Tags) -> bool:
        """Note where a track is now and what its tags say; all else that is known of it stays.

        Returns
        -------
        bool
            False, and nothing is changed, if another row has that place.
        """
        with self.transaction():
            if self._id_of(item) not in (0, id):
                return False
            values = records.place_of(item, file, tags)
            values["folder"] = self._folder(os.path.dirname(item.path))
            columns = ", ".join(f"{name} = :{name}" for name in values)
            self.query(f"UPDATE tracks SET {columns}, vanished = NULL WHERE id = :id", {**values, "id": id})
            self._put_labels(id, list(records.labels_of(self.get(id))))  # the tags are labels too
            return True

    def mark_vanished(self, ids: Iterable[int], *, now: float | None = None) -> None:
        """Note that files are gone; those that were gone before keep the time."""
        with self.transaction():
            for id in ids:
                sql = "UPDATE tracks SET vanished = ? WHERE id = ? AND vanished IS NULL"
                self.query(sql, (time.time() if now is None else now, id))

    # ------------------------------------------------------------ corrections

    def correct(self, id: int, **heads: Sequence[str]) -> Row:
        """Note what is right, whatever the model says: ``correct(7, genres=["jazz"])``.

        Parameters
        ----------
        id : int
            Of the track.
        **heads : sequence of str
            Right labels by head (genres, moods, quadrant, voice, instruments); none at all takes the
            correction back. They need not be labels that the model knows.

        Raises
        ------
        InputError
            There is no such track, or an empty label.
        """
        self.get(id)
        with self.transaction():
            for head, labels in heads.items():
                if any(not label.strip() for label in labels):
                    raise InputError(f"{head}={list(labels)!r}", hint="Accepted: labels that are not empty.")
                self.query("DELETE FROM corrections WHERE track = ? AND head = ?", (id, head))
                if labels:
                    text = json.dumps([_spelt(head, label) for label in labels])
                    self.query("INSERT INTO corrections VALUES (?, ?, ?, ?)", (id, head, text, time.time()))
            row = self.get(id)
            now = list(records.labels_of(row))
            self._put_labels(id, now)
            self.query("UPDATE tracks SET score = ? WHERE id = ?", (records.score_of(now), id))
        return row

    def _corrections(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[str, ...]]]:
        marks = ", ".join("?" * len(ids))
        found: dict[int, dict[str, tuple[str, ...]]] = {}
        for row in self.query(f"SELECT track, head, labels FROM corrections WHERE track IN ({marks})", ids):
            found.setdefault(row["track"], {})[row["head"]] = tuple(json.loads(row["labels"]))
        return found

    def _put_labels(self, id: int, labels: Sequence[tuple[str, str, int, int]]) -> None:
        """Let the labels of a track be these."""
        self.query("DELETE FROM track_labels WHERE track = ?", (id,))
        names = [(head, label) for head, label, _, _ in labels]
        self.db.executemany("INSERT OR IGNORE INTO label_names (head, label) VALUES (?, ?)", names)
        sql = """INSERT INTO track_labels (label, track, score, rank)
            SELECT id, ?, ?, ? FROM label_names WHERE head = ? AND label = ?"""
        self.db.executemany(sql, [(id, score, rank, head, label) for head, label, score, rank in labels])

    # ------------------------------------------------------------ parts of rows

    def _id_of(self, item: Item) -> int:
        folder, name = os.path.split(item.path)
        sql = """SELECT tracks.id FROM tracks JOIN folders ON folders.id = tracks.folder
            WHERE folders.path = ? AND tracks.name = ? AND number = ?"""
        found = self.query(sql, (os.fsencode(folder), os.fsencode(name), item.number))
        return int(found[0][0]) if found else 0

    def _folder(self, path: str) -> int:
        key = (os.fsencode(path),)
        self.query("INSERT OR IGNORE INTO folders (path) VALUES (?)", key)
        return int(self.query("SELECT id FROM folders WHERE path = ?", key)[0][0])

    def _model(self, model: ModelInfo) -> int:
        key = (model.name, model.sha256, model.spec)
        sql = """INSERT OR IGNORE INTO models (name, sha256, spec, space, heads, embedding_size)
            VALUES (?, ?, ?, ?, ?, ?)"""
        self.query(sql, (*key, model.space, json.dumps(model.heads), model.embedding_size))
        return int(self.query("SELECT id FROM models WHERE name = ? AND sha256 = ? AND spec = ?", key)[0][0])

    def _method(self, digest: str) -> int | None:
        self.query("INSERT OR IGNORE INTO methods (digest) VALUES (?)", (digest,))
        return self.method_number(digest)

    def _model_info(self, id: int | None) -> ModelInfo | None:
        if id is None:
            return None
        if id not in self._models:
            row = self.query("SELECT * FROM models WHERE id = ?", (id,))[0]
            heads = {name: tuple(classes) for name, classes in json.loads(row["heads"]).items()}
            self._models[id] = ModelInfo(
                row["name"], row["sha256"], row["spec"], row["space"], heads, row["embedding_size"]
            )
        return self._models[id]


def _spelt(head: str, label: str) -> str:
    """Return a label as the models spell it: quadrants are Q1 to Q4, all else is lower case."""
    return label.strip().upper() if head == "quadrant" else label.strip().lower()
