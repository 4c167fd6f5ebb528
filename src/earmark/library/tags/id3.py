"""ID3: the tag of MP3 and True Audio, and as a chunk of WAV and AIFF.

Frames are kept as the bytes that they are; only those that are replaced are written anew. So the version of
a tag (2.2, 2.3, 2.4), pictures, chapters, ratings and frames that nobody knows stay as they were.
ID3v2.4.0 structure and frames: https://id3.org/id3v2.4.0-structure, 2.3: https://id3.org/id3v2.3.0.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from earmark.library.tags.fields import written_names
from earmark.library.tags.splice import damaged

HEADER_LENGTH = 10
V1_LENGTH = 128
UFID_OWNER = "http://musicbrainz.org"
_MOST_TEXT = 1 << 20  # bytes of a frame that are read as text
_MOST_FRAMES, _MOST_KEPT, _MOST_GENRE = 65_536, 4096, 1024
_NAME = re.compile(rb"[A-Z][A-Z0-9]{2}[A-Z0-9 \0]\Z")
_NAME_22 = re.compile(rb"[A-Z][A-Z0-9]{2}\Z")
_REFERENCES = re.compile(r"\((\d{1,3}|RX|CR)\)")

# Names of version 2.2, as far as earmark reads or writes them.
FROM_22 = {
    "TT2": "TIT2",
    "TP1": "TPE1",
    "TP2": "TPE2",
    "TAL": "TALB",
    "TYE": "TYER",
    "TOR": "TORY",
    "TCO": "TCON",
    "TBP": "TBPM",
    "TKE": "TKEY",
    "TXX": "TXXX",
    "COM": "COMM",
    "UFI": "UFID",
}
_TO_22 = {new: old for old, new in FROM_22.items()}
ROOM = 1024  # bytes of padding in a tag that had to grow, for the next change


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: its name as of versions 2.3 and 2.4, its bytes with header, and its body as it can be read."""

    name: str
    raw: bytes
    body: bytes


@dataclass(slots=True)
class Block:
    """An ID3v2 tag.

    Parameters
    ----------
    version : int
        2, 3 or 4.
    frames : list of Frame
    rest : bytes
        What stands behind the frames and is no padding: no reader gets that far.
    length : int
        Bytes of the whole tag in the file, padding included.
    """

    version: int = 4
    frames: list[Frame] = field(default_factory=list)
    rest: bytes = b""
    length: int = 0


def parse(data: bytes) -> Block:
    """Take an ID3v2 tag apart.

    Parameters
    ----------
    data : bytes
        The tag from ``ID3`` on, to its end.

    Returns
    -------
    Block
        Without frames where the header makes no sense.
    """
    block = Block(version=data[3] if len(data) > 3 else 0, length=len(data))
    if len(data) < HEADER_LENGTH or data[:3] != b"ID3" or block.version not in (2, 3, 4):
        return block
    flags = data[5]
    end = len(data) - (10 if block.version == 4 and flags & 0x10 else 0)
    body = data[HEADER_LENGTH:end]
    if flags & 0x80 and block.version < 4:
        body = body.replace(b"\xff\x00", b"\xff")
    start = _extended_length(body, block.version) if flags & 0x40 and block.version > 2 else 0
    for frame, stop in _frames(body, start, block.version, unsynchronised=bool(flags & 0x80)):
        block.frames.append(frame)
        start = stop
    block.rest = body[start:] if body[start:].strip(b"\0") else b""
    return block


def _extended_length(body: bytes, version: int) -> int:
    """Bytes of the extended header; 0 where a flag claims one and a frame stands there."""
    if len(body) < 4 or _NAME.match(body[:4]):
        return 0
    return synchsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")


def _frames(body: bytes, position: int, version: int, *, unsynchronised: bool) -> Iterator[tuple[Frame, int]]:
    """Frames and where each ends."""
    header = 6 if version == 2 else 10
    for _ in range(_MOST_FRAMES):
        if position + header > len(body):
            return
        name = body[position : position + (3 if version == 2 else 4)]
        if not (_NAME_22 if version == 2 else _NAME).match(name):
            return
        stop = position + header + _frame_length(body, position, version)
        if stop > len(body):
            return
        raw = body[position:stop]
        flags = 0 if version == 2 else raw[9]
        content = raw[header:]
        if version > 2:
            content = _content(content, flags, version, unsynchronised=unsynchronised)
        if version == 4:  # a plain length would be misread beside the right ones of new frames
            raw = raw[:4] + _synchsafe_bytes(len(raw) - header) + raw[8:]
        text = name.decode("ascii").rstrip(" \0")
        yield Frame(FROM_22.get(text, text), raw, content), stop
        position = stop


def _frame_length(body: bytes, position: int, version: int) -> int:
    if version == 2:
        return int.from_bytes(body[position + 3 : position + 6], "big")
    size = body[position + 4 : position + 8]
    plain = int.from_bytes(size, "big")
    if version == 3 or max(size) > 127:
        return plain
    # iTunes wrote plain numbers into 2.4 as well: whichever leads to the next frame is meant.
    safe = synchsafe(size)
    ends = [(length, position + 10 + length) for length in (safe, plain)]
    named = (length for length, end in ends if end == len(body) or _NAME.match(body[end : end + 4]))
    padded = (length for length, end in ends if end < len(body) and not body[end:].strip(b"\0"))
    return next(named, next(padded, safe))


def _content(content: bytes, flags: int, version: int, *, unsynchronised: bool) -> bytes:
    """Body of a frame without what its flags stand for; empty if it is encrypted or cannot be inflated."""
    packed, locked, grouped = (0x08, 0x04, 0x40) if version == 4 else (0x80, 0x40, 0x20)
    if flags & locked:
        return b""
    content = content[1:] if flags & grouped else content
    if (version == 4 and flags & 0x01) or (version == 3 and flags & packed):
        content = content[4:]  # the length that it will have
    if version == 4 and (flags & 0x02 or unsynchronised):
        content = content.replace(b"\xff\x00", b"\xff")
    if flags & packed:
        try:
            content = zlib.decompressobj().decompress(content, _MOST_TEXT)
        except zlib.error:
            return b""
    return content


def synchsafe(data: bytes) -> int:
    """Number of which each byte carries seven bits."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value


def _synchsafe_bytes(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


# ---------------------------------------------------------------- values


def values_of(block: Block) -> dict[str, list[str]]:
    """Values of the frames that hold text, by name: ``TCON``, ``TXXX:MOOD``, ``UFID:owner``, ``COMM``."""
    found: dict[str, list[str]] = {}
    for frame in block.frames:
        name, values = _values(frame, block.version)
        if values:
            found.setdefault(name.upper(), []).extend(values)
    return found


def _values(frame: Frame, version: int) -> tuple[str, list[str]]:
    body = frame.body
    if frame.name == "UFID":
        owner, _, number = body.partition(b"\0")
        return f"UFID:{owner.decode('latin-1')}", [number.decode("ascii", "replace")]
    if not body or (frame.name[0] != "T" and frame.name != "COMM"):
        return frame.name, []
    if frame.name == "COMM":
        description, *texts = decode(body[0], body[4:]) or [""]
        # iTunes keeps numbers in comments that have a name.
        return ("COMM" if not description else f"COMM:{description}"), [t for t in texts if t]
    values = decode(body[0], body[1:])
    if frame.name == "TXXX":
        name = f"TXXX:{values[0]}" if values else "TXXX:"
        values = values[1:]
        return name, _split(values) if name.upper() == "TXXX:MOOD" and version < 4 else values
    if frame.name == "TCON":
        return "TCON", genres_of(values, version)
    return frame.name, values


def decode(encoding: int, data: bytes) -> list[str]:
    """Decode the text of a frame into its values, which NUL separates."""
    data = data[:_MOST_TEXT]
    if encoding == 1 and data[:2] == b"\xfe\xff":
        text = data.decode("utf-16-be", "replace")
    else:
        codec = {1: "utf-16-le", 2: "utf-16-be", 3: "utf-8"}.get(encoding, "latin-1")
        text = data.decode(codec, "replace")
    values = [value.strip("\ufeff") for value in text.split("\0")]
    while values and not values[-1]:
        values.pop()
    return values


def _split(values: list[str]) -> list[str]:
    """Values of version 2.3, which has one text where 2.4 has several; a slash stands between them."""
    return [part.strip() for value in values for part in value.split("/")]


def genres_of(values: list[str], version: int) -> list[str]:
    """Genres in words: numbers stand for the list of ID3v1, ``(4)`` before 2.4 and ``4`` since.

    Examples
    --------
    >>> genres_of(["(4)(17)Glam"], 3), genres_of(["17", "Glam"], 4), genres_of(["R&B/Soul"], 3)
    (['Disco', 'Rock', 'Glam'], ['Rock', 'Glam'], ['R&B', 'Soul'])
    """
    found = []
    for value in _split(values) if version < 4 else values:
        rest = value[:_MOST_GENRE]
        while matched := _REFERENCES.match(rest):
            found.append(_named(matched[1]))
            rest = rest[matched.end() :]
        rest = rest.removeprefix("(") if rest.startswith("((") else rest
        if rest:
            found.append(_named(rest))
    return found


def _named(text: str) -> str:
    from mutagen.id3 import TCON

    if text in ("RX", "CR"):
        return {"RX": "Remix", "CR": "Cover"}[text]
    if text.isascii() and text.isdigit() and len(text) < 4:
        return str(TCON.GENRES[int(text)]) if int(text) < len(TCON.GENRES) else text
    return text


# ---------------------------------------------------------------- writing


def edit(blocks: Sequence[bytes], values: Mapping[str, Sequence[str]], v1: bytes = b"") -> list[bytes]:
    """Change the tags in front of a file, or in the chunks of one.

    Parameters
    ----------
    blocks : sequence of bytes
        The ID3v2 tags, each with its header; none for a new one.
    values : mapping of str to sequence of str
        By field or name of evidence.
    v1 : bytes
        The ID3v1 tag, if there is one: what it says goes into a new tag, for many players read only one.

    Returns
    -------
    list of bytes
        As many as there were, at least one. The values stand in the first. Each is as long as it was if there
        is room, else `ROOM` longer than needed.

    Raises
    ------
    TagFormatError
        The first cannot be taken apart.
    """
    if not blocks:
        old = {"COMM:ID3v1 Comment" if n == "COMM" else n: found for n, found in values_of_v1(v1).items()}
        block = Block(frames=[_text_frame(name, found, 4) for name, found in old.items()])
        return [_render(block, written_names(values, "id3"), add=True, flags=0)]
    return [_edited(data, values, add=i == 0) for i, data in enumerate(blocks)]


def _edited(data: bytes, values: Mapping[str, Sequence[str]], *, add: bool) -> bytes:
    block = parse(data)
    if block.version not in (2, 3, 4) or len(data) < HEADER_LENGTH:
        raise damaged(f"an ID3 tag of version 2.{block.version}")
    if (
        len(block.rest) > _MOST_TEXT
        or len(block.frames) > _MOST_KEPT
        or (block.version == 2 and data[5] & 0x40)
    ):
        raise damaged("an ID3 tag with frames that cannot be read")
    names = written_names(values, "id3", block.version)
    if not add and not any(_is_one_of(frame, block.version, names) for frame in block.frames):
        return data
    # Frames of 2.4 keep their own unsynchronisation, those of 2.3 were taken out of the tag's.
    return _render(block, names, add=add, flags=data[5] & (0xA0 if block.version == 4 else 0x20))


def _render(block: Block, names: Mapping[str, Sequence[str]], *, add: bool, flags: int) -> bytes:
    replaced = [_is_one_of(frame, block.version, names) for frame in block.frames]
    comments = [i for i, frame in enumerate(block.frames) if replaced[i] and frame.name == "COMM"]
    for i in comments[1:]:  # in other languages
        replaced[i] = False
    frames = [frame.raw for frame, gone in zip(block.frames, replaced, strict=True) if not gone]
    if add:
        # In front, where a new comment goes before those in other languages.
        made = [_text_frame(name, found, block.version) for name, found in names.items() if any(found)]
        frames = [frame.raw for frame in made] + frames
    content = b"".join(frames) + block.rest
    length = max(block.length, HEADER_LENGTH + len(content))
    if length > block.length:
        length += ROOM
    if length - HEADER_LENGTH >= 1 << 28:
        raise damaged("an ID3 tag of more than 256 MB")
    size = _synchsafe_bytes(length - HEADER_LENGTH)
    return (b"ID3" + bytes([block.version, 0, flags]) + size + content).ljust(length, b"\0")


def _is_one_of(frame: Frame, version: int, names: Mapping[str, Sequence[str]]) -> bool:
    key = _values(frame, version)[0].upper() if frame.name in ("TXXX", "COMM") else frame.name
    return key in {name.upper() for name in names}


def _text_frame(name: str, values: Sequence[str], version: int) -> Frame:
    """Make a frame: UTF-8 in 2.4, else Latin-1 or, where that lacks a character, UTF-16."""
    name, _, description = name.partition(":")
    texts = [value.replace("\0", "") for value in values]
    if version < 4:  # one text, as Picard joins them and as players take it apart
        texts = ["/".join(f"({text}" if name == "TCON" and text.startswith("(") else text for text in texts)]
    codec, number = "utf-8", 3
    if version < 4:
        latin = all(text.isascii() or _is_latin(text) for text in (description, *texts))
        codec, number = ("latin-1", 0) if latin else ("utf-16", 1)
    end = b"\0\0" if number == 1 else b"\0"
    body = bytes([number])
    if name == "COMM":
        body += b"eng"
    if name in ("TXXX", "COMM"):
        body += description.encode(codec) + end
    body += end.join(text.encode(codec) for text in texts)
    return Frame(name, _frame_bytes(name, body, version), body)


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _frame_bytes(name: str, body: bytes, version: int) -> bytes:
    if version == 2:
        return _TO_22[name].encode() + len(body).to_bytes(3, "big") + body
    size = len(body).to_bytes(4, "big")
    if version == 4:
        size = _synchsafe_bytes(len(body))
    return name.encode() + size + b"\0\0" + body


# ---------------------------------------------------------------- version 1


def values_of_v1(tag: bytes) -> dict[str, list[str]]:
    """Values of an ID3v1 tag, the last 128 bytes of a file, under the names of version 2."""
    if len(tag) != V1_LENGTH or tag[:3] != b"TAG":
        return {}

    def text(start: int, stop: int) -> list[str]:
        value = tag[start:stop].partition(b"\0")[0].decode("latin-1").strip()
        return [value] if value else []

    genre = _named(str(tag[127]))
    found = {
        "TIT2": text(3, 33),
        "TPE1": text(33, 63),
        "TALB": text(63, 93),
        "TDRC": text(93, 97),
        "COMM": text(97, 127),
        "TRCK": [str(tag[126])] if tag[125] == 0 and tag[126] else [],
        "TCON": [] if genre.isdigit() else [genre],
    }
    return {name: values for name, values in found.items() if values}
