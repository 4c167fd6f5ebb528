"""OpenSubsonic: the same answers as XML and JSON, access, and songs that sound alike."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from libraries import SECRET, Shelf, make_shelf

from earmark.library import similar, song_path
from earmark.library.similar import cosine
from earmark.web import create_app
from earmark.web.settings import Settings
from earmark.web.subsonic.answer import to_xml

TOKEN = "a secret of the service"
SPACE = "{http://subsonic.org/restapi}"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


def ask(client: TestClient, method: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"/rest/{method}", params={"f": "json", **parameters})
    content: dict[str, Any] = answer.json()["subsonic-response"]
    return content


def test_an_answer_is_the_same_in_both_forms(shelf: Shelf) -> None:
    found = ask(shelf.client, "getSong", id=1)
    assert (found["status"], found["version"], found["type"], found["openSubsonic"]) == (
        "ok", "1.16.1", "earmark", True
    )  # fmt: skip
    song = found["song"]
    assert song | {"created": ""} == {
        "id": "1", "isDir": False, "isVideo": False, "type": "music", "mediaType": "song", "title": "Title 0",
        "artist": "Artist 0", "displayArtist": "Artist 0", "album": "Album", "year": 1970, "genre": "jazz",
        "genres": [{"name": "jazz"}], "moods": ["calm"], "size": 44144, "contentType": "audio/wav",
        "suffix": "wav", "duration": 1, "bpm": 100, "path": "0 café.wav", "created": "",
    }  # fmt: skip
    answer = shelf.client.get("/rest/getSong.view", params={"id": 1})
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.content)
    assert root.tag == f"{SPACE}subsonic-response" and root.get("openSubsonic") == "true"
    child = root.find(f"{SPACE}song")
    assert child is not None and child.get("title") == "Title 0" and child.get("isDir") == "false"
    assert [mood.text for mood in child.findall(f"{SPACE}moods")] == ["calm"]
    assert [genre.get("name") for genre in child.findall(f"{SPACE}genres")] == ["jazz"]


def test_similar_tracks_have_a_similarity_from_0_to_1(shelf: Shelf) -> None:
    matches = ask(shelf.client, "getSonicSimilarTracks", id=1)["sonicMatch"]
    with shelf.library() as library:
        wanted = similar(library, [1])
    assert [match["entry"]["id"] for match in matches] == [str(one.id) for one in wanted]
    assert [match["similarity"] for match in matches] == pytest.approx(
        [max(0.0, one.similarity) for one in wanted], abs=1e-4
    )
    assert len(ask(shelf.client, "getSonicSimilarTracks", id=1, count=2)["sonicMatch"]) == 2
    xml = ET.fromstring(shelf.client.get("/rest/getSonicSimilarTracks", params={"id": 1}).content)
    assert len(xml.findall(f"{SPACE}sonicMatch/{SPACE}entry")) == len(matches)


def test_a_path_leads_from_one_song_to_the_other(shelf: Shelf) -> None:
    matches = ask(shelf.client, "findSonicPath", startSongId=1, endSongId=2, count=4)["sonicMatch"]
    with shelf.library() as library:
        wanted = song_path(library, 1, 2, n=4)
        likeness = [max(0.0, cosine(wanted[0].row, step.row)) for step in wanted]
    assert [match["entry"]["id"] for match in matches] == [str(step.id) for step in wanted]
    assert matches[0]["similarity"] == 1.0 and matches[-1]["entry"]["id"] == "2"
    assert [match["similarity"] for match in matches] == pytest.approx(likeness, abs=1e-4)


def test_songs_are_found_and_played(shelf: Shelf) -> None:
    def titles(query: str, **more: Any) -> list[str]:
        found = ask(shelf.client, "search3", query=query, **more)["searchResult3"]["song"]
        return [song["title"] for song in found]

    assert titles("title 3") == ["Title 3"] and titles("artist 1") == ["Title 1", "Title 4"]
    assert len(titles('""')) == len(titles("")) == 6
    assert titles("", songCount=2, songOffset=3) == ["Title 3", "Title 4"]
    assert titles('genre:jazz "( -') == []  # words, and not the query language
    assert len(ask(shelf.client, "getRandomSongs", size=4)["randomSongs"]["song"]) == 4
    assert len(ask(shelf.client, "getSimilarSongs", id=1, count=3)["similarSongs"]["song"]) == 3
    content = (shelf.music / "0 café.wav").read_bytes()
    assert shelf.client.get("/rest/stream", params={"id": 1}).content == content
    part = shelf.client.get("/rest/download.view", params={"id": 1}, headers={"Range": "bytes=4-7"})
    assert part.status_code == 206 and part.content == content[4:8]
    form = shelf.client.post("/rest/getSong", data={"id": "3", "f": "json"}).json()
    assert form["subsonic-response"]["song"]["id"] == "3"


@pytest.mark.parametrize(
    ("method", "parameters", "code"),
    [
        ("getSong", {}, 10),
        ("getSong", {"id": "99"}, 70),
        ("getSong", {"id": "al-7"}, 70),
        ("getSong", {"id": "-1"}, 70),
        ("getSong", {"id": "9" * 40}, 70),
        ("stream", {"id": "6"}, 70),
        ("getSonicSimilarTracks", {"id": "1", "count": "many"}, 10),
        ("findSonicPath", {"startSongId": "1"}, 10),
        ("findSonicPath", {"startSongId": "1", "endSongId": "1"}, 0),
        ("getArtists", {}, 0),
        ("getSong", {"id": "٣"}, 70),
    ],
)
def test_faults_have_the_codes_of_the_protocol(
    shelf: Shelf, method: str, parameters: dict[str, str], code: int
) -> None:
    found = ask(shelf.client, method, **parameters)
    assert found["status"] == "failed" and found["error"]["code"] == code and found["error"]["message"]
    root = ET.fromstring(shelf.client.get(f"/rest/{method}", params=parameters).content)
    error = root.find(f"{SPACE}error")
    assert error is not None and error.get("code") == str(code) and SECRET not in str(found)


def test_without_a_library_only_songs_are_missing() -> None:
    client = TestClient(create_app("echo", None, Settings(hosts=("testserver",))))
    assert ask(client, "ping")["status"] == "ok" and ask(client, "getLicense")["license"] == {"valid": True}
    assert ask(client, "getMusicFolders")["musicFolders"]["musicFolder"][0]["id"] == 1
    assert ask(client, "getSong", id=1)["error"]["code"] == 70


def test_extensions_are_known_before_anybody_logs_in(tmp_path: Path) -> None:
    shelf = make_shelf(tmp_path, Settings(token=TOKEN, hosts=("testserver",)))
    found = ask(shelf.client, "getOpenSubsonicExtensions")["openSubsonicExtensions"]
    assert {"name": "sonicSimilarity", "versions": [1]} in found
    xml = shelf.client.get("/rest/getOpenSubsonicExtensions").text
    assert '<openSubsonicExtensions name="sonicSimilarity"><versions>1</versions>' in xml


SALTED = hashlib.md5(f"{TOKEN}abc".encode()).hexdigest()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"apiKey": TOKEN}, None),
        ({"u": "me", "p": TOKEN}, None),
        ({"u": "me", "p": f"enc:{TOKEN.encode().hex()}"}, None),
        ({"u": "me", "t": SALTED, "s": "abc"}, None),
        ({"u": "me", "t": SALTED.upper(), "s": "abc"}, None),
        ({}, 10),
        ({"u": "me"}, 10),
        ({"p": TOKEN}, 10),
        ({"u": "me", "t": SALTED}, 10),
        ({"apiKey": "x"}, 44),
        ({"u": "me", "p": "x"}, 40),
        ({"u": "me", "p": ""}, 40),
        ({"u": "me", "p": "enc:zz"}, 40),
        ({"u": "me", "p": "ä€"}, 40),
        ({"u": "me", "t": SALTED, "s": "abd"}, 40),
        ({"u": "me", "t": "", "s": ""}, 40),
        ({"u": "me", "apiKey": TOKEN}, 43),
        ({"apiKey": TOKEN, "p": TOKEN}, 43),
        ({"u": "me", "p": TOKEN, "t": SALTED, "s": "abc"}, 43),
    ],
)
def test_the_token_is_a_key_a_password_or_its_digest(
    tmp_path: Path, parameters: dict[str, str], code: int | None
) -> None:
    shelf = make_shelf(tmp_path, Settings(token=TOKEN, hosts=("testserver",)))
    found = ask(shelf.client, "getSong", id=1, **parameters)
    assert (found.get("error") or {}).get("code") == code
    assert shelf.client.get("/api/tracks", params=parameters).status_code == 401


@given(st.text(), st.text())
def test_any_text_makes_valid_xml(first: str, second: str) -> None:
    root = ET.fromstring(to_xml("a", {"b": first, "c": [second, {"d": first}]}))
    assert len(root.findall("c")) == 2 and root.get("b") is not None
