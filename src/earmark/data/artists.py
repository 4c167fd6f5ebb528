"""Who made a recording, where no table says it: what the file's own tags have."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from earmark.data.manifest import Track

# The performer first: an album's artist is "Various Artists" for a third of all compilations.
_TAGS = ("artist", "album_artist", "albumartist", "album artist", "album")
_NOBODY = {"", "unknown", "unknown artist", "various", "various artists"}
_THREADS = 4


def grouped_by_tags(tracks: Iterable[Track]) -> list[Track]:
    """Return the tracks, those without a group with the artist or album of their tags.

    Parameters
    ----------
    tracks : iterable of Track
        Their files are opened, but not decoded.
    """
    tracks = list(tracks)
    todo = [i for i, track in enumerate(tracks) if not track.group]
    with ThreadPoolExecutor(_THREADS) as pool:
        names = pool.map(tag_group, [tracks[i].path for i in todo])
        for i, name in zip(todo, names, strict=True):
            tracks[i] = dataclasses.replace(tracks[i], group=name)
    return tracks


def tag_group(path: str) -> str:
    """Return the artist, or else the album, that a file names; ``""`` if it names none or cannot be read."""
    from earmark.audio import probe
    from earmark.errors import EarmarkError

    try:
        tags = probe(path).tags
    except EarmarkError:
        return ""  # `earmark check` will say what is wrong with it
    for key in _TAGS:
        name = clean_group(tags.get(key, ""))
        if name.lower() not in _NOBODY:
            return name
    return ""


def clean_group(name: str) -> str:
    """Return a name in one spelling: composed characters, single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())
