"""Files that were not found: gone, or on a disk that is not mounted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping

from earmark.library.row import FileState

GONE, LEFT_OUT, AWAY = "gone", "left out", "away"


class Missing:
    """Tells what became of files that a scan expected and did not find.

    Nothing is called gone that may come back by itself: what lies in a folder that cannot be read, on another
    file system than before, or in an empty folder, for so a mount point looks without its disk.

    Parameters
    ----------
    roots : iterable of str
        Folders that were scanned; one that is not there is not mounted.
    unreadable : collection of str
        Folders that could not be read.
    devices : mapping of int to int
        Number of a file system as it was recorded -> as it is now: another one after each start, for some.
    """

    def __init__(
        self, roots: Iterable[str], unreadable: Collection[str], devices: Mapping[int, int] | None = None
    ) -> None:
        self._roots = tuple(roots)
        self._unreadable = frozenset(unreadable)
        self._devices = devices or {}
        self._places: dict[str, tuple[str, int | None]] = {}
        self.away: dict[str, int] = {}  # folder that is not there -> files of it that were left alone

    def state(self, path: str, device: int) -> str:
        """Return ``"gone"``, ``"left out"`` of a file that is there, or ``"away"``.

        Parameters
        ----------
        path : str
            Of the file.
        device : int
            Where it was, as recorded; 0 if that is not known.
        """
        folder = os.path.dirname(path)
        blocked = self._blocked_by(folder)
        if blocked is None and os.path.lexists(path):
            return LEFT_OUT
        if blocked is None:
            place, found = self._place(folder)
            if found is not None and (not device or found == self._devices.get(device, device)):
                return GONE
            blocked = place
        self.away[blocked] = self.away.get(blocked, 0) + 1
        return AWAY

    def _blocked_by(self, folder: str) -> str | None:
        """Return the folder, this or one above it, that could not be read."""
        if not self._unreadable:
            return None
        while folder not in self._unreadable:
            folder, before = os.path.dirname(folder), folder
            if folder == before:
                return None
        return folder

    def _place(self, folder: str) -> tuple[str, int | None]:
        """Return the nearest folder that exists, and its file system; None if it may be a mount point."""
        if folder not in self._places:
            self._places[folder] = self._found_place(folder)
        return self._places[folder]

    def _found_place(self, folder: str) -> tuple[str, int | None]:
        try:
            device = FileState.of(os.stat(folder)).device
            with os.scandir(folder) as entries:
                is_empty = next(entries, None) is None
        except (FileNotFoundError, NotADirectoryError):
            parent = os.path.dirname(folder)
            if folder in self._roots or parent == folder:
                return folder, None
            return self._place(parent)
        except OSError:
            return folder, None
        return folder, None if is_empty else device
