"""Following folders: a scan whenever something in them has changed and come to rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from earmark.audio import EXTENSIONS
from earmark.errors import InputError, MissingExtraError
from earmark.library.catalogue import Library
from earmark.library.scanning.exclude import MARKER, PATTERNS
from earmark.library.scanning.scan import scan
from earmark.library.scanning.summary import ScanSummary
from earmark.models import Model
from earmark.vocabulary import DEFAULT_MODEL

QUIET_SECONDS = 2.0  # without a change, after which a file is taken to be complete
PATIENCE_SECONDS = 60.0  # after which the others are scanned although some files are still written to
_DELETED = 3  # watchfiles.Change.deleted


class Stop(Protocol):
    """What a `threading.Event` is here."""

    def is_set(self) -> bool:
        """Whether to stop."""


def watch(
    library: Library,
    roots: Iterable[str | os.PathLike[str]] = (),
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    *,
    on_scan: Callable[[ScanSummary], object],
    quiet: float = QUIET_SECONDS,
    stop: Stop | None = None,
    **options: Any,
) -> None:
    """Scan folders, and then again whenever something in them has changed.

    Parameters
    ----------
    library, roots, model
        As of `scan`.
    on_scan : callable
        Called with the summary of each scan.
    quiet : float
        Seconds without a change after which a file is taken to be complete.
    stop : threading.Event, optional
        Set by another thread, it ends this.
    **options
        As of `scan`.

    Raises
    ------
    MissingExtraError
        watchfiles is not installed.
    EarmarkError
        As of `scan`.
    """
    changes_of, roots = _watchfiles(), list(roots)
    on_scan(scan(library, roots, model, **options))
    options = {**options, "refresh": False, "retry": False}  # once is enough
    folders = [folder for folder in map(_absolute, roots or library.roots()) if os.path.isdir(folder)]
    if not folders:
        raise InputError("none of the folders is there", hint="Try: mount them, or earmark scan DIR --watch.")
    own = os.path.abspath(library.path)
    batches = changes_of(
        *folders,
        watch_filter=lambda change, path: _is_of_interest(change, path, own),
        rust_timeout=max(1, round(1000 * quiet)),
        yield_on_timeout=True,
        stop_event=stop,
    )
    for held in _rests(batches, quiet):
        on_scan(scan(library, folders, model, held=held, **options))


def _rests(
    batches: Iterable[set[tuple[Any, str]]], quiet: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[list[str]]:
    """Yield when changes have come to rest: the files that have not, if it took too long.

    Parameters
    ----------
    batches : iterable of set of (Change, str)
        Changes as they come, an empty set where there were none for a while.
    quiet : float
        Seconds.
    clock : callable
        Seconds from anywhere.
    """
    last: dict[str, float] = {}  # path -> its last change
    first = 0.0
    for changes in batches:
        now = clock()
        first = first if last else now
        last.update((path, now) for _, path in changes)
        moving = [path for path, then in last.items() if now - then < quiet]
        if last and (not changes or not moving or now - first >= PATIENCE_SECONDS):
            held = moving if changes else []
            yield held
            last, first = {path: now for path in held}, now


def _is_of_interest(change: int, path: str, own: str) -> bool:
    """Whether a change may concern the library; of what is gone nobody knows whether it was a folder."""
    if path.startswith(own):  # the catalogue itself, and what SQLite puts beside it
        return False
    name = os.path.basename(path)
    ending = os.path.splitext(name)[1].lower()
    if name in (MARKER, PATTERNS) or ending == ".cue":
        return True
    if name.startswith("."):
        return False
    return ending in EXTENSIONS or change == _DELETED or os.path.isdir(path)


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(os.fspath(path))


def _watchfiles() -> Callable[..., Iterator[set[tuple[Any, str]]]]:
    try:
        from watchfiles import watch as changes_of
    except ImportError as error:
        raise MissingExtraError(
            "following folders needs watchfiles", hint="Try: pip install 'earmark[watch]'."
        ) from error
    return changes_of
