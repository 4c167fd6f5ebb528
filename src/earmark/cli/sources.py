"""Which files a command is to work on, and the report on those that failed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from earmark.cli.terminal import Screen, debugging, plural, say
from earmark.errors import AudioNotFoundError, InputError

STDIN = "-"
FEW = 4  # files from which on the start of worker processes, half a second each, pays


def found(paths: Iterable[str]) -> list[str]:
    """Sound files among paths, as they were given, folders walked.

    Raises
    ------
    AudioNotFoundError
        If the folders hold no sound.
    """
    from earmark.audio import EXTENSIONS, find_audio

    paths = list(paths)
    sources = [str(path) for path in find_audio(paths)]
    if not sources:
        raise AudioNotFoundError(
            f"no sound files in {', '.join(paths)}",
            hint=f"Files are found by their ending: {' '.join(sorted(EXTENSIONS)[:8])} and others.",
        )
    return sources


def one_only(sources: list[str], option: str) -> None:
    """Refuse an option that is for one file.

    Raises
    ------
    InputError
        If there are several.
    """
    if len(sources) > 1:
        raise InputError(f"{option} takes one file, there are {len(sources)}", hint="Call it once for each.")


def jobs_for(sources: list[str], wanted: int | None) -> int:
    """Worker processes: as wanted, or one a core; this one alone for stdin and for a few files."""
    from earmark.workers import default_jobs

    if STDIN in sources or not sources:
        return 1
    if wanted is None:
        return default_jobs(len(sources)) if len(sources) >= FEW else 1
    return min(wanted, len(sources))


def limits_for(sources: list[str], deadline: float | None) -> dict[str, Any]:
    """Time and memory that each file may take, as arguments of `earmark.workers.run`.

    None for standard input, which a worker cannot read, nor for a single file unless a deadline is asked for:
    no other file waits for it, and this process has it done sooner than a new one would have begun.
    """
    from earmark.workers import default_deadline, default_memory

    if STDIN in sources or (len(sources) < 2 and deadline is None):
        return {}
    return {"deadline": deadline or default_deadline, "memory": default_memory()}


def done_of(results: Iterable[Any], out: Screen, failed: Any) -> Iterator[Any]:
    """Pass on what was done, hand what failed to `failed(source, error)`, and keep the progress going.

    Parameters
    ----------
    results : iterable of Done or Failed
        From `earmark.workers.run`.
    out : Screen
        Has the progress bar.
    failed : callable
        Told of each failure.

    Yields
    ------
    Done
    """
    from earmark.workers import Done

    n_done = n_all = 0
    try:
        for result in results:
            n_all += 1
            if isinstance(result, Done):
                n_done += 1
                yield result
            else:
                failed(result.source, result.error)
                if result.trace and debugging():
                    say(*result.trace.splitlines())
            out.advance()
    except KeyboardInterrupt:
        say(f"{plural(n_all, 'file')} finished before the interruption")
        raise


def check_writable(path: Path, option: str) -> None:
    """Refuse a place that cannot be written before any work is done.

    Raises
    ------
    InputError
        If there is no such folder, or a folder of that name.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{option} {path}: " + ("is a folder" if path.is_dir() else "no such folder"))


def check_free(path: Path, *, force: bool) -> None:
    """Refuse to replace a file that the user did not name.

    Raises
    ------
    InputError
        If there is something of that name, unless `force`.
    """
    if not force and os.path.lexists(path):
        raise InputError(
            f"{path} exists, and --output was not given",
            hint="Try: --output with another name, or --force to replace it.",
        )
