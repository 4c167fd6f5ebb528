"""A library as a data set: corrections before tags, one label a track, artists kept apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from catalogues import row

from earmark.data import read_manifest
from earmark.errors import InputError
from earmark.library import Item, Library, Tags
from earmark.library.labelled import Labelled, labelled, write_labelled
from sounds import tone, write


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    tags = [
        Tags(artist="A", genres=("Hard Rock", "Blues"), moods=("Calm",)),
        Tags(album_artist="B", genres=("hard rock",)),
        Tags(genres=("Jazz",)),
        Tags(artist="C"),
    ]
    for i, one in enumerate(tags):
        library.put(row(str(tmp_path / "album" / f"{i}.wav"), tags=one))
    in_sheet = row(str(tmp_path / "album" / "0.wav"), tags=tags[2])
    library.put(dataclasses.replace(in_sheet, item=Item(in_sheet.path, number=1, stop=3.0)))
    library.correct(3, genres=["Bebop"])
    return library


def test_corrections_go_before_tags_and_tags_that_mean_the_same_are_joined(library: Library) -> None:
    found = list(labelled(library, names={"HARD ROCK": "Rock"}))
    assert [(one.label, one.artist) for one in found] == [
        ("rock", "A"), ("rock", "B"), ("bebop", str(library.path.parent / "album"))
    ]  # fmt: skip
    assert [one.label for one in labelled(library, names={"hard rock": ""})] == ["bebop"]
    assert [one.label for one in labelled(library, "mood")] == ["calm"]
    assert [one.label for one in labelled(library, "folder", query="artist:c")] == ["album"]


def test_the_table_is_a_data_set(library: Library, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    for i in range(3):
        write(tmp_path / "album" / f"{i}.wav", tone(1.0), 22050, "wav16")
    assert write_labelled(library, tmp_path / "mine.csv") == {"hard rock": 2, "bebop": 1}
    tracks = read_manifest(tmp_path / "mine.csv").tracks
    assert [(track.labels, track.group) for track in tracks][:2] == [
        (("hard rock",), "A"),
        (("hard rock",), "B"),
    ]
    assert [Path(track.path).name for track in tracks] == ["0.wav", "1.wav", "2.wav"]


def test_what_cannot_be_labelled_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source='key'"):
        list(labelled(library, "key"))
    with pytest.raises(InputError, match="no track has a label"):
        write_labelled(library, tmp_path / "t.csv", query="artist:c")
    with pytest.raises(InputError, match="suffix"):
        write_labelled(library, tmp_path / "t.json")
    assert not (tmp_path / "t.csv").exists()
    assert Labelled._fields == ("path", "label", "artist")  # names that every reader of tables knows
