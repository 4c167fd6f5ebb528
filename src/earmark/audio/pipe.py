"""A pipe: read once, forward, and remembered only until its decoder is known."""

from __future__ import annotations

from typing import BinaryIO


class Pipe:
    """What cannot be rewound, with a memory of its beginning.

    Parameters
    ----------
    raw : binary file
        Of which only `read` is used.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._kept, self._position = raw, bytearray(), 0
        self.forgetful = False

    def seekable(self) -> bool:
        """Tell FFmpeg to go forward only."""
        return False

    def readable(self) -> bool:
        """Tell that it can be read."""
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

    def rewind(self) -> None:
        """Go back to the beginning, which works as long as nothing was forgotten."""
        self._position = 0

    def forget(self) -> None:
        """Keep nothing from here on, so that a pipe without end needs no more memory."""
        self.forgetful = True
