"""Ogg: where a stream ends, and where the next one of a chain begins (RFC 3533).

An Ogg file may be several streams one after the other ("chained"): radio recordings, albums, joined files.
FFmpeg refuses links whose sampling rate or channels differ, and confuses links of one serial number. So each
link is given to it as a file of its own, which ends where the next one begins.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import BinaryIO, Protocol

_LONGEST_PAGE = 27 + 255 + 255 * 255  # section 6
_HEADER_LENGTH = 27
_FIRST_PAGE = 0x02
_LAST_PAGE = 0x04
_BEGIN = re.compile(rb"OggS\x00[\x02\x06]")  # a page that begins a stream
_BEGIN_LENGTH = 6
_READ_LENGTH = 1 << 20


class Readable(Protocol):
    """What a link is read from: a file or a pipe."""

    def read(self, n: int, /) -> bytes:
        """Return the next bytes."""

    def seekable(self) -> bool:
        """Whether it can go back."""


class Link:
    """One link of a chain, as a file.

    Parameters
    ----------
    file : binary file or pipe
        At the beginning of the link.
    begin : int
        Where that is; of a pipe 0.
    first : bytes
        What was read from a pipe beyond the link before.
    end : int, optional
        Length in bytes, if it is known. Else it is noticed while reading.
    """

    def __init__(self, file: Readable, begin: int = 0, first: bytes = b"", end: int | None = None) -> None:
        self._file, self.begin, self._first, self._end = file, begin, first, end
        self._position = 0
        if file.seekable():
            file.seek(begin)  # type: ignore[attr-defined]
        self._in_data = False  # behind the pages that begin the streams of this link
        self._tail = b""  # the end of what was read last
        self.rest = b""  # of a pipe: the beginning of the next link

    def next(self) -> Link | None:
        """Return the next link, if this one was read to its end and another one follows."""
        if self._end is None:
            return None
        if not self._file.seekable():
            return Link(self._file, first=self.rest)
        return Link(self._file, self.begin + self._end)

    def read(self, n: int = 65_536, /) -> bytes:
        """Return the next bytes, at most `n`; none at the end of the link."""
        if self._end is not None:
            n = min(n, self._end - self._position)
        if n <= 0:
            return b""
        if self._first:
            data, self._first = self._first[:n], self._first[n:]
        else:
            data = self._file.read(n)
        if self._end is None:
            data = self._cut(data)
        self._position += len(data)
        return data

    def _cut(self, data: bytes) -> bytes:
        """End the link where another one begins in what was just read."""
        joined = self._tail + data
        before = len(self._tail)
        for match in _BEGIN.finditer(joined):
            page = joined.rfind(b"OggS", 0, match.start())
            if page >= 0 and page + 5 < len(joined):
                self._in_data |= not joined[page + 5] & _FIRST_PAGE
            if self._in_data and self._position + match.start() > before:  # not the link's own beginning
                at = match.start() - before  # below 0 where a few bytes of the page were given away already
                self._end = self._position + at
                self.rest = joined[match.start() :] + self._first
                return data[: max(0, at)]
        page = joined.rfind(b"OggS")
        if 0 <= page < len(joined) - 5:
            self._in_data |= not joined[page + 5] & _FIRST_PAGE
        self._tail = joined[-(_BEGIN_LENGTH - 1) :]
        return data

    def seekable(self) -> bool:
        """Whether it can go back."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte of the link; return its number."""
        file: BinaryIO = self._file  # type: ignore[assignment]
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += file.seek(0, os.SEEK_END) - self.begin if self._end is None else self._end
        offset = max(0, offset)  # FFmpeg may ask for less in a damaged file
        file.seek(self.begin + offset)
        self._position, self._tail = offset, b""
        self._in_data &= offset > 0  # the pages that begin the streams come again
        return offset

    def tell(self) -> int:
        """Number of the next byte."""
        return self._position


def find_links(file: BinaryIO, *, size: int) -> list[int]:
    """Find where the links of a chained file begin; ``[0]`` for one that does not seem to be chained.

    All of the file is read only where its last page belongs to none of the streams that begin it, or where
    the numbers of pages do not grow. (A short first link of the same serial number is not noticed so.)
    """
    if not _seems_chained(file, size):
        return [0]
    begins, link = [0], Link(file)
    link.seek(0)
    while True:
        while link.read(_READ_LENGTH):
            pass
        following = link.next()
        if following is None:
            return begins
        link = following
        begins.append(link.begin)


def _seems_chained(file: BinaryIO, size: int) -> bool:
    file.seek(0)
    serials = _serials(file.read(_LONGEST_PAGE))
    file.seek(max(0, size - _LONGEST_PAGE - 1))
    last = _header(file.read(_LONGEST_PAGE + 1), from_end=True)
    if last is None:
        return False
    if last[0] not in serials:
        return True
    numbers = [last[1]]
    for quarter in (3, 2, 1):
        file.seek(size * quarter // 4)
        page = _header(file.read(_LONGEST_PAGE))
        if page is not None and page[0] == last[0]:
            numbers.append(page[1])
    return any(later < earlier for later, earlier in itertools.pairwise(numbers))


def _header(data: bytes, *, from_end: bool = False) -> tuple[bytes, int] | None:
    """Serial number of the stream and number of the first page in some bytes, or of the last one."""
    page = data.rfind(b"OggS") if from_end else data.find(b"OggS")
    if page < 0 or len(data) < page + _HEADER_LENGTH:
        return None
    return data[page + 14 : page + 18], int.from_bytes(data[page + 18 : page + 22], "little")


def _serials(head: bytes) -> set[bytes]:
    """Serial numbers of the streams that begin here."""
    serials, position = set(), 0
    while head[position : position + 4] == b"OggS" and len(head) >= position + _HEADER_LENGTH:
        if not head[position + 5] & _FIRST_PAGE:
            break
        serials.add(head[position + 14 : position + 18])
        segments = head[position + _HEADER_LENGTH :][: head[position + 26]]
        position += _HEADER_LENGTH + len(segments) + sum(segments)
    return serials


def is_complete(file: BinaryIO, *, size: int) -> bool:
    """Whether the last page is whole and bears the end mark. A disk that fails is the decoder's to report."""
    try:
        file.seek(max(0, size - _LONGEST_PAGE - 1))
        tail = file.read(_LONGEST_PAGE + 1)
    except OSError:
        return True
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + _HEADER_LENGTH:
        return False
    segments = tail[page + _HEADER_LENGTH :][: tail[page + 26]]
    whole = len(tail) >= page + _HEADER_LENGTH + len(segments) + sum(segments)
    return whole and bool(tail[page + 5] & _LAST_PAGE)
