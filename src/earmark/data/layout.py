"""What a layout of data sets is: a module of `earmark.data.layouts` with a `LAYOUT`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earmark.data.columns import Columns
from earmark.data.manifest import Manifest


@dataclass(frozen=True)
class Layout:
    """A layout that `earmark.data.read_manifest` reads.

    Parameters
    ----------
    name : str
        One word.
    summary : str
        What is read, in one line.
    order : int
        Layouts with lower numbers are tried first: the more special, the lower.
    matches : callable
        From the path that the user gave (it exists) to whether it has this layout. Looks at names and first
        lines only, and raises nothing but `OSError`.
    read : callable
        From the path and the columns that the user named to a `Manifest`. Raises `InputError` if nothing in
        it is usable.
    """

    name: str
    summary: str
    order: int
    matches: Callable[[Path], bool]
    read: Callable[[Path, Columns], Manifest]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a folder; not where a symbolic link leads to itself."""
    try:
        return entry.is_dir()
    except OSError:
        return False
