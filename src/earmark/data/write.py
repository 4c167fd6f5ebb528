"""A manifest on disk, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import cast

from earmark.data.manifest import NO_LABEL, SEPARATOR, Manifest, Track
from earmark.errors import InputError
from earmark.storage import csv_line, write_atomic

FIELDS = tuple(field.name for field in dataclasses.fields(Track))


def write_manifest(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Write the tracks as a table that `read_manifest` reads.

    Parameters
    ----------
    manifest : Manifest
        Of files. Paths below the table's folder are written relative to it, so that both can move together.
    path : path
        Ends in ``.csv`` or ``.jsonl``. What is there is replaced, but only once the new table is complete.

    Raises
    ------
    InputError
        If the ending is another one.
    OutputError
        If it cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (".csv", ".jsonl"):
        raise InputError(f"path={str(target)!r} ends in {kind!r}", hint="Accepted: .csv and .jsonl.")
    folder = os.path.abspath(target.parent)
    rows = [{**dataclasses.asdict(track), "path": _relative(track.path, folder)} for track in manifest.tracks]
    text = _csv(rows) if kind == ".csv" else _jsonl(rows)
    write_atomic(target, text)


def _relative(path: str, folder: str) -> str:
    full = os.path.abspath(path)
    return os.path.relpath(full, folder).replace(os.sep, "/") if full.startswith(folder + os.sep) else full


def _csv(rows: list[dict[str, object]]) -> str:
    lines = [csv_line(FIELDS)]
    for row in rows:
        labels = cast(tuple[str, ...], row["labels"])
        cells = {**row, "labels": SEPARATOR.join(labels) or NO_LABEL}
        lines.append(csv_line(cells[name] for name in FIELDS))
    return "".join(f"{line}\n" for line in lines)


def _jsonl(rows: list[dict[str, object]]) -> str:
    # ASCII: odd bytes of file names then travel as escapes, which every JSON reader takes.
    return "".join(
        json.dumps({key: value for key, value in row.items() if value != ""}) + "\n" for row in rows
    )
