"""From what the caller has (path, bytes, file object, pipe) to bytes that a decoder can read."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, cast

from earmark.audio.clip import Clip
from earmark.audio.pipe import Pipe
from earmark.errors import AudioNotFoundError, InputError, UnreadableAudioError

Source = str | os.PathLike[str] | bytes | BinaryIO | Clip

READ_LENGTH = 64 * 1024  # bytes fetched at a time: 12 % faster for WAV than Python's default of 8 KiB

# A pipe that must be rewound is kept in memory up to this many bytes, a longer one in a temporary file.
SPOOL_LENGTH = 16 * 1024 * 1024

# How much of the beginning is looked at. It holds three MPEG frames of the longest kind (1,441 bytes) behind
# some junk.
HEAD_LENGTH = 64 * 1024
_MOST_TAGS = 8  # in front of the sound; files with two are found in the wild


@dataclass
class OpenedSource:
    """Bytes, and what to call them.

    Parameters
    ----------
    file : binary file or Pipe
        A pipe is read forward only, until `spool` makes a file of it.
    name : str
        What messages call it.
    path : str or None
        What results call it: the path, ``"-"`` for standard input, None for bytes.
    size : int or None
        Length in bytes; None for a pipe.
    owned : bool
        Whether closing the file is ours to do.
    tag_length : int
        Bytes of ID3 tags in front of the sound, known after `head`.
    """

    file: BinaryIO | Pipe
    name: str
    path: str | None
    size: int | None
    owned: bool
    tag_length: int = 0

    def head(self) -> bytes:
        """Return the first bytes of the sound, behind any ID3 tags."""
        self.tag_length = 0
        head = b""
        for _ in range(_MOST_TAGS):
            head = self._peek(self.tag_length)
            if not (length := id3_length(head)):
                break
            self.tag_length += length
        self.rewind()
        return head

    def _peek(self, offset: int) -> bytes:
        if isinstance(self.file, Pipe):
            return self.file.peek(offset, HEAD_LENGTH) if offset < SPOOL_LENGTH else b""
        self.file.seek(offset)
        return self.file.read(HEAD_LENGTH)

    def rewind(self) -> None:
        """Go back to the first byte."""
        if isinstance(self.file, Pipe):
            self.file.rewind()
        else:
            self.file.seek(0)

    def spool(self) -> BinaryIO:
        """Make a file of a pipe, in memory or, if it is long, on disk; return the file."""
        if not isinstance(self.file, Pipe):
            return self.file
        self.file.rewind()
        spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_LENGTH))  # noqa: SIM115
        try:
            shutil.copyfileobj(self.file, spool, READ_LENGTH)
        except OSError as error:
            spool.close()
            raise UnreadableAudioError(
                f"{self.name} cannot be read to its end ({error})", hint="Try again"
            ) from None
        self.file, self.size, self.owned = spool, spool.tell(), True
        return spool

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self.owned and not isinstance(self.file, Pipe):
            self.file.close()


def id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag that begins here, with header and footer; 0 if none does (ID3v2.4.0, 3.1)."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + length + (10 if head[5] & 0x10 else 0)


def open_source(source: Source) -> OpenedSource:
    """Open a path, bytes, a file object or standard input (``"-"``).

    Raises
    ------
    AudioNotFoundError, UnreadableAudioError
        If there is no such file, or it cannot be read.
    InputError
        If `source` is something else.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _measured(io.BytesIO(source), "the given data", None, owned=True)
    if isinstance(source, str) and source == "-":
        return _from_stdin()
    if isinstance(source, (str, os.PathLike)):
        return _from_path(source)
    if hasattr(source, "read"):
        return _from_file(cast(BinaryIO, source))
    raise InputError(
        f"source={source!r:.80} is a {type(source).__name__}",
        hint="Accepted are a path, bytes, a binary file, '-' for standard input, or a Clip; "
        "an array becomes one by Clip(y, sr)",
    )


def _measured(file: BinaryIO, name: str, path: str | None, *, owned: bool) -> OpenedSource:
    return OpenedSource(file, name, path, file.seek(0, os.SEEK_END), owned)


def _from_path(source: str | os.PathLike[str]) -> OpenedSource:
    path = os.fspath(source)
    try:
        # A folder is told by name before it is opened, which on Windows fails for want of permission.
        if os.path.isdir(path):
            raise UnreadableAudioError(f"{path} is a folder", hint="Give a file; find_audio lists them")
        file = open(path, "rb", buffering=READ_LENGTH)  # noqa: SIM115
    except (FileNotFoundError, NotADirectoryError):
        raise AudioNotFoundError(f"There is no file {path}", hint="Check the spelling") from None
    except PermissionError:
        raise UnreadableAudioError(
            f"No permission to read {path}", hint="Change its permissions (chmod +r) or ask its owner"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UnreadableAudioError(f"{path!r} cannot be opened ({error})", hint="Check the disk") from None
    if file.seekable():
        return _measured(file, path, path, owned=True)
    return _from_pipe(file, path, path)  # a named pipe


def _from_stdin() -> OpenedSource:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None or stdin.closed or stdin.isatty():
        raise UnreadableAudioError("Nothing is piped into standard input", hint="Try: cat song.mp3 | ...")
    return _from_pipe(stdin, "standard input", "-")


def _from_file(file: BinaryIO) -> OpenedSource:
    name = getattr(file, "name", None)
    path = name if isinstance(name, str) else None
    label = path or "the given file object"
    if isinstance(cast(object, file), io.TextIOBase):
        raise InputError(f"{label} is opened as text", hint="Open it in binary mode: open(path, 'rb')")
    try:
        if getattr(file, "seekable", lambda: False)():
            return _measured(file, label, path, owned=False)
        return _from_pipe(file, label, path)
    except (OSError, ValueError) as error:
        raise UnreadableAudioError(f"{label} cannot be read ({error})", hint="Give an open file") from None


def _from_pipe(file: BinaryIO, name: str, path: str | None) -> OpenedSource:
    return OpenedSource(Pipe(file), name, path, size=None, owned=False)
