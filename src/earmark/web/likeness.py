"""The tracks of the library that sound like what a client has sent."""

from __future__ import annotations

import json
from typing import Any

from earmark.errors import InputError
from earmark.library import ModelInfo, Row, similar
from earmark.web.opened import opened_library
from earmark.web.state import State
from earmark.web.tracks import neighbour_of
from earmark.web.work import encoded, with_entry


def need_library(state: State) -> None:
    """Refuse, before a sound is decoded, what a service without a library cannot answer.

    Raises
    ------
    NoLibraryError
        There is none.
    """
    with opened_library(state):
        pass


def tracks_like(state: State, row: Row, n: int = 10, other_artists: bool = False) -> list[dict[str, Any]]:
    """Return the tracks that sound most like a row that was made of an upload.

    Raises
    ------
    NoLibraryError
        The service has none.
    InputError
        The library was analysed with another model.
    """
    with opened_library(state) as library:
        found = similar(library, [row], n=n, other_artists=other_artists)
        return [neighbour_of(neighbour) for neighbour in found]


def with_similar(state: State, body: bytes, row: Row) -> bytes:
    """Return the JSON of a prediction with the tracks that sound like it as ``similar``.

    Where nothing can be compared, the prediction stands all the same: ``similar`` is null, and one more
    warning says what to do.

    Parameters
    ----------
    state : State
        With a library.
    body : bytes
        A prediction.
    row : Row
        Made of the same upload.
    """
    model = row.model
    assert model is not None  # `classify_sound` makes no row without
    if row.embedding is None and model.embedding_size:
        return with_entry(body, "similar", [])  # silence is like nothing
    try:
        return with_entry(body, "similar", tracks_like(state, row))
    except InputError:
        entries = json.loads(body)
        entries["warnings"].append(_not_comparable(state, model))
        return encoded(entries | {"similar": None})


def _not_comparable(state: State, model: ModelInfo) -> str:
    """Say why no track of the library can be compared with an upload, and what to do."""
    if not model.embedding_size:
        return f"similar: the model {model.name} has no embedding. Try: another model."
    own = ModelInfo.of(state.model.card)
    name = own.name if own.space == model.space else model.name  # what was trained on the page scans nothing
    return (
        f"similar: no track of the library was analysed with {name}. "
        f"Try: earmark scan --refresh --model {name}."
    )
