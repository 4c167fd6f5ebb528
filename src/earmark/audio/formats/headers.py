"""What headers claim, read before any decoder trusts it.

Decoders report an impossible header as "format not recognised", and read a truncated WAV as if it had been
meant to be shorter. These few fields are all that is needed to report what is wrong.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from earmark.audio.formats.mpeg import counted_length

_MOST_CHUNKS = 1000
_HEAD_LENGTH = 8192  # three frames of MP3 and more
_LARGEST = 1 << 62  # no file is longer, and no system call takes a position of 2^63

# What programs write that do not know the length yet (because they write into a pipe): nothing, the largest
# number of 32 or 64 bits, with or without sign, less some header, or whole blocks of it. SoX has 0x7FFFF000
# for WAV and 0x7F000000 for AIFF. Such a length is only a length if there are so many bytes.
_PLACEHOLDERS = (0x7F000000, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)
_NEAR = 65_536
_UNKNOWN_MOST = 1 << 50  # and everything from here on

_FMT = "HHI4xH2x"  # format tag, channels, rate, bytes of all channels of one sample
_PCM_TAGS = (1, 3, 6, 7, 0xFFFE)  # whole numbers, floats, A-law, mu-law, or as the extension says
_W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # behind the name of every chunk but the first
_AU_SAMPLE_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # by its number of the encoding


@dataclass
class Claims:
    """Sampling rate in Hz, number of channels and of samples, as far as a header has them.

    `unknown` says that the header has a number of samples which stands for one that was not known. `patch` is
    a place in the file, and the bytes to read there, with which decoders come to know the number.
    """

    sr: int | None = None
    channels: int | None = None
    n: int | None = None
    unknown: bool = False
    patch: tuple[int, bytes] | None = None

    def set_length(self, n_bytes: int, block_length: int, *, available: int) -> None:
        """Set the number of samples from a number of bytes, of which so many are `available`."""
        if is_placeholder(n_bytes) and (n_bytes == 0 or n_bytes > available):
            self.unknown = True
        elif block_length > 0:
            self.n = n_bytes // block_length or None


def is_placeholder(n_bytes: int) -> bool:
    """Whether a length is one that programs write which do not know it."""
    return n_bytes <= 0 or n_bytes >= _UNKNOWN_MOST or any(abs(n_bytes - p) <= _NEAR for p in _PLACEHOLDERS)


def read_claims(file: BinaryIO) -> Claims:
    """Read the claims of a WAV, W64, AIFF, AU, CAF, FLAC or MP3; empty ones for other formats.

    Parameters
    ----------
    file : binary file
        Read from its first byte on; left there.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_HEAD_LENGTH)
    claims = Claims()
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        _read_wave(
            _chunks(file, 12, ">4sI" if head[:4] == b"RIFX" else "<4sI"), claims, size, head[:4] == b"RIFX"
        )
    elif head[:4] == b"FORM" and head[8:11] == b"AIF":
        _read_aiff(_chunks(file, 12, ">4sI"), claims, size)
    elif head[:4] == b"riff" and head[4:8] == b"\x2e\x91\xcf\x11":
        _read_w64(_chunks(file, 40, "<16sQ", alignment=8, counts_header=True), claims, size)
    elif head[:4] == b"caff":
        _read_caf(_chunks(file, 8, ">4sQ", alignment=1), claims, size)
    elif head[:4] == b".snd" and len(head) >= 24:
        offset, length, encoding, claims.sr, claims.channels = struct.unpack(">5I", head[4:24])
        block = _AU_SAMPLE_BYTES.get(encoding, 0) * claims.channels
        claims.set_length(length, block, available=size - offset)
    elif head[:4] == b"fLaC" and len(head) >= 42:
        # STREAMINFO (RFC 9639, section 8.2): 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
        fields = int.from_bytes(head[18:26], "big")
        claims = Claims(sr=fields >> 44, channels=(fields >> 41 & 7) + 1, n=fields & 0xFFFFFFFFF or None)
    elif head[:1] == b"\xff":
        claims.n = counted_length(head)
    file.seek(0)
    return claims


_Chunk = tuple[bytes, int, bytes, int]  # name, length, first bytes, and where these begin


def _chunks(
    file: BinaryIO, position: int, header: str, *, alignment: int = 2, counts_header: bool = False
) -> Iterator[_Chunk]:
    """Walk over the chunks of a file, each with a `header` of name and length."""
    header_length = struct.calcsize(header)
    for _ in range(_MOST_CHUNKS):
        if position > _LARGEST:
            return
        file.seek(position)
        data = file.read(header_length)
        if len(data) < header_length:
            return
        name, length = struct.unpack(header, data)
        length -= header_length if counts_header else 0
        if length < 0:
            return
        position += header_length
        yield name, length, file.read(min(40, length)), position
        position += length + -length % alignment


def _read_wave(chunks: Iterator[_Chunk], claims: Claims, size: int, big_endian: bool) -> None:
    """Fields of the `fmt ` chunk and the length of `data`, which RF64 keeps in `ds64` (EBU Tech 3306)."""
    align, long_length, long_position = 0, 0, 0
    for name, length, body, position in chunks:
        if name == b"ds64" and len(body) >= 16:
            long_length, long_position = struct.unpack("<8xQ", body[:16])[0], position + 8
        elif name == b"fmt " and len(body) >= 16:
            tag, claims.channels, claims.sr, align = struct.unpack(
                (">" if big_endian else "<") + _FMT, body[:16]
            )
            align *= tag in _PCM_TAGS
        elif name == b"data":
            n_bytes = long_length if length == 0xFFFFFFFF else length
            claims.set_length(n_bytes, align, available=size - position)
            if claims.unknown and long_position:
                claims.patch = long_position, max(0, size - position).to_bytes(8, "little")
            return


def _read_w64(chunks: Iterator[_Chunk], claims: Claims, size: int) -> None:
    """Fields of `fmt ` and the length of `data`, chunks named by GUIDs (Sony, "Wave64 file format")."""
    align = 0
    for name, length, body, position in chunks:
        if name == b"fmt " + _W64_GUID and len(body) >= 16:
            tag, claims.channels, claims.sr, align = struct.unpack("<" + _FMT, body[:16])
            align *= tag in _PCM_TAGS
        elif name == b"data" + _W64_GUID:
            claims.set_length(length, align, available=size - position)
            if claims.unknown:
                claims.patch = position - 8, max(0, size - position + 24).to_bytes(8, "little")
            return


def _read_aiff(chunks: Iterator[_Chunk], claims: Claims, size: int) -> None:
    """Fields of the COMM chunk, whose rate is an 80-bit float (AIFF 1.3, section "Common Chunk")."""
    for name, _, body, position in chunks:
        if name == b"COMM" and len(body) >= 18:
            channels, n, bits, exponent, mantissa = struct.unpack(">hIhHQ", body[:18])
            claims.channels = channels
            block = max(1, channels * -(-bits // 8))
            claims.set_length(n * block, block, available=size - position)
            shift = (exponent & 0x7FFF) - 16383 - 63
            claims.sr = mantissa >> -shift if -64 < shift <= 0 else 0 if shift < 0 else 1 << 40
            return


def _read_caf(chunks: Iterator[_Chunk], claims: Claims, size: int) -> None:
    """Fields of `desc` and the length of `data` where packets have a length (Apple, "Core Audio Format")."""
    packet, per_packet = 0, 0
    for name, length, body, position in chunks:
        if name == b"desc" and len(body) >= 32:
            rate, packet, per_packet, claims.channels = struct.unpack(">d8xIII4x", body[:32])
            claims.sr = int(rate) if 0 <= rate < 1 << 40 else 0
        elif name == b"data":
            claims.set_length(length - 4, packet, available=size - position - 4)
            if claims.n is not None:
                claims.n *= per_packet
            return
