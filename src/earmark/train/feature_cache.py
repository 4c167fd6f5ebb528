"""Features of files, each computed once: by the content of the file and the recipe of the numbers.

An entry is named by the SHA-256 of the file and the digest of the recipe, so a file that moves keeps its
entry, a file that changes gets a new one, and another front end never meets the numbers of this one. An
entry appears whole or not at all; whoever is killed in between goes on with what is there. The cache has a
limit, and what was not used for the longest time makes room.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from earmark import workers
from earmark.errors import InputError, OutputError, UnreadableAudioError
from earmark.models import OnnxModel
from earmark.progress import Progress, no_progress
from earmark.storage import ABANDONED, atomic_file, make_folder, remove_abandoned, sha256_file, user_dirs
from earmark.train.windows import Array, Entry, Recipe, extract

FEW = 4  # files from which on the start of worker processes pays
GB = 1_000_000_000
DEFAULT_GB = 50.0  # of log-mels: 10,000 songs of four minutes
SAMPLE = 20  # entries from which the size of all is estimated

_FOLDER = re.compile(r"[0-9a-f]{16}/[0-9a-f]{2}")
_ENTRY = re.compile(r"[0-9a-f]{64}\.npz")


def default_folder() -> Path:
    """Folder for features where none is named: ``EARMARK_CACHE``, or the system's place for caches."""
    named = os.environ.get("EARMARK_CACHE")
    return Path(named) if named else user_dirs().cache / "features"


def default_limit() -> int:
    """Bytes that the cache may take: 50 GB, or as many GB as ``EARMARK_CACHE_LIMIT`` states.

    Raises
    ------
    InputError
        The variable is no positive number.
    """
    text = os.environ.get("EARMARK_CACHE_LIMIT", "")
    try:
        limit = float(text) if text else DEFAULT_GB
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise InputError(f"EARMARK_CACHE_LIMIT={text!r}", hint="Accepted: a positive number of GB.")
    return int(limit * GB)


@dataclass(frozen=True)
class Wanted:
    """A file whose features are wanted, and the checksum of its content ("" if it is not known yet)."""

    path: str
    sha256: str = ""


@dataclass(frozen=True)
class CachedFile:
    """An entry on the disk.

    Parameters
    ----------
    path : Path
        Where it is.
    size : int
        Bytes.
    used : float
        When it was last read or written, in seconds since 1970.
    """

    path: Path
    size: int
    used: float


class FeatureCache:
    """A folder of entries.

    Parameters
    ----------
    folder : path, optional
        Where; by default `default_folder`. Made when it is first written to.
    limit : int, optional
        Bytes that it may take, by default `default_limit`. Beyond, the entries go that were not used for the
        longest time; those of the data set at hand stay, and if they alone are more, that is an error.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, limit: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_folder()
        self.limit = default_limit() if limit is None else limit

    def path(self, sha256: str, recipe: Recipe) -> Path:
        """Where the entry of a file is, or would be."""
        return self.folder / recipe.digest / sha256[:2] / f"{sha256}.npz"

    def get(self, sha256: str, recipe: Recipe) -> Entry | None:
        """Entry of a file, or None where there is none or it is damaged.

        Parameters
        ----------
        sha256 : str
            Checksum of the content of the file.
        recipe : Recipe
            What was computed from it.

        Returns
        -------
        dict of str to np.ndarray, or None
            ``S_db`` [shape=(n_mels, k)] and ``power`` [shape=(k - 1,)], the mean square of the samples
            from each frame's centre to the next; or ``X`` [shape=(n, d)], a row for each window, and
            ``power``.
        """
        path = self.path(sha256, recipe)
        try:
            with np.load(path, allow_pickle=False) as file:
                entry = {name: file[name] for name in file.files}
            with suppress(OSError):
                os.utime(path)  # used now; what the system notes of reading is often switched off
            return entry
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def has(self, sha256: str, recipe: Recipe) -> bool:
        """Whether there is an entry that is whole, as far as shows without reading all of it."""
        return bool(sha256) and self.get_power(sha256, recipe) is not None

    def get_power(self, sha256: str, recipe: Recipe) -> Array | None:
        """``power`` of an entry, without reading the rest; None where there is none or it is damaged."""
        try:
            with np.load(self.path(sha256, recipe), allow_pickle=False) as file:
                power: Array = file["power"]
                return power
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def put(self, sha256: str, recipe: Recipe, entry: Entry) -> None:
        """Keep an entry, all of it or nothing.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        path = self.path(sha256, recipe)
        try:
            make_folder(path.parent)
            with atomic_file(path) as file:
                # mypy takes ** for the other parameter of savez
                np.savez(file, **entry)  # type: ignore[arg-type]
        except OutputError as error:
            raise OutputError(
                f"features cannot be kept in {self.folder}: {error.message}",
                hint="Try: a folder with room that you may write to, by --cache DIR or EARMARK_CACHE.",
            ) from error

    def fill(
        self,
        files: Iterable[Wanted],
        recipe: Recipe,
        *,
        model: OnnxModel | None = None,
        jobs: int | None = None,
        deadline: float | None = None,
        progress: Progress | None = None,
    ) -> tuple[dict[str, str], list[workers.Failed[Wanted]]]:
        """Compute what is not there yet, in parallel.

        Parameters
        ----------
        files : iterable of Wanted
            Files; one that is given twice is done once.
        recipe : Recipe
            What to compute.
        model : OnnxModel, optional
            That of `Recipe.embedder`.
        jobs : int, optional
            Worker processes; by default one a core from four files on.
        deadline : float, optional
            Seconds that a file may take; by default two minutes and more, by its size.
        progress : callable, optional
            Called after each file (``"features"``), and before the first.

        Returns
        -------
        checksums : dict of str to str
            Of each file that has an entry now, by its path.
        failed : list of Failed
            The others.

        Raises
        ------
        OutputError
            The folder cannot be written, or the features are more than `limit` or than fits on the disk.
        """
        wanted = list({file.path: file for file in files}.values())
        checksums = {file.path: file.sha256 for file in wanted if self.has(file.sha256, recipe)}
        todo = [file for file in wanted if file.path not in checksums]
        failed: list[workers.Failed[Wanted]] = []
        progress = progress or no_progress
        progress("features", len(checksums), len(wanted), {})
        room = _Room(self, recipe, checksums, len(wanted)) if todo else None
        for result in self._extracted(todo, recipe, model, jobs, deadline):
            if isinstance(result, workers.Done):
                checksums[result.source.path] = result.value
                if room is not None:
                    room.add(result.value)
            elif isinstance(result.error, OutputError):
                raise result.error  # a full disk is full for every file
            else:
                failed.append(result)
            progress("features", len(checksums) + len(failed), len(wanted), {})
        return checksums, failed

    def _extracted(
        self,
        todo: list[Wanted],
        recipe: Recipe,
        model: OnnxModel | None,
        jobs: int | None,
        deadline: float | None,
    ) -> Iterator[workers.Done[Wanted, str] | workers.Failed[Wanted]]:
        """Yield what became of each file, from worker processes: they can be stopped."""
        if jobs is None:
            jobs = workers.default_jobs(len(todo)) if len(todo) >= FEW else 1
        yield from workers.run(
            partial(_extract_into, str(self.folder), recipe),
            todo,
            setup=partial(_as_it_is, model),  # sent to a worker once, and not with each file
            jobs=min(jobs, max(1, len(todo))),
            deadline=_deadline if deadline is None else deadline,
            memory=workers.default_memory(),
        )

    def files(self) -> list[CachedFile]:
        """Entries on the disk, those first that were not used for the longest time."""
        found = []
        for folder in self._folders():
            with suppress(OSError), os.scandir(folder) as listing:
                for entry in listing:
                    if _ENTRY.fullmatch(entry.name):
                        status = entry.stat()
                        found.append(CachedFile(Path(entry.path), status.st_size, status.st_mtime))
        return sorted(found, key=lambda file: (file.used, file.path))

    def trim(self, *, keep: Collection[Path] = (), limit: int | None = None) -> int:
        """Remove entries until no more than the limit is left, those first that were not used for longest.

        Parameters
        ----------
        keep : collection of Path
            Entries that stay.
        limit : int, optional
            Bytes; by default that of the cache. 0 removes all, and what killed processes left behind.

        Returns
        -------
        int
            Bytes that are left.
        """
        limit = self.limit if limit is None else limit
        files = self.files()
        left = sum(file.size for file in files)
        for file in files:
            if left <= limit:
                break
            if file.path not in keep:
                with suppress(OSError):
                    file.path.unlink()
                    left -= file.size
        for folder in self._folders():
            remove_abandoned(folder, seconds=ABANDONED if limit else 0)
            if not limit:
                with suppress(OSError):  # not empty
                    folder.rmdir()
                    folder.parent.rmdir()
        return left

    def _folders(self) -> list[Path]:
        """Folders with entries: nothing else is ever looked at, whatever folder was named as the cache."""
        return [
            path for path in self.folder.glob("*/*") if _FOLDER.fullmatch(f"{path.parent.name}/{path.name}")
        ]


class _Room:
    """Whether the entries of a data set fit, found out while they are made.

    Parameters
    ----------
    cache : FeatureCache
        Where they go. What is not of this data set makes room for them.
    recipe : Recipe
        Of the entries.
    checksums : dict
        Of the entries that there are already.
    n_wanted : int
        How many there will be.
    """

    def __init__(self, cache: FeatureCache, recipe: Recipe, checksums: dict[str, str], n_wanted: int) -> None:
        self.cache, self.recipe, self.n_wanted = cache, recipe, n_wanted
        self.keep = {cache.path(sha256, recipe) for sha256 in checksums.values()}
        self.size = sum(map(_size, self.keep))
        self.total = cache.trim(keep=self.keep)
        self.n_new = self.new = 0

    def add(self, sha256: str) -> None:
        """Count a new entry, and make room where it is needed.

        Raises
        ------
        OutputError
            All entries of the data set will not fit, as far as those so far let it be seen.
        """
        path = self.cache.path(sha256, self.recipe)
        if path in self.keep:
            return
        self.keep.add(path)
        n_bytes = _size(path)
        self.n_new, self.new = self.n_new + 1, self.new + n_bytes
        self.size, self.total = self.size + n_bytes, self.total + n_bytes
        if self.n_new in (SAMPLE, 10 * SAMPLE, 100 * SAMPLE) or self.size > self.cache.limit:
            self._check()
        if self.total > self.cache.limit:
            self.total = self.cache.trim(keep=self.keep)

    def _check(self) -> None:
        more = (self.n_wanted - len(self.keep)) * self.new // self.n_new
        needed = f"the features of {self.n_wanted} files need about {(self.size + more) / GB:.1f} GB"
        if self.size + more > self.cache.limit:
            raise OutputError(
                f"{needed}, limit={self.cache.limit / GB:.1f} GB",
                hint="Try: EARMARK_CACHE_LIMIT=GB, fewer files, or a model of descriptors.",
            )
        with suppress(OSError):
            free = shutil.disk_usage(self.cache.folder).free
            # What is not of this data set can go.
            if more > free + self.total - self.size:
                raise OutputError(
                    f"{needed}, and {free / GB:.1f} GB are free in {self.cache.folder}",
                    hint="Try: another folder, by --cache DIR or EARMARK_CACHE.",
                )


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _deadline(wanted: Wanted) -> float:
    return workers.default_deadline(wanted.path)


def _as_it_is(model: OnnxModel | None) -> OnnxModel | None:
    return model


def _extract_into(folder: str, recipe: Recipe, model: OnnxModel | None, wanted: Wanted) -> str:
    """Make the entry of a file and return the checksum of its content."""
    try:
        found = sha256_file(wanted.path)
    except OSError as error:
        raise UnreadableAudioError(f"{wanted.path} cannot be read: {error.strerror or error}") from error
    if wanted.sha256 and wanted.sha256 != found:
        raise UnreadableAudioError(
            f"{wanted.path} has changed: sha256={found[:12]}..., the manifest says {wanted.sha256[:12]}...",
            hint="Try: read the data set again.",
        )
    cache = FeatureCache(folder)
    if not cache.has(found, recipe):
        cache.put(found, recipe, extract(wanted.path, recipe, model))
    return found
