"""Tables of tracks: CSV (comma, semicolon or tab) and JSONL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from earmark.data.artists import clean_group
from earmark.data.columns import Columns
from earmark.data.layout import Layout
from earmark.data.locate import Located, Locator, not_utf8, unusable, windows_1252
from earmark.data.manifest import NO_LABEL, Manifest, Skipped, Track, clean_labels, part_name
from earmark.data.rows import Row, parse_rows
from earmark.errors import InputError

TABLES = ("tracks.csv", "tracks.jsonl", "manifest.csv", "manifest.jsonl", "metadata.csv")


class Parsed(NamedTuple):
    """What the rows of a table gave.

    Parameters
    ----------
    tracks : list of Track
    skipped : list of Skipped
        Rows without a path, a label or a file, and those whose id came before.
    notes : list of str
        How cells were read that could not be taken as they stand.
    """

    tracks: list[Track]
    skipped: list[Skipped]
    notes: list[str]


def read_table(path: Path, *, columns: Columns | None = None) -> Manifest:
    """Read a table of tracks; paths in it are relative to its folder.

    Parameters
    ----------
    path : Path
        CSV or JSONL; which of the two is decided by its content.
    columns : Columns
        Names of columns that are not the usual ones.

    Raises
    ------
    InputError
        If it is no such table, lacks a column, or has no row whose file is there.
    """
    rows = parse_rows(path.read_bytes(), name=str(path))
    folder = path.parent
    parsed = tracks_of(rows, folder=folder, columns=columns or Columns(), name=str(path))
    if not parsed.tracks:
        skipped = parsed.skipped
        first = skipped[0] if skipped else Skipped(str(path), "it has no rows")
        raise InputError(
            f"no usable track in {path}; the first of {len(skipped)}: {first.path}: {first.reason}",
            hint=f"Accepted: paths relative to {folder}.",
        )
    return Manifest(
        tuple(parsed.tracks), root=str(folder), skipped=tuple(parsed.skipped), notes=tuple(parsed.notes)
    )


def tracks_of(rows: list[Row], *, folder: Path | None, columns: Columns, name: str) -> Parsed:
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

    Raises
    ------
    InputError
        If a column is missing.
    """
    names = dict.fromkeys(key for row in rows for key in row)
    if not names:
        return Parsed([], [], [])
    try:
        chosen = columns.found_in(names, needed=("path" if folder else "id", "labels"))
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from None
    reader = _Reader(folder)
    for number, row in enumerate(rows, start=1):
        reader.read({role: row.get(column) for role, column in chosen.items()}, number)
    return Parsed(list(reader.tracks.values()), reader.skipped, reader.notes())


class _Reader:
    """Makes a track of each row."""

    def __init__(self, folder: Path | None) -> None:
        self.tracks: dict[str, Track] = {}
        self.skipped: list[Skipped] = []
        self._locator = Locator(folder) if folder else None
        self._moved: dict[str, str] = {}  # file that was found beside the table: the path of elsewhere
        self._n_1252 = 0

    def read(self, facts: Mapping[str, object], number: int) -> None:
        """Take a row, as a mapping from role to value."""
        cell = _text(facts.get("path"))
        label = _text(facts.get("id")) or cell or f"row {number}"
        if not (cell if self._locator else _text(facts.get("id")) or cell):
            self.skipped.append(Skipped(label, f"it has no {'path' if self._locator else 'id'}"))
            return
        found = self._locator.find(cell) if self._locator else None
        if found is not None and found.moved and self._moved.setdefault(found.path, cell) != cell:
            reason = f"only its end was found, at {found.name}, which is {self._moved[found.path]}"
            self.skipped.append(Skipped(label, reason))
            return
        track = _track(self._spelled(facts, found), self._place(cell, found), found)
        if isinstance(track, str):
            self.skipped.append(Skipped(label, track))
        elif track.id in self.tracks:
            self.skipped.append(Skipped(track.id, f"row {number}: this id came before"))
        else:
            self.tracks[track.id] = track

    def _place(self, cell: str, found: Located | None) -> str:
        """Return the path to open: found, or where it should be; "" where there are no files."""
        if self._locator is None:
            return ""
        return found.path if found else str(self._locator.folder / cell)

    def _spelled(self, facts: Mapping[str, object], found: Located | None) -> Mapping[str, object]:
        """Return a row with odd bytes read as Windows-1252, unless they name a file as they are."""
        if found is not None and not_utf8(found.name):
            return facts
        spelled = {role: _respelled(value) for role, value in facts.items()}
        self._n_1252 += spelled != facts
        return spelled

    def notes(self) -> list[str]:
        """Return how cells were read that could not be taken as they stand."""
        notes = []
        if self._moved:
            path, cell = next(iter(self._moved.items()))
            notes.append(
                f"{len(self._moved)} paths are of another place and were found beside the table; "
                f"the first: {cell} as {path}"
            )
        if self._n_1252:
            notes.append(f"{self._n_1252} rows are not UTF-8 and were read as Windows-1252")
        return notes


def _respelled(value: object) -> object:
    if isinstance(value, list):
        return [_respelled(entry) for entry in value]
    return (windows_1252(value) or value) if isinstance(value, str) else value


def _track(facts: Mapping[str, object], path: str, found: Located | None) -> Track | str:
    """Return the track of one row, or why it is none."""
    listed = facts.get("labels")
    marks = [_text(name) for name in listed] if isinstance(listed, list) else [_text(listed)]
    labels = clean_labels(marks)
    # An empty list says that no class applies; an empty cell, that nobody knows.
    if not labels and NO_LABEL not in marks and listed != []:
        return "it has no label"
    if any(map(not_utf8, labels)):
        return "its label is not UTF-8: save the table again as UTF-8"
    if path and (reason := unusable(Path(path))):
        return reason
    return Track(
        id=_text(facts.get("id")) or (found.name if found else _text(facts.get("path"))),
        path=path,
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


def _table(place: Path) -> Path | None:
    """Return the table that a path means: itself, or that in a folder."""
    if place.is_dir():
        return next((place / name for name in TABLES if (place / name).is_file()), None)
    return place


def _read(place: Path, columns: Columns) -> Manifest:
    return read_table(_table(place) or place, columns=columns)


LAYOUT = Layout(
    name="tables",
    summary="A .csv or .jsonl, or a folder with tracks.csv: a row for each track.",
    order=30,
    matches=lambda place: _table(place) is not None,
    read=_read,
)
