"""What stands before the sound in a file: ID3 and APE tags, a server's header, a byte order mark."""

from __future__ import annotations

import re

# First boxes of an MP4, by their names at byte 4.
BOX_NAMES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

# The answer of a web or radio server that was saved with the file, and what scripts print before one.
_FRONT = re.compile(
    rb"(?:HTTP/\d(?:\.\d)?|ICY) \d{3}[^\n]{0,200}\n(?:[^\r\n][^\n]{0,4000}\n){0,100}\r?\n"
    rb"|(?:\xef\xbb\xbf|[\r\n\t])+"
)
_APE_HEADER_LENGTH = 32


def id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag that begins here, with header and footer; 0 if none does (ID3v2.4.0, 3.1).

    Each of the four bytes of its size has seven bits; some programs write eight.
    """
    if len(head) < 10 or head[:3] != b"ID3" or head[3] > 4:
        return 0
    bits = 7 if max(head[6:10]) < 128 else 8
    length = head[6] << 3 * bits | head[7] << 2 * bits | head[8] << bits | head[9]
    return 10 + length + (10 if head[5] & 0x10 else 0)


def front_length(head: bytes) -> int:
    """Bytes of an APE tag, a server's header or a byte order mark that begins here; 0 if none does."""
    if head.startswith(b"APETAGEX") and len(head) >= _APE_HEADER_LENGTH:
        return _APE_HEADER_LENGTH + int.from_bytes(head[12:16], "little")
    matched = _FRONT.match(head)
    return matched.end() if matched else 0
