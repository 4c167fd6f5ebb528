"""No answer of the service names a folder of the server: over all routes of the OpenAPI document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from libraries import SECRET, Shelf, make_shelf
from test_jobs import ended

from earmark.library import Library
from earmark.library.layout import make_layout, save_layout
from earmark.web import create_app
from earmark.web.settings import Settings

# For parameters of a path: what is there, what is not, what nobody should send.
VALUES = ("1", "5", "6", "none", "..%2F..%2Fetc%2Fpasswd")
QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"q": "genre:jazz", "n": 3, "include": "picture"},
    {"q": "genre:nothing", "limit": 1},
    {"sort": "/"},
)
BODIES: tuple[Any, ...] = (
    {},
    {"genre": "jazz"},
    {"genre": "none"},
    {"kind": "map"},
    {"ids": [1, 2], "format": "xspf"},
    {"like": [6], "format": "json"},
    {"like": [5]},
    {"boxes": [{"name": "a", "clips": ["x"]}, {"name": "b", "clips": ["y"]}]},
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf = make_shelf(tmp_path_factory.mktemp("shelf"))
    with Library(shelf.path) as library:
        save_layout(library, make_layout(library))
        library.db.execute("UPDATE tracks SET embedding = NULL WHERE id = 5")
    return shelf


def addresses(client: TestClient) -> Iterator[tuple[str, str]]:
    """Method and address of every route, with each of the values in the place of parameters."""
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        names = [part for part in path.split("/") if part.startswith("{")]
        for method, values in itertools.product(methods, VALUES if names else ("",)):
            address = path
            for name in names:
                address = address.replace(name, values)
            yield method, address


def hidden(shelf: Shelf) -> list[str]:
    folders = [str(shelf.music), str(shelf.path.parent), SECRET, str(shelf.path.parent.parent)]
    return [form for folder in folders for form in (folder, quote(folder), folder.replace("/", "\\/"))]


@pytest.mark.slow
def test_no_answer_holds_a_folder_of_the_server(shelf: Shelf) -> None:
    secrets, n = hidden(shelf), 0
    for method, address in addresses(shelf.client):
        if address.endswith("/events"):
            continue  # what they hold is what /api/jobs/{id} answers
        bodies = [{"json": body} for body in BODIES] if method in ("post", "put") else [{}]
        bodies += [{"content": b"RIFF no sound"}] if method == "post" else []
        for query, body in itertools.product(QUERIES, bodies):
            answer = shelf.client.request(method, address, params=query, **body)
            text = answer.text + str(dict(answer.headers))
            assert answer.status_code != 500, (method, address, query, body, answer.text)
            found = [secret for secret in secrets if secret in text]
            assert not found, (method, address, query, body, answer.text[:500])
            n += 1
    assert n > 200
    for job in shelf.client.get("/api/jobs").json()["jobs"]:
        shelf.client.delete(f"/api/jobs/{job['id']}")
        assert SECRET not in str(ended(shelf.client, job["id"]))


@pytest.mark.parametrize(
    "method", ["getSong", "search3", "getSonicSimilarTracks", "findSonicPath", "stream", "x"]
)
@pytest.mark.parametrize("format", ["xml", "json"])
def test_no_answer_of_subsonic_does(shelf: Shelf, method: str, format: str) -> None:
    for id in (*VALUES, "2"):
        params = {"id": id, "startSongId": id, "endSongId": "2", "query": "", "f": format}
        answer = shelf.client.get(f"/rest/{method}", params=params)
        assert not [secret for secret in hidden(shelf) if secret in answer.text]


def test_a_library_that_cannot_be_read_is_reported_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / SECRET
    folder.mkdir()
    for content in (None, b"no library", b"SQLite format 3\0" + bytes(4096)):
        path = folder / "library.sqlite"
        if content is not None:
            path.write_bytes(content)
        client = TestClient(create_app("echo", path, Settings(hosts=("testserver",))))
        for address in ("/api/tracks", "/api/map", "/api/library/stats", "/rest/getSong?id=1", "/api/status"):
            answer = client.get(address)
            assert answer.status_code in (200, 400, 404, 507), answer.text
            assert SECRET not in answer.text and str(tmp_path) not in answer.text, answer.text
