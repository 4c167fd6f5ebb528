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


def test_the_page_lies_where_no_route_does() -> None:
    browser = TestClient(create_app("echo"))
    page = browser.get("/", headers={"accept-encoding": "gzip"})
    assert page.headers["content-type"].startswith("text/html") and page.headers["content-encoding"] == "gzip"
    assert browser.get("/api/classify").status_code == 405
    assert browser.get("/api/nothing").json()["code"] == "no-route"
    assert browser.post("/").status_code == 405
