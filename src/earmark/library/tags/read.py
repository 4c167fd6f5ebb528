"""Reading the tags of any file that earmark reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from earmark.audio.formats.front import id3_length
from earmark.audio.formats.sniff import sniff
from earmark.errors import AudioNotFoundError, UnreadableAudioError
from earmark.library.tags import ape, asf, chunks, id3, mp4, ogg, vorbis
from earmark.library.tags.fields import Native, Tags, interpret

HEAD_LENGTH = 65_536
MOST_BLOCKS, _MOST_TAG = 16, 64 << 20  # ID3 tags in a row, and bytes of one
_ZEROS = 1 << 20  # that may stand between a tag and the sound


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read the tags of a file, in whatever format they are.

    Parameters
    ----------
    path : path
        Its format is found from its content, never from its name.

    Returns
    -------
    Tags
        Empty for a format without tags that are known here; of a damaged tag, what can be read.

    Raises
    ------
    AudioNotFoundError
        There is no such file.
    UnreadableAudioError
        It cannot be read.
    """
    with open_file(path) as file:
        return tags_of(file)


@contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to read its tags.

    Raises
    ------
    AudioNotFoundError, UnreadableAudioError
        As of `read_tags`, also for what fails while it is open.
    """
    try:
        with open(path, "rb", opener=_open_file) as file:
            yield file
    except FileNotFoundError:
        raise AudioNotFoundError(f"{Path(path)} does not exist", hint="Try: check the spelling.") from None
    except OSError as error:
        raise UnreadableAudioError(
            f"{Path(path)} cannot be read ({error.strerror or error})",
            hint="Try: check its permissions, or the disk.",
        ) from None


def _open_file(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block


def tags_of(file: BinaryIO) -> Tags:
    """Tags of an open file."""
    return _first_of([interpret(native, kind) for kind, native in natives_of(file)])


def natives_of(file: BinaryIO) -> list[tuple[str, Native]]:
    """Values of an open file by the names of its kind of tag, and that kind.

    Those of its container come first, then those of an ID3 or APE tag around it.
    """
    size = file.seek(0, os.SEEK_END)
    kind, offset, blocks = container_of(file, size)
    found: list[tuple[str, Native]] = []
    match kind:
        case "flac":
            found.append(("vorbis", vorbis.read_flac(file, offset)))
        case "ogg":
            found.append(("vorbis", ogg.read(file, offset)))
        case "mp4":
            found.append(("mp4", mp4.read(file, size)))
        case "asf":
            found.append(("asf", asf.read(file)))
        case "wav" | "aiff":
            found.append(("id3", id3.values_of(id3.parse(chunks.read_id3(file, size)))))
            found.append(("info", chunks.read_info(file, size)))
        case "ape" | "wavpack" | "musepack" | "tak":
            found.append(("ape", ape.values_of(ape.find(file, size))))
    found += [("id3", id3.values_of(id3.parse(block))) for block in blocks]
    if kind in ("mp3", "tta", "aac", ""):
        found.append(("ape", ape.values_of(ape.find(file, size))))
        file.seek(max(0, size - id3.V1_LENGTH))
        found.append(("id3", id3.values_of_v1(file.read(id3.V1_LENGTH))))
    return found


def container_of(file: BinaryIO, size: int) -> tuple[str, int, list[bytes]]:
    """Name the format of a file, where it begins behind ID3 tags, and these tags.

    Returns
    -------
    kind : str
        Name of the format as `sniff` gives it; "" if it is not known.
    offset : int
    blocks : list of bytes
        The ID3v2 tags in front, each with its header.
    """
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
    return (known.name if known else ""), offset + (start if known else 0), blocks


def _first_of(found: list[Tags]) -> Tags:
    """Join tags: of each field, the first that says something."""
    joined: dict[str, Any] = {}
    for field in fields(Tags):
        values = (getattr(tags, field.name) for tags in found)
        joined[field.name] = next(filter(None, values), field.default)
    return Tags(**joined)
