"""Corrections by the page: one genre of those that the library knows."""

from __future__ import annotations

from earmark.errors import InputError, suggestion
from earmark.library import Library, Row
from earmark.library.search import fold, known_labels


def correct_genre(library: Library, id: int, genre: str | None) -> Row:
    """Note the genre of a track, in any spelling of one that a model or a correction has.

    Parameters
    ----------
    library : Library
        Open for writing.
    id : int
        Of the track.
    genre : str or None
        None takes the correction back.

    Raises
    ------
    AbsentError
        There is no such track.
    InputError
        A genre that is not known.
    """
    if genre is None:
        return library.correct(id, genres=[])
    library.get(id)
    known = {fold(label): label for label in sorted(known_labels(library, "genre"))}
    label = known.get(fold(genre))
    if label is None:
        accepted = ", ".join(known.values())
        raise InputError(
            f"unknown genre {genre!r}", hint=f"{suggestion(genre, known.values())}Accepted: {accepted}."
        )
    return library.correct(id, genres=[label])
