"""Which splices change the tags of a file, and what in it is sound and must stay."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from earmark.audio.formats.drm import find_encryption
from earmark.errors import TagFormatError
from earmark.library.tags import ape, asf, chunks, id3, mp4, ogg, vorbis
from earmark.library.tags.read import HEAD_LENGTH, container_of
from earmark.library.tags.splice import Splice, ordered

# Kind of the tags that are written, by the format of the file.
KINDS = {
    "mp3": "id3",
    "tta": "id3",
    "wav": "id3",
    "aiff": "id3",
    "flac": "vorbis",
    "ogg": "vorbis",
    "mp4": "mp4",
    "asf": "asf",
    "ape": "ape",
    "wavpack": "ape",
    "musepack": "ape",
    "tak": "ape",
}
_WRITABLE = "MP3, FLAC, Ogg, Opus, M4A, WMA, AIFF, WAV, APE, WavPack, Musepack, TAK, TTA"


def format_of(file: BinaryIO) -> str:
    """Name the format of an open file, if its tags can be written.

    Raises
    ------
    TagFormatError
        They cannot.
    """
    size = file.seek(0, os.SEEK_END)
    kind, _, _ = container_of(file, size)
    if kind not in KINDS:
        raise TagFormatError(
            f"tags of {kind or 'an unknown format'} are not written", hint=f"Accepted: {_WRITABLE}."
        )
    file.seek(0)
    demuxer = {"mp4": "mov"}.get(kind, kind)
    scheme = find_encryption(file, demuxer=demuxer, head=file.read(HEAD_LENGTH), size=size)
    if scheme:
        raise TagFormatError(
            f"encrypted by {scheme}: the file is left alone", hint="Try: a copy without DRM."
        )
    return kind


def edits(file: BinaryIO, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Splices that give a file other tags.

    Parameters
    ----------
    file : binary file
    values : mapping of str to sequence of str
        By field, as of `fields.WRITABLE`, or by the name of evidence; no values to remove one.

    Returns
    -------
    list of Splice
        In the order of the file.

    Raises
    ------
    TagFormatError
        Its tags cannot be written, or not without risk.
    """
    kind = format_of(file)
    size = file.seek(0, os.SEEK_END)
    _, offset, blocks = container_of(file, size)
    match kind:
        case "mp3" | "tta":
            found = _id3_in_front(file, size, blocks, values)
        case "wav" | "aiff":
            found = chunks.edit(file, size, values)
        case "flac":
            found = vorbis.edit_flac(file, size, offset, values)
        case "ogg":
            found = ogg.edit(file, size, offset, values)
        case "mp4":
            found = mp4.edit(file, size, values)
        case "asf":
            found = asf.edit(file, size, values)
        case _:
            found = ape.edit(file, size, values)
    return ordered(found)


def _id3_in_front(
    file: BinaryIO, size: int, blocks: Sequence[bytes], values: Mapping[str, Sequence[str]]
) -> list[Splice]:
    file.seek(max(0, size - id3.V1_LENGTH))
    found = []
    start = 0
    made = id3.edit(blocks, values, file.read(id3.V1_LENGTH))
    for old, new in zip(blocks or [b""], made, strict=True):
        if old != new:
            found.append(Splice(start, start + len(old), new))
        start += len(old)
    return found


def digest_sound(file: BinaryIO) -> str:
    """Digest of all in a file that is no tag: equal before and after a change of tags.

    What is left out is what `edits` may alter: the tags, padding, numbers of pages, positions that moved.
    """
    size = file.seek(0, os.SEEK_END)
    kind, offset, blocks = container_of(file, size)
    if kind == "ogg":
        return ogg.digest_sound(file, offset)
    if kind == "mp4":
        return mp4.digest_sound(file, size)
    return _digest(file, _stretches(file, size, kind, offset, blocks))


def _stretches(
    file: BinaryIO, size: int, kind: str, offset: int, blocks: Sequence[bytes]
) -> Iterable[tuple[int, int]]:
    """Where a file holds what is no tag."""
    match kind:
        case "wav" | "aiff":
            return chunks.sound(file, size)
        case "flac":
            return vorbis.flac_sound(file, size, offset)
        case "asf":
            return [(asf.sound_start(file), size)]
        case "ape" | "wavpack" | "musepack" | "tak":
            tag = ape.find(file, size)
            return [(0, tag.start), (tag.stop, size)]
    return [(sum(map(len, blocks)), size)]


def _digest(file: BinaryIO, stretches: Iterable[tuple[int, int]]) -> str:
    digest = hashlib.sha256()
    for start, stop in list(stretches):
        file.seek(start)
        left = stop - start
        while left > 0 and (data := file.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
        digest.update(b"|")
    return digest.hexdigest()
