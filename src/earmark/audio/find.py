"""Which files of a folder are sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_NAMES = (
    "wav wave rf64 w64 aif aiff aifc au snd caf flac mp3 mp2 ogg oga opus m4a m4b aac mp4 m4v mov 3gp wma "
    "asf webm weba mkv mka ape wv tta mpc amr ac3 avi flv mpg mpeg"
)
EXTENSIONS = frozenset(f".{name}" for name in _NAMES.split())


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the sound files among some paths.

    Files are taken as they are given, whatever their name; folders are walked in the order of names, hidden
    entries are skipped, files are chosen by their extension, and a loop of symbolic links is walked once.

    Parameters
    ----------
    paths : iterable of path
        Files and folders. What does not exist stays in the list, so that opening it says so.

    Returns
    -------
    list of Path
        Without repetition, in the order found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        files = _walk(os.fspath(path), set()) if os.path.isdir(path) else (Path(path),)
        found.update(dict.fromkeys(files))
    return list(found)


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = os.stat(folder)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return  # vanished, or not ours to read: the rest of the library is still wanted
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry):
            yield from _walk(entry.path, seen)
        elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:
            yield Path(entry.path)
