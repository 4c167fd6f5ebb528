"""ASF (WMA): attributes in objects of the header.

Advanced Systems Format specification, revision 01.20.05: 3.10 content description, 3.11 extended content
description, 4.7 metadata, 4.8 metadata library.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


def _guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


HEADER = _guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
CONTENT = _guid("75B22633-668E-11CF-A6D9-00AA0062CE6C")
EXTENDED = _guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
EXTENSION = _guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
METADATA = _guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
LIBRARY = _guid("44231C94-9498-49D1-A141-1D134E457054")
PADDING = _guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
HEADER_LENGTH, OBJECT_LENGTH, EXTENSION_LENGTH = 30, 24, 46
CONTENT_NAMES = ("Title", "Author", "Copyright", "Description", "Rating")
_MOST_LENGTH, _MOST_OBJECTS = 64 << 20, 4096


@dataclass(frozen=True, slots=True)
class Object:
    """An object: what it is, and its bytes with its header."""

    guid: bytes
    raw: bytes

    @property
    def body(self) -> bytes:
        """Bytes behind the header."""
        return self.raw[OBJECT_LENGTH:]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value under a name: its type (0 is text), its content, and its bytes with all of these."""

    name: str
    kind: int
    content: bytes
    raw: bytes


def objects_of(data: bytes) -> tuple[list[Object], bytes]:
    """Objects that follow one another, and what is left behind the last."""
    found: list[Object] = []
    position = 0
    while position + OBJECT_LENGTH <= len(data) and len(found) < _MOST_OBJECTS:
        length = int.from_bytes(data[position + 16 : position + OBJECT_LENGTH], "little")
        if length < OBJECT_LENGTH or position + length > len(data):
            break
        found.append(Object(data[position : position + 16], data[position : position + length]))
        position += length
    return found, data[position:]


def read_header(file: BinaryIO) -> bytes:
    """Bytes of the header object; empty where there is none."""
    file.seek(0)
    start = file.read(HEADER_LENGTH)
    length = int.from_bytes(start[16:24], "little")
    if start[:16] != HEADER or not HEADER_LENGTH <= length <= _MOST_LENGTH:
        return b""
    data = start + file.read(length - HEADER_LENGTH)
    return data if len(data) == length else b""


def attributes_of(kind: bytes, body: bytes) -> Iterator[Attribute]:
    """Attributes of an object of the header, by its GUID; none of an object that holds none."""
    if kind == CONTENT:
        yield from _content(body)
    elif kind == EXTENDED:
        yield from _extended(body)
    elif kind in (METADATA, LIBRARY):
        yield from _library(body)


def _content(body: bytes) -> Iterator[Attribute]:
    position = 10
    for i, name in enumerate(CONTENT_NAMES):
        length = int.from_bytes(body[2 * i : 2 * i + 2], "little")
        yield Attribute(name, 0, body[position : position + length], b"")
        position += length


def _extended(body: bytes) -> Iterator[Attribute]:
    position = 2
    for _ in range(int.from_bytes(body[:2], "little")):
        start = position
        name_end = position + 2 + int.from_bytes(body[position : position + 2], "little")
        kind = int.from_bytes(body[name_end : name_end + 2], "little")
        stop = name_end + 4 + int.from_bytes(body[name_end + 2 : name_end + 4], "little")
        if stop > len(body) or name_end + 4 > len(body):
            return
        yield Attribute(
            _utf16(body[position + 2 : name_end]), kind, body[name_end + 4 : stop], body[start:stop]
        )
        position = stop


def _library(body: bytes) -> Iterator[Attribute]:
    """Language, stream, lengths of name and value, type: twelve bytes, then name and value."""
    position = 2
    for _ in range(int.from_bytes(body[:2], "little")):
        head = body[position : position + 12]
        name_end = position + 12 + int.from_bytes(head[4:6], "little")
        stop = name_end + int.from_bytes(head[8:12], "little")
        if len(head) < 12 or stop > len(body):
            return
        kind = int.from_bytes(head[6:8], "little")
        yield Attribute(
            _utf16(body[position + 12 : name_end]), kind, body[name_end:stop], body[position:stop]
        )
        position = stop


def _utf16(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").rstrip("\0")


def all_objects(header: bytes) -> list[Object]:
    """Objects of the header, those within its extension after the others."""
    outer, _ = objects_of(header[HEADER_LENGTH:])
    inner = [o for one in outer if one.guid == EXTENSION for o in objects_of(one.raw[EXTENSION_LENGTH:])[0]]
    return outer + inner


def read(file: BinaryIO) -> dict[str, list[str]]:
    """Values of the attributes, by name in upper case."""
    found: dict[str, list[str]] = {}
    for one in all_objects(read_header(file)):
        for attribute in attributes_of(one.guid, one.body):
            if attribute.kind == 0:
                text = _utf16(attribute.content)
            elif attribute.kind in (2, 3, 4, 5):  # truth and numbers
                text = str(int.from_bytes(attribute.content[:8], "little"))
            else:
                continue
            if text:
                found.setdefault(attribute.name.upper(), []).append(text)
    return found
