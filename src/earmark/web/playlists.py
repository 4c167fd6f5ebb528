"""Playlists for download: which tracks, and their file, with paths from the scanned folders on."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from earmark.errors import InputError
from earmark.library import Library, Order, Row, Rules, make_playlist, playlist_text
from earmark.library.playlist import choose, in_order

MEDIA_TYPES = {"m3u8": "audio/x-mpegurl", "xspf": "application/xspf+xml", "json": "application/json"}
_MOST = 20_000  # tracks that a selection on the map may hold


class Format(StrEnum):
    """What a playlist is written as."""

    m3u8 = "m3u8"
    xspf = "xspf"
    json = "json"


class Arrangement(StrEnum):
    """In what order the tracks are; ``given`` is that of `ids`, or as they are found."""

    smooth = "smooth"
    rise = "rise"
    fall = "fall"
    shuffle = "shuffle"
    given = "given"


class Wanted(BaseModel):
    """What a playlist is made of: tracks by their ids, or of a query, or what sounds like some."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Evening", "q": "mood:calm", "order": "smooth", "n": 25}]},
    )

    name: str = Field("Playlist", min_length=1, max_length=200)
    format: Format = Format.m3u8
    q: str = Field("", max_length=2000)
    ids: list[int] | None = Field(None, max_length=_MOST)
    like: list[int] | None = Field(None, max_length=20)
    order: Arrangement = Arrangement.smooth
    n: int | None = Field(None, ge=1, le=_MOST)
    minutes: float | None = Field(None, gt=0, le=100_000)
    max_per_artist: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0, lt=2**63)


class Download(NamedTuple):
    """A file for download.

    Parameters
    ----------
    content : bytes
        Of the file.
    name : str
        Of the file.
    media_type : str
        Content type.
    n_left_out : int
        Tracks that its format cannot express, such as parts of a file in M3U.
    """

    content: bytes
    name: str
    media_type: str
    n_left_out: int


def playlist_file(library: Library, wanted: Wanted) -> Download:
    """Make a playlist and write it.

    Raises
    ------
    InputError
        Nothing fits, both ids and a search, or as `earmark.library.make_playlist` raises it.
    """
    roots = library.roots()
    rows = [_below_root(row, roots) for row in tracks_of(library, wanted)]
    if not rows:
        raise InputError("no track fits this playlist", hint="Try: a wider query, or a longer playlist.")
    written = playlist_text(rows, f".{wanted.format}", name=wanted.name, relative_to=os.sep)
    content = written.content.encode("utf-8", "surrogateescape")
    name = f"{file_name(wanted.name)}.{wanted.format}"
    return Download(content, name, MEDIA_TYPES[wanted.format], len(written.left_out))


def tracks_of(library: Library, wanted: Wanted) -> list[Row]:
    """Return the tracks of a playlist, in order."""
    order = Order.found if wanted.order == Arrangement.given else Order(wanted.order)
    rules = Rules(
        query=wanted.q,
        like=tuple(wanted.like or ()),
        order=order,
        number=wanted.n,
        minutes=wanted.minutes,
        max_per_artist=wanted.max_per_artist,
        seed=wanted.seed,
    )
    if wanted.ids is None:
        return make_playlist(library, rules)
    if wanted.q or wanted.like:
        raise InputError("ids together with q or like", hint="Accepted: either ids, or q and like.")
    ids = list(dict.fromkeys(wanted.ids))
    if rules.number is None and rules.minutes is None:
        rules = dataclasses.replace(rules, number=max(1, len(ids)))
    rows = library.rows(ids, brief=order != Order.smooth)  # of all orders, that one alone needs embeddings
    return in_order(choose(rows, rules), order, seed=rules.seed)


def file_name(name: str) -> str:
    """Return a name without what file systems or shells take for something else.

    Examples
    --------
    >>> file_name("AC/DC: best of"), file_name("..")
    ('AC_DC_ best of', 'playlist')
    """
    kept = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", name).strip(" .")
    return kept[:100] or "playlist"


def _below_root(row: Row, roots: Sequence[str]) -> Row:
    """Return a row whose path begins at the folder that was scanned: no other is of any use elsewhere."""
    tops = [root for root in roots if row.path.startswith(root.rstrip(os.sep) + os.sep)]
    top = max(tops, key=len, default=os.path.dirname(row.path))
    path = os.sep + os.path.relpath(row.path, top)
    return dataclasses.replace(row, item=dataclasses.replace(row.item, path=path))
