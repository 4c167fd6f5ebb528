"""Tables of tracks: CSV (comma, semicolon or tab) and JSONL."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from earmark.data.artists import clean_group
from earmark.data.layouts.folders import not_utf8, unusable
from earmark.data.manifest import NO_LABEL, Manifest, Skipped, Track, clean_labels, part_name
from earmark.errors import InputError
from earmark.storage import from_cell

# What a column may be called, the surest name first.
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "audio", "file", "filename", "file_path", "filepath"),
    "labels": ("labels", "label", "genres", "genre", "tags", "tag", "classes", "class", "category"),
    "group": ("group", "artist", "artist_id", "artist_name", "piece", "album", "album_id"),
    "split": ("split", "fold", "subset", "part"),
    "id": ("id", "track_id"),
    "sha256": ("sha256",),
    "licence": ("licence", "license"),
    "source": ("source", "url"),
}
_DELIMITERS = (",", ";", "\t")

Row = Mapping[str, object]


@dataclass(frozen=True)
class Columns:
    """Which column to read for what, where the usual names do not say it.

    Parameters
    ----------
    path, labels, group : str or None
        Name of the column; None looks for the usual names.
    """

    path: str | None = None
    labels: str | None = None
    group: str | None = None

    def found_in(self, names: Iterable[str], *, needed: Iterable[str]) -> dict[str, str]:
        """Return the column for each role.

        Raises
        ------
        InputError
            If a column that is needed or named is not there; lists what is there and what is accepted.
        """
        names = list(names)
        there = {name.strip().lower(): name for name in reversed(names)}  # the first of equals counts
        chosen: dict[str, str] = {}
        for role, usual in COLUMNS.items():
            wanted = getattr(self, role, None)
            accepted = (wanted.strip().lower(),) if wanted else usual
            match = next((there[name] for name in accepted if name in there), None)
            if match is not None:
                chosen[role] = match
            elif wanted or role in needed:
                raise InputError(
                    f"no column {wanted!r} for {role}" if wanted else f"no column for {role}",
                    hint=f"Found: {', '.join(map(repr, names)) or 'none'}. Accepted for {role}: "
                    f"{', '.join(usual)}, or name one by {role}=",
                )
        return chosen


def read_table(path: Path, *, columns: Columns | None = None) -> Manifest:
    """Read a table of tracks; paths in it are relative to its folder.

    Parameters
    ----------
    path : Path
        CSV or JSONL, UTF-8; which of the two is told from its content.
    columns : Columns
        Names of columns that are not the usual ones.

    Raises
    ------
    InputError
        If it is no such table, lacks a column, or has no row whose file is there.
    """
    rows = parse_rows(path.read_bytes(), name=str(path))
    folder = path.parent
    tracks, skipped = tracks_of(rows, folder=folder, columns=columns or Columns(), name=str(path))
    if not tracks:
        first = skipped[0] if skipped else Skipped(str(path), "it has no rows")
        raise InputError(
            f"no usable track in {path}; the first of {len(skipped)}: {first.path}: {first.reason}",
            hint=f"Paths are taken relative to {folder}",
        )
    return Manifest(tuple(tracks), root=str(folder), skipped=tuple(skipped))


def parse_rows(content: bytes, *, name: str) -> list[Row]:
    """Return the rows of a CSV or JSONL file as mappings from column to value.

    Raises
    ------
    InputError
        If a line is malformed; the message names the line.
    """
    text = _decoded(content, name)
    if text.lstrip()[:1] == "{":
        return [_json_row(line, number, name) for number, line in _lines(text)]
    return list(_csv_rows(text, name))


def _decoded(content: bytes, name: str) -> str:
    """Decode UTF-8, or the UTF-16 of spreadsheets; other bytes stay, for names of files may have them."""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InputError(f"{name} is not UTF-16 ({error.reason})", hint="Save it as UTF-8") from None
    if b"\0" in content:
        raise InputError(f"{name} is not text", hint="Accepted: a folder, .csv, .jsonl or .npz")
    return content.decode("utf-8-sig", "surrogateescape")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers; only a newline ends one, as JSON Lines says."""
    return ((i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip())


def _json_row(line: str, number: int, name: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}, line {number} is not JSON ({error})", hint="One object a line") from None
    if not isinstance(row, dict):
        raise InputError(f"{name}, line {number} is a {type(row).__name__}", hint="One object a line")
    return row


def _csv_rows(text: str, name: str) -> Iterator[Row]:
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text), restkey="", strict=True
    )
    try:
        for row in reader:
            # Cells beyond the header, or below none, belong to nothing.
            yield {key: value and from_cell(value) for key, value in row.items() if key}
    except csv.Error as error:
        raise InputError(
            f"{name} is not CSV after line {reader.line_num} ({error})", hint="Check its quotation marks"
        ) from None


def _delimiter(text: str) -> str:
    """Return the mark that cuts the header into the most columns that are known."""
    header = text.split("\n", 1)[0]
    known = {alias for usual in COLUMNS.values() for alias in usual}

    def n_known(mark: str) -> tuple[int, int]:
        cells = [cell.strip(' "\r').lower() for cell in header.split(mark)]
        return len(known.intersection(cells)), len(cells)

    return max(_DELIMITERS, key=n_known)


def tracks_of(
    rows: list[Row], *, folder: Path | None, columns: Columns, name: str
) -> tuple[list[Track], list[Skipped]]:
    """Make tracks of rows.

    Parameters
    ----------
    rows : list of mapping
        As `parse_rows` gives them.
    folder : Path or None
        Where paths begin; None if there are no files, but ids.
    columns : Columns
        Names of columns that are not the usual ones.
    name : str
        Of the table, for messages.

    Returns
    -------
    tracks : list of Track
    skipped : list of Skipped
        Rows without a path, a label or a file, and those whose id came before.
    """
    names = dict.fromkeys(key for row in rows for key in row)
    if not names:
        return [], []
    try:
        chosen = columns.found_in(names, needed=("path" if folder else "id", "labels"))
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from None
    tracks: dict[str, Track] = {}
    skipped: list[Skipped] = []
    for number, row in enumerate(rows, start=1):
        track = _track({role: row.get(column) for role, column in chosen.items()}, folder)
        if isinstance(track, str):
            skipped.append(Skipped(_label_of(row, chosen, number), track))
        elif track.id in tracks:
            skipped.append(Skipped(track.id, f"row {number}: this id came before"))
        else:
            tracks[track.id] = track
    return list(tracks.values()), skipped


def _label_of(row: Row, chosen: Mapping[str, str], number: int) -> str:
    return _text(row.get(chosen.get("id", ""))) or _text(row.get(chosen.get("path", ""))) or f"row {number}"


def _track(facts: Mapping[str, object], folder: Path | None) -> Track | str:
    """Return the track of one row, or why it is none."""
    path = _text(facts.get("path"))
    identity = _text(facts.get("id")) or path
    if not (path if folder else identity):
        return "it has no path" if folder else "it has no id"
    listed = facts.get("labels")
    marks = [_text(name) for name in listed] if isinstance(listed, list) else [_text(listed)]
    labels = clean_labels(marks)
    # An empty list says that no class applies; an empty cell, that nobody knows.
    if not labels and NO_LABEL not in marks and listed != []:
        return "it has no label"
    if any(map(not_utf8, labels)):
        return "its label is not UTF-8: save the table again as UTF-8"
    full = str(folder / path) if folder else ""
    if folder and (reason := unusable(Path(full))):
        return reason
    return Track(
        id=identity,
        path=full,
        labels=labels,
        group=clean_group(_text(facts.get("group"))),
        split=part_name(_text(facts.get("split"))),
        sha256=_text(facts.get("sha256")).lower(),
        licence=_text(facts.get("licence")),
        source=_text(facts.get("source")),
    )


def _text(value: object) -> str:
    """Return a cell as text; JSON may have numbers and null."""
    return "" if value is None else str(value).strip()
