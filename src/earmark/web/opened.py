"""The library of a service, opened for one request: 404 without one, and no path in what goes wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from earmark.errors import EarmarkError, NoLibraryError
from earmark.library import Library, Row
from earmark.web.state import State


@contextmanager
def opened_library(state: State, *, read_only: bool = True) -> Iterator[Library]:
    """Open the library within a handler: SQLite's connections stay in the thread that opened them.

    Parameters
    ----------
    state : State
        Of the service.
    read_only : bool
        Whether nothing will be written.

    Yields
    ------
    Library

    Raises
    ------
    NoLibraryError
        The service has none.
    EarmarkError
        What the block raises, with names of files in place of their paths.
    """
    if state.library is None:
        raise NoLibraryError(
            "this service has no library", hint="Try: earmark scan DIR, then earmark serve --library FILE."
        )
    folders = [os.fspath(state.library.parent)]
    try:
        with state.open_library(read_only=read_only) as library:
            folders += library.roots()
            yield library
    except EarmarkError as error:
        shown = nameless(error, folders)
        if shown is error:
            raise
        raise shown from error


def nameless(error: EarmarkError, folders: list[str]) -> EarmarkError:
    """Return an error without the paths of some folders in its texts."""
    message, hint = (without_folders(text, folders) for text in (error.message, error.hint))
    return error if (message, hint) == (error.message, error.hint) else type(error)(message, hint=hint)


def without_folders(text: str, folders: list[str]) -> str:
    """Return a text in which a path below one of some folders is the name of its file.

    Parameters
    ----------
    text : str
        Such as ``"/music/a b/c.mp3 cannot be read"``.
    folders : list of str
        Absolute paths. What follows one of them, up to the last separator in the text, is left out: a name
        may have spaces, so that the end of a path is not known, and too little is better than too much.

    Examples
    --------
    >>> without_folders("/music/a b/c.mp3 cannot be read", ["/music"])
    'c.mp3 cannot be read'
    """
    for folder in sorted(folders, key=len, reverse=True):
        begins = text.find(folder) if len(folder) > 1 else -1
        if begins >= 0:
            end = max(begins + len(folder), text.rfind(os.sep) + 1)
            text = text[:begins] + text[end:]
    return text


def error_of(row: Row) -> dict[str, str] | None:
    """Return what went wrong with a track, with its name in place of its path; None if nothing did."""
    if row.error is None:
        return None
    folder, name = os.path.split(row.path)
    texts = {
        key: text.replace(row.path, name).replace(folder + os.sep, "") for key, text in row.error.items()
    }
    return {key: readable(text) for key, text in texts.items()}


def readable(text: str) -> str:
    """Return a text, such as the name of a file, as UTF-8 can have it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
