"""Any data set as a manifest: which layout it has shows in its content."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from earmark.data.artists import grouped_by_tags
from earmark.data.columns import Columns
from earmark.data.layouts import layouts
from earmark.data.manifest import Manifest, Track
from earmark.errors import InputError

# Usual names for recordings in which nothing of interest happens (BirdNET-Analyzer's custom training takes
# these as such). Here they are labels all the same, unless they are named in `non_events`.
NON_EVENTS = ("noise", "silence", "speech", "background", "other", "non-event", "nonevent")

GROUPINGS = ("auto", "tags", "folder", "none")


def read_manifest(
    source: str | os.PathLike[str],
    *,
    path: str | None = None,
    labels: str | None = None,
    group: str | None = None,
    non_events: Collection[str] = (),
) -> Manifest:
    """Read a data set.

    Parameters
    ----------
    source : path
        A folder of folders (the folder is the label, ``a, b`` two labels, what lies below is the group), also
        below ``train`` and ``test``; a table (.csv, .jsonl) or a folder that holds ``tracks.csv``; GTZAN (a
        folder with ``genres_original``); FMA (a folder with ``fma_metadata``); an .npz of cached log-mels.
    path, labels : str, optional
        Columns of a table to read, where they have unusual names.
    group : str, optional
        Column of a table, or ``"tags"`` (artist or album of each file's own tags), ``"folder"`` (the folder
        that the file is in) or ``"none"``. Without it, what the data set states; for files in a folder that
        states nothing, the tags.
    non_events : collection of str
        Labels, in any case, of recordings to which none of the classes applies, such as ``"noise"``: these
        tracks stay, without a label, and a model is trained to give them none of the classes.

    Returns
    -------
    Manifest
        What could not become a track is in `skipped`, with the reason. Which labels do not count, and other
        things that a user should know, are in `notes`.

    Raises
    ------
    InputError
        If there is nothing usable; the message names what was found and what is accepted. If no track has a
        label of `non_events`, or fewer than one class would be left.
    """
    place = Path(source)
    if not place.exists():
        raise InputError(
            f"there is no data set {str(place)!r}", hint="Accepted: a folder, .csv, .jsonl or .npz."
        )
    column = None if group in GROUPINGS else group
    manifest = _read(place, Columns(path=path, labels=labels, group=column))
    tracks = _grouped(manifest, "auto" if column else group or "auto")
    return _without_non_events(dataclasses.replace(manifest, tracks=tuple(tracks)), non_events)


def _read(place: Path, columns: Columns) -> Manifest:
    try:
        layout = next((layout for layout in layouts() if layout.matches(place)), None)
        if layout is None:
            raise InputError(
                f"{place} is neither a file nor a folder", hint="Accepted: a folder, .csv, .jsonl or .npz."
            )
        return layout.read(place, columns)
    except OSError as error:
        raise InputError(
            f"{error.filename or place} cannot be read ({error.strerror})", hint="Try: check its permissions."
        ) from None


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


def _without_non_events(manifest: Manifest, names: Collection[str]) -> Manifest:
    """Take the labels of non-events away, and note it; note as well where they are classes."""
    counts = Counter(label for track in manifest.tracks for label in track.labels)
    if not names:
        return dataclasses.replace(manifest, classes=(), notes=(*manifest.notes, *_reminder(counts)))
    wanted = {name.strip().casefold() for name in names}
    found = {label: n for label, n in counts.items() if label.casefold() in wanted}
    if missing := sorted(wanted - {label.casefold() for label in found}):
        raise InputError(
            f"non_events={missing[0]!r}, but no track has this label",
            hint=f"Accepted: {', '.join(sorted(counts)) or 'none'}.",
        )
    if len(found) == len(counts):
        raise InputError(
            f"non_events={', '.join(sorted(found))} leaves no class", hint="Try: name fewer non-events."
        )
    tracks = tuple(
        dataclasses.replace(track, labels=tuple(name for name in track.labels if name not in found))
        for track in manifest.tracks
    )
    listed = ", ".join(f"{label} ({n})" for label, n in sorted(found.items()))
    note = (
        f"labels that do not count (--non-events): {listed}; these tracks are examples of none of the classes"
    )
    return dataclasses.replace(manifest, tracks=tracks, classes=(), notes=(*manifest.notes, note))


def _reminder(counts: Counter[str]) -> list[str]:
    """Return a note if some class is named as non-events usually are, among at least two others."""
    named = sorted(label for label in counts if label.casefold() in NON_EVENTS)
    if not named or len(counts) - len(named) < 2:
        return []
    verb = "is a class" if len(named) == 1 else "are classes"
    return [
        f"{', '.join(named)} {verb} like any other; --non-events {named[0]} would make such tracks examples "
        "of none of the classes"
    ]
