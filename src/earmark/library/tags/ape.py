"""APEv2: the tag at the end of Monkey's Audio, WavPack, Musepack and TAK, and of some MP3.

https://wiki.hydrogenaud.io/index.php?title=APEv2_specification
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from earmark.library.tags.fields import written_names
from earmark.library.tags.splice import Splice, damaged

MARK, HEADER_LENGTH, V1_LENGTH = b"APETAGEX", 32, 128
HAS_HEADER, IS_HEADER, KIND = 1 << 31, 1 << 29, 6  # flags of the tag and of an item
_MOST_LENGTH, _MOST_ITEMS = 64 << 20, 65_536


@dataclass(frozen=True, slots=True)
class Item:
    """An item: its name, its value, its flags, and its bytes with all of these."""

    name: str
    value: bytes
    flags: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ApeTag:
    """A tag.

    Parameters
    ----------
    start, stop : int
        Where it lies in the file, header and footer included; equal where there is none.
    items : tuple of Item
    version : int
        1000 or 2000.
    sound : bool
        Whether all of it could be read.
    """

    start: int
    stop: int
    items: tuple[Item, ...] = ()
    version: int = 2000
    sound: bool = True


def find(file: BinaryIO, size: int) -> ApeTag:
    """Find the tag at the end of a file, before an ID3v1 tag if there is one."""
    stop = size
    if size >= V1_LENGTH:
        file.seek(size - V1_LENGTH)
        stop -= V1_LENGTH if file.read(3) == b"TAG" else 0
    none = ApeTag(stop, stop)
    if stop < HEADER_LENGTH:
        return none
    file.seek(stop - HEADER_LENGTH)
    footer = file.read(HEADER_LENGTH)
    flags = int.from_bytes(footer[20:24], "little")
    if footer[:8] != MARK or flags & IS_HEADER:
        return none
    length = int.from_bytes(footer[12:16], "little")  # of items and footer
    version = int.from_bytes(footer[8:12], "little")
    start = stop - length - (HEADER_LENGTH if flags & HAS_HEADER else 0)
    if not HEADER_LENGTH <= length <= _MOST_LENGTH or start < 0:
        return ApeTag(stop, stop, sound=False)
    file.seek(stop - length)
    data = file.read(length - HEADER_LENGTH)
    items, sound = _items(data, int.from_bytes(footer[16:20], "little"))
    return ApeTag(start, stop, items, version, sound)


def _items(data: bytes, count: int) -> tuple[tuple[Item, ...], bool]:
    """Items, and whether they fill the tag."""
    items: list[Item] = []
    position = 0
    while position + 8 < len(data) and len(items) < min(count, _MOST_ITEMS):
        length = int.from_bytes(data[position : position + 4], "little")
        end = data.find(b"\0", position + 8, position + 8 + 256)
        if end < 0 or end + 1 + length > len(data):
            return tuple(items), False
        stop = end + 1 + length
        name = data[position + 8 : end].decode("latin-1")
        flags = int.from_bytes(data[position + 4 : position + 8], "little")
        items.append(Item(name, data[end + 1 : stop], flags, data[position:stop]))
        position = stop
    return tuple(items), position == len(data)


def values_of(tag: ApeTag) -> dict[str, list[str]]:
    """Values of the items that hold text, by name in upper case; NUL separates several."""
    found: dict[str, list[str]] = {}
    for item in tag.items:
        if not item.flags & KIND:
            found.setdefault(item.name.upper(), []).extend(item.value.decode("utf-8", "replace").split("\0"))
    return found


def edit(file: BinaryIO, size: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the tag at the end of a file, or add one, before an ID3v1 tag if there is one.

    Raises
    ------
    TagFormatError
        The tag is damaged, or of version 1, which has no encoding.
    """
    tag = find(file, size)
    if not tag.sound:
        raise damaged("an APE tag whose items do not fill it")
    if tag.items and tag.version < 2000:
        raise damaged("an APE tag of version 1")
    names = written_names(values, "ape")
    gone = {name.upper() for name in names}
    items = [item.raw for item in tag.items if item.name.upper() not in gone]
    for name, found in names.items():
        if found:
            value = "\0".join(text.replace("\0", "") for text in found).encode()
            items.append(len(value).to_bytes(4, "little") + bytes(4) + name.encode() + b"\0" + value)
    body = b"".join(items)

    def mark(flags: int) -> bytes:
        numbers = (2000, len(body) + HEADER_LENGTH, len(items), flags)
        return MARK + b"".join(number.to_bytes(4, "little") for number in numbers) + bytes(8)

    return [Splice(tag.start, tag.stop, mark(HAS_HEADER | IS_HEADER) + body + mark(HAS_HEADER))]
