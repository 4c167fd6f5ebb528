"""The containers whose tags are known, by the name of their format; to add one, add its file and an entry."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from earmark.audio.formats.front import id3_length
from earmark.audio.formats.sniff import sniff
from earmark.library.tags import ape, asf, chunks, id3, mp4, ogg, vorbis
from earmark.library.tags.fields import Native
from earmark.library.tags.splice import Splice

HEAD_LENGTH = 65_536
MOST_BLOCKS, _MOST_TAG = 16, 64 << 20  # ID3 tags in a row, and bytes of one
_READ_LENGTH = 1 << 20

Values = Mapping[str, Sequence[str]]
Stretches = Iterable[tuple[int, int]]  # from byte to byte


class Opened(NamedTuple):
    """An open file, and where in it what is.

    Parameters
    ----------
    file : binary file
        Can seek.
    size : int
        Bytes.
    format : str
        Name of its format as `sniff` gives it; "" if it is not known.
    offset : int
        Where the container begins, behind ID3 tags.
    blocks : list of bytes
        The ID3v2 tags in front, each with its header.
    """

    file: BinaryIO
    size: int
    format: str
    offset: int
    blocks: list[bytes]


@dataclass(frozen=True)
class Container:
    """What is done with the tags of a container.

    Parameters
    ----------
    kind : str
        Whose names its tags have: see `earmark.library.tags.fields.NAMES`.
    read : callable
        Gives the values of its own tags by name, and the kind of each of these tags; those of ID3 tags in
        front are read anyway.
    edit : callable
        Gives the splices that set values, in any order.
    digest : callable
        Gives the digest of all that is no tag.
    """

    kind: str
    read: Callable[[Opened], list[tuple[str, Native]]]
    edit: Callable[[Opened, Values], list[Splice]]
    digest: Callable[[Opened], str]


def opened(file: BinaryIO) -> Opened:
    """Look where in an open file its container begins, and which tags stand in front."""
    size = file.seek(0, os.SEEK_END)
    offset = 0
    blocks: list[bytes] = []
    while len(blocks) < MOST_BLOCKS:
        file.seek(offset)
        length = id3_length(file.read(id3.HEADER_LENGTH))
        if not length or length > _MOST_TAG or offset + length > size:
            break
        file.seek(offset)
        blocks.append(file.read(length))
        offset += length
    file.seek(offset)
    head = file.read(HEAD_LENGTH)
    start = 0
    if blocks and head[:1] == b"\0":  # padding that the tag does not count
        start = len(head) - len(head.lstrip(b"\0"))
        head = head[start:]
    known = sniff(head)
    return Opened(file, size, known.name if known else "", offset + (start if known else 0), blocks)


# ---------------------------------------------------------------- tags around the sound


def _edit_id3(one: Opened, values: Values) -> list[Splice]:
    one.file.seek(max(0, one.size - id3.V1_LENGTH))
    found = []
    start = 0
    made = id3.edit(one.blocks, values, one.file.read(id3.V1_LENGTH))
    for old, new in zip(one.blocks or [b""], made, strict=True):
        if old != new:
            found.append(Splice(start, start + len(old), new))
        start += len(old)
    return found


def _behind_blocks(one: Opened) -> Stretches:
    return [(sum(map(len, one.blocks)), one.size)]


def _around_ape(one: Opened) -> Stretches:
    tag = ape.find(one.file, one.size)
    return [(0, tag.start), (tag.stop, one.size)]


def _read_chunks(one: Opened) -> list[tuple[str, Native]]:
    block = chunks.read_id3(one.file, one.size)
    return [("id3", id3.values_of(id3.parse(block))), ("info", chunks.read_info(one.file, one.size))]


# ---------------------------------------------------------------- digests


def _of(stretches: Callable[[Opened], Stretches]) -> Callable[[Opened], str]:
    """Return a digest of the stretches of a file that are no tag."""
    return lambda one: _digest(one.file, stretches(one))


def _digest(file: BinaryIO, stretches: Stretches) -> str:
    digest = hashlib.sha256()
    for start, stop in list(stretches):
        file.seek(start)
        left = stop - start
        while left > 0 and (data := file.read(min(left, _READ_LENGTH))):
            digest.update(data)
            left -= len(data)
        digest.update(b"|")
    return digest.hexdigest()


# ---------------------------------------------------------------- the table

_ID3 = Container("id3", lambda one: [], _edit_id3, _of(_behind_blocks))
_CHUNKS = Container(
    "id3",
    _read_chunks,
    lambda one, values: chunks.edit(one.file, one.size, values),
    _of(lambda one: chunks.sound(one.file, one.size)),
)
_APE = Container(
    "ape",
    lambda one: [("ape", ape.values_of(ape.find(one.file, one.size)))],
    lambda one, values: ape.edit(one.file, one.size, values),
    _of(_around_ape),
)
CONTAINERS: dict[str, Container] = {
    **dict.fromkeys(("mp3", "tta"), _ID3),
    **dict.fromkeys(("wav", "aiff"), _CHUNKS),
    "flac": Container(
        "vorbis",
        lambda one: [("vorbis", vorbis.read_flac(one.file, one.offset))],
        lambda one, values: vorbis.edit_flac(one.file, one.size, one.offset, values),
        _of(lambda one: vorbis.flac_sound(one.file, one.size, one.offset)),
    ),
    "ogg": Container(
        "vorbis",
        lambda one: [("vorbis", ogg.read(one.file, one.offset))],
        lambda one, values: ogg.edit(one.file, one.size, one.offset, values),
        lambda one: ogg.digest_sound(one.file, one.offset),
    ),
    "mp4": Container(
        "mp4",
        lambda one: [("mp4", mp4.read(one.file, one.size))],
        lambda one, values: mp4.edit(one.file, one.size, values),
        lambda one: mp4.digest_sound(one.file, one.size),
    ),
    "asf": Container(
        "asf",
        lambda one: [("asf", asf.read(one.file))],
        lambda one, values: asf.edit(one.file, one.size, values),
        _of(lambda one: [(asf.sound_start(one.file), one.size)]),
    ),
    **dict.fromkeys(("ape", "wavpack", "musepack", "tak"), _APE),
}
