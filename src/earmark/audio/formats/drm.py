"""Recognising encrypted sound, which decoders would report as damage."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

# Sample entries of protected tracks: FairPlay, Common Encryption (ISO/IEC 23001-7), Audible.
_MP4_ENTRIES = {b"drms": "FairPlay", b"p608": "FairPlay", b"enca": "Common Encryption", b"aavd": "Audible"}
_MP4_PATH = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_MOST_BOXES = 4096

# Content Encryption Object, Extended Content Encryption Object (ASF specification 3.14, 3.15).
_ASF_OBJECTS = (
    b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e",
    b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
)


def find_encryption(file: BinaryIO, *, demuxer: str, head: bytes, size: int) -> str:
    """Name the scheme by which a file is encrypted; an empty string if none is seen."""
    if demuxer == "asf":
        return "Windows Media DRM" if any(guid in head for guid in _ASF_OBJECTS) else ""
    if demuxer != "mov":
        return ""
    entries = list(_sample_entries(file, _MP4_PATH, 0, size))
    # One clear sound track is enough: the decoder will take it.
    if b"mp4a" in entries or b"alac" in entries:
        return ""
    return next((_MP4_ENTRIES[entry] for entry in entries if entry in _MP4_ENTRIES), "")


def _sample_entries(file: BinaryIO, path: tuple[bytes, ...], start: int, end: int) -> Iterator[bytes]:
    """Names of the entries of all sample tables below `path` (ISO/IEC 14496-12, section 4.2)."""
    if not path:
        # stsd: four bytes of version and flags, four of count, then boxes.
        yield from (name for name, _, _ in _boxes(file, start + 8, end))
        return
    for name, body, body_end in _boxes(file, start, end):
        if name == path[0]:
            yield from _sample_entries(file, path[1:], body, body_end)


def _boxes(file: BinaryIO, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning and end of the body of each box."""
    for _ in range(_MOST_BOXES):
        if position + 8 > end:  # before going there: a length may be more than a file position can be
            return
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return
        length, name = struct.unpack(">I4s", header[:8])
        skip = 8
        if length == 1 and len(header) == 16:
            length, skip = struct.unpack(">8xQ", header)[0], 16
        elif length == 0:
            length = end - position
        if length < skip:
            return
        yield name, position + skip, min(position + length, end)
        position += length
