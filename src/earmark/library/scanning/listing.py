"""The files of some folders with their sizes and time stamps, and what a scan has to do with each."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import find_audio
from earmark.audio.source import reason
from earmark.errors import AudioError, EarmarkError, InputError
from earmark.library.row import FileState, Item
from earmark.library.scanning.cue import LONGEST, items_of, parse_cue
from earmark.library.scanning.exclude import Exclude

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
    unused : dict of str to EarmarkError
        CUE sheets that divide no file, and why.
    """

    tracks: dict[Key, tuple[Item, FileState]] = field(default_factory=dict)
    unreadable: dict[str, AudioError] = field(default_factory=dict)
    unused: dict[str, EarmarkError] = field(default_factory=dict)


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

    sheets: list[str] = []

    def note_sheet(path: Path) -> None:
        if path.suffix.lower() == ".cue":
            sheets.append(os.fspath(path))

    folders = [root for root in roots if os.path.isdir(root)]
    for path in find_audio(folders, on_error=note, on_other=note_sheet, keep=exclude):
        item = Item(os.fspath(path))
        listing.tracks[item.path, 0] = item, state_of(item.path)
        if len(listing.tracks) % LOOK_EVERY == 0:
            looked(len(listing.tracks))
    for sheet in sheets:
        _divide(listing, sheet)
    return listing


def _divide(listing: Listing, sheet: str) -> None:
    """Let the tracks of a CUE sheet take the place of its files."""
    folder = os.path.dirname(sheet)
    try:
        with open(sheet, "rb") as file:
            content = file.read(LONGEST)
        divided = items_of(parse_cue(content), folder, os.listdir(folder))
    except (OSError, InputError) as error:
        wrong = error if isinstance(error, InputError) else InputError(reason(error))
        listing.unused[sheet] = InputError(f"{sheet} is not used: {wrong.message}", hint=wrong.hint)
        return
    written = state_of(sheet).mtime_ns
    for path, items in divided.items():
        if (path, 0) in listing.tracks:  # not left out, and not divided by another sheet
            _, whole = listing.tracks.pop((path, 0))
            # The later of the two: a sheet that has changed makes a track that has changed.
            state = FileState(whole.size, max(whole.mtime_ns, written), whole.device)
            listing.tracks.update({(path, item.number): (item, state) for item in items})


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
    method: int | None

    @property
    def is_whole(self) -> bool:
        """Whether all of the track was analysed, not excerpts of it."""
        return self.coverage in ("full", "part")


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
        record["method"],
    )
