"""WAV and AIFF: chunks, one of which may hold an ID3 tag, and in WAV another the older list INFO.

WAV: Multimedia Programming Interface and Data Specifications 1.0; AIFF: Audio Interchange File Format 1.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from earmark.library.tags import id3
from earmark.library.tags.splice import Splice, damaged

HEADER_LENGTH, FORM_LENGTH = 8, 12
_MOST_CHUNKS, _MOST_INFO = 4096, 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its name, where its header and its body begin, where its body ends, without padding."""

    name: bytes
    start: int
    body: int
    stop: int

    @property
    def end(self) -> int:
        """Where the next chunk begins: at an even byte."""
        return self.stop + (self.stop - self.body) % 2


def byte_order(head: bytes) -> Literal["little", "big"] | None:
    """Order of the bytes of numbers in a WAV or AIFF file; None if it is none that has room for tags."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "little"
    return "big" if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC") else None


def chunks(file: BinaryIO, size: int) -> Iterator[Chunk]:
    """Chunks of a file, the last perhaps longer than the file."""
    file.seek(0)
    order = byte_order(file.read(FORM_LENGTH))
    position = FORM_LENGTH
    for _ in range(_MOST_CHUNKS if order else 0):
        if position + HEADER_LENGTH > size:
            return
        file.seek(position)
        header = file.read(HEADER_LENGTH)
        body = position + HEADER_LENGTH
        chunk = Chunk(header[:4], position, body, body + int.from_bytes(header[4:], order or "little"))
        yield chunk
        position = chunk.end


def is_id3(chunk: Chunk) -> bool:
    """Whether a chunk holds an ID3 tag, whatever the case of its name."""
    return chunk.name.upper() == b"ID3 "


def read_id3(file: BinaryIO, size: int) -> bytes:
    """Bytes of the chunk that holds an ID3 tag; empty where there is none."""
    for chunk in chunks(file, size):
        if is_id3(chunk) and chunk.stop <= size:
            file.seek(chunk.body)
            return file.read(chunk.stop - chunk.body)
    return b""


def edit(file: BinaryIO, size: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the chunk that holds an ID3 tag, or append one.

    Parameters
    ----------
    file : binary file
    size : int
        Its length.
    values : mapping of str to sequence of str
        By field or name of evidence.

    Raises
    ------
    TagFormatError
        The chunks do not fit the file, or the tag is damaged.
    """
    file.seek(0)
    head = file.read(FORM_LENGTH)
    order = byte_order(head)
    if order is None:
        raise damaged("a file without the header of WAV or AIFF")
    form_end = HEADER_LENGTH + int.from_bytes(head[4:8], order)
    found = [chunk for chunk in chunks(file, size) if chunk.start < form_end]
    if (form_end + form_end % 2 not in (size, size + 1) and form_end > size) or any(
        c.stop > size for c in found
    ):
        raise damaged("a header that claims more bytes than there are")
    tags = [chunk for chunk in found if is_id3(chunk)]
    blocks = id3.edit([_body(file, chunk) for chunk in tags], values)
    splices = (
        [
            _replaced(chunk.name, chunk.start, min(chunk.end, size), block, order)
            for chunk, block in zip(tags, blocks, strict=True)
        ]
        if tags
        else [_appended(found, min(form_end, size), blocks[0], order)]
    )
    growth = sum(len(splice.data) - (splice.stop - splice.start) for splice in splices)
    length = form_end - HEADER_LENGTH + growth
    if length >= 1 << 32:
        raise damaged("a file of more than 4 GB")
    return [Splice(4, 8, length.to_bytes(4, order)), *splices]


def _body(file: BinaryIO, chunk: Chunk) -> bytes:
    file.seek(chunk.body)
    return file.read(chunk.stop - chunk.body)


def _replaced(name: bytes, start: int, stop: int, block: bytes, order: Literal["little", "big"]) -> Splice:
    return Splice(start, stop, name + len(block).to_bytes(4, order) + block + bytes(len(block) % 2))


def _appended(found: Sequence[Chunk], end: int, block: bytes, order: Literal["little", "big"]) -> Splice:
    """A new chunk at the end of the form, behind the byte that makes its last chunk even."""
    new = _replaced(b"id3 " if order == "little" else b"ID3 ", end, end, block, order)
    missing = found[-1].end - end if found else 0
    return Splice(end, end, bytes(max(0, min(missing, 1))) + new.data)


def sound(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Stretches of the file that hold no tag: all chunks but those, with their headers."""
    for chunk in chunks(file, size):
        if not is_id3(chunk):
            yield chunk.start, min(chunk.stop, size)


def read_info(file: BinaryIO, size: int) -> dict[str, list[str]]:
    """Values of the list INFO of a WAV file, in the encoding that it seems to have."""
    found: dict[str, list[str]] = {}
    for chunk in chunks(file, size):
        file.seek(chunk.body)
        if chunk.name != b"LIST" or chunk.stop - chunk.body > _MOST_INFO or file.read(4) != b"INFO":
            continue
        data = file.read(min(chunk.stop, size) - chunk.body - 4)
        position = 0
        while position + HEADER_LENGTH <= len(data):
            length = int.from_bytes(data[position + 4 : position + 8], "little")
            value = data[position + 8 : position + 8 + length].partition(b"\0")[0]
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                text = value.decode("latin-1")
            name = data[position : position + 4].decode("latin-1").upper()
            found.setdefault(name, []).append(text)
            position += 8 + length + length % 2
    return found
