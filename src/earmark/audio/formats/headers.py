"""What headers claim, read before any decoder trusts it.

Decoders report an impossible header as "format not recognised", and read a truncated WAV as if it had been
meant to be shorter. These few fields are all that is needed to say what is wrong.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from earmark.audio.formats.mpeg import counted_length

_UNKNOWN_LENGTHS = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # what programs write that do not know the length yet
_MOST_CHUNKS = 1000
_HEAD_LENGTH = 8192  # three frames of MP3 and more


@dataclass
class Claims:
    """Sampling rate in Hz, number of channels and of samples, as far as a header tells them."""

    sr: int | None = None
    channels: int | None = None
    n: int | None = None


def read_claims(file: BinaryIO, *, offset: int = 0) -> Claims:
    """Read the claims of a WAV, AIFF, FLAC or MP3 that begins at `offset`; empty ones for other formats."""
    file.seek(offset)
    head = file.read(_HEAD_LENGTH)
    claims = Claims()
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        _read_wave(file, claims, offset + 12, ">" if head[:4] == b"RIFX" else "<")
    elif head[:4] == b"FORM" and head[8:11] == b"AIF":
        _read_aiff(file, claims, offset + 12)
    elif head[:4] == b"fLaC" and len(head) >= 42:
        # STREAMINFO (RFC 9639, section 8.2): 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
        fields = int.from_bytes(head[18:26], "big")
        claims = Claims(sr=fields >> 44, channels=(fields >> 41 & 7) + 1, n=fields & 0xFFFFFFFFF or None)
    elif head[:1] == b"\xff":
        claims.n = counted_length(head)
    file.seek(0)
    return claims


def _read_wave(file: BinaryIO, claims: Claims, position: int, order: str) -> None:
    """Fields of the `fmt ` chunk and the length of `data`, which RF64 keeps in `ds64` (EBU Tech 3306)."""
    align, data_length = 0, 0
    for _ in range(_MOST_CHUNKS):
        name, length, body = _chunk(file, position, order, 16)
        if name == b"ds64" and len(body) == 16:
            data_length = struct.unpack("<8xQ", body)[0]
        elif name == b"fmt " and len(body) == 16:
            claims.channels, claims.sr, align = struct.unpack(order + "2xHI4xH2x", body)
        elif name == b"data":
            # A length that is a known "not known", or RF64's pointer to ds64.
            data_length = data_length if length in _UNKNOWN_LENGTHS else length
            break
        elif not name:
            return
        position += 8 + length + length % 2
    if align and data_length:
        claims.n = data_length // align


def _read_aiff(file: BinaryIO, claims: Claims, position: int) -> None:
    """Fields of the COMM chunk, whose rate is an 80-bit float (AIFF 1.3, section "Common Chunk")."""
    for _ in range(_MOST_CHUNKS):
        name, length, body = _chunk(file, position, ">", 18)
        if name == b"COMM" and len(body) == 18:
            channels, n, _bits, exponent, mantissa = struct.unpack(">hIhHQ", body)
            claims.channels, claims.n = channels, n or None
            shift = (exponent & 0x7FFF) - 16383 - 63
            claims.sr = mantissa >> -shift if -64 < shift <= 0 else 0 if shift < 0 else 1 << 40
            return
        if not name:
            return
        position += 8 + length + length % 2


def _chunk(file: BinaryIO, position: int, order: str, n_wanted: int) -> tuple[bytes, int, bytes]:
    """Name, length and first bytes of the chunk at `position`; an empty name at the end of the file."""
    file.seek(position)
    header = file.read(8)
    if len(header) < 8:
        return b"", 0, b""
    name, length = struct.unpack(order + "4sI", header)
    return name, length, file.read(min(n_wanted, length))
