"""What the commands of the library take for tracks: ids, files, and queries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.cli.terminal import plural, say
from earmark.errors import EarmarkError, InputError

if TYPE_CHECKING:
    from earmark.library import Library, Row

MOST_SEEDS = 200  # tracks of one query: more change a mean no more
_LARGEST_ID = 2**63


def opened(path: Path | None, *, write: bool = False) -> Library:
    """Open the library that a command is about; it must be there."""
    from earmark.library import Library

    return Library(path, create=False, read_only=not write)


def matching(library: Library, query: str | None) -> list[int] | None:
    """Return the ids that a query finds; None for none, which is no restriction."""
    from earmark.library.search import search

    return None if query is None else search(library, query)


def seeds_of(library: Library, texts: Sequence[str], *, model: str | None = None) -> list[int | Row]:
    """Return the tracks that some arguments mean.

    Parameters
    ----------
    library : Library
        Where they are.
    texts : sequence of str
        Each an id, a sound file, which is analysed if it is not in the library, or a query.
    model : str, optional
        For files that are not in the library; by default the one that most tracks there are of.

    Raises
    ------
    InputError
        A query that finds nothing.
    EarmarkError
        A file that cannot be analysed, or a query that cannot be understood.
    """
    found: list[int | Row] = []
    for text in texts:
        if text.isascii() and text.isdigit() and int(text) < _LARGEST_ID:
            found.append(library.get(int(text)).id)
        elif os.path.isfile(text):
            found.append(_of_file(library, text, model))
        else:
            found += _of_query(library, text)
    return found


def _of_query(library: Library, text: str) -> list[int]:
    ids = matching(library, text) or []
    if not ids:
        if os.sep in text or os.path.splitext(text)[1]:
            raise InputError(f"{text}: no such file, and no track is found by it as a query")
        raise InputError(f"no track is found by {text!r}", hint="Accepted: a file, an id, or a query.")
    if len(ids) > MOST_SEEDS:
        say(f"{text}: the first {MOST_SEEDS} of {plural(len(ids), 'track')} are the seeds")
    return ids[:MOST_SEEDS]


def _of_file(library: Library, path: str, model: str | None) -> int | Row:
    row = library.find(path)
    if row is not None and row.embedding is not None:
        return row.id
    from earmark.library import analyse
    from earmark.models import load_model

    row = analyse(path, load_model(model or _usual_model(library)))
    if row.error:
        raise EarmarkError(row.error["message"], hint=row.error["hint"])
    return row


def _usual_model(library: Library) -> str:
    """Return the name of the model that most tracks are of."""
    sql = """SELECT name FROM models
        ORDER BY (SELECT count(*) FROM tracks WHERE tracks.model = models.id) DESC LIMIT 1"""
    found = library.query(sql)
    if not found:
        raise InputError(f"the library {library.path} is empty", hint="Try: earmark scan DIR.")
    return str(found[0][0])
