"""Vorbis comments, the tags of FLAC and Ogg: a vendor and a list of NAME=value.

https://xiph.org/vorbis/doc/v-comment.html, https://www.rfc-editor.org/rfc/rfc9639 (FLAC).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

COMMENT, PADDING, MARK = 4, 1, b"fLaC"  # types of metadata blocks, and what FLAC begins with
_MOST_BLOCKS, _MOST_ENTRIES = 1024, 65_536


@dataclass(frozen=True, slots=True)
class Comment:
    """A list of comments.

    Parameters
    ----------
    vendor : bytes
    entries : tuple of bytes
        Each ``NAME=value``, as it stands in the file.
    rest : bytes
        What follows: the framing bit of Vorbis, padding.
    """

    vendor: bytes
    entries: tuple[bytes, ...]
    rest: bytes = b""


def parse(data: bytes) -> Comment | None:
    """Take a list of comments apart; None where it is no such list."""
    vendor_end = 4 + int.from_bytes(data[:4], "little")
    if vendor_end + 4 > len(data):
        return None
    entries: list[bytes] = []
    position = vendor_end + 4
    count = int.from_bytes(data[vendor_end:position], "little")
    if count > _MOST_ENTRIES:
        return None
    for _ in range(count):
        start = position + 4
        stop = start + int.from_bytes(data[position:start], "little")
        if stop > len(data) or start > len(data):
            return None
        entries.append(data[start:stop])
        position = stop
    return Comment(data[4:vendor_end], tuple(entries), data[position:])


def values_of(comment: Comment) -> dict[str, list[str]]:
    """Values by name, the names in upper case."""
    found: dict[str, list[str]] = {}
    for entry in comment.entries:
        name, equals, value = entry.partition(b"=")
        if equals:
            found.setdefault(name.decode("ascii", "replace").upper(), []).append(
                value.decode("utf-8", "replace")
            )
    return found


# ---------------------------------------------------------------- FLAC


@dataclass(frozen=True, slots=True)
class FlacBlock:
    """A metadata block: its type, and where its header of four bytes begins and its body ends."""

    kind: int
    start: int
    stop: int
    last: bool


def flac_blocks(file: BinaryIO, offset: int) -> Iterator[FlacBlock]:
    """Metadata blocks of a FLAC stream whose mark stands at `offset`."""
    position = offset + len(MARK)
    for _ in range(_MOST_BLOCKS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4:
            return
        stop = position + 4 + int.from_bytes(header[1:], "big")
        last = bool(header[0] & 0x80)
        yield FlacBlock(header[0] & 0x7F, position, stop, last)
        if last:
            return
        position = stop


def read_flac(file: BinaryIO, offset: int) -> dict[str, list[str]]:
    """Values of the comment block of a FLAC stream."""
    for block in flac_blocks(file, offset):
        if block.kind == COMMENT:
            file.seek(block.start + 4)
            comment = parse(file.read(block.stop - block.start - 4))
            return values_of(comment) if comment else {}
    return {}
