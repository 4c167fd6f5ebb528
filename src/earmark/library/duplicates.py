"""Groups of files of a library that are the same recording, the best of each first.

Two tracks are copies if the digest of their coded sound is the same, or if their embeddings are close and the
fingerprints of their middle 20 s agree (see `earmark.duplicates.compare`). Copies of copies are of one group.
What is listed may be deleted by its reader: so a file with two names (a link) is there once, and a file that
holds other music too is never called spare.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import PurePath
from typing import Any

import numpy as np

from earmark.audio import probe
from earmark.errors import AudioError, InputError
from earmark.library.catalogue import Library
from earmark.library.embeddings import Embeddings, embeddings
from earmark.library.row import Row
from earmark.library.similar import MAYBE_COPY, is_copy
from earmark.library.tags import Tags
from earmark.progress import Progress, no_progress

# Of every track so many of its nearest are compared. Copies have nearly the same embedding, so that only
# other copies, and few other tracks, are nearer than they are.
_MOST_NEAR = 20
_BLOCK = 512  # rows of a product of all pairs
# The fingerprints of a loop agree with those of a mix that repeats it. Of copies that differ by what was cut
# off at one end, more than twice 20 s, the middle 20 s have nothing in common.
_MOST_APART = 40.0
_LOSSLESS = (
    *("flac", "alac", "pcm", "float", "double", "wavpack", "ape", "tta", "tak"),
    *("truehd", "mlp", "shorten", "dsd", "dst"),
)
_LOSSLESS_ENDINGS = {".flac", ".wav", ".aif", ".aiff", ".w64", ".ape", ".wv", ".tta", ".tak", ".dsf", ".dff"}


@dataclass(frozen=True, eq=False)
class Copies:
    """Files that are one recording.

    Parameters
    ----------
    rows : tuple of Row
        The best first: lossless, of the higher bitrate, longer, with more tags, added earlier.
    exact : bool
        Whether their coded sound is the same, bit by bit, and only names and tags differ.
    """

    rows: tuple[Row, ...]
    exact: bool

    @property
    def spare(self) -> tuple[str, ...]:
        """Paths of the files that could go: neither the best nor those with other tracks of a CUE sheet."""
        return tuple(row.path for row in self._spare)

    @property
    def spare_bytes(self) -> int:
        """Size of the files that could go."""
        return sum(row.file.size for row in self._spare)

    @property
    def _spare(self) -> list[Row]:
        return [row for row in self.rows[1:] if not row.item.number]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON: ``exact``, ``spare``, ``spare_bytes`` and ``tracks``, the best first."""
        tracks = [row.to_dict() | quality(row).to_dict() for row in self.rows]
        found = {"exact": self.exact, "spare": list(self.spare), "spare_bytes": self.spare_bytes}
        return {**found, "tracks": tracks}


@dataclass(frozen=True, order=True)
class Quality:
    """What one copy is preferred to another for; of two, the greater is the better.

    Parameters
    ----------
    lossless : bool
        Whether its codec keeps every sample. That it was lossy before nobody can see here.
    bitrate : int
        kbit/s, over the whole file.
    duration : float
        Seconds.
    n_tags : int
        Fields of `Tags` that are not empty.
    """

    lossless: bool
    bitrate: int
    duration: float
    n_tags: int

    def to_dict(self) -> dict[str, Any]:
        """Return ``lossless`` and ``bitrate``, ready for JSON."""
        return {"lossless": self.lossless, "bitrate": self.bitrate}


def find_duplicates(
    library: Library, *, among: Iterable[int] | None = None, progress: Progress = no_progress
) -> list[Copies]:
    """Find the recordings that several files of a library hold; nothing is changed.

    Tracks of the same file, also by another name of it (a link), tracks that could not be analysed and tracks
    whose files have vanished are no copies of others. The fingerprints are of the middle 20 s of each track:
    copies that differ by more than 40 s in length, such as a radio edit, are not found.

    Parameters
    ----------
    library : Library
        Where to look. The time grows with the square of the number of tracks.
    among : iterable of int, optional
        Only tracks of these ids.
    progress : callable, optional
        Called with stages ``"embeddings"``, ``"finding near copies"`` and ``"comparing"``.

    Returns
    -------
    list of Copies
        Those that take most space in vain first.
    """
    sql = "SELECT id FROM tracks WHERE vanished IS NULL AND error IS NULL"
    allowed = {row[0] for row in library.query(sql)}
    if among is not None:
        allowed &= set(among)
    links = list(_same_sound(library))
    with suppress(InputError):  # no track has an embedding
        vectors = embeddings(library, progress=progress)
        links += _near_and_alike(library, vectors, allowed, progress)
    groups = [_copies(library, ids) for ids in _components(links, allowed)]
    return sorted(filter(None, groups), key=lambda group: (-group.spare_bytes, group.rows[0].id))


def quality(row: Row) -> Quality:
    """Return what a track is preferred for; looks into the header of its file if it is there."""
    codec = ""
    with suppress(AudioError, OSError):
        codec = probe(row.path).codec
    ending = PurePath(row.path).suffix.lower()
    lossless = codec.lower().startswith(_LOSSLESS) if codec else ending in _LOSSLESS_ENDINGS
    duration = _duration(row)
    bitrate = round(row.file.size * 8 / duration / 1000) if duration else 0
    n_tags = sum(bool(getattr(row.tags, field.name)) for field in fields(Tags))
    return Quality(lossless, bitrate, round(duration, 1), n_tags)


def _same_sound(library: Library) -> Iterator[tuple[int, int]]:
    """Yield pairs of tracks with one digest of the coded sound, each with the first that has it."""
    sql = """SELECT id, sound, start, stop FROM tracks WHERE sound IN
        (SELECT sound FROM tracks WHERE sound IS NOT NULL GROUP BY sound HAVING count(*) > 1) ORDER BY id"""
    first: dict[Any, int] = {}
    for row in library.query(sql):
        id = first.setdefault((row["sound"], row["start"], row["stop"]), row["id"])
        if id != row["id"]:
            yield id, row["id"]


def _near_and_alike(
    library: Library, vectors: Embeddings, allowed: set[int], progress: Progress
) -> Iterator[tuple[int, int]]:
    """Yield pairs with close embeddings whose fingerprints agree."""
    pairs = [pair for pair in _near(vectors, progress) if allowed.issuperset(pair)]
    for first, some in groupby(enumerate(pairs), key=lambda entry: entry[1][0]):
        numbered = list(some)
        rows = {row.id: row for row in library.rows([first, *(b for _, (_, b) in numbered)])}
        for i, (a, b) in numbered:
            if {a, b} <= rows.keys() and _may_be_copies(rows[a], rows[b]) and is_copy(rows[a], rows[b]):
                yield a, b
            progress("comparing", i + 1, len(pairs), {})


def _may_be_copies(a: Row, b: Row) -> bool:
    return a.path != b.path and abs(_duration(a) - _duration(b)) <= _MOST_APART


def _duration(row: Row) -> float:
    return row.prediction.duration if row.prediction else 0.0


def _near(vectors: Embeddings, progress: Progress) -> list[tuple[int, int]]:
    """Return pairs of ids, the lower first, of which one is among the nearest of the other and close."""
    n = len(vectors)
    found: set[tuple[int, int]] = set()
    for start in range(0, n, _BLOCK):
        products = vectors.vectors[start : start + _BLOCK] @ vectors.vectors.T
        for i, row in enumerate(products, start):
            row[i] = -1
            close = np.flatnonzero(row >= MAYBE_COPY)
            if len(close) > _MOST_NEAR:
                close = close[np.argpartition(-row[close], _MOST_NEAR)[:_MOST_NEAR]]
            found.update((min(i, j), max(i, j)) for j in close.tolist())
        progress("finding near copies", min(n, start + _BLOCK), n, {})
    return sorted((int(vectors.ids[a]), int(vectors.ids[b])) for a, b in found)


def _components(links: list[tuple[int, int]], allowed: set[int]) -> list[list[int]]:
    """Return the connected components of a graph, ids in order, of those that are allowed."""
    parent: dict[int, int] = {}

    def root(id: int) -> int:
        parent.setdefault(id, id)
        while parent[id] != id:
            parent[id] = parent[parent[id]]
            id = parent[id]
        return id

    for a, b in links:
        if not {a, b} <= allowed:
            continue
        parent[root(a)] = root(b)
    groups: dict[int, list[int]] = {}
    for id in sorted(parent):
        groups.setdefault(root(id), []).append(id)
    return list(groups.values())


def _copies(library: Library, ids: list[int]) -> Copies | None:
    rows = _each_file_once(library.rows(ids))
    if len({row.path for row in rows}) < 2:
        return None
    exact = len({(row.sound or row.id, row.item.start, row.item.stop) for row in rows}) == 1
    best_first = sorted(rows, key=lambda row: (quality(row), -row.id), reverse=True)
    return Copies(tuple(best_first), exact)


def _each_file_once(rows: Iterable[Row]) -> list[Row]:
    """Leave out other names of a file, symbolic links before its own name: without it, they are nothing."""
    by_file: dict[Any, Row] = {}
    for row in sorted(rows, key=lambda row: (os.path.islink(row.path), row.id)):
        file: Any = row.path  # where the disk is away, names are all there is
        with suppress(OSError, ValueError):
            status = os.stat(row.path)
            file = (status.st_dev, status.st_ino)
        by_file.setdefault((file, row.item.number), row)
    return sorted(by_file.values(), key=lambda row: row.id)
