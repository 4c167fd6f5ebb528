"""The files of some folders with their sizes and time stamps, and what a scan has to do with each."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import find_audio
from earmark.errors import AudioError
from earmark.library.exclude import Exclude
from earmark.library.row import FileState, Item

Key = tuple[str, int]  # path and number of a track
NO_FILE = FileState(0, 0, 0)  # of a link to nowhere
LOOK_EVERY = 500  # files between two calls of the progress


@dataclass
class Listing:
    """What there is.

    Parameters
    ----------
    tracks : dict
        What to analyse by path and number, with the state of its file.
    unreadable : dict of str to AudioError
        Folders, and entries that are no files.
    """

    tracks: dict[Key, tuple[Item, FileState]] = field(default_factory=dict)
    unreadable: dict[str, AudioError] = field(default_factory=dict)


def list_tracks(
    roots: Iterable[str], exclude: Exclude, *, looked: Callable[[int], object] = lambda n: None
) -> Listing:
    """List the tracks below some folders; nothing is opened but files of patterns and CUE sheets.

    Parameters
    ----------
    roots : iterable of str
        Absolute paths.
    exclude : Exclude
        What is left out.
    looked : callable
        Told now and then how many files were found.
    """
    listing = Listing()

    def note(path: Path, error: AudioError) -> None:
        listing.unreadable[os.fspath(path)] = error

    for path in find_audio((root for root in roots if os.path.isdir(root)), on_error=note, keep=exclude):
        item = Item(os.fspath(path))
        listing.tracks[item.path, 0] = item, state_of(item.path)
        if len(listing.tracks) % LOOK_EVERY == 0:
            looked(len(listing.tracks))
    return listing


def state_of(path: str) -> FileState:
    """Return the state of a file; all 0 if there is none, as of a link to nowhere."""
    try:
        return FileState.of(os.stat(path))
    except OSError:
        return NO_FILE


@dataclass(frozen=True, slots=True)
class Known:
    """What a scan needs to know of a track in the catalogue, as `earmark.library.Library.files` gives it."""

    id: int
    file: FileState
    start: float
    stop: float | None
    failed: bool
    error: str | None
    vanished: bool
    analysed: float
    coverage: str | None
    model: int | None


def known_of(record: sqlite3.Row) -> tuple[Key, Known]:
    """Return path and number, and the rest, of a record of `earmark.library.Library.files`."""
    path = os.fsdecode(os.path.join(record["folder_path"], record["name"]))
    file = FileState(record["size"], record["mtime_ns"], record["device"])
    return (path, record["number"]), Known(
        record["id"],
        file,
        record["start"],
        record["stop"],
        record["state"] == "failed",
        record["error"],
        record["vanished"] is not None,
        record["analysed"],
        record["coverage"],
        record["model"],
    )
