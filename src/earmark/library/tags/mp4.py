"""MP4 (M4A, M4B): iTunes' list of boxes in ``moov.udta.meta.ilst``.

Boxes: ISO/IEC 14496-12. The list has no standard; the names are those that iTunes, Picard and mutagen write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from earmark.library.tags.fields import written_names
from earmark.library.tags.splice import Splice, damaged

PATH = (b"moov", b"udta", b"meta", b"ilst")
FREEFORM = b"----"
ROOM = 1024  # bytes of a free box behind a list that had to grow, for the next change
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
    whole: bool  # whether its boxes fill it


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
        yield Item(label, data[start:stop], values, not parts or parts[-1][3] == stop)


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


# ---------------------------------------------------------------- writing


def edit_list(data: bytes, values: Mapping[str, Sequence[str]]) -> bytes:
    """Return the body of ``ilst`` with other values; all other entries as they were.

    Raises
    ------
    TagFormatError
        It cannot be taken apart to its end.
    """
    items = list(items_of(data))
    if sum(len(item.raw) for item in items) != len(data) or not all(item.whole for item in items):
        raise damaged("a list of tags in an MP4")
    names = written_names(values, "mp4")
    gone = {name.upper() for name in names}
    kept = [item.raw for item in items if item.name.upper() not in gone]
    return b"".join(kept) + b"".join(_item(name, found) for name, found in names.items() if found)


def _item(name: str, values: Sequence[str]) -> bytes:
    kind, front, contents = 1, b"", [value.encode() for value in values]
    label = name.encode("latin-1")[:4]
    if name == "tmpo":
        kind, contents = 21, [min(round(float(value)), 32767).to_bytes(2, "big") for value in values]
    if name.startswith("----:"):
        _, mean, word = name.split(":", 2)
        front = box(b"mean", bytes(4) + mean.encode()) + box(b"name", bytes(4) + word.encode())
    return box(
        label, front + b"".join(box(b"data", kind.to_bytes(4, "big") + bytes(4) + c) for c in contents)
    )


def box(name: bytes, body: bytes) -> bytes:
    """Bytes of a box."""
    return (8 + len(body)).to_bytes(4, "big") + name + body


def edit(file: BinaryIO, size: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the list of tags of an MP4, or add one.

    It takes the room of a ``free`` box behind it or behind ``moov``; where there is none, the sound moves,
    and every table that says where it lies is written anew.

    Raises
    ------
    TagFormatError
        The boxes do not fit the file, or it holds tables that would have to be moved and are not known here.
    """
    top = list(boxes(file, 0, size))
    path = find_path(file, size)
    if not path or top[-1].stop != size:
        raise damaged("an MP4 whose boxes do not fit it" if path else "an MP4 without a moov box")
    if len(path) == len(PATH):
        return _changed_list(file, top, path, values)
    content = box(b"ilst", edit_list(b"", values)) + box(b"free", bytes(ROOM))
    if len(path) < 3:
        handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
        content = box(b"meta", bytes(4) + handler + content)
    if len(path) < 2:
        content = box(b"udta", content)
    return _grown(file, top, path, Splice(path[-1].stop, path[-1].stop, content))


def _changed_list(
    file: BinaryIO, top: Sequence[Box], path: list[Box], values: Mapping[str, Sequence[str]]
) -> list[Splice]:
    old = path[-1]
    file.seek(old.body)
    content = box(b"ilst", edit_list(file.read(old.stop - old.body), values))
    siblings = list(boxes(file, meta_body(file, path[-2]), path[-2].stop))
    free = next((b for b in siblings if b.start == old.stop and b.name == b"free"), None)
    stop = free.stop if free else old.stop
    left = stop - old.start - len(content)
    if left == 0 or left >= 8:
        return [Splice(old.start, stop, content + (box(b"free", bytes(left - 8)) if left else b""))]
    return _grown(file, top, path[:-1], Splice(old.start, stop, content + box(b"free", bytes(ROOM))))


def _grown(file: BinaryIO, top: Sequence[Box], parents: Sequence[Box], change: Splice) -> list[Splice]:
    """A change that alters the length of ``moov``, with all that follows from it."""
    growth = len(change.data) - (change.stop - change.start)
    splices = [change, *(_resized(file, parent, growth) for parent in parents)]
    behind = next((b for b in top if b.start == parents[0].stop and b.name in (b"free", b"skip")), None)
    if behind and (behind.stop - behind.start - growth) >= 8 and behind.body - behind.start == 8:
        left = behind.stop - behind.start - growth
        return [*splices, Splice(behind.start, behind.start + growth, b""), _length(behind, left, growth)]
    if all(b.stop <= parents[0].stop for b in top):
        return splices  # nothing lies behind
    if any(b.name in (b"moof", b"mfra", b"sidx") for b in top):
        raise damaged("a fragmented MP4 without room for tags")
    for table, width in _tables(file, parents[0]):
        splices += _moved(file, table, width, change.start, growth)
    return splices


def _length(free: Box, left: int, growth: int) -> Splice:
    """The header of a free box that lost its first bytes: it stands where the box now begins."""
    at = free.start + growth
    return Splice(at, at + 8, left.to_bytes(4, "big") + free.name)


def _resized(file: BinaryIO, parent: Box, growth: int) -> Splice:
    length = parent.stop - parent.start + growth
    if parent.body - parent.start == 16:
        return Splice(parent.start + 8, parent.start + 16, length.to_bytes(8, "big"))
    file.seek(parent.start)
    if file.read(4) == bytes(4):  # to the end of the file
        return Splice(parent.start, parent.start, b"")
    if length >= 1 << 32:
        raise damaged("a box of more than 4 GB")
    return Splice(parent.start, parent.start + 4, length.to_bytes(4, "big"))


def _tables(file: BinaryIO, moov: Box) -> Iterator[tuple[Box, int]]:
    """Tables of positions in the file, and bytes of a position: ``stco`` has four, ``co64`` eight."""
    for track in boxes(file, moov.body, moov.stop):
        found = [track] if track.name == b"trak" else []
        for name in (b"mdia", b"minf", b"stbl"):
            found = [b for outer in found for b in boxes(file, outer.body, outer.stop) if b.name == name]
        for inner in (b for outer in found for b in boxes(file, outer.body, outer.stop)):
            if inner.name in (b"stco", b"co64"):
                yield inner, 4 if inner.name == b"stco" else 8
            elif inner.name in (b"saio", b"senc"):
                raise damaged("an encrypted MP4")


def _offsets(file: BinaryIO, table: Box, width: int) -> list[int]:
    file.seek(table.body + 4)
    count = int.from_bytes(file.read(4), "big")
    if count * width > table.stop - table.body - 8:
        raise damaged("a table of positions in an MP4")
    data = file.read(count * width)
    return [int.from_bytes(data[i : i + width], "big") for i in range(0, len(data), width)]


def _moved(file: BinaryIO, table: Box, width: int, start: int, growth: int) -> list[Splice]:
    offsets = [o + growth if o > start else o for o in _offsets(file, table, width)]
    if offsets and max(offsets) >= 1 << 8 * width:
        raise damaged("an MP4 of more than 4 GB without room for tags")
    data = b"".join(offset.to_bytes(width, "big") for offset in offsets)
    return [Splice(table.body + 8, table.body + 8 + len(data), data)]


def digest_sound(file: BinaryIO, size: int) -> str:
    """Digest of the boxes that hold sound, and of where in them the tables place it."""
    top = list(boxes(file, 0, size))
    digest = hashlib.sha256()
    media = [b for b in top if b.name in (b"mdat", b"moof")]
    for one in media:
        digest.update(one.name)
        file.seek(one.body)
        for length in _pieces(one.stop - one.body):
            digest.update(file.read(length))
    for moov in (b for b in top if b.name == b"moov"):
        for table, width in _tables(file, moov):
            for offset in _offsets(file, table, width):
                where = next(
                    (f"{i}:{offset - b.body}" for i, b in enumerate(media) if b.start <= offset < b.stop), ""
                )
                digest.update(f" {where or offset}".encode())
    return digest.hexdigest()


def _pieces(length: int) -> Iterator[int]:
    while length > 0:
        yield min(length, 1 << 20)
        length -= 1 << 20
