"""Songs of a CUE sheet over OpenSubsonic: each alone, out of the file that they share."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from earmark.library import Library, scan
from earmark.models import load_model
from earmark.web import Settings, create_app

SR = 22050
SECONDS = 12.0
Album = tuple[TestClient, Path, np.ndarray]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Album]:
    """A service whose library has two songs of 4 and 8 s in one file; the file and its samples."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "music").mkdir()
    file = folder / "music" / "Côte.flac"
    n = round(SECONDS * SR)
    tones = [np.sin(2 * np.pi * np.cumsum(np.linspace(low, 9 * low, n)) / SR) for low in (110, 220)]
    y = np.round(9000 * np.stack(tones, axis=1)).astype(np.int16)
    soundfile.write(file, y, SR)
    sheet = ['FILE "Côte.flac" WAVE']
    for number, (title, start) in enumerate((("One", "00:00:00"), ("Two", "00:04:00")), 1):
        sheet += [f"  TRACK {number:02} AUDIO", f'    TITLE "{title}"', f"    INDEX 01 {start}"]
    (folder / "music" / "album.cue").write_text("\n".join(sheet), encoding="utf-8")
    path = folder / "library.db"
    with Library(path) as library:
        scan(library, [folder / "music"], model=load_model("echo"), jobs=1)
    with TestClient(create_app("echo", path, Settings(hosts=("testserver",)))) as client:
        yield client, file, y


def ids_of(client: TestClient) -> dict[str, str]:
    found = client.get("/rest/search3", params={"query": "", "f": "json"}).json()["subsonic-response"]
    return {song["title"]: song["id"] for song in found["searchResult3"]["song"]}


@pytest.mark.parametrize("method", ["stream", "download.view"])
@pytest.mark.parametrize(("title", "first", "last"), [("One", 0.0, 4.0), ("Two", 4.0, SECONDS)])
def test_a_song_comes_alone(album: Album, method: str, title: str, first: float, last: float) -> None:
    client, _, y = album
    answer = client.get(f"/rest/{method}", params={"id": ids_of(client)[title]})
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(answer.content))
    number = 1 if title == "One" else 2
    name = f"inline; filename*=UTF-8''C%C3%B4te%200{number}.wav"
    assert answer.headers["content-disposition"] == name
    found, sr = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert sr == SR and np.array_equal(found, y[round(first * SR) : round(last * SR)])


def test_parts_of_it_are_those_of_the_whole(album: Album) -> None:
    client, _, _ = album
    parameters: dict[str, Any] = {"id": ids_of(client)["Two"]}
    whole = client.get("/rest/stream", params=parameters).content
    for header, part in (("bytes=20-99", slice(20, 100)), ("bytes=300001-", slice(300_001, None))):
        answer = client.get("/rest/stream", params=parameters, headers={"Range": header})
        assert answer.status_code == 206 and answer.content == whole[part]
    head = client.head("/rest/stream", params=parameters)
    assert head.headers["content-length"] == str(len(whole)) and not head.content
    tags = {client.head("/rest/stream", params={"id": id}).headers["etag"] for id in ids_of(client).values()}
    assert len(tags) == 2  # the songs of one file are not taken for each other


def test_a_song_is_described_as_what_comes(album: Album) -> None:
    client, _, _ = album
    xml = ET.fromstring(client.get("/rest/getSong", params={"id": ids_of(client)["One"]}).content)
    song = xml[0]
    assert (song.get("contentType"), song.get("suffix"), song.get("size")) == ("audio/wav", "wav", None)
    assert song.get("duration") == "4"


def test_the_file_itself_is_on_the_other_route(album: Album) -> None:
    client, file, _ = album
    answer = client.get(f"/api/tracks/{ids_of(client)['Two']}/audio")
    assert answer.headers["content-type"] == "audio/flac" and answer.content == file.read_bytes()


def test_a_file_that_was_damaged_since_is_reported(album: Album) -> None:
    client, file, _ = album
    ids, content = ids_of(client), file.read_bytes()
    file.write_bytes(b"a text by now" * 100)
    try:
        answer = client.get("/rest/stream", params={"id": ids["One"], "f": "json"}).json()
    finally:
        file.write_bytes(content)
    assert answer["subsonic-response"]["status"] == "failed"
    assert str(file.parent) not in str(answer)
