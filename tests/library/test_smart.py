"""Smart playlists: every entry is checked before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from catalogues import filled, row

from earmark.errors import InputError
from earmark.library import Library, refresh


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    filled(library, 20)
    library.put(row(str(tmp_path / "seed.mp3"), range(1, 9)))
    return library


def test_toml_and_json_state_the_same(library: Library, tmp_path: Path) -> None:
    rules = {"number": 5, "order": "fall", "like": [3, "seed.mp3"], "max_per_artist": 1, "name": "N"}
    entry = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rules.items())
    (tmp_path / "a.toml").write_text(f'[[playlist]]\nfile = "a.m3u8"\n{entry}\n')
    (tmp_path / "b.json").write_text(json.dumps({"playlist": [{"file": "b.m3u8", **rules}]}))
    for name in ("a.toml", "b.json"):
        (made,) = refresh(library, tmp_path / name)
        assert (made.n_tracks, made.left_out) == (5, 0)
    assert (tmp_path / "a.m3u8").read_text() == (tmp_path / "b.m3u8").read_text()
    assert "#PLAYLIST:N" in (tmp_path / "a.m3u8").read_text()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "no playlists"),
        ("[[playlist]\n", "is not understood"),
        ("playlist = 3\n", "no playlists"),
        ('[[playlist]]\nquery = "x"\n', "playlist 1: file=''"),
        ('[[playlist]]\nfile = "x.txt"\n', "file='x.txt'"),
        ('[[playlist]]\nfile = "x.m3u8"\nquerry = "x"\n', "querry is not known. Accepted: file, name, query"),
        ('[[playlist]]\nfile = "x.m3u8"\nnumber = "3"\n', "number='3'. Accepted: int"),
        ('[[playlist]]\nfile = "x.m3u8"\nnumber = true\n', "number=True"),
        ('[[playlist]]\nfile = "x.m3u8"\nnumber = 0\n', "playlist 1: number=0"),
        ('[[playlist]]\nfile = "x.m3u8"\norder = "up"\n', "order='up'. Accepted: smooth, rise"),
        ('[[playlist]]\nfile = "x.m3u8"\nlike = ["gone.mp3"]\n', "like='gone.mp3' is not in the library"),
        ('[[playlist]]\nfile = "x.m3u8"\n[[playlist]]\nfile = "x.m3u8"\n', "two playlists with one file"),
        ('[[playlist]]\nfile = "x.m3u8"\n[[playlist]]\nfile = "y.m3u8"\nmoods = ["odd"]\n', "the mood 'odd'"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_written(
    library: Library, tmp_path: Path, entry: str, words: str
) -> None:
    (tmp_path / "smart.toml").write_text(entry)
    with pytest.raises(InputError) as caught:
        refresh(library, tmp_path / "smart.toml")
    assert words in str(caught.value)
    assert not list(tmp_path.glob("*.m3u8"))


def test_a_file_that_is_not_there_is_named(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.toml"):
        refresh(library, tmp_path / "none.toml")
