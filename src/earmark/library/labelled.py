"""A library as a data set to train on: labels that its user already trusts, and who plays."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.library.row import Row
from earmark.storage import csv_line, write_atomic

SOURCES = ("genre", "mood", "folder")


class Labelled(NamedTuple):
    """A track with its label.

    Parameters
    ----------
    path : str
        Of its file.
    label : str
        In lower case, as the map has it.
    artist : str
        Whose tracks must stay together; the folder, where the tags name none.
    """

    path: str
    label: str
    artist: str


def labelled(
    library: Library, source: str = "genre", *, query: str = "", names: Mapping[str, str] | None = None
) -> Iterator[Labelled]:
    """Yield the tracks of a library that have a label.

    What the user has corrected goes before what the tags say. Of several labels the first counts. Tracks of
    CUE sheets are left out, for a label belongs to a file here.

    Parameters
    ----------
    library : Library
        Where they are.
    source : {"genre", "mood", "folder"}
        What is the label: the genre or the mood of corrections and tags, or the name of the folder.
    query : str
        Which tracks: see `earmark.library.query`.
    names : mapping of str to str, optional
        Class of a label, in whatever case, for tags that mean the same; "" leaves a label out.

    Raises
    ------
    InputError
        Another source, or a query that cannot be understood.
    """
    if source not in SOURCES:
        raise InputError(f"source={source!r}", hint=f"Accepted: {', '.join(SOURCES)}.")
    classes = {label.strip().lower(): name.strip().lower() for label, name in (names or {}).items()}
    for row in library.rows(library.search(query), brief=True):
        label = _label(row, source).strip().lower()
        label = classes.get(label, label)
        if label and not row.item.number:
            artist = row.tags.artist or row.tags.album_artist or os.path.dirname(row.path)
            yield Labelled(row.path, label, artist)


def write_labelled(
    library: Library,
    path: Path,
    source: str = "genre",
    *,
    query: str = "",
    names: Mapping[str, str] | None = None,
) -> Counter[str]:
    """Write what `labelled` yields as a table that ``earmark train``, ``check`` and ``evaluate`` read.

    Parameters
    ----------
    path : Path
        Ends in ``.csv``; written whole or not at all.
    library, source, query, names
        As of `labelled`.

    Returns
    -------
    Counter of str
        Tracks by label.

    Raises
    ------
    InputError
        Another ending, or no track has a label.
    OutputError
        It cannot be written.
    """
    if path.suffix.lower() != ".csv":
        raise InputError(f"no table of labels for suffix={path.suffix!r}", hint="Accepted: .csv.")
    rows = list(labelled(library, source, query=query, names=names))
    if not rows:
        hint = "Try: earmark library correct, another source, or a wider query."
        raise InputError(f"no track has a label: source={source!r}", hint=hint)
    write_atomic(path, "".join(f"{csv_line(row)}\n" for row in (Labelled._fields, *rows)))
    return Counter(row.label for row in rows)


def _label(row: Row, source: str) -> str:
    if source == "folder":
        return os.path.basename(os.path.dirname(row.path))
    head, tags = ("genres", row.tags.genres) if source == "genre" else ("moods", row.tags.moods)
    return next(iter(row.corrections.get(head) or tags), "")
