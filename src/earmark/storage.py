"""Files on disk: written whole or not at all, the user's folders, checksums, and cells of CSV.

A file is written under a name of its own beside its target, flushed to the disk, and renamed over the
target. Whoever reads the target finds the old content or the new, never a part; a process that is killed
leaves the old. Two writers of one target do not meet: the last to finish wins.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from earmark.errors import OutputError

PREFIX, SUFFIX = ".earmark-", ".part"  # of the names of files that are still being written
ABANDONED = 3600.0  # s without a write, after which such a file has no writer any more
DIGEST_LENGTH = 16  # hex digits

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), full-width forms included.
# A sign alone is text there too. The apostrophe in front is what spreadsheets themselves mark text with.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠].", re.DOTALL)


# ---------------------------------------------------------------- writing


def write_atomic(path: str | os.PathLike[str], content: bytes | str, *, private: bool = False) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : path
        A file there is replaced and its mode kept; a symbolic link is followed.
    content : bytes or str
        Text is written as UTF-8; bytes that stand for themselves in file names (surrogates) pass through.
    private : bool
        As of `atomic_file`.

    Raises
    ------
    OutputError
        It cannot be written; nothing has changed then.
    """
    with atomic_file(path, private=private) as file:
        file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write to that takes the place of `path` once the block has ended without an error.

    Parameters
    ----------
    path : path
        As of `write_atomic`. What is no regular file (``/dev/stdout``, a pipe) is written to directly.
    private : bool
        Whether nobody else may read it (mode 600), as befits a secret.

    Yields
    ------
    BinaryIO
        Can seek. After any error, `KeyboardInterrupt` included, it is removed and `path` is as before.

    Raises
    ------
    OutputError
        It cannot be opened, written, flushed to the disk or renamed.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        before = _stat(target)
        if before is not None and not stat.S_ISREG(before.st_mode):
            with target.open("wb") as file:  # raises for a folder; renaming over a device would remove it
                yield file
            return
        target = Path(os.path.realpath(target))
        descriptor, temporary = _create_beside(target)
        with os.fdopen(descriptor, "w+b") as file:
            if private:
                _set_mode(file, temporary, 0o600)
            elif before is not None:
                _set_mode(file, temporary, stat.S_IMODE(before.st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
        sync_folder(target.parent)
    except OSError as error:
        if not _concerns(error, target):
            raise
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, unless they are there.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return the error of a place that cannot be written, with what to try.

    Parameters
    ----------
    path : path
        As the user named it.
    error : OSError
        What the system said.
    """
    folder = Path(path).parent
    match error.errno:
        case number if number in _FULL:
            hint = "Try: free some space, or write elsewhere."
        case number if number in _DENIED:
            hint = f"Try: a place that you may write to, or the permissions of {folder}."
        case errno.ENOENT | errno.ENOTDIR:
            hint = f"Try: another place, or make the folder {folder} first."
        case errno.EISDIR:
            hint = "Try: the name of a file in it."
        case _:
            hint = "Try: another place."
    return OutputError(f"cannot write {os.fspath(path)}: {error.strerror or error}", hint=hint)


def hold(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file and keep other processes that ask for the same from it, until it is closed.

    An advisory lock (flock): where a system or a share has none, nothing is kept from anybody.

    Parameters
    ----------
    path : path
        A file that exists.

    Returns
    -------
    BinaryIO
        To be closed; a process that ends, however it ends, lets go.

    Raises
    ------
    OutputError
        Somebody else holds it.
    OSError
        It cannot be opened.
    """
    file = open(path, "rb")  # noqa: SIM115  (the caller closes it)
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise OutputError(
            f"another process is writing {os.fspath(path)}",
            hint="Try: again when it has finished, or another place.",
        ) from error
    except (ImportError, OSError):
        pass
    return file


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Flush the names in a folder to the disk, so that a rename survives a power cut; where a system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)  # Windows opens no folders, and needs none of this
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_abandoned(folder: str | os.PathLike[str], *, seconds: float = ABANDONED) -> None:
    """Remove what killed processes left half-written in a folder.

    Parameters
    ----------
    folder : path
        Where to look.
    seconds : float
        Files that were written to more recently stay: their writer may be at work.
    """
    now = time.time()
    for leftover in Path(folder).glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):
            if now - leftover.stat().st_mtime >= seconds:
                leftover.unlink()


def _concerns(error: OSError, target: Path) -> bool:
    """Whether an error is of the writing; one that names another file is the caller's own."""
    if not isinstance(error.filename, str | os.PathLike):
        return error.filename is None
    failed = Path(error.filename)
    return failed == target or failed.name.startswith(PREFIX)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _create_beside(target: Path) -> tuple[int, Path]:
    """Open a new file in the folder of the target, under a name that no process and no thread has."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        # Random as well: another machine may write to the same folder under the same process number.
        temporary = target.with_name(f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}")
        with suppress(FileExistsError):
            # The system takes the umask off 0o666. Asking for the umask would change it for every thread.
            return os.open(temporary, flags, 0o666), temporary


def _set_mode(file: BinaryIO, path: Path, mode: int) -> None:
    with suppress(OSError):  # a share that knows no modes
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), mode)
        else:
            path.chmod(mode)


# ---------------------------------------------------------------- the user's folders


class UserDirs(NamedTuple):
    """Where the system keeps what belongs to earmark; none of them need exist.

    Parameters
    ----------
    cache : Path
        What can be computed or fetched again.
    data : Path
        What cannot.
    config : Path
        Settings.
    """

    cache: Path
    data: Path
    config: Path


def user_dirs() -> UserDirs:
    """Folders of this user, as platform conventions (XDG, Windows, macOS) and the environment name them."""
    import platformdirs

    dirs = platformdirs.PlatformDirs("earmark", appauthor=False)
    return UserDirs(dirs.user_cache_path, dirs.user_data_path, dirs.user_config_path)


# ---------------------------------------------------------------- checksums


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of the content of a file as 64 hex digits.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file: a pipe might never end.
    """
    with open(path, "rb", opener=_open_regular) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "Is a folder" if stat.S_ISDIR(mode) else "Not a regular file", path)
    return descriptor


def digest(facts: object, *, ordered: bool = False) -> str:
    """Return 16 hex digits of what JSON can say: the same for equal facts, on any machine.

    Parameters
    ----------
    facts : object
        Dictionaries, lists, text, numbers, None. Odd bytes of file names count as they are.
    ordered : bool
        Whether the order of dictionaries counts, as it does in the digests of splits that cards state.
    """
    text = json.dumps(facts, sort_keys=not ordered, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]


# ---------------------------------------------------------------- cells of CSV


def to_cell(value: object) -> object:
    """Return a value for a cell of CSV: text that a spreadsheet would take for a formula gets an apostrophe.

    Parameters
    ----------
    value : object
        Numbers pass as they are, negative ones too.

    Examples
    --------
    >>> to_cell("=HYPERLINK(A1).mp3"), to_cell(-3.5), to_cell("'99 Luftballons.mp3")
    ("'=HYPERLINK(A1).mp3", -3.5, "'99 Luftballons.mp3")
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def csv_line(values: Iterable[object]) -> str:
    """Return a row of CSV, without the end of the line; each value is a cell as `to_cell` makes it."""
    line = io.StringIO()
    # csv puts in quotes only what holds a character of the end of the line: names may hold either.
    csv.writer(line, lineterminator="\r\n").writerow(map(to_cell, values))
    return line.getvalue()[:-2]


def from_cell(text: str) -> str:
    """Return the text that `to_cell` made a cell of; its exact inverse.

    Examples
    --------
    >>> from_cell("'=HYPERLINK(A1).mp3"), from_cell("'99 Luftballons.mp3")
    ('=HYPERLINK(A1).mp3', "'99 Luftballons.mp3")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
