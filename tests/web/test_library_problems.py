"""What the routes of the library refuse, and with which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from libraries import Shelf, make_shelf

ROOT_RUNS = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


@pytest.mark.parametrize("query", ["genre:jaz", "bpm:fast", "(genre:jazz", "year:soon"])
def test_a_query_that_is_not_understood_is_a_problem_with_a_hint(shelf: Shelf, query: str) -> None:
    answer = shelf.client.get("/api/tracks", params={"q": query})
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "input" and problem["hint"]
    if query == "genre:jaz":
        assert "jazz" in problem["hint"]


def test_a_track_that_is_not_there_is_404(shelf: Shelf) -> None:
    for path in ("/api/tracks/99", "/api/tracks/99/similar", "/api/tracks/99/audio"):
        answer = shelf.client.get(path)
        assert answer.status_code == 404 and answer.json()["code"] == "absent"
    assert shelf.client.put("/api/tracks/99/label", json={"genre": "jazz"}).status_code == 404


def test_a_correction_to_an_unknown_genre_is_refused(shelf: Shelf) -> None:
    unknown = shelf.client.put("/api/tracks/1/label", json={"genre": "jaz"})
    assert unknown.status_code == 400
    assert "Did you mean 'jazz'?" in unknown.json()["hint"] and "reggae" in unknown.json()["hint"]
    for body in ({}, {"genre": 7}, []):
        assert shelf.client.put("/api/tracks/1/label", json=body).status_code in (400, 422)


def test_a_file_that_is_gone_is_410(shelf: Shelf) -> None:
    answer = shelf.client.get(f"/api/tracks/{shelf.ids[5]}/audio")
    assert answer.status_code == 410 and answer.json()["code"] == "gone"


def test_a_link_leads_out_of_the_library_nowhere(shelf: Shelf, tmp_path: Path) -> None:
    other = tmp_path / "private.wav"
    other.write_bytes((shelf.music / "1 café.wav").read_bytes())
    linked = shelf.music / "0 café.wav"
    linked.unlink()
    linked.symlink_to(other)
    assert shelf.client.get("/api/tracks/1/audio").status_code == 404
    linked.unlink()
    linked.symlink_to(shelf.music / "1 café.wav")
    assert shelf.client.get("/api/tracks/1/audio").content == other.read_bytes()


def test_what_is_no_regular_file_is_not_opened(shelf: Shelf) -> None:
    for make in (os.mkfifo, os.mkdir):
        path = shelf.music / "0 café.wav"
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
        make(path)
        assert shelf.client.get("/api/tracks/1/audio").status_code == 404


@pytest.mark.skipif(ROOT_RUNS, reason="root may read everything")
def test_a_file_without_permission_is_404(shelf: Shelf) -> None:
    (shelf.music / "0 café.wav").chmod(0)
    assert shelf.client.get("/api/tracks/1/audio").status_code == 404


def test_only_ids_lead_to_files(shelf: Shelf) -> None:
    for id in ("0", "-1", "..%2F..%2Fetc%2Fpasswd", "/etc/passwd", "1%00", "9" * 30):
        answer = shelf.client.get(f"/api/tracks/{id}/audio")
        assert answer.status_code in (400, 404, 405, 422), id
