"""Ogg: pages that carry the packets of Vorbis, Opus, Speex and FLAC, the second of which holds the comments.

https://www.rfc-editor.org/rfc/rfc3533, https://www.rfc-editor.org/rfc/rfc7845 (Opus).
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from earmark.library.tags import vorbis
from earmark.library.tags.splice import Splice, damaged

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


# ---------------------------------------------------------------- writing


def edit(file: BinaryIO, size: int, start: int, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Change the comments of the first stream of sound.

    The pages of the comments are laid out anew, in as many pages as before where that is possible; else all
    pages of the stream that follow are numbered anew.

    Raises
    ------
    TagFormatError
        The stream does not begin as its codec wants it.
    """
    headers = header_packets(file, start)
    if headers is None:
        raise damaged("an Ogg file without a stream of sound that is known")
    mark, packets, found = headers
    if found[0].stop - found[0].body != len(packets[0]) or len(found) < 2:
        raise damaged("an Ogg stream whose comments begin on its first page")
    packet = _edited(mark, packets[1], values)
    old = found[1:]
    left, body = _behind_comments(file, old)
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255]) + left
    made = _paged(lacing, packet + body, old)
    splices = [Splice(page.start, page.stop, b"") for page in old[1:]]
    splices.insert(0, Splice(old[0].start, old[0].stop, b"".join(made)))
    if len(made) != len(old):
        splices += _renumbered(file, size, old[-1], len(made) - len(old))
    return splices


def _edited(mark: bytes, packet: bytes, values: Mapping[str, Sequence[str]]) -> bytes:
    """The packet of comments; room in it that is filled with zeros is used before it grows."""
    front = packet[: len(CODECS[mark])]
    comment = vorbis.parse(packet[len(front) :])
    if comment is None:
        raise damaged("the comments of an Ogg stream")
    content = vorbis.edit_comment(comment, values)
    if mark == b"\x7fFLAC":
        front = front[:1] + len(content).to_bytes(3, "big")
        return front + content
    framing = 1 if mark == b"\x01vorbis" else 0
    rest = comment.rest
    if not rest[framing:].strip(b"\0"):
        room = max(0, len(packet) - len(front) - len(content) - framing)
        rest = rest[:framing] + bytes(room)
    return front + content + rest


def _behind_comments(file: BinaryIO, old: Sequence[Page]) -> tuple[bytes, bytes]:
    """Lengths of segments, and bytes, of what follows the comments on the page on which they end."""
    last = old[-1]
    segments = 0
    while last.lacing[segments] == 255:
        segments += 1
    segments += 1
    file.seek(last.body + sum(last.lacing[:segments]))
    return last.lacing[segments:], file.read(last.stop - last.body - sum(last.lacing[:segments]))


def _paged(lacing: bytes, body: bytes, old: Sequence[Page]) -> list[bytes]:
    """Pages of segments, as many as the old ones where that is possible."""
    count = max(-(-len(lacing) // 255), min(len(old), len(lacing)))
    made: list[bytes] = []
    first = position = 0
    for i in range(count):
        stop = min(len(lacing), first + 255, len(lacing) - (count - 1 - i))
        part = lacing[first:stop]
        ends = any(length < 255 for length in part)
        where = max(0, old[-1].position) if i == count - 1 else 0
        flags = CONTINUED if i and lacing[first - 1] == 255 else 0
        flags |= old[-1].flags & LAST if i == count - 1 else 0
        head = b"OggS\0" + bytes([flags]) + (where if ends else -1).to_bytes(8, "little", signed=True)
        head += old[0].serial.to_bytes(4, "little") + (old[0].sequence + i).to_bytes(4, "little") + bytes(4)
        page = head + bytes([len(part)]) + part + body[position : position + sum(part)]
        made.append(page[:22] + checksum(page) + page[26:])
        first, position = stop, position + sum(part)
    return made


def _renumbered(file: BinaryIO, size: int, last: Page, shift: int) -> list[Splice]:
    """Number and checksum of the pages of a stream that follow."""
    found = []
    for page in pages(file, last.stop):
        if page.serial != last.serial:
            continue
        if page.stop > size:
            raise damaged("an Ogg file that was cut within a page")
        file.seek(page.start)
        data = file.read(page.stop - page.start)
        number = (page.sequence + shift).to_bytes(4, "little")
        data = data[:18] + number + bytes(4) + data[26:]
        found.append(Splice(page.start + 18, page.start + 26, number + checksum(data)))
        if page.flags & LAST:
            break
    return found


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def checksum(page: bytes) -> bytes:
    """Checksum of a page in which its own four bytes are 0 (RFC 3533, section 6).

    The polynomial is that of zlib, but the bits go the other way and the register begins and ends plain.
    """
    value = ~zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) & 0xFFFFFFFF
    return value.to_bytes(4, "little").translate(_REVERSED)[::-1]


def digest_sound(file: BinaryIO, start: int) -> str:
    """Digest of all packets but the comments, and of where the pages place them in time.

    Equal for two files exactly if they hold the same sound, however it is divided into pages.
    """
    headers = header_packets(file, start)
    serial = headers[2][0].serial if headers else None
    streams: dict[int, list[Any]] = {}
    packet = 0  # of the stream of sound
    for page in pages(file, start):
        lengths, content, times = streams.setdefault(page.serial, [hashlib.sha256() for _ in range(3)])
        file.seek(page.body)
        body = file.read(page.stop - page.body)
        first, position = 0, 0
        if page.serial == serial and packet < 2:  # leave out the segments of packet 1
            for i, length in enumerate(page.lacing):
                if packet == 1:
                    first, position = i + 1, position + length
                elif packet == 0:
                    lengths.update(bytes([length]))
                    content.update(body[position : position + length])
                    first, position = i + 1, position + length
                packet += length < 255 and packet < 2
        lengths.update(page.lacing[first:])
        content.update(body[position:])
        if page.position > 0:
            times.update(page.position.to_bytes(8, "little"))
    return repr([(serial, [one.hexdigest() for one in found]) for serial, found in streams.items()])
