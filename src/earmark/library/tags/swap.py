"""Put a file with other tags in the place of the old one: whole or not at all, and never the wrong one."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from earmark.errors import ChangedFileError, LinkedFileError, OutputError, TagError
from earmark.library.tags.splice import Splice, inverse, rewrite, sha256_of
from earmark.storage import atomic_file, cannot_write, hold

_WAIT, _RETRY = 10.0, 0.02  # s for another process that changes the same file

# Called with the new file, its SHA-256 and the splices that take it back, just before it is put in place.
Before = Callable[[BinaryIO, str, list[Splice]], None]


@contextmanager
def held(path: str) -> Iterator[BinaryIO]:
    """Open a file and keep other processes of earmark from changing it meanwhile.

    Raises
    ------
    OutputError
        Another process kept it for ten seconds.
    """
    until = time.monotonic() + _WAIT
    while True:
        try:
            file = hold(path)
        except OutputError:
            if time.monotonic() > until:
                raise
            time.sleep(_RETRY)
            continue
        # Whoever held it may have put another file there.
        if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            break
        file.close()
    with file:
        yield file


def check_replaceable(path: str, *, break_links: bool = False) -> os.stat_result:
    """Whether a file may be replaced at all.

    Returns
    -------
    os.stat_result

    Raises
    ------
    OutputError
        It, or its folder, is read-only.
    LinkedFileError
        It has several names and `break_links` is not set.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise TagError(f"{path} is no regular file", hint="Accepted: files.")
    if not found.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise OutputError(f"{path} is read-only", hint=f"Try: chmod u+w {path}.")
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {folder} is read-only", hint="Try: its permissions.")
    if found.st_nlink > 1 and not break_links:
        raise LinkedFileError(
            f"{path} has {found.st_nlink} names (hard links), of which one would get the new tags",
            hint="Try: --break-links, to give this name a file of its own.",
        )
    return found


def swap(
    path: str,
    file: BinaryIO,
    splices: Sequence[Splice],
    *,
    before: str,
    mtime: int | None,
    last: Before,
) -> None:
    """Replace a file by one with splices made.

    Parameters
    ----------
    path : str
        No symbolic link.
    file : binary file
        It, held open.
    splices : sequence of Splice
        In order.
    before : str
        SHA-256 that it must have.
    mtime : int or None
        Time of the last change that the new file gets, in nanoseconds; None for now.
    last : callable
        See `Before`; what it raises stops the change.

    Raises
    ------
    ChangedFileError
        It is another file by now.
    OutputError
        The disk is full, or the folder or the share does not take it. The file is as before.
    """
    seen = os.fstat(file.fileno())
    if sha256_of(file) != before:
        raise changed(path)
    undo = inverse(file, splices)
    try:
        with atomic_file(path) as new:
            after = rewrite(file, splices, new)
            new.flush()
            _keep(file, new, seen)
            last(new, after, undo)
            if mtime is not None and os.utime in os.supports_fd:
                os.utime(new.fileno(), ns=(mtime, mtime))
            now = os.stat(path)
            if (now.st_mtime_ns, now.st_size, now.st_ino) != (seen.st_mtime_ns, seen.st_size, seen.st_ino):
                raise changed(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    if mtime is not None and os.utime not in os.supports_fd:
        os.utime(path, ns=(mtime, mtime))


def changed(path: str) -> ChangedFileError:
    """Error of a file that somebody else changed."""
    return ChangedFileError(f"{path} was changed since", hint="Try: plan again for the file as it is now.")


def _keep(old: BinaryIO, new: BinaryIO, seen: os.stat_result) -> None:
    """Give the new file the owner and the extended attributes of the old, access lists among them."""
    if hasattr(os, "fchown") and (seen.st_uid, seen.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(new.fileno(), seen.st_uid, seen.st_gid)
        except PermissionError:
            raise TagError(
                f"the owner of the file (user {seen.st_uid}, group {seen.st_gid}) cannot be kept",
                hint="Try: as that user.",
            ) from None
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(new.fileno(), stat.S_IMODE(seen.st_mode))  # a change of owner takes bits away
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # a share that knows none
            for name in os.listxattr(old.fileno()):
                with suppress(OSError):  # of the system's own
                    os.setxattr(new.fileno(), name, os.getxattr(old.fileno(), name))


def real_path(path: str | os.PathLike[str]) -> str:
    """Where a file lies behind symbolic links: that one is changed, the links stay."""
    return os.path.realpath(os.path.abspath(path))
