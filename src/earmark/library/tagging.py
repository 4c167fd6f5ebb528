"""What a library would write into the tags of its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from earmark.library.catalogue import Library
from earmark.library.row import Row
from earmark.library.tags import Wanted

CERTAIN = 1.0  # of what the user has corrected


def wanted_tags(library: Library, ids: Iterable[int]) -> Iterator[Wanted]:
    """Yield what the tags of some tracks should say: what was predicted, or what the user corrected.

    Tracks that failed are left out, and so are those of a CUE sheet: they share the tags of one file.

    Parameters
    ----------
    library : Library
        Where they are.
    ids : iterable of int
        Which: see `search`.
    """
    for row in library.rows(ids):
        if row.prediction and not row.item.number:
            yield _wanted(row)


def _wanted(row: Row) -> Wanted:
    assert row.prediction is not None
    found = Wanted.of(row.prediction)
    genres, moods = (
        tuple((label, CERTAIN) for label in row.corrections.get(head, ())) for head in ("genres", "moods")
    )
    return dataclasses.replace(found, genres=genres or found.genres, moods=moods or found.moods)
