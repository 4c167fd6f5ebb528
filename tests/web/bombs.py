"""Small files that claim, or are, a great deal of sound."""

from __future__ import annotations

import struct

from earmark.library.tags.ogg import checksum

RATE = 48_000
SERIAL = b"bomb"
LONGEST_PACKET = 5760  # samples: 120 ms
SILENCE = bytes([(3 << 3) | 3, 2])  # Opus: two frames of 60 ms of nothing (RFC 6716, sections 3.1 and 3.2)


def opus(hours: float, *, n_bytes: int, honest: bool) -> bytes:
    """Ogg Opus of silence, of about `n_bytes`.

    Each packet of two bytes lasts 120 ms. An honest file ends with its last packet; another one claims
    `hours` in its last page.
    """
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, RATE, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"bomb" + struct.pack("<I", 0)
    pages = [_page([head], 0, 0, 2), _page([tags], 0, 1, 0)]
    packets = [SILENCE] * 255
    n_pages = max(1, n_bytes // (27 + 3 * 255))
    for number in range(n_pages):
        last = number == n_pages - 1
        granule = (number + 1) * 255 * LONGEST_PACKET
        if last and not honest:
            granule = round(hours * 3600 * RATE)
        pages.append(_page(packets, granule, number + 2, 4 if last else 0))
    return b"".join(pages)


def _page(packets: list[bytes], granule: int, number: int, flags: int) -> bytes:
    head = struct.pack("<4sBBq4sII", b"OggS", 0, flags, granule, SERIAL, number, 0)
    page = head + bytes([len(packets)]) + bytes(map(len, packets)) + b"".join(packets)
    return page[:22] + checksum(page) + page[26:]


def flac(hours: float, *, claimed_hours: float | None = None, channels: int = 8, sr: int = 96_000) -> bytes:
    """FLAC of constant blocks: 65,535 samples of every channel in a few bytes."""
    block_length = 65_535
    n_blocks = max(1, round(hours * 3600 * sr / block_length))
    claimed = round(claimed_hours * 3600 * sr) if claimed_hours else n_blocks * block_length
    packed = (sr << 44) | ((channels - 1) << 41) | (15 << 36) | min(claimed, 2**36 - 1)
    info = struct.pack(">HH6sQ16s", block_length, block_length, bytes(6), packed, bytes(16))
    blocks = [_block(number, channels, block_length) for number in range(n_blocks)]
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info + b"".join(blocks)


def _block(number: int, channels: int, length: int) -> bytes:
    # Size of the block behind the header (7), rate and size of samples as in STREAMINFO, fixed blocks.
    head = bytes([0xFF, 0xF8, 0x70, (channels - 1) << 4]) + _coded(number) + (length - 1).to_bytes(2, "big")
    head += bytes([_crc8(head)])
    block = head + bytes([0, 0, 0]) * channels  # each a constant subframe of 16 bits, 0
    return block + _crc16(block).to_bytes(2, "big")


def _coded(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass")


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = ((value << 1) ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = ((value << 1) ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value
