"""Vorbis comments, the tags of FLAC and Ogg: a vendor and a list of NAME=value.

https://xiph.org/vorbis/doc/v-comment.html, https://www.rfc-editor.org/rfc/rfc9639 (FLAC).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from earmark.library.tags.fields import written_names
from earmark.library.tags.splice import Splice, damaged

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


def edit_comment(comment: Comment, values: Mapping[str, Sequence[str]]) -> bytes:
    """Return the list with other values, without what follows it; all other entries as they were."""
    names = written_names(values, "vorbis")
    gone = {name.upper() for name in names}
    entries = [
        entry
        for entry in comment.entries
        if entry.partition(b"=")[0].decode("ascii", "replace").upper() not in gone
    ]
    entries += [f"{name}={value}".encode() for name, found in names.items() for value in found]
    data = len(comment.vendor).to_bytes(4, "little") + comment.vendor + len(entries).to_bytes(4, "little")
    return data + b"".join(len(entry).to_bytes(4, "little") + entry for entry in entries)


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


def edit_flac(file: BinaryIO, size: int, offset: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the comment block of a FLAC stream; what it grows by is taken from the padding, if that has it.

    Raises
    ------
    TagFormatError
        The blocks do not fit the file.
    """
    blocks = list(flac_blocks(file, offset))
    if not blocks or not blocks[-1].last or blocks[-1].stop > size or blocks[0].kind:
        raise damaged("FLAC metadata that does not end")
    old = next((block for block in blocks if block.kind == COMMENT), None)
    if old is None:
        return _flac_comment(blocks[0], values)
    file.seek(old.start + 4)
    comment = parse(file.read(old.stop - old.start - 4))
    if comment is None or comment.rest.strip(b"\0"):
        raise damaged("a FLAC comment block")
    content = edit_comment(comment, values)
    splices = [Splice(old.start, old.stop, _flac_block(COMMENT, content, last=old.last))]
    growth = len(content) + 4 - (old.stop - old.start)
    padding = next((block for block in blocks if block.kind == PADDING), None)
    if padding and (left := padding.stop - padding.start - 4 - growth) >= 0 and growth:
        splices.append(
            Splice(padding.start, padding.stop, _flac_block(PADDING, bytes(left), last=padding.last))
        )
    return splices


def _flac_comment(first: FlacBlock, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """A new comment block behind the first block."""
    content = edit_comment(Comment(b"earmark", ()), values)
    block = Splice(first.stop, first.stop, _flac_block(COMMENT, content, last=first.last))
    return [Splice(first.start, first.start + 1, bytes([first.kind])), block] if first.last else [block]


def _flac_block(kind: int, content: bytes, *, last: bool) -> bytes:
    if len(content) >= 1 << 24:
        raise damaged("a FLAC block of more than 16 MB")
    return bytes([kind | 0x80 * last]) + len(content).to_bytes(3, "big") + content


def flac_sound(file: BinaryIO, size: int, offset: int) -> Iterator[tuple[int, int]]:
    """Stretches of a FLAC stream that hold neither comments nor padding, headers of blocks left out."""
    blocks = list(flac_blocks(file, offset))
    yield from ((block.start + 4, block.stop) for block in blocks if block.kind not in (COMMENT, PADDING))
    yield (blocks[-1].stop if blocks else offset), size
