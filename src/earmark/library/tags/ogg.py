"""Ogg: pages that carry the packets of Vorbis, Opus, Speex and FLAC, the second of which holds the comments.

https://www.rfc-editor.org/rfc/rfc3533, https://www.rfc-editor.org/rfc/rfc7845 (Opus).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from earmark.library.tags import vorbis

HEADER_LENGTH = 27
CONTINUED, FIRST, LAST = 1, 2, 4  # flags of a page
_MOST_HEADER, _MOST_PAGES = 64 << 20, 16_384  # in which the comments end: covers are in there
# How the first packet of a stream begins, and what stands in front of the comments in the second.
CODECS = {b"\x01vorbis": b"\x03vorbis", b"OpusHead": b"OpusTags", b"Speex   ": b"", b"\x7fFLAC": b"\x04..."}


@dataclass(frozen=True, slots=True)
class Page:
    """Header of a page, and where it lies.

    Parameters
    ----------
    start, body, stop : int
        Where its header and its body begin and where it ends.
    flags, serial, sequence, position : int
        As of the header; the position is that of the sound.
    lacing : bytes
        Lengths of the segments.
    """

    start: int
    body: int
    stop: int
    flags: int
    position: int
    serial: int
    sequence: int
    lacing: bytes


def pages(file: BinaryIO, start: int = 0) -> Iterator[Page]:
    """Pages that follow one another from `start` on; ends where none begins."""
    while True:
        file.seek(start)
        header = file.read(HEADER_LENGTH)
        if len(header) < HEADER_LENGTH or header[:5] != b"OggS\0":
            return
        lacing = file.read(header[26])
        body = start + HEADER_LENGTH + len(lacing)
        yield Page(
            start=start,
            body=body,
            stop=body + sum(lacing),
            flags=header[5],
            position=int.from_bytes(header[6:14], "little", signed=True),
            serial=int.from_bytes(header[14:18], "little"),
            sequence=int.from_bytes(header[18:22], "little"),
            lacing=lacing,
        )
        start = body + sum(lacing)


def header_packets(file: BinaryIO, start: int = 0) -> tuple[bytes, list[bytes], list[Page]] | None:
    """Read the stream of sound up to its comments.

    Returns
    -------
    mark : bytes
        How its first packet begins: a key of `CODECS`.
    packets : list of bytes
        All that begin on the pages, the last perhaps without its end; the second holds the comments.
    pages : list of Page
        Those of this stream, up to the one on which the second packet ends.
        None where there is no such stream.
    """
    serial, mark = None, b""
    packets: list[bytearray] = []
    found: list[Page] = []
    open_packet = False
    for page in itertools.islice(pages(file, start), _MOST_PAGES):
        if page.stop - start > _MOST_HEADER:
            return None
        file.seek(page.body)
        body = file.read(page.stop - page.body)
        if serial is None and page.flags & FIRST:
            mark = next((mark for mark in CODECS if body.startswith(mark)), b"")
            serial = page.serial if mark else None
        if page.serial != serial:
            if serial is None and not page.flags & FIRST:
                return None
            continue
        found.append(page)
        position = 0
        for length in page.lacing:
            if not open_packet:
                packets.append(bytearray())
            packets[-1] += body[position : position + length]
            position += length
            open_packet = length == 255
        if len(packets) > 2 or (len(packets) == 2 and not open_packet):
            return mark, [bytes(packet) for packet in packets], found
    return None


def read(file: BinaryIO, start: int = 0) -> dict[str, list[str]]:
    """Values of the comments of the first stream of sound."""
    headers = header_packets(file, start)
    if headers is None:
        return {}
    mark, packets, _ = headers
    comment = vorbis.parse(packets[1][len(CODECS[mark]) :])
    return vorbis.values_of(comment) if comment else {}
