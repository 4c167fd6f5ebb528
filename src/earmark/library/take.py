"""Take corrections, and tracks that another library has analysed, from an exported table.

A record is matched with a track of the library by the digest of its sound, else by its path; never by its id,
which means another track in another library.
"""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from earmark.errors import InputError, MissingExtraError
from earmark.library.catalogue import Library
from earmark.library.packing import unpack_peaks
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.search import HEADS
from earmark.library.tags import Tags
from earmark.predict import Prediction
from earmark.storage import from_cell

Record = dict[str, Any]
_TRACK = "earmark.track/1"
# What reading a record raises that is none.
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, zlib.error)


@dataclass(frozen=True)
class Taken:
    """What became of the records of a table.

    Parameters
    ----------
    corrected : int
        Tracks that have a new correction.
    kept : int
        Tracks whose own correction is another, and was kept.
    added : int
        Tracks that came to the library with their analysis.
    unmatched : int
        Records of tracks that the library does not have, without an analysis.
    unchanged : int
        All others.
    """

    corrected: int = 0
    kept: int = 0
    added: int = 0
    unmatched: int = 0
    unchanged: int = 0


def take(library: Library, path: Path, *, force: bool = False) -> Taken:
    """Take corrections and analysed tracks from a table, all or nothing.

    Corrections are those of the columns ``corrected_genres``, ``corrected_moods``, ``corrected_quadrant``,
    ``corrected_voice`` and ``corrected_instruments``.
    A track that the library does not have is added if the table has all of its analysis, as ``.jsonl`` has;
    where its file is not at its place it is marked as vanished, and a scan that finds the same sound
    elsewhere gives it its place.

    Parameters
    ----------
    library : Library
        Where to.
    path : Path
        ``.csv``, ``.jsonl`` or ``.parquet``, as `export` writes it, or with at least ``path`` or ``sound``.
    force : bool
        Whether corrections of the table replace others that the library has.

    Raises
    ------
    InputError
        No such file, another ending, or a record that is no track, with its number.
    OutputError
        The library cannot be written.
    """
    counts = dict.fromkeys((field.name for field in fields(Taken)), 0)
    with library.transaction():
        for number, record in enumerate(_records(path), start=1):
            try:
                counts[_take(library, record, force=force)] += 1
            except _DAMAGED as error:
                reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
                raise InputError(
                    f"record {number} of {path} is no track ({reason})",
                    hint="Accepted: what earmark export writes, or path and corrected_genres.",
                ) from error
    return Taken(**counts)


def _take(library: Library, record: Record, *, force: bool) -> str:
    """Take one record; return which count of `Taken` it belongs to."""
    ids = _matching(library, record)
    if not ids:
        if record.get("schema") != _TRACK or "file" not in record:
            return "unmatched"
        row = _row(record)
        ids = [library.put(row)]
        if row.file.device == 0:
            library.mark_vanished(ids)
        _correct(library, ids[0], _corrections(record), force=True)
        return "added"
    found = {_correct(library, id, _corrections(record), force=force) for id in ids}
    return next(kind for kind in ("corrected", "kept", "unchanged") if kind in found)


def _matching(library: Library, record: Record) -> list[int]:
    sound, path, number = record.get("sound") or "", record.get("path") or "", int(record.get("number") or 0)
    if not isinstance(sound, str) or not isinstance(path, str) or not (sound or path):
        raise ValueError("neither path nor sound")
    if sound:
        if not re.fullmatch(r"[0-9a-f]{2,128}", sound):
            raise ValueError(f"sound={sound!r}")
        sql = "SELECT id FROM tracks WHERE sound = ? AND number = ? ORDER BY id"
        if ids := [row[0] for row in library.query(sql, (bytes.fromhex(sound), number))]:
            return ids
    row = library.find(path, number) if path else None
    return [row.id] if row else []


def _corrections(record: Record) -> dict[str, tuple[str, ...]]:
    given = record.get("corrections") or {head: record.get(f"corrected_{head}") for head in HEADS.values()}
    found = {}
    for head in HEADS.values():
        labels = given.get(head) or ()
        if isinstance(labels, str):
            labels = re.split(r"[;,]", labels)
        words = tuple(dict.fromkeys(label.strip().lower() for label in labels if label.strip()))
        if words:
            found[head] = words
    return found


def _correct(library: Library, id: int, given: dict[str, tuple[str, ...]], *, force: bool) -> str:
    there = library.get(id).corrections
    new = {head: labels for head, labels in given.items() if there.get(head) != labels}
    wanted = {head: labels for head, labels in new.items() if force or head not in there}
    if wanted:
        library.correct(id, **wanted)
    return "corrected" if wanted else ("kept" if new else "unchanged")


def _row(record: Record) -> Row:
    """Return the row of a record of `earmark.library.export.full`."""
    size, mtime_ns = (int(value) for value in record["file"])
    file, path = FileState(size, mtime_ns, 0), record["path"]
    with suppress(OSError, ValueError):
        here = FileState.of(os.stat(path))
        file = here if (here.size, here.mtime_ns) == (size, mtime_ns) else file
    tags: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record["tags"].items()
    }
    model, found = record["model"], record["prediction"]
    if model:
        model = ModelInfo(**{**model, "heads": {name: tuple(c) for name, c in model["heads"].items()}})
    return Row(
        item=Item(path, int(record["number"]), float(record["start"]), record["stop"]),
        file=file,
        tags=Tags(**tags),
        sound=record["sound"],
        peaks=unpack_peaks(base64.b64decode(record["fingerprint"])) if record["fingerprint"] else None,
        model=model,
        method=str(record.get("method") or ""),  # JSON of before had none
        prediction=Prediction.from_dict(found) if found else None,
        embedding=np.frombuffer(base64.b64decode(record["embedding"]), "<f2").astype(np.float32)
        if record["embedding"]
        else None,
        error=record["error"],
        added=float(record["added"]),
        analysed=float(record["analysed"]),
    )


# ---------------------------------------------------------------- tables


def _records(path: Path) -> Iterator[Record]:
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"no table for suffix={path.suffix!r}", hint=f"Accepted: {', '.join(readers)}.")
    try:
        yield from readers[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}", hint="Try: another file."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} is no table ({error})", hint="Accepted: what earmark export writes."
        ) from error


def _read_csv(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet puts a mark in front
        for record in csv.DictReader(file):
            yield {str(name): from_cell(cell) for name, cell in record.items() if isinstance(cell, str)}


def _read_jsonl(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise InputError(f"line {number} of {path} is no JSON object", hint="Accepted: JSON lines.")
            yield record


def _read_parquet(path: Path) -> Iterator[Record]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs pyarrow", hint="Try: pip install 'earmark[parquet]'."
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(1000):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise InputError(
            f"{path} is no Parquet file", hint="Accepted: what earmark export writes."
        ) from error
