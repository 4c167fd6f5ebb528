"""Reading the tags of any file that earmark reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from earmark.errors import AudioNotFoundError, UnreadableAudioError
from earmark.library.tags import ape, id3
from earmark.library.tags.containers import CONTAINERS, opened
from earmark.library.tags.fields import Native, Tags, interpret

_TAGGED_BEHIND = ("mp3", "tta", "aac", "")  # formats, and what is none, with tags at the end of the file


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read the tags of a file, in whatever format they are.

    Parameters
    ----------
    path : path
        Its format is found from its content, never from its name.

    Returns
    -------
    Tags
        Empty for a format without tags that are known here; of a damaged tag, what can be read.

    Raises
    ------
    AudioNotFoundError
        There is no such file.
    UnreadableAudioError
        It cannot be read.
    """
    with open_file(path) as file:
        return tags_of(file)


@contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to read its tags.

    Raises
    ------
    AudioNotFoundError, UnreadableAudioError
        As of `read_tags`, also for what fails while it is open.
    """
    try:
        with open(path, "rb", opener=_open_file) as file:
            yield file
    except FileNotFoundError:
        raise AudioNotFoundError(f"{Path(path)} does not exist", hint="Try: check the spelling.") from None
    except OSError as error:
        raise UnreadableAudioError(
            f"{Path(path)} cannot be read ({error.strerror or error})",
            hint="Try: check its permissions, or the disk.",
        ) from None


def _open_file(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block


def tags_of(file: BinaryIO) -> Tags:
    """Tags of an open file."""
    return _first_of([interpret(native, kind) for kind, native in natives_of(file)])


def natives_of(file: BinaryIO) -> list[tuple[str, Native]]:
    """Values of an open file by the names of its kind of tag, and that kind.

    Those of its container come first, then those of an ID3 or APE tag around it.
    """
    one = opened(file)
    container = CONTAINERS.get(one.format)
    found = container.read(one) if container else []
    found += [("id3", id3.values_of(id3.parse(block))) for block in one.blocks]
    if one.format in _TAGGED_BEHIND:
        found.append(("ape", ape.values_of(ape.find(file, one.size))))
        file.seek(max(0, one.size - id3.V1_LENGTH))
        found.append(("id3", id3.values_of_v1(file.read(id3.V1_LENGTH))))
    return found


def _first_of(found: list[Tags]) -> Tags:
    """Join tags: of each field, the first that says something."""
    joined: dict[str, Any] = {}
    for field in fields(Tags):
        values = (getattr(tags, field.name) for tags in found)
        joined[field.name] = next(filter(None, values), field.default)
    return Tags(**joined)
