"""Any data set as a manifest: which layout it has is told from its content."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path

from earmark.data.artists import grouped_by_tags
from earmark.data.layouts.fma import fma_table, read_fma
from earmark.data.layouts.folders import GTZAN, read_folders
from earmark.data.layouts.npz import read_cached_manifest
from earmark.data.layouts.tables import Columns, read_table
from earmark.data.manifest import Manifest, Track
from earmark.errors import InputError

# Names for recordings in which nothing of interest happens (as BirdNET-Analyzer's custom training has them).
NON_EVENTS = ("noise", "silence", "speech", "background", "other", "non-event", "nonevent")

TABLES = ("tracks.csv", "tracks.jsonl", "manifest.csv", "manifest.jsonl", "metadata.csv")
GROUPINGS = ("auto", "tags", "folder", "none")
_ZIP = b"PK\x03\x04"


def read_manifest(
    source: str | os.PathLike[str],
    *,
    path: str | None = None,
    labels: str | None = None,
    group: str | None = None,
    non_events: Collection[str] = NON_EVENTS,
) -> Manifest:
    """Read a data set.

    Parameters
    ----------
    source : path
        A folder of folders (the folder is the label, ``a, b`` two labels, what lies below is the group); a
        table (.csv, .jsonl) or a folder that holds ``tracks.csv``; GTZAN (a folder with ``genres_original``);
        FMA (a folder with ``fma_metadata``); an .npz of cached log-mels.
    path, labels : str, optional
        Columns of a table to read, where they have unusual names.
    group : str, optional
        Column of a table, or ``"tags"`` (artist or album of each file's own tags), ``"folder"`` (the folder
        that the file is in) or ``"none"``. Without it, what the data set says; for files in a folder that
        says nothing, the tags.
    non_events : collection of str
        Labels, in any case, of recordings to which no class applies: such tracks get no label. Where fewer
        than two other classes would remain, these are classes like any other.

    Returns
    -------
    Manifest
        What could not become a track is in `skipped`, with the reason.

    Raises
    ------
    InputError
        If there is nothing usable; the message says what was found and what is accepted.
    """
    place = Path(source)
    if not place.exists():
        raise InputError(f"there is no data set {str(place)!r}", hint="Give a folder, .csv, .jsonl or .npz")
    column = None if group in GROUPINGS else group
    manifest = _read(place, Columns(path=path, labels=labels, group=column))
    tracks = _grouped(manifest, "auto" if column else group or "auto")
    return dataclasses.replace(manifest, tracks=_without_non_events(tracks, non_events), classes=())


def _read(place: Path, columns: Columns) -> Manifest:
    try:
        if (fma := fma_table(place)) is not None:
            return read_fma(fma)
        if place.is_dir():
            return _read_folder(place, columns)
        with place.open("rb") as file:
            read = read_cached_manifest if file.read(4) == _ZIP else read_table
        return read(place, columns=columns)
    except OSError as error:
        raise InputError(
            f"{error.filename or place} cannot be read ({error.strerror})", hint="Check its permissions"
        ) from None


def _read_folder(place: Path, columns: Columns) -> Manifest:
    for name in TABLES:
        if (place / name).is_file():
            return read_table(place / name, columns=columns)
    for name in GTZAN:
        if (place / name).is_dir():
            return read_folders(place / name)
    return read_folders(place)


def _grouped(manifest: Manifest, by: str) -> list[Track]:
    tracks = list(manifest.tracks)
    if by == "auto":
        # A table or a tree that groups some tracks has said what it knows of the others.
        known = manifest.cache or any(track.group for track in tracks)
        return tracks if known else grouped_by_tags(tracks)
    tracks = [dataclasses.replace(track, group="") for track in tracks]
    if by == "tags":
        return grouped_by_tags(tracks)
    if by == "folder":
        return [dataclasses.replace(track, group=Path(track.path).parent.name) for track in tracks]
    return tracks


def _without_non_events(tracks: list[Track], names: Collection[str]) -> tuple[Track, ...]:
    """Take the labels of non-events away, unless they are what the data set is about."""
    names = {name.lower() for name in names}
    classes = {label for track in tracks for label in track.labels}
    if len({label for label in classes if label.lower() not in names}) < 2:
        return tuple(tracks)
    return tuple(
        dataclasses.replace(track, labels=tuple(name for name in track.labels if name.lower() not in names))
        for track in tracks
    )
