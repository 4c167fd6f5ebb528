"""The content of files as a number that tells them apart."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from earmark.data.manifest import Manifest, Skipped


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_hashes(
    manifest: Manifest, *, jobs: int = 1, progress: Callable[[int], object] | None = None
) -> Manifest:
    """Return the manifest with the `sha256` of every track that had none.

    Parameters
    ----------
    manifest : Manifest
        Of files; cached features have no files of their own and stay as they are.
    jobs : int
        Threads: the hash is worked out without holding Python's lock.
    progress : callable, optional
        Told the number of files done since the last call.

    Returns
    -------
    Manifest
        Tracks whose file cannot be read are moved to `skipped`.
    """
    if manifest.cache:
        return manifest
    todo = [i for i, track in enumerate(manifest.tracks) if not track.sha256]
    found: dict[int, str | OSError] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for i, result in zip(todo, pool.map(_attempt, _paths(manifest, todo)), strict=True):
            found[i] = result
            if progress is not None:
                progress(1)
    tracks, skipped = [], list(manifest.skipped)
    for i, track in enumerate(manifest.tracks):
        result = found.get(i, track.sha256)
        if isinstance(result, OSError):
            skipped.append(Skipped(track.path, f"cannot be read: {result.strerror or result}"))
        else:
            tracks.append(dataclasses.replace(track, sha256=result))
    return dataclasses.replace(manifest, tracks=tuple(tracks), skipped=tuple(skipped))


def _paths(manifest: Manifest, places: Iterable[int]) -> list[str]:
    return [manifest.tracks[i].path for i in places]


def _attempt(path: str) -> str | OSError:
    try:
        return sha256_of(path)
    except OSError as error:
        return error
