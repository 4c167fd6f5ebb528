"""Folders of a split: ``train/rock/song.mp3`` and ``test/rock/song.mp3``, or ``rock/train/song.mp3``.

A folder may really be the label "test", so the names alone decide nothing. What shows a split is that the
same labels lie below each of its folders.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from pathlib import Path

from earmark.audio import EXTENSIONS
from earmark.data.artists import clean_group
from earmark.data.layout import Layout, is_folder
from earmark.data.layouts.folders import read_folders
from earmark.data.manifest import PARTS, Manifest, Skipped, Track, part_name
from earmark.errors import InputError

_FOLD = re.compile(r"(?:fold|split|cv)[ _.-]*0*(\d{1,3})", re.IGNORECASE)
_DECORATION = re.compile(r"[ _.-]*(?:set|data|split|songs?|audio)$")
_CONTAINERS = {"audio", "clips", "data", "files", "genres", "mp3", "music", "songs", "sounds", "wav", "wavs"}


def subset_of(name: str) -> str:
    """Return the subset that a folder is named after; ``""`` for other names.

    Parameters
    ----------
    name : str
        In any case, perhaps with a word such as ``set`` or ``data`` after it.

    Returns
    -------
    str
        ``"train"``, ``"valid"``, ``"test"`` or the number of a fold.
    """
    name = name.strip().lower()
    part = part_name(_DECORATION.sub("", name))
    if part in PARTS:
        return part
    fold = _FOLD.fullmatch(name)
    return str(int(fold[1])) if fold else ""


def is_split(place: Path) -> bool:
    """Whether the folders of a data set are named after the subsets of a split, or those in each of them are.

    Parameters
    ----------
    place : Path
        Folder of the data set.
    """
    return place.is_dir() and (_is_outer(place) or bool(_inner(place)))


def read_split_folders(place: Path) -> Manifest:
    """Read folders of subsets and of labels, whichever of the two is inside the other.

    Parameters
    ----------
    place : Path
        Folder of the data set.

    Raises
    ------
    InputError
        If folders are named after subsets, but what lies in them does not show which labels they have.
    """
    if _is_outer(place):
        return _read_outer(place)
    manifest, parts = read_folders(place), _inner(place)
    tracks = tuple(_inside(track, parts) for track in manifest.tracks)
    names = list(dict.fromkeys(path.name for path in parts))
    return dataclasses.replace(manifest, tracks=tracks, notes=(_note(names, "around"),))


def _is_outer(place: Path) -> bool:
    """Whether the folders themselves are subsets: two different ones at least, or ``train`` with labels."""
    if not any(subset_of(path.name) for path in _folders(place)):
        return False  # the usual case: nothing else is looked at
    folders = [path for path in _folders(place) if _has_sound(path)]
    subsets = [path for path in folders if subset_of(path.name)]
    kinds = {subset_of(path.name) for path in subsets}
    if len(kinds) == 1:
        return kinds == {"train"} and len(folders) == 1 and len(_labels(folders[0])) > 1
    if len(kinds) > 1 and len(subsets) == len(folders) and kinds & set(PARTS):
        return True
    # Beside other folders, only what lies below distinguishes train/, test/ and extra/ from three labels.
    return len(kinds) > 1 and _same_labels([_labels(path) for path in subsets])


def _same_labels(labels: list[list[Path]]) -> bool:
    """Whether most labels lie below more than one subset."""
    counts = Counter(path.name.casefold() for paths in labels for path in paths)
    shared = sum(n > 1 for n in counts.values())
    return all(labels) and shared > 0 and 2 * shared >= len(counts)


def _labels(subset: Path) -> list[Path]:
    """Return the folders of labels in a subset, perhaps below one of a name such as ``audio``."""
    folders = [path for path in _folders(subset) if _has_sound(path)]
    if len(folders) == 1 and folders[0].name.lower() in _CONTAINERS:
        return [path for path in _folders(folders[0]) if _has_sound(path)] or folders
    return folders


def _read_outer(place: Path) -> Manifest:
    folders = [path for path in _folders(place) if _has_sound(path)]
    labels = {path: _labels(path) for path in folders if subset_of(path.name)}
    if len(labels) > 1 and not _same_labels(list(labels.values())):
        raise _unclear(place, labels)
    names = [path.name for path in labels]
    if others := [path.name for path in folders if path not in labels]:
        raise InputError(
            f"{place} has a split ({', '.join(names)}) and beside it {', '.join(others)}",
            hint="Try: move the other folders away, or name the tracks in a table with a column split.",
        )
    spelling: dict[str, str] = {}
    tracks: list[Track] = []
    skipped: list[Skipped] = []
    for subset, below in labels.items():
        manifest = read_folders(below[0].parent)
        tracks += [_within(track, place, subset, spelling) for track in manifest.tracks]
        skipped += manifest.skipped
    return Manifest(tuple(tracks), root=str(place), skipped=tuple(skipped), notes=(_note(names, "in"),))


def _note(names: list[str], where: str) -> str:
    return (
        f"the folders {', '.join(names)} are read as a split (which earmark train uses by default), "
        f"the labels from the folders {where} them"
    )


def _unclear(place: Path, labels: dict[Path, list[Path]]) -> InputError:
    found = [
        f"{subset.name}: {', '.join(path.name for path in below[:4]) or 'no folders'}"
        for subset, below in labels.items()
    ]
    return InputError(
        f"{place} has folders named after a split, but not the same labels in each ({'; '.join(found)})",
        hint="Accepted: train/rock/song.mp3 and test/rock/song.mp3. Try: a table with columns path, label "
        "and split; or other names for the folders, if these are the labels.",
    )


def _inner(place: Path) -> dict[Path, str]:
    """Return the folders of subsets in the labels, and their subsets; none if other folders lie there too."""
    inside = [path for label in _folders(place) for path in _folders(label)]
    if not any(subset_of(path.name) for path in inside):
        return {}  # the usual case: nothing else is looked at
    found = {path: subset_of(path.name) for path in inside if _has_sound(path)}
    return found if all(found.values()) and len(set(found.values())) > 1 else {}


def _inside(track: Track, parts: dict[Path, str]) -> Track:
    """Return a track of ``rock/train/Queen/song.mp3`` with its subset, and the group that is below it."""
    folder = Path(track.path).parent
    part = next((place for place in (folder, *folder.parents) if place in parts), None)
    if part is None:
        return track
    below = folder.relative_to(part).parts
    return dataclasses.replace(track, split=parts[part], group=clean_group(below[0]) if below else "")


def _within(track: Track, root: Path, subset: Path, spelling: dict[str, str]) -> Track:
    """Return a track of a subset with an id of the whole; labels are spelled as where they came first."""
    return dataclasses.replace(
        track,
        id=Path(track.path).relative_to(root).as_posix(),
        labels=tuple(spelling.setdefault(label.casefold(), label) for label in track.labels),
        split=subset_of(subset.name),
    )


def _folders(place: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(place) if is_folder(entry)]


def _entries(place: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as listing:
            return sorted((e for e in listing if not e.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:
        return []  # reported by whoever reads the tracks


def _has_sound(place: Path) -> bool:
    """Whether there is a file that is named like sound; the first ends the search."""
    waiting, seen = [str(place)], set()
    while waiting:
        folder = waiting.pop()
        if (real := os.path.realpath(folder)) in seen:
            continue
        seen.add(real)
        for entry in _entries(folder):
            if is_folder(entry):
                waiting.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:
                return True
    return False


LAYOUT = Layout(
    name="split-folders",
    summary="Folders train, valid, test (or fold1, fold2, ...) with the same labels below each.",
    order=80,
    matches=is_split,
    read=lambda place, _: read_split_folders(place),
)
