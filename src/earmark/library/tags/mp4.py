"""MP4 (M4A, M4B): iTunes' list of boxes in ``moov.udta.meta.ilst``.

Boxes: ISO/IEC 14496-12. The list has no standard; the names are those that iTunes, Picard and mutagen write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

PATH = (b"moov", b"udta", b"meta", b"ilst")
FREEFORM, ITUNES = b"----", "com.apple.iTunes"
_MOST_BOXES, _MOST_LIST = 65_536, 64 << 20


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its name, where its header and its body begin, where it ends."""

    name: bytes
    start: int
    body: int
    stop: int


def boxes(file: BinaryIO, position: int, end: int) -> Iterator[Box]:
    """Boxes that follow one another from `position` to `end`; stops where a length makes no sense."""
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return
        file.seek(position)
        header = file.read(16)
        length, body = int.from_bytes(header[:4], "big"), position + 8
        if length == 1 and len(header) == 16:
            length, body = int.from_bytes(header[8:], "big"), position + 16
        elif length == 0:
            length = end - position
        if position + length > end or position + length < body:
            return
        yield Box(header[4:8], position, body, position + length)
        position += length


def meta_body(file: BinaryIO, meta: Box) -> int:
    """Where the boxes in ``meta`` begin: behind version and flags, which QuickTime leaves out."""
    file.seek(meta.body)
    return meta.body if file.read(8)[4:] == b"hdlr" else meta.body + 4


def find_path(file: BinaryIO, size: int, path: tuple[bytes, ...] = PATH) -> list[Box]:
    """The boxes on a way from the top; as many of them as there are."""
    found: list[Box] = []
    position, end = 0, size
    for name in path:
        box = next((box for box in boxes(file, position, end) if box.name == name), None)
        if box is None:
            break
        found.append(box)
        position, end = (meta_body(file, box) if name == b"meta" else box.body), box.stop
    return found


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of the list: its name, with a colon and more for free-form ones, and its bytes."""

    name: str
    raw: bytes
    values: tuple[tuple[int, bytes], ...]  # type and content of each


def items_of(data: bytes) -> Iterator[Item]:
    """Entries of the list.

    Parameters
    ----------
    data : bytes
        Body of ``ilst``.
    """
    for name, start, body, stop in _split(data, 0, len(data)):
        parts = list(_split(data, body, stop))
        values = tuple(
            (int.from_bytes(data[b + 1 : b + 4], "big"), data[b + 8 : e])
            for kind, _, b, e in parts
            if kind == b"data" and e - b >= 8
        )
        label = name.decode("latin-1")
        if name == FREEFORM:
            words = {kind: data[b + 4 : e].decode("utf-8", "replace") for kind, _, b, e in parts}
            label = f"----:{words.get(b'mean', '')}:{words.get(b'name', '')}"
        yield Item(label, data[start:stop], values)


def _split(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Name, beginning, beginning of the body and end of boxes in memory."""
    for _ in range(_MOST_BOXES):
        length = int.from_bytes(data[position : position + 4], "big")
        if position + 8 > end or length < 8 or position + length > end:
            return
        yield data[position + 4 : position + 8], position, position + 8, position + length
        position += length


def read(file: BinaryIO, size: int) -> dict[str, list[str]]:
    """Values of the list, by name in upper case."""
    path = find_path(file, size)
    if len(path) < len(PATH) or path[-1].stop - path[-1].body > _MOST_LIST:
        return {}
    file.seek(path[-1].body)
    data = file.read(path[-1].stop - path[-1].body)
    found: dict[str, list[str]] = {}
    for item in items_of(data):
        texts = [text for kind, content in item.values if (text := _text(item.name, kind, content))]
        found.setdefault(item.name.upper(), []).extend(texts)
    return found


def _text(name: str, kind: int, content: bytes) -> str:
    """Value as text: types 1 and 2 are UTF-8 and UTF-16, 21 is a whole number."""
    if name == "gnre":
        from mutagen.id3 import TCON

        number = int.from_bytes(content[:2], "big") - 1
        return str(TCON.GENRES[number]) if 0 <= number < len(TCON.GENRES) else ""
    if kind == 21 or name == "tmpo":
        return str(int.from_bytes(content[:8], "big", signed=True)) if content else ""
    if kind in (0, 1):
        return content.decode("utf-8", "replace")
    return content.decode("utf-16-be", "replace") if kind == 2 else ""
