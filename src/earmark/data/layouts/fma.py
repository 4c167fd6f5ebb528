"""The layout of FMA (Defferrard et al. 2017, "FMA: a dataset for music analysis", ISMIR).

``fma_metadata/tracks.csv`` has a header of three rows (block, column, name of the index), then one row for
each of 106,574 tracks; the sound lies beside it in ``fma_small``, ``fma_medium``, ``fma_large`` or
``fma_full``, a track 12345 at ``012/012345.mp3``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from earmark.data.artists import clean_group
from earmark.data.columns import Columns
from earmark.data.layout import Layout
from earmark.data.locate import unusable
from earmark.data.manifest import Manifest, Skipped, Track, clean_labels, part_name
from earmark.errors import InputError

# Each holds the tracks of those before it. `fma_full` has whole songs, the others 30 s.
SUBSETS = ("small", "medium", "large", "full")
_LONGEST_HEADER = 10_000  # characters; FMA's have 750
_NEEDED = (("track", "genre_top"), ("artist", "id"), ("set", "split"), ("set", "subset"))


def fma_table(root: Path) -> Path | None:
    """Return FMA's ``tracks.csv`` if a folder (or the file itself) has that layout."""
    for path in (root / "fma_metadata" / "tracks.csv", root / "tracks.csv", root):
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                lines = [file.readline(_LONGEST_HEADER) for _ in range(2)]
            try:
                head = [next(csv.reader([line]), []) for line in lines]
            except csv.Error:
                continue
            if len(head[0]) == len(head[1]) and set(_NEEDED) <= set(zip(*head, strict=True)):
                return path
    return None


def read_fma(table: Path) -> Manifest:
    """Read FMA: top genre, artist and the published split of the tracks whose sound is there.

    Parameters
    ----------
    table : Path
        ``tracks.csv``.

    Raises
    ------
    InputError
        If the table is damaged, or no folder of sound lies beside it.
    """
    root = table.parent.parent if table.parent.name == "fma_metadata" else table.parent
    folders = {name: root / f"fma_{name}" for name in SUBSETS if (root / f"fma_{name}").is_dir()}
    if not folders:
        raise InputError(
            f"no sound beside {table}",
            hint=f"Try: unpack fma_small.zip (or _medium, _large, _full) into {root}.",
        )
    tracks, skipped = [], []
    for row in _rows(table):
        track = _track(row, folders)
        if isinstance(track, Track):
            tracks.append(track)
        elif track is not None:
            skipped.append(track)
    if not tracks:
        first = f"; the first: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise InputError(f"no usable track in {table}{first}", hint="Try: unpack the sound again.")
    return Manifest(tuple(tracks), root=str(root), skipped=tuple(skipped))


def _rows(table: Path) -> Iterator[Mapping[tuple[str, str], str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            names = list(zip(next(reader), next(reader), strict=True))
            names[0] = ("", "id")
            for cells in reader:
                if cells[:1] != ["track_id"] and cells:
                    yield dict(zip(names, cells, strict=False))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{table} is damaged ({error})", hint="Try: download fma_metadata.zip again."
        ) from None


def _track(row: Mapping[tuple[str, str], str], folders: Mapping[str, Path]) -> Track | Skipped | None:
    """Return the track of a row, why it is none, or None if its subset was not downloaded."""
    number, subset = row.get(("", "id"), ""), row.get(("set", "subset"), "")
    place = SUBSETS.index(subset) if subset in SUBSETS else len(SUBSETS) - 1
    holding = [folders[name] for name in SUBSETS[place:] if name in folders]
    if not holding:
        return None
    if not number.isdecimal():
        return Skipped(f"row {number!r}", "its track_id is no number")
    name = f"{int(number):06d}"
    path = holding[0] / name[:3] / f"{name}.mp3"
    labels = clean_labels([row.get(("track", "genre_top"), "")])
    if reason := "it has no top genre" if not labels else unusable(path):
        return Skipped(str(path), reason)
    artist = clean_group(row.get(("artist", "id"), ""))
    return Track(
        id=name,
        path=str(path),
        labels=labels,
        group=f"artist {artist}" if artist else "",
        split=part_name(row.get(("set", "split"), "")),
        licence=row.get(("track", "license"), ""),
        source="FMA",
    )


def _read(place: Path, _: Columns) -> Manifest:
    table = fma_table(place)
    assert table is not None, "matches() was true"
    return read_fma(table)


LAYOUT = Layout(
    name="fma",
    summary="FMA: fma_metadata/tracks.csv, with fma_small, _medium, _large or _full beside it.",
    order=10,
    matches=lambda place: fma_table(place) is not None,
    read=_read,
)
