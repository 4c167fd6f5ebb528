"""The tracks of the library that sound like what a client has sent."""

from __future__ import annotations

from typing import Any

from earmark.library import Row, similar
from earmark.web.opened import opened_library
from earmark.web.state import State
from earmark.web.tracks import neighbour_of


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
