"""ASF (WMA): attributes in objects of the header.

Advanced Systems Format specification, revision 01.20.05: 3.10 content description, 3.11 extended content
description, 4.7 metadata, 4.8 metadata library.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from earmark.library.tags.fields import written_names
from earmark.library.tags.splice import Splice, damaged


def _guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


HEADER = _guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
CONTENT = _guid("75B22633-668E-11CF-A6D9-00AA0062CE6C")
EXTENDED = _guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
EXTENSION = _guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
METADATA = _guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
LIBRARY = _guid("44231C94-9498-49D1-A141-1D134E457054")
PADDING = _guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
PROPERTIES = _guid("8CABDCA1-A947-11CF-8EE4-00C00C205365")
_RESERVED = _guid("ABD3D211-A9BA-11CF-8EE6-00C00C205365") + b"\x06\0"  # in the extension
ROOM = 1024  # bytes of padding in a header that had to grow, for the next change
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


# ---------------------------------------------------------------- writing


def edit(file: BinaryIO, size: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the attributes in the header of an ASF file.

    The first value of a name goes into the extended content description, others into the metadata library,
    as Picard and mutagen have it. Padding is used before the header grows.

    Raises
    ------
    TagFormatError
        The header cannot be taken apart to its end.
    """
    header = read_header(file)
    objects, left = objects_of(header[HEADER_LENGTH:])
    if not objects or left or len(objects) != int.from_bytes(header[24:28], "little"):
        raise damaged("the header of an ASF file")
    names = written_names(values, "asf")
    objects = [one for one in objects if one.guid != PADDING]
    for guid in (CONTENT, EXTENDED, EXTENSION):
        if not any(one.guid == guid for one in objects):
            objects.append(_object(guid, _EMPTY[guid]))
    made = [_changed(one, names) for one in objects]
    needed = HEADER_LENGTH + sum(map(len, made)) + OBJECT_LENGTH
    length = max(needed, len(header)) + (ROOM if needed > len(header) else 0)
    made.append(_object(PADDING, bytes(length - needed)).raw)
    made = [_with_size(raw, size, size + length - len(header)) for raw in made]
    start = HEADER + length.to_bytes(8, "little") + len(made).to_bytes(4, "little") + header[28:HEADER_LENGTH]
    return [Splice(0, len(header), start + b"".join(made))]


def _object(guid: bytes, body: bytes) -> Object:
    return Object(guid, guid + (OBJECT_LENGTH + len(body)).to_bytes(8, "little") + body)


_EMPTY = {CONTENT: bytes(10), EXTENDED: bytes(2), EXTENSION: _RESERVED + bytes(4)}


def _changed(one: Object, names: Mapping[str, Sequence[str]]) -> bytes:
    """An object of the header with other values."""
    if one.guid == CONTENT:
        return _changed_content(one, names)
    if one.guid == EXTENDED:
        added = [
            _short(name, found[0]) for name, found in names.items() if found and name not in CONTENT_NAMES
        ]
        return _object(one.guid, _attributes(one, names, added)).raw
    if one.guid != EXTENSION:
        return one.raw
    inner, left = objects_of(one.raw[EXTENSION_LENGTH:])
    if left:
        raise damaged("the header extension of an ASF file")
    more = [_long(name, text) for name, found in names.items() for text in found[1:]]
    if more and not any(o.guid == LIBRARY for o in inner):
        inner.append(_object(LIBRARY, bytes(2)))
    parts = b"".join(
        _object(o.guid, _attributes(o, names, more if o.guid == LIBRARY else [])).raw
        if o.guid in (METADATA, LIBRARY)
        else o.raw
        for o in inner
    )
    return _object(EXTENSION, one.body[:18] + len(parts).to_bytes(4, "little") + parts).raw


def _changed_content(one: Object, names: Mapping[str, Sequence[str]]) -> bytes:
    texts = [
        _utf16_bytes(names[old.name][0] if names[old.name] else "") if old.name in names else old.content
        for old in _content(one.body)
    ]
    if any(len(text) > 0xFFFF for text in texts):
        raise damaged("a comment of more than 64 kB in an ASF file")
    lengths = b"".join(len(text).to_bytes(2, "little") for text in texts)
    return _object(CONTENT, lengths + b"".join(texts)).raw


def _attributes(one: Object, names: Mapping[str, Sequence[str]], added: list[bytes]) -> bytes:
    """Body of an object of attributes without those of some names, and with others."""
    gone = {name.upper() for name in names}
    found = list(attributes_of(one.guid, one.body))
    if len(found) != int.from_bytes(one.body[:2], "little") or 2 + sum(len(a.raw) for a in found) > len(
        one.body
    ):
        raise damaged("the attributes of an ASF file")
    kept = [attribute.raw for attribute in found if attribute.name.upper() not in gone] + added
    return len(kept).to_bytes(2, "little") + b"".join(kept)


def _short(name: str, text: str) -> bytes:
    title, content = _utf16_bytes(name), _utf16_bytes(text)
    if len(content) > 0xFFFF:
        raise damaged("a value of more than 64 kB for an ASF file")
    return len(title).to_bytes(2, "little") + title + bytes(2) + len(content).to_bytes(2, "little") + content


def _long(name: str, text: str) -> bytes:
    title, content = _utf16_bytes(name), _utf16_bytes(text)
    lengths = len(title).to_bytes(2, "little") + bytes(2) + len(content).to_bytes(4, "little")
    return bytes(4) + lengths + title + content


def _utf16_bytes(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass") + b"\0\0"


def _with_size(raw: bytes, old: int, new: int) -> bytes:
    """The object that states the length of the file, if it stated it rightly."""
    if raw[:16] == PROPERTIES and raw[40:48] == old.to_bytes(8, "little"):
        return raw[:40] + new.to_bytes(8, "little") + raw[48:]
    return raw


def sound_start(file: BinaryIO) -> int:
    """Where the header ends and the sound begins."""
    return len(read_header(file))
