"""WAV and AIFF: chunks, one of which may hold an ID3 tag, and in WAV another the older list INFO.

WAV: Multimedia Programming Interface and Data Specifications 1.0; AIFF: Audio Interchange File Format 1.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

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
