"""What a scan has to do: the files that there are against those that the catalogue knows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from earmark.library.row import FileState, Item
from earmark.library.scanning.listing import Key, Known

NEW, CHANGED, REFRESHED, RETRIED = "new", "changed", "refreshed", "retried"
# A disk, a share or permissions may have been mended without a change of the file.
_OF_ACCESS = frozenset({"unreadable", "not-found"})


@dataclass(frozen=True, slots=True)
class Todo:
    """A track to process.

    Parameters
    ----------
    item : Item
        Which.
    why : str
        `NEW`, `CHANGED`, `REFRESHED` or `RETRIED`.
    known : Known or None
        What the catalogue has at its place.
    keeps : bool
        Whether the analysis stays if only the tags have changed.
    is_other : bool
        Whether it is known not to be a track that has moved, although its sound begins alike.
    """

    item: Item
    why: str
    known: Known | None = None
    keeps: bool = False
    is_other: bool = False


@dataclass
class Plan:
    """What a scan has to do.

    Parameters
    ----------
    todo : list of Todo
        Tracks to process, in the order of their paths.
    present : list of (int, FileState)
        Ids of tracks that are as they were, but were marked as vanished or have another number of file
        system.
    missing : dict
        Tracks of the catalogue that were not found.
    devices : dict of int to int
        Numbers of file systems as recorded -> as they are now.
    counts : Counter
        ``unchanged``, ``returned``, ``failed_before``, ``other_model``, ``older_method``, ``in_excerpts``.
    """

    todo: list[Todo] = field(default_factory=list)
    present: list[tuple[int, FileState]] = field(default_factory=list)
    missing: dict[Key, Known] = field(default_factory=dict)
    devices: dict[int, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def plan(
    tracks: Mapping[Key, tuple[Item, FileState]],
    known: Mapping[Key, Known],
    *,
    model: int | None,
    method: int | None,
    full: bool,
    refresh: bool = False,
    retry: bool = False,
) -> Plan:
    """Compare the tracks that there are with those of the catalogue.

    Parameters
    ----------
    tracks : mapping
        From `earmark.library.scanning.listing.list_tracks`.
    known : mapping
        Of the same folders, from the catalogue.
    model : int or None
        Number of the model in the catalogue.
    method : int or None
        Number of this version's method for tempo and key.
    full : bool
        Whether whole tracks are wanted: those of which only excerpts were analysed are then refreshed.
    refresh, retry : bool
        Whether to process again what another model or method analysed, and what failed.
    """
    made = Plan()
    for key, (item, file) in tracks.items():
        before = known.get(key)
        if before is None:
            made.todo.append(Todo(item, NEW))
            continue
        lacks = _lacks(before, model, method, full)
        if _has_changed(item, file, before):
            keeps = not before.failed and not (refresh and lacks)
            made.todo.append(Todo(item, CHANGED, before, keeps))
            continue
        _note_present(made, file, before)
        if before.failed and (retry or _is_of_access(before)):
            made.todo.append(Todo(item, RETRIED, before))
        elif lacks and refresh:
            made.todo.append(Todo(item, REFRESHED, before))
        else:
            made.counts["failed_before" if before.failed else "unchanged"] += 1
            made.counts[lacks] += bool(lacks)
    made.missing = {key: before for key, before in known.items() if key not in tracks}
    return made


def _has_changed(item: Item, file: FileState, before: Known) -> bool:
    same_file = (file.size, file.mtime_ns) == (before.file.size, before.file.mtime_ns)
    return not same_file or (item.start, item.stop) != (before.start, before.stop)


def _lacks(before: Known, model: int | None, method: int | None, full: bool) -> str:
    """Return what a refresh would mend: one of the last three of `Plan.counts`, or nothing."""
    if before.failed:
        return ""
    if before.model != model:
        return "other_model"
    if before.method is None or before.method != method:  # one that is not known is older
        return "older_method"
    return "in_excerpts" if full and not before.is_whole else ""


def _note_present(made: Plan, file: FileState, before: Known) -> None:
    if before.vanished or file.device != before.file.device:
        made.present.append((before.id, file))
        made.devices[before.file.device] = file.device
        made.counts["returned"] += before.vanished


def _is_of_access(before: Known) -> bool:
    return bool(before.error) and json.loads(before.error or "{}").get("code") in _OF_ACCESS
