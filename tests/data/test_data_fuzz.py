"""Whatever a table holds, reading it gives tracks or an InputError, and what was written is read again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data import Manifest, Track, read_manifest, write_manifest
from earmark.data.columns import COLUMNS, Columns
from earmark.data.layouts.tables import tracks_of
from earmark.data.manifest import clean_labels
from earmark.data.rows import parse_rows
from earmark.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELLS = st.one_of(
    TEXT, st.sampled_from(["a.mp3", "rock", "rock|pop", "-", "", "../..", "\x00", '"', "{", "[1]"])
)
HEADS = st.one_of(st.sampled_from([name for usual in COLUMNS.values() for name in usual]), CELLS)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(HEADS, inner, max_size=4)),
    max_leaves=8,
)


def survives(content: bytes) -> None:
    """Read a table as a folder's and as one of ids; anything but tracks or an InputError is a fault."""
    for folder in (Path("nowhere"), None):
        try:
            tracks, skipped, _ = tracks_of(
                parse_rows(content, name="t"), folder=folder, columns=Columns(), name="t"
            )
            manifest = Manifest(tuple(tracks), skipped=tuple(skipped))
        except InputError as error:
            assert error.message
        else:
            assert manifest.digest and len(manifest.indicators()) == len(tracks)
            assert all("|" not in label and label.strip() for label in manifest.classes)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes(content: bytes) -> None:
    survives(content)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(HEADS, min_size=1, max_size=5),
    st.lists(st.lists(CELLS, max_size=6), max_size=5),
    st.sampled_from(",;\t"),
)
def test_cells(head: list[str], rows: list[list[str]], mark: str) -> None:
    survives("\n".join(mark.join(cells) for cells in [head, *rows]).encode())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(HEADS, JSON, max_size=5), min_size=1, max_size=5))
def test_json(rows: list[dict[str, object]]) -> None:
    survives("\n".join(json.dumps(row) for row in rows).encode())


NAMES = TEXT.map(lambda name: (clean_labels([name]) or ("label",))[0]).filter(lambda name: "\x00" not in name)
FACTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=8).map(str.strip)
TRACKS = st.lists(
    st.builds(
        Track,
        id=FACTS.filter(bool),
        path=st.just("a.mp3"),
        labels=st.lists(NAMES, max_size=3).map(clean_labels),
        licence=FACTS,
        source=FACTS,
        sha256=st.sampled_from(["", "0" * 64]),
        split=st.sampled_from(["", "train", "valid", "test", "excluded", "3"]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda track: track.id,
)


@settings(max_examples=150, deadline=None)
@given(TRACKS, st.sampled_from(["csv", "jsonl"]))
def test_written_and_read_again(tracks: list[Track], kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "a.mp3"
        sound.write_bytes(b"x")
        full = tuple(Track(**{**vars(track), "path": str(sound)}) for track in tracks)
        table = Path(folder) / f"table.{kind}"
        write_manifest(Manifest(full), table)
        assert read_manifest(table, group="none", non_events=()).tracks == full
