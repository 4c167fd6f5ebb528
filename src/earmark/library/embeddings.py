"""All embeddings of a library in one matrix, in a file beside the catalogue that is mapped into memory.

The search is exact: one matrix-vector product over everything, bounded by how fast memory is read. A million
tracks take 0.9 GB of address space, which processes share and the system drops where it is short.

The file is made from the catalogue and made again whenever that has changed. Two processes that make it at
once do the same work twice; the last to finish replaces the other's file by an equal one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError, OutputError
from earmark.library.catalogue import Library
from earmark.progress import Progress, no_progress
from earmark.storage import atomic_file, remove_abandoned

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_HEADER_LENGTH = 4096  # bytes: vectors begin at a page of memory
_FORMAT = "earmark.embeddings/1"
_FETCHED = 8192  # rows at a time
_BLOCK = 65_536  # rows of a product

# Files that this process found whole, as they were then: a service opens one for every query, and reading all
# of it takes twice as long as the query. Time stamps tell two states apart only if some time lies between.
_whole: set[tuple[str, int, int, int]] = set()
_SETTLED = 2.0  # s since a file was written

_ROWS = """
SELECT tracks.id, tracks.embedding FROM tracks JOIN models ON models.id = tracks.model
WHERE models.space = ? AND length(tracks.embedding) = ? ORDER BY tracks.id
"""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of the tracks of a library that can be compared with each other.

    Parameters
    ----------
    space : str
        Whose embeddings they are: see `earmark.library.ModelInfo`.
    ids : np.ndarray, int64 [shape=(n,)]
        Of the tracks, ascending.
    vectors : np.ndarray, float32 [shape=(n, embedding_size)]
        Of unit length, so that a product of two is their cosine similarity.
    """

    space: str
    ids: Ints
    vectors: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: npt.ArrayLike) -> Ints:
        """Return which rows of the matrix some ids have [shape=(k,)]; -1 for ids without an embedding."""
        wanted = np.asarray(ids, dtype=np.int64).reshape(-1)
        if not len(self.ids):
            return np.full(len(wanted), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, places, -1)

    def allowed(self, among: Iterable[int] | None, banned: Iterable[int]) -> npt.NDArray[np.bool_]:
        """Return which rows are of `among`, None being all, and not `banned` [shape=(n,)]."""
        allowed = np.full(len(self), among is None)
        for ids, value in ((among or (), True), (banned, False)):
            places = self.places(list(ids))
            allowed[places[places >= 0]] = value
        return allowed

    def products(self, query: Floats) -> Floats:
        """Return the similarity of every track to a vector of unit length [shape=(n,)]."""
        found = np.empty(len(self), dtype=np.float32)
        for start in range(0, len(self), _BLOCK):
            block = slice(start, start + _BLOCK)
            np.dot(self.vectors[block], query, out=found[block])
        return found


def unit(vectors: npt.ArrayLike) -> Floats:
    """Return vectors with length 1 along the last axis; those of length 0 stay."""
    found = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=-1, keepdims=True)
    return np.asarray(found / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def embeddings(library: Library, *, space: str | None = None, progress: Progress = no_progress) -> Embeddings:
    """Return the embeddings of a library, from their file if that is of its present state.

    Parameters
    ----------
    library : Library
        Where they are from.
    space : str, optional
        Whose embeddings; by default those that most tracks have.
    progress : callable, optional
        Called while the file is made (``"embeddings"``).

    Returns
    -------
    Embeddings
        Mapped into memory; in memory where the file cannot be written.

    Raises
    ------
    InputError
        No track has an embedding, or none of that space.
    """
    space, size, n_expected = _space(library, space)
    stamp = stamp_of(library)
    path = _path(library, space)
    if path is None:
        return _in_memory(library, space, size)
    found = _opened(path, space, stamp)
    if found is None:
        try:
            with atomic_file(path) as file:
                _write(
                    file, _batches(library, space, size), _header(space, stamp, size), n_expected, progress
                )
        except OutputError:
            return _in_memory(library, space, size)
        _remove_others(library)
        found = _opened(path, space, stamp) or _in_memory(library, space, size)
    return found


def _space(library: Library, space: str | None) -> tuple[str, int, int]:
    """Return a space, the length of its vectors and about how many tracks have one."""
    sql = """SELECT space, embedding_size, sum((SELECT count(*) FROM tracks WHERE model = models.id)) AS n
        FROM models WHERE embedding_size > 0 GROUP BY space, embedding_size ORDER BY n DESC"""
    found = [row for row in library.query(sql) if row["n"] and space in (None, row["space"])]
    if not found:
        raise InputError(
            f"no track of {library.path} has an embedding" + (" of this model" if space else ""),
            hint="Try: earmark scan DIR, with a model that has one, such as earmark-base.",
        )
    return found[0]["space"], int(found[0]["embedding_size"]), int(found[0]["n"])


def stamp_of(library: Library) -> int:
    """Return what differs whenever an embedding of the catalogue does."""
    return int(library.query("SELECT value FROM counters WHERE name = 'embeddings'")[0][0])


def _path(library: Library, space: str) -> Path | None:
    if str(library.path) == ":memory:":
        return None
    digest = hashlib.sha256(space.encode()).hexdigest()[:8]
    return library.path.with_name(f"{library.path.name}.{digest}.embeddings")


def _header(space: str, stamp: int, size: int) -> dict[str, Any]:
    return {"format": _FORMAT, "space": space, "stamp": stamp, "size": size}


# ---------------------------------------------------------------- making


def _batches(library: Library, space: str, size: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield ids and vectors of unit length, from one state of the catalogue."""
    cursor = library.db.execute(_ROWS, (space, 2 * size))
    while rows := cursor.fetchmany(_FETCHED):
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        packed = np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(-1, size)
        vectors = packed.astype(np.float32)
        kept = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
        yield ids[kept], unit(vectors[kept])


def _write(
    file: BinaryIO,
    batches: Iterator[tuple[Ints, Floats]],
    header: dict[str, Any],
    n_expected: int,
    progress: Progress,
) -> None:
    """Write header, vectors and ids; memory does not grow with the library but by 8 bytes a track."""
    file.write(b" " * _HEADER_LENGTH)
    ids: list[Ints] = []
    n = 0
    for some, vectors in batches:
        file.write(np.ascontiguousarray(vectors, dtype="<f4").data)
        ids.append(some)
        n += len(some)
        progress("embeddings", n, max(n, n_expected), {})
    for some in ids:
        file.write(np.ascontiguousarray(some, dtype="<i8").data)
    file.flush()
    file.seek(_HEADER_LENGTH)
    header = header | {"n": n, "sum": _checksum(iter(lambda: file.read(4_000_000), b""))}
    file.seek(0)
    file.write(json.dumps(header).encode().ljust(_HEADER_LENGTH - 1) + b"\n")


def _in_memory(library: Library, space: str, size: int) -> Embeddings:
    pieces = list(_batches(library, space, size))
    ids = np.concatenate([ids for ids, _ in pieces]) if pieces else np.zeros(0, np.int64)
    vectors = np.concatenate([some for _, some in pieces]) if pieces else np.zeros((0, size), np.float32)
    return Embeddings(space, ids, vectors)


# ---------------------------------------------------------------- opening


def _opened(path: Path, space: str, stamp: int) -> Embeddings | None:
    """Return what a file holds; None if there is none, or it is stale, damaged or something else."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(_HEADER_LENGTH))
        n, size = int(header["n"]), int(header["size"])
        if header != _header(space, stamp, size) | {"n": n, "sum": header["sum"]} or n < 0 or size < 1:
            return None
        state = os.stat(path)
        if state.st_size != _HEADER_LENGTH + n * (4 * size + 8):
            return None
        if n == 0:
            return Embeddings(space, np.zeros(0, np.int64), np.zeros((0, size), np.float32))
        data = np.memmap(path, np.uint8, "r", offset=_HEADER_LENGTH)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    found = (str(path), state.st_ino, state.st_size, state.st_mtime_ns)
    if found not in _whole:
        if _checksum([data.data]) != header["sum"]:
            return None
        if time.time() - state.st_mtime > _SETTLED:
            _whole.add(found)
    vectors, ids = data[: 4 * n * size].view("<f4"), data[4 * n * size :].view("<i8")
    return Embeddings(space, ids, vectors.reshape(n, size))


def _checksum(pieces: Any) -> int:
    """Sum of the 4-byte words of some bytes: reads as fast as memory does, which a CRC is far from."""
    total = 0
    for piece in pieces:
        words = np.frombuffer(piece, "<u4")
        total += int(words[: len(words) // 2 * 2].view("<u8").sum(dtype=np.uint64))
        total += int(words[-1]) if len(words) % 2 else 0
    return total % 2**64


def _remove_others(library: Library) -> None:
    """Remove what killed processes left, and the files of models that no track is of any more."""
    live = "SELECT space FROM models WHERE EXISTS (SELECT 1 FROM tracks WHERE tracks.model = models.id)"
    spaces = library.query(live)
    kept = {path.name for row in spaces if (path := _path(library, row[0]))}
    remove_abandoned(library.path.parent)
    for path in library.path.parent.glob(f"{library.path.name}.????????.embeddings"):
        if path.name not in kept:
            with suppress(OSError):
                path.unlink()
