"""Smart playlists: a file that states what playlists are made of, from which they are written again.

::

    # playlists.toml
    [[playlist]]
    file = "calm jazz.m3u8"          # beside this file
    query = "genre:jazz bpm:..100"
    moods = ["calm"]
    order = "smooth"                 # smooth, rise, fall, shuffle, found
    minutes = 60
    max_per_artist = 2

The same as JSON, ``{"playlist": [{"file": ...}, ...]}``, does as well.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.library.playlist import Order, Rules, make_playlist
from earmark.library.playlist_files import FORMATS, save_playlist

_KINDS: dict[str, tuple[type, ...]] = {
    "file": (str,), "name": (str,), "query": (str,), "moods": (list,), "like": (list,), "order": (str,),
    "number": (int,), "minutes": (int, float), "max_per_artist": (int,), "seed": (int,), "absolute": (bool,),
}  # fmt: skip


@dataclass(frozen=True)
class Refreshed:
    """One playlist that was written.

    Parameters
    ----------
    path : Path
        Its file.
    n_tracks : int
        Tracks in it.
    left_out : int
        Tracks that its format cannot express.
    """

    path: Path
    n_tracks: int
    left_out: int


@dataclass(frozen=True)
class SmartPlaylist:
    """One entry of such a file.

    Parameters
    ----------
    path : Path
        Where the playlist goes.
    name : str
        Its title; "" is the name of the file.
    rules : Rules
        What it is made of; seeds are ids.
    absolute : bool
        Whether its paths are absolute.
    """

    path: Path
    name: str
    rules: Rules
    absolute: bool


def refresh(library: Library, path: str | os.PathLike[str]) -> list[Refreshed]:
    """Write the playlists that a file states again; one that has not changed is not touched.

    All entries are checked before the first playlist is written.

    Parameters
    ----------
    library : Library
        Where the tracks are.
    path : path
        A ``.toml`` or ``.json`` file.

    Raises
    ------
    InputError
        It cannot be read, or an entry is not understood; the message names it.
    OutputError
        A playlist cannot be written.
    """
    entries = read_smart(library, path)
    made = [(entry, make_playlist(library, entry.rules)) for entry in entries]
    found = []
    for entry, rows in made:
        written = save_playlist(rows, entry.path, name=entry.name, absolute=entry.absolute)
        found.append(Refreshed(entry.path, len(rows) - len(written.left_out), len(written.left_out)))
    return found


def read_smart(library: Library, path: str | os.PathLike[str]) -> list[SmartPlaylist]:
    """Read what playlists a file states.

    Raises
    ------
    InputError
        As of `refresh`.
    """
    path = Path(path)
    entries = _content(path).get("playlist")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(
            f"{path} states no playlists", hint='Accepted: [[playlist]] with file = "name.m3u8".'
        )
    found = [_entry(library, path, i, entry) for i, entry in enumerate(entries, 1)]
    if len({entry.path for entry in found}) < len(found):
        raise InputError(f"{path}: two playlists with one file", hint="Try: another file for each.")
    return found


def _content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not understood: {error}", hint="Accepted: TOML or JSON.") from error
    return content if isinstance(content, dict) else {}


def _entry(library: Library, path: Path, number: int, entry: Mapping[str, Any]) -> SmartPlaylist:
    where = f"{path}, playlist {number}"
    for key, value in entry.items():
        if key not in _KINDS:
            raise InputError(f"{where}: {key} is not known", hint=f"Accepted: {', '.join(_KINDS)}.")
        if not isinstance(value, _KINDS[key]) or (isinstance(value, bool) and bool not in _KINDS[key]):
            raise InputError(
                f"{where}: {key}={value!r}",
                hint=f"Accepted: {' or '.join(kind.__name__ for kind in _KINDS[key])}.",
            )
    file = entry.get("file", "")
    if not file or Path(file).suffix.lower() not in FORMATS:
        raise InputError(
            f"{where}: file={file!r}", hint=f"Accepted: a name that ends in {', '.join(FORMATS)}."
        )
    order = entry.get("order", "smooth")
    if order not in list(Order):
        raise InputError(f"{where}: order={order!r}", hint=f"Accepted: {', '.join(Order)}.")
    try:
        rules = Rules(
            query=entry.get("query", ""),
            moods=tuple(map(str, entry.get("moods", []))),
            like=tuple(_seed(library, path.parent, one) for one in entry.get("like", [])),
            order=Order(order),
            number=entry.get("number"),
            minutes=entry.get("minutes"),
            max_per_artist=entry.get("max_per_artist"),
            seed=entry.get("seed", 0),
        )
    except InputError as error:
        raise InputError(f"{where}: {error.message}", hint=error.hint) from error
    return SmartPlaylist(path.parent / file, entry.get("name", ""), rules, entry.get("absolute", False))


def _seed(library: Library, folder: Path, seed: object) -> int:
    """Return the id of a seed: an id, or a file, relative to where the smart playlists are."""
    if isinstance(seed, int) and not isinstance(seed, bool):
        return library.get(seed).id
    row = library.find(folder / str(seed))
    if row is None:
        raise InputError(
            f"like={seed!r} is not in the library", hint="Accepted: ids, and files that were scanned."
        )
    return row.id
