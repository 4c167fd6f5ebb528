"""The service as a whole."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from earmark.library import Library
from earmark.web import Settings, create_app


def test_health() -> None:
    assert TestClient(create_app("echo")).get("/health").json() == {"status": "ok"}


def test_a_library_that_is_made_later_is_served(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite"
    client = TestClient(create_app("echo", file, Settings(hosts=("testserver",))))
    assert client.get("/api/tracks").status_code == 404
    assert client.get("/api/status").json()["library"] is None
    Library(file).close()
    assert client.get("/api/tracks").json()["total"] == 0
    assert client.get("/api/status").json()["library"] == {"tracks": 0, "map": False}
