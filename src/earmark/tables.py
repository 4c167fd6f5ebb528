"""Tables that grow by whole rows, so that a run that was interrupted goes on where it stopped.

CSV and JSON lines are appended to, one write for each row; half a row at the end, left by a crash, is
cut off when the table is opened again. Parquet cannot grow: its rows wait in a JSON-lines file beside it.
Rows come as they are done, and after an interruption not in the order of the files: `Table.finish` sorts.
"""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from earmark.errors import InputError, MissingExtraError, OutputError
from earmark.storage import atomic_file, cannot_write, csv_line, from_cell, hold

Row = dict[str, Any]
KEY = "source"
SPEC = "spec"  # what decides the numbers: digest of the front end, and version of what is computed from it


class Table(Protocol):
    """A table with one row for each source."""

    def has(self, source: str) -> bool:
        """Whether the row of a source is there already."""

    def append(self, row: Row) -> None:
        """Add a row, whole or not at all."""

    def finish(self, order: Sequence[str] = ()) -> None:
        """All rows are there: put those of `order` last, and in that order."""


def open_table(path: Path, *, spec: str | None = None) -> Table:
    """Table of the kind that the ending of its name says, with the rows that it has.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.jsonl`` or ``.parquet``; begun if it is not there.
    spec : str, optional
        What rows to come have in the column ``spec``.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        Another ending, a file of that name that is no such table, or rows of another spec.
    OutputError
        It cannot be read or written, or another process is writing it.
    MissingExtraError
        Parquet without pyarrow.
    """
    kind = table_kind(path)
    try:
        return kind(path, spec)
    except OSError as error:
        raise cannot_write(path, error) from error


def table_kind(path: Path) -> Callable[[Path, str | None], Table]:
    """Kind of table that the ending of a name asks for.

    Raises
    ------
    InputError
        With the accepted endings.
    """
    kinds: dict[str, Callable[[Path, str | None], Table]]
    kinds = {".csv": CsvTable, ".jsonl": JsonlTable, ".parquet": ParquetTable}
    try:
        return kinds[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path.name} is no kind of table", hint=f"Accepted: {', '.join(kinds)}.") from None


def _other_version(path: Path) -> InputError:
    return InputError(
        f"{path} has the columns of another version or front end",
        hint="Try: another --output, or delete it to begin anew.",
    )


class _Growing:
    """A text file with a row for each source, appended to by one write for each."""

    magic: bytes  # how every such file begins

    def __init__(self, path: Path, spec: str | None = None) -> None:
        self.path = path
        self._sources: dict[str, None] = {}  # in the order of the rows
        self._columns: list[str] = []
        self._spec: object = None
        path.open("ab").close()  # fails now if it cannot be written
        self._held = hold(path)  # two processes would write each row, and the header, twice
        with path.open("a+b") as file:
            file.seek(0)
            start = file.read(len(self.magic))
            if start != self.magic[: len(start)]:
                raise self._foreign()
            file.seek(0)
            end = 0
            for row, _, end in self._complete(file):  # noqa: B007
                self._note(row)
            if spec is not None and self._sources and self._spec != spec:
                self._held.close()
                raise _other_version(path)
            file.truncate(end)

    def has(self, source: str) -> bool:
        return source in self._sources

    def append(self, row: Row) -> None:
        if self._columns and (self._columns, self._spec) != (list(row), row.get(SPEC)):
            raise _other_version(self.path)
        header = "" if self._columns else self._header(row)
        self._write((header + self._line(row)).encode("utf-8", "surrogateescape"))
        self._note(row)

    def finish(self, order: Sequence[str] = ()) -> None:
        self._put_in_order(order)
        self._held.close()

    def _put_in_order(self, order: Sequence[str]) -> None:
        places = _sorted(self._sources, order)
        if places == list(range(len(places))):
            return
        try:
            with self.path.open("rb") as old, atomic_file(self.path) as new:
                spans = [(start, end) for _, start, end in self._complete(old)]
                for start, end in [(0, spans[0][0]), *(spans[place] for place in places)]:
                    old.seek(start)
                    new.write(old.read(end - start))
        except OutputError as error:
            raise OutputError(
                f"{error.message}; all rows are there, but not in the order of the files", hint=error.hint
            ) from error

    def _note(self, row: Row) -> None:
        self._sources[str(row[KEY])] = None
        self._columns, self._spec = list(row), row.get(SPEC)

    def _write(self, data: bytes) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            if os.write(file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            os.close(file)

    def _foreign(self) -> InputError:
        return InputError(f"{self.path} is no table of this command", hint="Try: another --output.")

    def _complete(self, file: BinaryIO) -> Iterator[tuple[Row, int, int]]:
        """Rows that are whole, and where each begins and ends; the error of a file damaged before its end."""
        raise NotImplementedError

    def _header(self, row: Row) -> str:
        return ""

    def _line(self, row: Row) -> str:
        raise NotImplementedError


class JsonlTable(_Growing):
    """JSON lines: an object for each source."""

    magic = b'{"source":'

    def _complete(self, file: BinaryIO) -> Iterator[tuple[Row, int, int]]:
        end = 0
        for line in file:
            start, end = end, end + len(line)
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                row = None
            if not isinstance(row, dict) or KEY not in row:
                if file.read(1):
                    raise self._foreign()
                return
            yield row, start, end

    def _line(self, row: Row) -> str:
        return json.dumps(row, allow_nan=False) + "\n"


class CsvTable(_Growing):
    """Comma-separated values with a header."""

    magic = b"source,"

    def _complete(self, file: BinaryIO) -> Iterator[tuple[Row, int, int]]:
        lines = _Lines(file)
        reader = csv.reader(lines)
        header = next(reader, [])
        start = lines.end
        for cells in reader:
            if not lines.whole or len(cells) != len(header):
                if file.read(1):
                    raise self._foreign()
                return
            yield dict(zip(header, map(from_cell, cells), strict=True)), start, lines.end
            start = lines.end

    def _header(self, row: Row) -> str:
        return self._csv(list(row))

    def _line(self, row: Row) -> str:
        return self._csv(list(row.values()))

    @staticmethod
    def _csv(cells: list[Any]) -> str:
        return f"{csv_line(cells)}\n"


class _Lines:
    """Lines of a file as text, counting its bytes: a row of CSV may span several."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = 0
        self.whole = True

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.end += len(line)
            self.whole = line.endswith(b"\n")
            yield line.decode("utf-8", "surrogateescape")


class ParquetTable:
    """Parquet, written at the end from the rows that waited in ``NAME.parquet.part.jsonl``."""

    def __init__(self, path: Path, spec: str | None = None) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                "Parquet needs pyarrow", hint="Try: pip install 'earmark[parquet]'."
            ) from error
        self.path = path
        self._rows = self._read() if path.exists() else []
        self._there = {row[KEY] for row in self._rows}
        self._waiting_path = path.with_name(f"{path.name}.part.jsonl")
        if spec is not None and self._rows and self._rows[0].get(SPEC) != spec:
            raise _other_version(path)
        self._waiting = JsonlTable(self._waiting_path, spec)

    def has(self, source: str) -> bool:
        """Whether the row of a source is there, or waits."""
        return self._waiting.has(source) or _valid(source) in self._there

    def append(self, row: Row) -> None:
        """Let a row wait."""
        if self._rows and (list(self._rows[0]), self._rows[0].get(SPEC)) != (list(row), row.get(SPEC)):
            raise _other_version(self.path)
        self._waiting.append(row)

    def finish(self, order: Sequence[str] = ()) -> None:
        """Write all rows, those of before and those that waited, those of `order` last and in that order."""
        import pyarrow
        import pyarrow.parquet

        with self._waiting_path.open("rb") as file:
            waiting = [json.loads(line) for line in file]
        rows = self._rows + [{**row, KEY: _valid(row[KEY])} for row in waiting]
        sources = [str(row[KEY]) for row in rows]
        rows = [rows[place] for place in _sorted(sources, [_valid(name) for name in order])]
        if rows:
            with atomic_file(self.path) as file:
                pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
        self._waiting.finish()
        self._waiting_path.unlink(missing_ok=True)

    def _read(self) -> list[Row]:
        import pyarrow
        import pyarrow.parquet

        try:
            rows: list[Row] = pyarrow.parquet.read_table(self.path).to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{self.path} is no Parquet file", hint="Try: another --output.") from error
        if any(KEY not in row for row in rows[:1]):
            raise InputError(f"{self.path} is no table of this command", hint="Try: another --output.")
        return rows


def _sorted(sources: Iterable[str], order: Sequence[str]) -> list[int]:
    """Places of the sources in their new order: first those that were not asked for, as they stand."""
    wanted = {name: i for i, name in enumerate(order)}
    present = list(sources)
    return sorted(range(len(present)), key=lambda place: wanted.get(present[place], -1))


def _valid(source: str) -> str:
    r"""Parquet holds UTF-8 only: other bytes of a file name are written as ``\xe9``."""
    return source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
