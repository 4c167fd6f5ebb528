"""The library over HTTP: search, one track, what sounds alike, corrections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from libraries import SECRET, Shelf, make_shelf

from earmark.library import similar


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


def test_a_listing_is_what_search_finds(shelf: Shelf) -> None:
    found = shelf.client.get("/api/tracks", params={"q": "genre:jazz", "sort": "-year"}).json()
    with shelf.library() as library:
        wanted = library.search("genre:jazz", sort="-year")
    assert [track["id"] for track in found["tracks"]] == wanted
    assert (found["total"], found["failed"], found["of"]) == (3, 0, 5)  # the sixth track has failed
    first = found["tracks"][-1]
    assert first | {"added": ""} == {
        "id": 1,
        "title": "Title 0",
        "artist": "Artist 0",
        "album": "Album",
        "year": 1970,
        "name": "0 café.wav",
        "start": 0.0,
        "stop": None,
        "duration": 1.0,
        "verdict": "music",
        "top": [["jazz", 0.7998], ["pop", 0.3], ["blues", 0.0]],
        "moods": ["calm"],
        "quadrant": "Q1",
        "valence": pytest.approx(0.5, abs=1e-3),
        "arousal": pytest.approx(0.7, abs=1e-3),
        "bpm": 100.0,
        "tempo_confidence": None,
        "key": "A minor",
        "key_confidence": None,
        "voice": None,
        "instruments": [],
        "genre": "jazz",
        "corrected": False,
        "state": "ok",
        "added": "",
    }


def test_what_failed_is_counted_by_itself(shelf: Shelf) -> None:
    def counts(q: str) -> tuple[int, int, int]:
        found = shelf.client.get("/api/tracks", params={"q": q, "limit": 0}).json()
        return found["total"], found["failed"], found["of"]

    assert counts("") == (6, 1, 5) and counts("genre:rock or is:failed") == (2, 1, 5)
    assert counts("is:failed") == (1, 1, 5) and counts("-is:failed") == (5, 0, 5)
    assert shelf.client.get("/api/status").json()["library"]["tracks"] == 5
    with shelf.library() as library:
        library.db.execute("UPDATE tracks SET vanished = 1 WHERE id = 1")
    assert counts("") == (5, 1, 4) and counts("is:vanished") == (1, 0, 4)


def test_pages_of_a_listing_join_to_the_whole(shelf: Shelf) -> None:
    whole = shelf.client.get("/api/tracks/ids").json()["ids"]
    pages = [
        shelf.client.get("/api/tracks", params={"limit": 4, "offset": offset}).json()["tracks"]
        for offset in (0, 4, 8)
    ]
    assert [len(page) for page in pages] == [4, 2, 0]
    assert [track["id"] for page in pages for track in page] == whole == shelf.ids
    assert shelf.client.get("/api/tracks", params={"limit": 0}).json()["tracks"] == []


def test_one_track_has_its_prediction_and_no_path(shelf: Shelf) -> None:
    found = shelf.client.get("/api/tracks/1").json()
    assert found["prediction"]["schema"] == "earmark.prediction/1"
    assert found["prediction"]["source"] == "0 café.wav" and len(found["prediction"]["genres"]) == 19
    failed = shelf.client.get(f"/api/tracks/{shelf.ids[4]}").json()
    assert failed["state"] == "failed" and failed["error"]["message"] == "4 café.wav is damaged"
    assert SECRET not in str(found) + str(failed)


def test_alike_is_what_the_library_finds(shelf: Shelf) -> None:
    found = shelf.client.get("/api/tracks/1/similar", params={"n": 3}).json()["tracks"]
    with shelf.library() as library:
        wanted = similar(library, [1], n=3)
    assert [(track["id"], track["why"]) for track in found] == [(one.id, list(one.why)) for one in wanted]
    assert found[0]["similarity"] == pytest.approx(wanted[0].similarity, abs=1e-4)
    others = shelf.client.get("/api/tracks/1/similar", params={"other_artists": 1}).json()["tracks"]
    assert {track["artist"] for track in others} == {"Artist 1", "Artist 2"}
    jazz = shelf.client.get("/api/tracks/1/similar", params={"q": "genre:jazz"}).json()["tracks"]
    assert {track["genre"] for track in jazz} == {"jazz"}


def test_a_correction_is_kept_and_taken_back(shelf: Shelf) -> None:
    put = shelf.client.put("/api/tracks/1/label", json={"genre": "Hip Hop"}).json()
    assert put["genre"] == "hip-hop" and put["corrected"] and put["top"][0][0] == "jazz"
    assert shelf.client.get("/api/tracks/ids", params={"q": "genre:hip-hop"}).json()["ids"] == [1]
    back = shelf.client.put("/api/tracks/1/label", json={"genre": None}).json()
    assert back["genre"] == "jazz" and not back["corrected"]


@pytest.mark.slow
def test_a_track_has_a_picture_if_that_is_wanted(shelf: Shelf) -> None:
    found = shelf.client.get("/api/tracks/1", params={"include": "picture"}).json()
    assert found["picture"]["schema"] == "earmark.picture/1"
    assert found["picture"]["duration"] == pytest.approx(1.0) and found["prediction"]
    assert "picture" not in shelf.client.get("/api/tracks/1").json()
    gone = shelf.client.get(f"/api/tracks/{shelf.ids[5]}", params={"include": "picture"})
    assert gone.status_code == 410
    assert shelf.client.get("/api/tracks/1", params={"include": "all"}).status_code == 400


@pytest.mark.slow
def test_the_picture_of_a_part_of_a_file_is_of_that_part(shelf: Shelf) -> None:
    whole, quiet = shelf.music / "0 café.wav", np.zeros(11025)
    soundfile.write(whole, np.concatenate([quiet, 0.5 * np.sin(0.1 * np.arange(22050)), quiet]), 22050)
    with shelf.library() as library:
        library.db.execute("UPDATE tracks SET start = 0.5, stop = 1.5 WHERE id = 1")
    found = shelf.client.get("/api/tracks/1", params={"include": "picture"}).json()
    peaks = found["picture"]["peaks"]
    assert (found["start"], found["stop"], found["picture"]["duration"]) == (0.5, 1.5, 1.0)
    heights = np.subtract(peaks["max"], peaks["min"])
    assert heights.max() > 0.1 and heights[5:-5].min() > 0  # none of the silence around it
