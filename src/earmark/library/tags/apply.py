"""Carry a plan out, and take it back."""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from earmark.errors import AudioNotFoundError, ChangedFileError, EarmarkError, InternalError
from earmark.library.tags import verify
from earmark.library.tags.journal import ABORTED, DONE, UNDONE, Edit, Journal
from earmark.library.tags.plan import FilePlan
from earmark.library.tags.read import open_file
from earmark.library.tags.splice import Splice, sha256_of
from earmark.library.tags.swap import changed, check_replaceable, held, real_path, swap
from earmark.library.tags.write import edits
from earmark.storage import cannot_write, remove_abandoned, sha256_file

State = Literal["applied", "undone", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its new state, and why that is ``"failed"`` where it is."""

    path: str
    state: State
    error: EarmarkError | None = None


def new_run() -> str:
    """Name of a run: when it began, and a few letters, for two may begin at once."""
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def apply(
    plans: Iterable[FilePlan],
    journal: Journal,
    *,
    run: str | None = None,
    keep_mtime: bool = False,
    break_links: bool = False,
) -> Iterator[Outcome]:
    """Write the tags of a plan.

    Each file is copied, changed, read back by earmark and by mutagen, and renamed over the old one, whole or
    not at all. How to take it back is on the disk before that.

    Parameters
    ----------
    plans : iterable of FilePlan
    journal : Journal
    run : str, optional
        Name under which the journal keeps this; by default a new one.
    keep_mtime : bool
        Whether files keep the time of their last change.
    break_links : bool
        Whether a file with several names (hard links) may be changed: the others keep the old content.

    Yields
    ------
    Outcome
        For each file with changes, in order. A file that fails is as it was; the others go on.
    """
    run = run or new_run()
    cleaned: set[str] = set()
    for plan in plans:
        if plan.error or not plan.changes:
            continue
        folder = os.path.dirname(plan.path)
        if folder not in cleaned:
            cleaned.add(folder)
            remove_abandoned(folder)
        yield _outcome(
            plan.path,
            partial(_apply_one, plan, journal, run, keep_mtime=keep_mtime, break_links=break_links),
        )


def _outcome(path: str, act: partial[State]) -> Outcome:
    try:
        return Outcome(path, act())
    except EarmarkError as error:
        return Outcome(path, "failed", error)
    except OSError as error:
        return Outcome(path, "failed", cannot_write(path, error))
    except Exception as error:
        fault = InternalError(f"{type(error).__name__}: {error}", hint="Try: report it.")
        return Outcome(path, "failed", fault)


def _apply_one(plan: FilePlan, journal: Journal, run: str, *, keep_mtime: bool, break_links: bool) -> State:
    with open_file(plan.path):
        pass  # says in words what is wrong with a file that is not there
    path = real_path(plan.path)
    values = {change.field: change.new for change in plan.changes}
    with held(path) as file:
        if sha256_of(file) != plan.sha256:
            found = verify.written_values(file)
            if all(found.get(name, ()) == tuple(new) for name, new in values.items()):
                return "unchanged"  # as planned already: by an earlier run, or by hand
            raise changed(path)
        seen = check_replaceable(path, break_links=break_links)
        entry: list[int] = []

        def last(new: BinaryIO, after: str, undo: list[Splice]) -> None:
            verify.check(file, new, values)
            entry.append(
                journal.prepare(run, path, before=plan.sha256, after=after, mtime=seen.st_mtime_ns, undo=undo)
            )

        try:
            swap(
                path,
                file,
                edits(file, values),
                before=plan.sha256,
                mtime=seen.st_mtime_ns if keep_mtime else None,
                last=last,
            )
        except BaseException:
            if entry and sha256_file(path) == plan.sha256:
                journal.settle(entry[0], ABORTED)
            raise
        journal.settle(entry[0], DONE)
    return "applied"


def undo(journal: Journal, *, run: str | None = None, paths: Sequence[str] = ()) -> Iterator[Outcome]:
    """Take changes of tags back: files are as they were, byte for byte, with the time of their last change.

    Parameters
    ----------
    journal : Journal
    run : str, optional
        Only what this run changed.
    paths : sequence of str
        Only these files.

    Yields
    ------
    Outcome
        For each change, the newest first. A file that somebody changed since is left alone.
    """
    for edit in journal.edits(run=run, paths=[real_path(path) for path in paths]):
        yield _outcome(edit.path, partial(_undo_one, edit, journal))


def _undo_one(edit: Edit, journal: Journal) -> State:
    if not Path(edit.path).exists():
        raise AudioNotFoundError(f"{edit.path} does not exist", hint="Try: put the file back where it was.")
    with held(edit.path) as file:
        now = sha256_file(edit.path)
        if now == edit.before:  # never changed, or taken back by a run that was killed
            journal.settle(edit.id, UNDONE if edit.state == DONE else ABORTED)
            return "unchanged"
        if now != edit.after:
            raise ChangedFileError(
                f"{edit.path} was changed since its tags were written",
                hint="Try: earmark tag plan --replace, or a tag editor.",
            )
        check_replaceable(edit.path, break_links=True)

        def last(_: BinaryIO, after: str, __: list[Splice]) -> None:
            if after != edit.before:
                raise InternalError(
                    "the file would not be as it was", hint="Try: report it; the file is left alone."
                )

        swap(edit.path, file, edit.undo, before=edit.after, mtime=edit.mtime, last=last)
        journal.settle(edit.id, UNDONE)
    return "undone"
