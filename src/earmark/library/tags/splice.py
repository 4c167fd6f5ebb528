"""A change of a file as the stretches of bytes that differ: small to keep, and exact to take back."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from earmark.errors import TagError

_COPY_LENGTH = 1 << 20


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes from `start` to `stop` of a file become `data`."""

    start: int
    stop: int
    data: bytes


def ordered(splices: Iterable[Splice]) -> list[Splice]:
    """Splices in the order of the file.

    Raises
    ------
    ValueError
        Two of them overlap.
    """
    found = sorted(splices, key=lambda splice: (splice.start, splice.stop))
    if any(one.stop > following.start for one, following in itertools.pairwise(found)):
        raise ValueError("splices overlap")
    return found


def inverse(file: BinaryIO, splices: Sequence[Splice]) -> list[Splice]:
    """Splices that make the old file of the new one.

    Parameters
    ----------
    file : binary file
        The old one.
    splices : sequence of Splice
        In order.
    """
    found: list[Splice] = []
    shift = 0
    for splice in splices:
        file.seek(splice.start)
        old = file.read(splice.stop - splice.start)
        start = splice.start + shift
        found.append(Splice(start, start + len(splice.data), old))
        shift += len(splice.data) - len(old)
    return found


def rewrite(source: BinaryIO, splices: Sequence[Splice], target: BinaryIO) -> str:
    """Write a file with its splices made.

    Returns
    -------
    str
        SHA-256 of what was written.
    """
    digest = hashlib.sha256()

    def put(data: bytes) -> None:
        digest.update(data)
        target.write(data)

    source.seek(0)
    position = 0
    for splice in splices:
        while position < splice.start:
            data = source.read(min(_COPY_LENGTH, splice.start - position))
            if not data:
                raise TagError("the file ended while it was read", hint="Try: again when nobody writes it.")
            put(data)
            position += len(data)
        put(splice.data)
        position = splice.stop
        source.seek(position)
    while data := source.read(_COPY_LENGTH):
        put(data)
    return digest.hexdigest()


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of an open file, from its beginning."""
    digest = hashlib.sha256()
    file.seek(0)
    while data := file.read(_COPY_LENGTH):
        digest.update(data)
    return digest.hexdigest()


def pack(splices: Iterable[Splice]) -> bytes:
    """Splices as bytes, compressed."""
    parts = bytearray()
    for splice in splices:
        parts += splice.start.to_bytes(8, "big") + splice.stop.to_bytes(8, "big")
        parts += len(splice.data).to_bytes(8, "big") + splice.data
    return zlib.compress(bytes(parts))


def unpack(packed: bytes) -> list[Splice]:
    """Splices from the bytes that `pack` made."""
    data = zlib.decompress(packed)
    found: list[Splice] = []
    position = 0
    while position < len(data):
        start, stop, length = (
            int.from_bytes(data[position + k : position + k + 8], "big") for k in (0, 8, 16)
        )
        position += 24
        found.append(Splice(start, stop, data[position : position + length]))
        position += length
    return found


def damaged(what: str) -> TagError:
    """Error of a tag that cannot be changed without risk."""
    from earmark.errors import TagFormatError

    return TagFormatError(
        f"{what}: the file is left alone",
        hint="Try: let the program that wrote it, or a tag editor, write its tags anew.",
    )
