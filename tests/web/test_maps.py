"""The map of the library over HTTP: computed as a job, drawn with the genres of now."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogues import filled
from fastapi.testclient import TestClient
from test_jobs import ended

from earmark.library import Library
from earmark.library.layout import make_layout, save_layout
from earmark.web import create_app
from earmark.web.settings import Settings


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    with Library(tmp_path / "library.sqlite") as library:
        filled(library, 40)
    return TestClient(create_app("echo", tmp_path / "library.sqlite", Settings(hosts=("testserver",))))


def test_a_map_that_was_never_computed_is_404(client: TestClient) -> None:
    answer = client.get("/api/map")
    assert answer.status_code == 404 and answer.json()["code"] == "no_map" and answer.json()["hint"]


def test_a_map_has_a_place_and_a_genre_of_each_track(client: TestClient, tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        save_layout(library, make_layout(library))
        library.correct(1, genres=["reggae"])
        library.mark_vanished([2])
        genres = {row.id: row.genres[0] for row in library.rows()}
    found = client.get("/api/map").json()
    assert found["schema"] == "earmark.map/1" and not found["stale"]
    assert found["ids"] == [1, *range(3, 41)]
    assert len(found["x"]) == len(found["y"]) == 39 and max(map(abs, found["x"] + found["y"])) <= 1
    assert [found["genres"][i] for i in found["genre"]] == [genres[id] for id in found["ids"]]


@pytest.mark.slow
def test_a_map_is_computed_as_a_job(client: TestClient) -> None:
    job = ended(client, client.post("/api/jobs", json={"kind": "map"}).json()["id"])
    assert job["state"] == "done" and job["result"] == {"tracks": 40, "method": "t-SNE"}, job
    assert client.get("/api/map").json()["method"] == "t-SNE"


@pytest.mark.slow
def test_a_map_that_is_cancelled_writes_nothing(client: TestClient, tmp_path: Path) -> None:
    id = client.post("/api/jobs", json={"kind": "map"}).json()["id"]
    client.delete(f"/api/jobs/{id}")
    assert ended(client, id)["state"] == "cancelled"
    assert client.get("/api/map").status_code == 404
