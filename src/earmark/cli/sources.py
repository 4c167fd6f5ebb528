"""Which files a command is to work on, and the report on those that failed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from earmark.cli.terminal import Screen, complaint, debugging, plural, say
from earmark.errors import AudioError, AudioNotFoundError, InputError

STDIN = "-"
FEW = 4  # files from which on the start of worker processes, half a second each, pays


def found(
    paths: Iterable[str], *, on_unreadable: Callable[[Path, AudioError], None] | None = None
) -> tuple[list[str], int]:
    """Find the sound files among paths, folders walked; report what cannot be read and what is left out.

    Parameters
    ----------
    paths : iterable of str
        Files and folders.
    on_unreadable : callable, optional
        Called with each folder or entry that cannot be read, and its error, beside the line on stderr.

    Returns
    -------
    sources : list of str
        Files, as they were given or in the order found.
    n_unreadable : int
        Folders and entries of folders that could not be read, each reported with a line. They make the exit
        status of a command 1.

    Raises
    ------
    AudioError
        If there is no sound file at all.
    """
    from earmark.audio import EXTENSIONS, find_audio

    paths = list(paths)
    unreadable: list[AudioError] = []

    def note(path: Path, error: AudioError) -> None:
        unreadable.append(error)
        if on_unreadable is not None:
            on_unreadable(path, error)

    others: Counter[str] = Counter()
    walk = find_audio(
        paths,
        on_error=note,
        on_other=lambda path: others.update([path.suffix.lower()]),
    )
    sources = [str(path) for path in walk]
    if not sources and unreadable:
        raise unreadable[0]
    if not sources:
        raise AudioNotFoundError(
            f"no sound files in {', '.join(paths)}" + (f" ({left_out(others)})" if others else ""),
            hint=f"Accepted: files that end in {' '.join(sorted(EXTENSIONS)[:8])} and others.",
        )
    for error in unreadable:
        say(complaint(error))
    if others:
        say(left_out(others))
    return sources, len(unreadable)


def left_out(others: Counter[str]) -> str:
    """Describe files by their endings: ``12 other files left out: 8 .jpg, 4 .txt``."""
    kinds = [f"{n} {ending or 'without ending'}" for ending, n in others.most_common(FEW)]
    rest = others.total() - sum(n for _, n in others.most_common(FEW))
    listed = ", ".join(kinds) + (f", {rest} of other kinds" if rest else "")
    return f"{plural(others.total(), 'other file')} left out: {listed}"


def one_only(sources: list[str], option: str) -> None:
    """Refuse an option that is for one file.

    Raises
    ------
    InputError
        If there are several.
    """
    if len(sources) > 1:
        raise InputError(f"{option} takes one file, there are {len(sources)}", hint="Try: one call for each.")


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

    None for standard input, which a worker cannot read, nor for a single file unless a deadline is given:
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
        Called with each failure.

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
