"""Features of files, each computed once: by the content of the file and the recipe of the numbers.

An entry is named by the SHA-256 of the file and the digest of the recipe, so a file that moves keeps its
entry, a file that changes gets a new one, and another front end never meets the numbers of this one. An
entry appears whole or not at all; whoever is killed in between goes on with what is there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from earmark import workers
from earmark.errors import EarmarkError, OutputError, UnreadableAudioError
from earmark.progress import Progress, no_progress
from earmark.storage import sha256_file
from earmark.train.settings import limited_threads
from earmark.train.windows import Array, Entry, Recipe, extract

FEW = 4  # files from which on the start of worker processes pays
_TEMPORARY = ".part"
FORGOTTEN = 3600.0  # s after which a half-written entry has no writer any more


def user_cache() -> Path:
    """Folder for features where none is named: ``EARMARK_CACHE``, or the system's place for caches."""
    named = os.environ.get("EARMARK_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "earmark" / "features"


@dataclass(frozen=True)
class Wanted:
    """A file whose features are wanted, and the checksum of its content ("" if it is not known yet)."""

    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Missing:
    """A file whose features could not be had, and why."""

    path: str
    error: EarmarkError


class FeatureCache:
    """A folder of entries.

    Parameters
    ----------
    folder : path, optional
        Where; by default `user_cache`. Made when it is first written to.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = Path(folder) if folder is not None else user_cache()

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
            from each frame's centre to the next; or ``X`` [shape=(n, d)] and ``power``.
        """
        try:
            with np.load(self.path(sha256, recipe), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
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
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(suffix=_TEMPORARY, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    # mypy takes ** for the other parameter of savez
                    np.savez(file, **entry)  # type: ignore[arg-type]
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise OutputError(
                f"features cannot be kept in {self.folder}: {error.strerror or error}",
                hint="Name a folder that can be written: --cache DIR, or EARMARK_CACHE.",
            ) from error

    def fill(
        self,
        files: Iterable[Wanted],
        recipe: Recipe,
        *,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[dict[str, str], list[Missing]]:
        """Compute what is not there yet, in parallel.

        Parameters
        ----------
        files : iterable of Wanted
            Files; one that is given twice is done once.
        recipe : Recipe
            What to compute.
        jobs : int, optional
            Worker processes; by default one a core from four files on.
        progress : callable, optional
            Called after each file (``"features"``), and before the first.

        Returns
        -------
        checksums : dict of str to str
            Of each file that has an entry now, by its path.
        missing : list of Missing
            The others.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        wanted = list({file.path: file for file in files}.values())
        checksums = {file.path: file.sha256 for file in wanted if self.has(file.sha256, recipe)}
        todo = [file for file in wanted if file.path not in checksums]
        missing: list[Missing] = []
        if todo:
            self.sweep()
        if jobs is None:
            jobs = workers.default_jobs(len(todo)) if len(todo) >= FEW else 1
        progress = progress or no_progress
        progress("features", len(checksums), len(wanted), {})
        work = partial(_extract_into, str(self.folder), recipe)
        with limited_threads(1):  # as in the workers, so that sums come in the same order here
            for result in workers.run(work, todo, jobs=min(jobs, max(1, len(todo)))):
                if isinstance(result, workers.Done):
                    checksums[result.source.path] = result.value
                elif isinstance(result.error, OutputError):
                    raise result.error  # a full disk is full for every file
                else:
                    missing.append(Missing(result.source.path, result.error))
                progress("features", len(checksums) + len(missing), len(wanted), {})
        return checksums, missing

    def sweep(self, *, seconds: float = FORGOTTEN) -> None:
        """Remove what killed processes left half-written, if nobody wrote to it for so many seconds."""
        now = time.time()
        for leftover in self.folder.glob(f"*/*/*{_TEMPORARY}"):
            with suppress(OSError):
                if now - leftover.stat().st_mtime >= seconds:
                    leftover.unlink()


def _extract_into(folder: str, recipe: Recipe, wanted: Wanted) -> str:
    """Make the entry of a file and return the checksum of its content."""
    try:
        found = sha256_file(wanted.path)
    except OSError as error:
        raise UnreadableAudioError(f"{wanted.path} cannot be read: {error.strerror or error}") from error
    if wanted.sha256 and wanted.sha256 != found:
        raise UnreadableAudioError(
            f"{wanted.path} has changed: sha256={found[:12]}..., the manifest says {wanted.sha256[:12]}...",
            hint="Read the data set again.",
        )
    cache = FeatureCache(folder)
    if not cache.has(found, recipe):
        cache.put(found, recipe, extract(wanted.path, recipe))
    return found
