"""The content of files as a number that differs where they do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from earmark.data.manifest import Manifest, Skipped
from earmark.progress import Progress
from earmark.storage import sha256_file


def with_hashes(manifest: Manifest, *, jobs: int = 1, progress: Progress | None = None) -> Manifest:
    """Return the manifest with the `sha256` of every track that had none.

    Parameters
    ----------
    manifest : Manifest
        Of files; cached features have no files of their own and stay as they are.
    jobs : int
        Threads: the hash is worked out without holding Python's lock.
    progress : callable, optional
        Called after each file (``"hashing"``).

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
                progress("hashing", len(found), len(todo), {})
    tracks, skipped = [], list(manifest.skipped)
    for i, track in enumerate(manifest.tracks):
        result = found.get(i, track.sha256)
        if isinstance(result, OSError):
            code = "not-found" if isinstance(result, FileNotFoundError) else "unreadable"
            skipped.append(Skipped(track.path, f"cannot be read: {result.strerror or result}", code))
        else:
            tracks.append(dataclasses.replace(track, sha256=result))
    return dataclasses.replace(manifest, tracks=tuple(tracks), skipped=tuple(skipped))


def _paths(manifest: Manifest, places: Iterable[int]) -> list[str]:
    return [manifest.tracks[i].path for i in places]


def _attempt(path: str) -> str | OSError:
    try:
        return sha256_file(path)
    except OSError as error:
        return error
