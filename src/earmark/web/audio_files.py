"""The sound file of a track: which file may be sent, and as what."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from earmark.audio.formats.front import id3_length
from earmark.audio.formats.sniff import sniff
from earmark.errors import AbsentError, GoneError
from earmark.library import Library, Row
from earmark.web.tracks import name_of

_FRONT = 65_536  # bytes in which a format is recognised
# By the name of the format; browsers play the first six. What is not here is sent as bytes.
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "mp4": "audio/mp4",
    "matroska": "audio/webm",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "asf": "audio/x-ms-wma",
    "ape": "audio/x-ape",
    "wavpack": "audio/x-wavpack",
    "tta": "audio/x-tta",
    "musepack": "audio/x-musepack",
    "caf": "audio/x-caf",
    "au": "audio/basic",
    "amr": "audio/amr",
}
UNKNOWN = "application/octet-stream"


def open_track(library: Library, row: Row) -> tuple[BinaryIO, str]:
    """Open the file of a track, and name its content type.

    A link is followed only to a file within a folder of the library, and only regular files are opened: what
    took the place of a track since the scan is not handed out.

    Parameters
    ----------
    library : Library
        Whose folders may be read.
    row : Row
        Of that library.

    Raises
    ------
    GoneError
        The file is no longer there.
    AbsentError
        It is no regular file, leads out of the library, or cannot be read.
    """
    path = os.path.realpath(row.path)
    if not _may_read(path, row.path, library.roots()):
        raise AbsentError(
            f"{name_of(row)} leads out of the library", hint="Accepted: files in folders that were scanned."
        )
    try:
        # Without O_NONBLOCK, opening a pipe waits for somebody who writes to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        file = os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")
    except FileNotFoundError as error:
        raise GoneError(f"{name_of(row)} is no longer there", hint="Try: a scan of the library.") from error
    except OSError as error:
        raise AbsentError(
            f"{name_of(row)} cannot be read ({error.strerror})", hint="Try: check its permissions."
        ) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise AbsentError(f"{name_of(row)} is no regular file", hint="Try: a scan of the library.")
    return file, media_type(file)


def media_type(file: BinaryIO) -> str:
    """Return the content type of a sound file by its first bytes; its position is that of the beginning."""
    front = file.read(_FRONT)
    if length := id3_length(front):
        file.seek(length)
        front = file.read(_FRONT)
    file.seek(0)
    found = sniff(front)
    return MEDIA_TYPES.get(found.name, UNKNOWN) if found else UNKNOWN


def _may_read(real: str, path: str, roots: list[str]) -> bool:
    """Whether a track's file is where it is said to be, or at least in a folder of the library."""
    here = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    tops = [os.path.realpath(root).rstrip(os.sep) + os.sep for root in roots]
    return real == here or any(real.startswith(top) for top in tops)
