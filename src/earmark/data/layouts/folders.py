"""A folder of folders: the name of each is the label of what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from earmark.audio import EXTENSIONS, find_audio
from earmark.data.artists import clean_group
from earmark.data.layout import Layout, is_folder
from earmark.data.locate import not_utf8, unusable
from earmark.data.manifest import Manifest, Skipped, Track, clean_labels
from earmark.errors import InputError


def read_folders(root: Path) -> Manifest:
    """Read ``root/label/[group/]file``; a folder ``a, b`` gives two labels.

    Parameters
    ----------
    root : Path
        Its direct sub-folders are labels. What lies deeper is grouped by the folder below the label
        (``rock/Queen/song.mp3`` belongs to Queen), so that an artist under two labels stays one.

    Raises
    ------
    InputError
        If there are no sound files in folders.
    """
    tracks: list[Track] = []
    skipped: list[Skipped] = []
    for folder in _label_folders(root, skipped):
        labels = clean_labels(folder.name.split(","))
        n_before = len(tracks)
        for path in find_audio(
            [folder], on_error=lambda path, error: skipped.append(Skipped.by(str(path), error))
        ):
            if reason := _astray(path, folder, root) or unusable(path):
                skipped.append(Skipped(str(path), reason))
            else:
                tracks.append(_track(path, root, folder, labels))
        if len(tracks) == n_before:
            skipped.append(Skipped(str(folder), "a folder without sound files that can be read"))
    if not tracks:
        raise InputError(
            f"no labelled sound files in {root}"
            + (f" (skipped: {skipped[0].path}: {skipped[0].reason})" if skipped else ""),
            hint="Accepted: a folder for each label (rock/song.mp3), a table tracks.csv, or fma_metadata.",
        )
    return Manifest(tuple(_unique(tracks, skipped)), root=str(root), skipped=tuple(skipped))


def _label_folders(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Yield the folders of labels; files beside them have none."""
    beside = 0
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if not is_folder(entry):
            beside += os.path.splitext(entry.name)[1].lower() in EXTENSIONS
            continue
        if _is_above(entry.path, root):
            skipped.append(Skipped(entry.path, "a link back to where it lies"))
        elif not os.access(entry.path, os.R_OK | os.X_OK):
            skipped.append(Skipped(entry.path, "no permission to read it"))
        elif not clean_labels(entry.name.split(",")):
            skipped.append(Skipped(entry.path, "its name is no label"))
        elif not_utf8(entry.name):
            skipped.append(Skipped(entry.path, "its name, which is the label, is not UTF-8: rename it"))
        else:
            yield Path(entry.path)
    if beside:
        skipped.append(Skipped(str(root), f"{beside} sound files beside the folders have no label"))


def _astray(path: Path, folder: Path, root: Path) -> str:
    """Why a file is not of this label: a linked folder on the way to it lies in the folder of another one."""
    real, home = path.parent.resolve(), root.resolve()
    if real.is_relative_to(home) and not real.is_relative_to(folder.resolve()):
        return "a link to what lies in another folder of the data set"
    return ""


def _is_above(path: str, root: Path) -> bool:
    """Whether a link leads to the root or to a folder that holds it."""
    return Path(root).resolve().is_relative_to(Path(path).resolve())


def _track(path: Path, root: Path, folder: Path, labels: tuple[str, ...]) -> Track:
    group = path.parent.relative_to(folder)
    name = "" if group == Path() else clean_group(group.parts[0])
    return Track(id=path.relative_to(root).as_posix(), path=str(path), labels=labels, group=name)


def _unique(tracks: list[Track], skipped: list[Skipped]) -> Iterator[Track]:
    """Leave out a file that was reached twice over links."""
    seen: dict[tuple[object, ...], Track] = {}
    for track in tracks:
        first = seen.setdefault((os.path.realpath(track.path), track.labels), track)
        if first is track:
            yield track
        else:
            skipped.append(Skipped(track.path, f"the same file as {first.path}, over a link"))


LAYOUT = Layout(
    name="folders",
    summary="A folder for each label; a folder below it is the group (rock/Queen/song.mp3).",
    order=90,
    matches=Path.is_dir,
    read=lambda place, _: read_folders(place),
)
