"""Two kinds of file: a pipe, which goes forward only, and the rest of a file from some byte on."""

from __future__ import annotations

import os
from typing import BinaryIO


class Pipe:
    """What cannot be rewound, with a memory of its beginning until its decoder is known.

    Parameters
    ----------
    raw : binary file
        Of which only `read` and `close` are used.
    first : bytes
        What was read from it before.
    """

    def __init__(self, raw: BinaryIO, first: bytes = b"") -> None:
        self._raw, self._kept, self._position = raw, bytearray(first), 0
        self.forgetful = False

    def seekable(self) -> bool:
        """Make FFmpeg go forward only."""
        return False

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def peek(self, offset: int, n: int) -> bytes:
        """Return `n` bytes at `offset` without going there."""
        while len(self._kept) < offset + n and (data := self._raw.read(offset + n - len(self._kept))):
            self._kept += data
        return bytes(self._kept[offset : offset + n])

    def read(self, n: int = 65_536, /) -> bytes:
        """Return the next bytes, at most `n`; none at the end."""
        data = bytes(self._kept[self._position : self._position + n])
        if data:
            self._position += len(data)
            return data
        if self.forgetful:
            self._kept.clear()
            self._position = 0
            return self._raw.read(n) or b""
        data = self._raw.read(n) or b""
        self._kept += data
        self._position += len(data)
        return data

    def rewind(self, position: int) -> None:
        """Go back to a byte, which works as long as nothing was forgotten and it was read before."""
        self._position = position

    def forget(self) -> None:
        """Keep nothing from here on, so that a pipe without end needs no more memory."""
        self.forgetful = True

    def close(self) -> None:
        """Close it."""
        self._raw.close()


class Section:
    """The rest of a file, as a file.

    Parameters
    ----------
    file : binary file
        The whole; moved by reading.
    begin : int
        First byte of the section.
    patch : (int, bytes), optional
        Bytes that are read at a place of the section instead of those that are there.
    """

    def __init__(self, file: BinaryIO, begin: int, patch: tuple[int, bytes] | None = None) -> None:
        self._file, self._begin, self._patch = file, begin, patch

    def seekable(self) -> bool:
        """Whether it can be rewound: yes."""
        return True

    def read(self, n: int = -1, /) -> bytes:
        """Return the next bytes, at most `n`; all for -1."""
        at = self.tell()
        data = self._file.read(n)
        if self._patch and at < self._patch[0] + len(self._patch[1]):
            patched, place = bytearray(data), self._patch[0] - at
            for i, byte in enumerate(self._patch[1], place):
                if 0 <= i < len(patched):
                    patched[i] = byte
            return bytes(patched)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte of the section; return its number."""
        if whence == os.SEEK_SET:
            offset = max(0, offset) + self._begin
        return self._file.seek(offset, whence) - self._begin

    def tell(self) -> int:
        """Number of the next byte."""
        return self._file.tell() - self._begin
