"""Where an Ogg stream ends: it carries no length, but its last page says that it is the last."""

from __future__ import annotations

from typing import BinaryIO

_LONGEST_PAGE = 27 + 255 + 255 * 255  # RFC 3533, section 6
_END_OF_STREAM = 0x04


def is_complete(file: BinaryIO, *, size: int) -> bool:
    """Whether the last page is whole and bears the end mark. A disk that fails is the decoder's to report."""
    try:
        file.seek(max(0, size - _LONGEST_PAGE - 1))
        tail = file.read(_LONGEST_PAGE + 1)
    except OSError:
        return True
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    segments = tail[page + 27 : page + 27 + tail[page + 26]]
    whole = len(tail) >= page + 27 + len(segments) + sum(segments)
    return whole and bool(tail[page + 5] & _END_OF_STREAM)
