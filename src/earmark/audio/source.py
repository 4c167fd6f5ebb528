"""From what the caller has (path, bytes, file object, pipe) to a file that can be read and rewound."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, cast

from earmark.audio.clip import Clip
from earmark.audio.sniff import HEAD_LENGTH
from earmark.errors import AudioNotFoundError, EmptyAudioError, InputError, UnreadableAudioError

Source = str | os.PathLike[str] | bytes | BinaryIO | Clip

# A pipe of up to this many bytes is kept in memory, a longer one in a temporary file.
SPOOL_LENGTH = 16 * 1024 * 1024


@dataclass
class OpenedSource:
    """A binary file that can be rewound.

    Parameters
    ----------
    file : binary file
        Positioned at its first byte.
    name : str
        What messages call it.
    path : str or None
        What results call it: the path, ``"-"`` for standard input, None for bytes.
    size : int
        Length in bytes.
    owned : bool
        Whether closing it is ours to do.
    """

    file: BinaryIO
    name: str
    path: str | None
    size: int
    owned: bool

    def head(self) -> tuple[bytes, int]:
        """Return the first bytes behind any ID3 tag, and the length of that tag."""
        skip = 0
        self.file.seek(0)
        beginning = self.file.read(HEAD_LENGTH)
        window = beginning
        while (tag := id3_length(window)) and skip + tag < self.size:
            skip += tag
            self.file.seek(skip)
            window = self.file.read(HEAD_LENGTH)
        self.file.seek(0)
        return window, skip

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self.owned:
            self.file.close()


def id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag that begins here, with its header and footer; 0 if none does (id3.org, section 3.1)."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + length + (10 if head[5] & 0x10 else 0)


def open_source(source: Source) -> OpenedSource:
    """Open a path, bytes, a file object or standard input (``"-"``).

    Raises
    ------
    AudioNotFoundError, UnreadableAudioError, EmptyAudioError
        If there is no such file, it cannot be read, or it holds no bytes.
    InputError
        If `source` is something else.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        opened = _measured(io.BytesIO(source), "the given bytes", None, owned=True)
    elif isinstance(source, str) and source == "-":
        opened = _from_stdin()
    elif isinstance(source, (str, os.PathLike)):
        opened = _from_path(source)
    elif hasattr(source, "read"):
        opened = _from_file(cast(BinaryIO, source))
    else:
        raise InputError(
            f"source={source!r:.80} is a {type(source).__name__}",
            hint="Accepted are a path, bytes, a binary file, '-' for standard input, or a Clip; "
            "an array becomes one by Clip(y, sr)",
        )
    if opened.size == 0:
        opened.close()
        raise EmptyAudioError(f"{opened.name} is empty (0 bytes)", hint="Copy or download it again")
    return opened


def _measured(file: BinaryIO, name: str, path: str | None, *, owned: bool) -> OpenedSource:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return OpenedSource(file, name, path, size, owned)


def _from_path(source: str | os.PathLike[str]) -> OpenedSource:
    path = os.fspath(source)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableAudioError(
                f"{path} is a folder", hint="Give a file, or list the files of a folder with find_audio"
            )
        file = open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise AudioNotFoundError(
            f"There is no file {path}", hint="Check the spelling and the folder"
        ) from None
    except PermissionError:
        raise UnreadableAudioError(
            f"No permission to read {path}", hint="Change its permissions (chmod +r) or ask its owner"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UnreadableAudioError(
            f"{path!r} cannot be opened: {error}", hint="Check the disk and the name"
        ) from None
    if not stat.S_ISREG(mode):
        return _spooled(file, path, path)
    return _measured(file, path, path, owned=True)


def _from_stdin() -> OpenedSource:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None:
        raise UnreadableAudioError("Standard input is closed", hint="Pipe a file into it: cat song.mp3 | ...")
    if stdin.isatty():
        raise UnreadableAudioError(
            "Standard input is a terminal", hint="Pipe a file into it: cat song.mp3 | ..."
        )
    return _spooled(stdin, "standard input", "-")


def _from_file(file: BinaryIO) -> OpenedSource:
    name = getattr(file, "name", None)
    path = name if isinstance(name, str) else None
    label = path or "the given file object"
    if isinstance(file, io.TextIOBase):
        raise InputError(f"{label} is opened as text", hint="Open it in binary mode: open(path, 'rb')")
    try:
        if getattr(file, "seekable", lambda: False)():
            return _measured(file, label, path, owned=False)
        return _spooled(file, label, path)
    except (OSError, ValueError) as error:
        raise UnreadableAudioError(
            f"{label} cannot be read: {error}", hint="Give an open binary file"
        ) from None


def _spooled(file: BinaryIO, name: str, path: str | None) -> OpenedSource:
    """Copy what cannot be rewound into memory or, if it is long, to a temporary file."""
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_LENGTH))
    try:
        shutil.copyfileobj(file, spool, 1024 * 1024)
    except OSError as error:
        raise UnreadableAudioError(f"{name} cannot be read to its end: {error}", hint="Try again") from None
    size = spool.tell()
    spool.seek(0)
    return OpenedSource(spool, name, path, size, owned=True)
