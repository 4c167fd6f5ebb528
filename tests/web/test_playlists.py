"""Playlists over HTTP, and counts and failures of the library."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from libraries import SECRET, Shelf, make_shelf

from earmark.library import make_playlist
from earmark.library.playlist import Order, Rules
from earmark.library.stats import stats
from earmark.web.playlists import file_name


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


def ids_of(shelf: Shelf, **wanted: Any) -> list[int]:
    answer = shelf.client.post("/api/playlists", json={"format": "json", **wanted})
    assert answer.status_code == 200, answer.text
    return [track["id"] for track in json.loads(answer.content)["tracks"]]


def test_a_playlist_is_what_the_library_makes(shelf: Shelf) -> None:
    with shelf.library() as library:
        wanted = make_playlist(library, Rules(query="genre:jazz", order=Order.rise, number=2))
        like = make_playlist(library, Rules(like=(1,), order=Order.found, number=3))
    assert ids_of(shelf, q="genre:jazz", order="rise", n=2) == [row.id for row in wanted]
    assert ids_of(shelf, like=[1], order="given", n=3) == [row.id for row in like]


def test_ids_keep_their_order_and_the_rules_hold(shelf: Shelf) -> None:
    assert ids_of(shelf, ids=[4, 1, 2, 1, 99], order="given") == [4, 1, 2]
    assert ids_of(shelf, ids=[4, 1, 2, 5], order="given") == [4, 1, 2]  # the fifth has failed
    assert ids_of(shelf, ids=[1, 4, 2, 3], order="given", max_per_artist=1) == [1, 2, 3]
    assert len(ids_of(shelf, ids=[1, 2, 3, 4], minutes=2.1 / 60)) == 2
    assert sorted(ids_of(shelf, ids=[1, 2, 3, 4], order="shuffle", seed=3)) == [1, 2, 3, 4]


def test_a_file_has_paths_from_the_scanned_folder_on(shelf: Shelf) -> None:
    m3u = shelf.client.post("/api/playlists", json={"name": "My é/list", "ids": [2], "order": "given"})
    assert m3u.text == "#EXTM3U\n#PLAYLIST:My é/list\n#EXTINF:1,Artist 1 - Title 1\n1 café.wav\n"
    assert m3u.headers["content-disposition"] == "attachment; filename*=UTF-8''My%20%C3%A9_list.m3u8"
    assert (
        m3u.headers["content-type"].startswith("audio/x-mpegurl") and m3u.headers["earmark-left-out"] == "0"
    )
    xspf = shelf.client.post("/api/playlists", json={"ids": [2], "format": "xspf"})
    location = ET.fromstring(xspf.content).find(".//{http://xspf.org/ns/0/}location")
    assert location is not None and location.text == "1%20caf%C3%A9.wav"
    plain = shelf.client.post("/api/playlists", json={"ids": [2], "format": "json"}).json()
    assert plain["tracks"][0]["path"] == "1 café.wav"
    assert SECRET not in m3u.text + xspf.text + str(plain)


@pytest.mark.parametrize(
    "wanted",
    [
        {"ids": [1], "q": "genre:jazz"},
        {"q": "genre:blues"},
        {"q": "genre:jaz"},
        {"ids": []},
        {"n": 0},
        {"minutes": -1},
        {"format": "pls"},
        {"order": "found"},
        {"unknown": 1},
        {"name": ""},
        {"ids": "all"},
        {"seed": 2**70},
    ],
)
def test_what_makes_no_playlist_is_a_problem(shelf: Shelf, wanted: dict[str, Any]) -> None:
    answer = shelf.client.post("/api/playlists", json=wanted)
    assert answer.status_code == 400 and answer.json()["code"] == "input"


def test_like_a_track_that_is_not_there_is_404(shelf: Shelf) -> None:
    assert shelf.client.post("/api/playlists", json={"like": [99]}).status_code == 404


def test_names_of_files_are_harmless() -> None:
    assert file_name("a\r\nb\x00c") == "a__b_c" and file_name("../../etc/passwd") == "_.._etc_passwd"
    assert file_name(" ... ") == "playlist" and len(file_name("x" * 500)) == 100


def test_counts_are_those_of_the_library(shelf: Shelf) -> None:
    with shelf.library() as library:
        assert shelf.client.get("/api/library/stats").json() == json.loads(
            json.dumps(stats(library).to_dict())
        )
    jazz = shelf.client.get("/api/library/stats", params={"q": "genre:jazz"}).json()
    assert jazz["genres"] == {"jazz": 3} and jazz["tracks"] == 3


def test_failures_have_names_and_hints(shelf: Shelf) -> None:
    found = shelf.client.get("/api/library/errors").json()
    assert found == {
        "total": 1,
        "errors": [
            {
                "id": 5,
                "name": "4 café.wav",
                "code": "corrupt",
                "message": "4 café.wav is damaged",
                "hint": "Try: repair x.",
            }
        ],
    }
