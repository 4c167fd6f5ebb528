"""From what the caller has (path, bytes, file object, pipe) to bytes that a decoder can read."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import BinaryIO, cast

from earmark.audio.clip import Clip
from earmark.audio.formats.front import BOX_NAMES, front_length, id3_length
from earmark.audio.pipe import Pipe, Section
from earmark.errors import AudioNotFoundError, InputError, UnreadableAudioError

Source = str | os.PathLike[str] | bytes | BinaryIO | Clip

READ_LENGTH = 64 * 1024  # bytes fetched at a time: 12 % faster for WAV than Python's default of 8 KiB

# A pipe that must be rewound is kept in memory up to this many bytes, a longer one in a temporary file.
SPOOL_LENGTH = 16 * 1024 * 1024

# How much of the beginning is looked at. It holds three MPEG frames of the longest kind (1,441 bytes) behind
# some junk.
HEAD_LENGTH = 64 * 1024

_MOST_PREFIXES = 16  # tags and other things in front of the sound
_FEWEST_ZEROS = 16  # in front of the sound that are more than part of a number
_MOST_ZEROS = 64 * 1024 * 1024  # in front of the sound that are stepped over
_WRITER_SECONDS = 3.0  # how long a named pipe may be without a program that writes into it


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
        What results call it: the name or path, ``"-"`` for standard input, None for bytes.
    size : int or None
        Length in bytes; None for a pipe.
    owned : bool
        Whether to close the file.
    begin : int
        Where decoders are to begin: what lies before is no sound, and they would not step over it.
    offset : int
        Where the sound itself begins, behind tags, known after `head`.
    tags_begin : int
        From where on there are only ID3 tags up to `offset`.
    blank : bool
        Whether there is nothing but zeros before `offset`.
    patch : (int, bytes) or None
        Bytes that decoders are to read at a place behind `begin` instead of those that are there.
    """

    file: BinaryIO | Pipe
    name: str
    path: str | None
    size: int | None
    owned: bool
    begin: int = 0
    offset: int = 0
    tags_begin: int = 0
    blank: bool = True
    patch: tuple[int, bytes] | None = None

    def head(self) -> bytes:
        """Return the first bytes of the sound: behind ID3 tags, zeros, and what servers put before a file."""
        self.begin = self.offset = self.tags_begin = 0
        self.blank = True
        for _ in range(_MOST_PREFIXES):
            head = self.peek(self.offset)
            if not (step := id3_length(head) or front_length(head) or self._count_zeros(head)):
                break
            is_tag = head[:3] == b"ID3"
            if is_tag and not self.peek(self.offset + step - 1, 1):
                step, is_tag = 10, False  # more than there is: the sound is somewhere behind the tag's header
            self.blank &= not head[0]
            self.offset += step
            self.tags_begin = self.tags_begin if is_tag else self.offset
        return head

    def _count_zeros(self, head: bytes) -> int:
        """Count the zeros here, without those that belong to a number behind them."""
        if head[:_FEWEST_ZEROS].strip(b"\0"):
            return 0
        most = SPOOL_LENGTH - HEAD_LENGTH if isinstance(self.file, Pipe) else _MOST_ZEROS
        n, rest = 0, b""
        while not rest and n < most and (data := self.peek(self.offset + n)):
            rest = data.lstrip(b"\0")
            n += len(data) - len(rest)
        # The length of an MP4 box, or the start code of MPEG, begins with zeros itself.
        return n - (3 if rest[1:5] in BOX_NAMES else 2 if rest.startswith(b"\x01\xba") else 0)

    def peek(self, offset: int, length: int = HEAD_LENGTH) -> bytes:
        """Return `length` bytes at `offset`."""
        if isinstance(self.file, Pipe):
            return self.file.peek(offset, length) if offset < SPOOL_LENGTH else b""
        self.file.seek(offset)
        return self.file.read(length)

    def sound(self) -> BinaryIO | Pipe:
        """Return the bytes from `begin` on as a file at its beginning."""
        if isinstance(self.file, Pipe):
            self.file.rewind(self.begin)
            return self.file
        self.file.seek(self.begin)
        if self.begin or self.patch:
            return cast(BinaryIO, Section(self.file, self.begin, self.patch))
        return self.file

    def behind_tags(self) -> BinaryIO:
        """Return the bytes from `offset` on as a file; only of what is no pipe."""
        return cast(BinaryIO, Section(cast(BinaryIO, self.file), self.offset))

    @property
    def sound_size(self) -> int | None:
        """Bytes from `begin` on; None for a pipe."""
        return None if self.size is None else self.size - self.begin

    def spool(self) -> BinaryIO:
        """Make a file of a pipe, in memory or, if it is long, on disk; return `sound`."""
        if isinstance(self.file, Pipe):
            pipe = self.file
            pipe.rewind(0)
            spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_LENGTH))  # noqa: SIM115
            try:
                shutil.copyfileobj(pipe, spool, READ_LENGTH)
            except OSError as error:
                spool.close()
                raise UnreadableAudioError(
                    f"{self.name} cannot be read to its end ({reason(error)})",
                    hint="Try: read it again, or check the disk or the network.",
                ) from None
            finally:
                if self.owned:
                    pipe.close()
            self.file, self.size, self.owned = spool, spool.tell(), True
        return cast(BinaryIO, self.sound())

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self.owned:
            self.file.close()


class _File(io.BufferedReader):
    """A file in which a decoder may go anywhere.

    Damaged files name places that no file system has. The system refuses to go there, which FFmpeg's callers
    report on stderr; in memory, and here, there is only nothing behind the end.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            if offset <= 0:
                raise
            return super().seek(0, os.SEEK_END)


def open_source(source: Source, *, name: str | None = None) -> OpenedSource:
    """Open a path, bytes, a file object or standard input (``"-"``).

    Parameters
    ----------
    source : path, bytes, binary file or ``"-"``
        What to open.
    name : str, optional
        What messages and results call it; by default its path.

    Raises
    ------
    AudioNotFoundError, UnreadableAudioError
        If there is no such file, or it cannot be read.
    InputError
        If `source` is something else.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _sized(io.BytesIO(source), name or "the given data", name, owned=True)
    if isinstance(source, str) and source == "-":
        return _from_stdin(name)
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        return _from_path(path, name or path)
    if hasattr(source, "read"):
        return _from_file(cast(BinaryIO, source), name)
    raise InputError(
        f"source={source!r:.80} is a {type(source).__name__}",
        hint="Accepted: a path, bytes, a binary file, '-' for standard input, or a Clip; "
        "an array becomes one by Clip(y, sr).",
    )


def reason(error: Exception) -> str:
    """What the system complains of, without a number and without the name of a file."""
    return str(getattr(error, "strerror", None) or error)


def not_found(path: str, name: str) -> AudioNotFoundError:
    """Error of a path at which there is no file; of a link to nowhere, where it leads."""
    if os.path.islink(path):
        text = f"{name} is a link to {os.readlink(path)}, which is not there"
        return AudioNotFoundError(text, hint="Try: mount its disk, or remove the link.")
    return AudioNotFoundError(f"There is no file {name}", hint="Try: check the spelling.")


def _sized(file: BinaryIO, name: str, path: str | None, *, owned: bool) -> OpenedSource:
    return OpenedSource(file, name, path, file.seek(0, os.SEEK_END), owned)


def _from_path(path: str, name: str) -> OpenedSource:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISFIFO(mode):
            return OpenedSource(_open_fifo(path, name), name, name, size=None, owned=True)
        if not stat.S_ISREG(mode):
            raise _not_a_file(mode, name)
        return _sized(_File(open(path, "rb", buffering=0), READ_LENGTH), name, name, owned=True)
    except (FileNotFoundError, NotADirectoryError):
        raise not_found(path, name) from None
    except PermissionError:
        raise UnreadableAudioError(
            f"No permission to read {name}", hint="Try: change its permissions (chmod +r), or ask its owner."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UnreadableAudioError(
            f"{name!r} cannot be opened ({reason(error)})", hint="Try: check the path and the disk."
        ) from None


def _not_a_file(mode: int, name: str) -> UnreadableAudioError:
    if stat.S_ISDIR(mode):
        return UnreadableAudioError(
            f"{name} is a folder",
            hint="Accepted: one file. Try: find_audio, which lists the files of a folder.",
        )
    kind = "a socket" if stat.S_ISSOCK(mode) else "a device"
    return UnreadableAudioError(
        f"{name} is {kind} and not a file",
        hint="Try: program | earmark classify - (it reads standard input).",
    )


def _open_fifo(path: str, name: str) -> Pipe:
    """Open a named pipe; one that nobody writes into would otherwise be waited for without end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    deadline = time.monotonic() + _WRITER_SECONDS
    try:
        while not (first := os.read(handle, READ_LENGTH)):  # nobody has it open for writing
            if time.monotonic() > deadline:
                os.close(handle)
                raise UnreadableAudioError(
                    f"{name} is a named pipe that no program writes into",
                    hint="Try: start the other program first, or: program | earmark classify - "
                    "(it reads standard input).",
                )
            time.sleep(0.02)
    except BlockingIOError:  # somebody has, but has written nothing yet
        first = b""
    os.set_blocking(handle, True)
    return Pipe(os.fdopen(handle, "rb", buffering=READ_LENGTH), first)


def _from_stdin(name: str | None) -> OpenedSource:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None or stdin.closed or stdin.isatty():
        raise UnreadableAudioError("Nothing is piped into standard input", hint="Try: cat song.mp3 | ...")
    return OpenedSource(Pipe(stdin), name or "standard input", name or "-", size=None, owned=False)


def _from_file(file: BinaryIO, name: str | None) -> OpenedSource:
    own = getattr(file, "name", None)
    path = name or (own if isinstance(own, str) else None)
    label = path or "the given file object"
    if isinstance(cast(object, file), io.TextIOBase):
        raise InputError(
            f"{label} is opened as text", hint="Accepted: a file in binary mode. Try: open(path, 'rb')."
        )
    try:
        if getattr(file, "seekable", lambda: False)():
            return _sized(file, label, path, owned=False)
        return OpenedSource(Pipe(file), label, path, size=None, owned=False)
    except (OSError, ValueError) as error:
        raise UnreadableAudioError(
            f"{label} cannot be read ({reason(error)})",
            hint="Accepted: a file object that is open for reading.",
        ) from None
