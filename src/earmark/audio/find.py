"""Which files of a folder are sound."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from earmark.audio.source import reason
from earmark.errors import AudioError, UnreadableAudioError

# Every ending that people give to what is read here.
_NAMES = (
    "wav wave bwf rf64 w64 aif aiff aifc afc au snd caf flac fla voc sf ircam sph nist pvf paf avr sox 8svx "
    "mp3 mp2 mp1 mpga mpa m2a aac adts loas latm ac3 eac3 ec3 dts dtshd thd truehd mlp "
    "ogg oga opus spx ogv ogx m4a m4b m4p m4r m4v mp4 mov qt 3gp 3g2 3gpp f4a f4v aax aa "
    "wma asf wmv webm weba mkv mka mk3d ape wv tta tak shn mpc mp+ mpp qoa dsf dff "
    "amr awb ra rm rmvb oma aa3 at3 xwma qcp avi divx flv swf mpg mpeg mpe vob ts m2ts mts m2t tp trp "
    "nut mxf wtv gxf dss adx hca brstm"
)
EXTENSIONS = frozenset(f".{name}" for name in _NAMES.split())

# From a folder and its entries to those that are not left out.
Keep = Callable[[str, list[os.DirEntry[str]]], Iterable[os.DirEntry[str]]]


def find_audio(
    paths: Iterable[str | os.PathLike[str]],
    *,
    on_error: Callable[[Path, AudioError], None] | None = None,
    on_other: Callable[[Path], None] | None = None,
    keep: Keep | None = None,
) -> Iterator[Path]:
    """Find the sound files among some paths.

    Files are taken as they are given, whatever their name; folders are walked in the order of names, hidden
    entries are skipped, files are chosen by their extension, and a loop of symbolic links is walked once.
    What lies in a folder and is no regular file (a pipe, a socket, a device) is never opened.

    Parameters
    ----------
    paths : iterable of path
        Files and folders. What does not exist is passed on, so that opening it gives the error.
    on_error : callable, optional
        Called with the path and an `UnreadableAudioError` for each folder that cannot be read, and for each
        entry with the ending of a sound file that is no regular file. By default the error is raised.
    on_other : callable, optional
        Called with each file in a folder that is left out because of its ending.
    keep : callable, optional
        Called with the path of each folder and its entries in the order of names; returns the entries to go
        on with. An `OSError` that it raises is one of the folder.

    Yields
    ------
    Path
        Without repetition, in the order found.
    """
    walk = _Walk(on_error or _raise, on_other or _ignore, keep or _all)
    found: set[Path] = set()
    for path in paths:
        files = walk.walk(os.fspath(path), set()) if os.path.isdir(path) else (Path(path),)
        for file in files:
            if file not in found:
                found.add(file)
                yield file


class _Walk:
    """One call of `find_audio`."""

    def __init__(
        self, on_error: Callable[[Path, AudioError], None], on_other: Callable[[Path], None], keep: Keep
    ) -> None:
        self._on_error, self._on_other, self._keep = on_error, on_other, keep

    def walk(self, folder: str, seen: set[tuple[int, int]]) -> Iterator[Path]:
        """Yield the sound files of a folder, unless it is among those `seen` before."""
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                return
            with os.scandir(folder) as listing:
                entries = self._keep(folder, sorted(listing, key=lambda entry: entry.name))
        except OSError as error:
            denied = isinstance(error, PermissionError)
            what = (
                "No permission to read the folder" if denied else f"Cannot read ({reason(error)}) the folder"
            )
            hint = "Try: chmod +rx, or its owner." if denied else "Try: check the disk."
            self._on_error(Path(folder), UnreadableAudioError(f"{what} {folder}", hint=hint))
            return
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if not entry.name.startswith("."):
                yield from self._entry(entry, seen)

    def _entry(self, entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> Iterator[Path]:
        """Yield what one entry of a folder comes to; only of a symbolic link this needs a system call."""
        sounds = os.path.splitext(entry.name)[1].lower() in EXTENSIONS
        if _is(entry.is_dir):
            yield from self.walk(entry.path, seen)
        elif not sounds:
            if _is(entry.is_file):
                self._on_other(Path(entry.path))
        elif _is(entry.is_file) or (entry.is_symlink() and not os.path.exists(entry.path)):
            yield Path(entry.path)  # also a link to nowhere: opening it gives the error
        else:
            what = f"{entry.path} is a pipe, a socket or a device and not a file"
            error = UnreadableAudioError(
                what, hint="Try: program | earmark classify - (it reads standard input)."
            )
            self._on_error(Path(entry.path), error)


def _is(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a loop of symbolic links
        return False


def _raise(path: Path, error: AudioError) -> None:
    raise error


def _all(folder: str, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    return entries


def _ignore(path: Path) -> None:
    """Do nothing."""
