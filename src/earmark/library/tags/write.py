"""Which splices change the tags of a file, and what in it is sound and must stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from earmark.audio.formats.drm import find_encryption
from earmark.errors import TagFormatError
from earmark.library.tags.containers import CONTAINERS, HEAD_LENGTH, Opened, opened
from earmark.library.tags.splice import Splice, ordered

_WRITABLE = "MP3, FLAC, Ogg, Opus, M4A, WMA, AIFF, WAV, APE, WavPack, Musepack, TAK, TTA"


def format_of(file: BinaryIO) -> str:
    """Name the format of an open file, if its tags can be written.

    Raises
    ------
    TagFormatError
        They cannot.
    """
    return _writable(file).format


def _writable(file: BinaryIO) -> Opened:
    """Open a file whose tags can be written, with the errors of `format_of`."""
    one = opened(file)
    if one.format not in CONTAINERS:
        raise TagFormatError(
            f"tags of {one.format or 'an unknown format'} are not written", hint=f"Accepted: {_WRITABLE}."
        )
    file.seek(0)
    demuxer = {"mp4": "mov"}.get(one.format, one.format)
    scheme = find_encryption(file, demuxer=demuxer, head=file.read(HEAD_LENGTH), size=one.size)
    if scheme:
        raise TagFormatError(
            f"encrypted by {scheme}: the file is left alone", hint="Try: a copy without DRM."
        )
    return one


def edits(file: BinaryIO, values: Mapping[str, Sequence[str]]) -> list[Splice]:
    """Splices that give a file other tags.

    Parameters
    ----------
    file : binary file
    values : mapping of str to sequence of str
        By field, as of `fields.WRITABLE`, or by the name of evidence; no values to remove one.

    Returns
    -------
    list of Splice
        In the order of the file.

    Raises
    ------
    TagFormatError
        Its tags cannot be written, or not without risk.
    """
    one = _writable(file)
    return ordered(CONTAINERS[one.format].edit(one, values))


def digest_sound(file: BinaryIO) -> str:
    """Digest of all in a file that is no tag: equal before and after a change of tags.

    What is left out is what `edits` may alter: the tags, padding, numbers of pages, positions that moved.

    Parameters
    ----------
    file : binary file
        Of a format whose tags can be written.
    """
    one = opened(file)
    # A copy that is no longer of its format gets some digest too, and differs.
    return CONTAINERS.get(one.format, CONTAINERS["mp3"]).digest(one)
