"""A name for a recording that no change of its tags, its file name or its folder changes."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, cast

from earmark.audio.formats.sniff import Format, sniff
from earmark.audio.source import OpenedSource, open_source

HASHED_LENGTH = 2 * 1024 * 1024  # bytes of coded sound: 12 s of WAV, 90 s of MP3


def sound_digest(path: str | os.PathLike[str]) -> str:
    """Return the BLAKE2b digest of the first two MiB of the coded sound of a file.

    The packets are taken as the container delivers them and are not decoded, so that tags, pictures and
    padding do not count. To read all of an MP3 would take as long as to classify three excerpts of it.

    Parameters
    ----------
    path : path
        A regular file.

    Returns
    -------
    str
        32 hex digits. Of a file whose container cannot be opened, those of its first bytes.

    Raises
    ------
    AudioError
        It cannot be read, or is no file.
    """
    opened = open_source(path)
    try:
        format_ = sniff(opened.head())
        found = hashlib.blake2b(digest_size=16)
        if format_ is None or not _hash_packets(opened, format_, found):
            file = cast(BinaryIO, opened.file)
            file.seek(0)
            found.update(file.read(HASHED_LENGTH))
        return found.hexdigest()
    finally:
        opened.close()


def _hash_packets(opened: OpenedSource, format_: Format, found: hashlib.blake2b) -> int:
    """Add the first packets to a digest, and return how many bytes they had."""
    import av

    n = 0
    opened.begin = opened.offset
    try:
        with av.open(opened.sound(), "r", format=format_.demuxer, metadata_errors="replace") as container:
            for packet in container.demux(container.streams.audio[0]):
                data = bytes(packet)[: HASHED_LENGTH - n]
                found.update(data)
                n += len(data)
                if n >= HASHED_LENGTH:
                    break
    except (av.FFmpegError, OSError, ValueError, IndexError):
        pass  # what comes before a damaged place names the recording as well
    return n
