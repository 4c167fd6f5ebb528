"""What in the library sounds like an upload."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from earmark.library import FileState, Item, Library, ModelInfo, Row, analyse
from earmark.models import load_model
from earmark.web import Settings, create_app
from earmark.web.likeness import with_similar
from music import band
from sounds import write

STYLES = ("rock", "house", "ballad")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("hidden") / "music"
    folder.mkdir()
    model = load_model("earmark-base")
    with Library(folder / "library.db") as library:
        library.add_root(str(folder))
        for style in STYLES:
            clip = band(style, seconds=6.0)
            write(folder / f"{style}.flac", clip.y, clip.sr, "flac")
            library.put(analyse(folder / f"{style}.flac", model))
    settings = Settings(jobs=1, requests_per_second=0.0)
    with TestClient(create_app(library=folder / "library.db", settings=settings)) as client:
        yield client


def piece(style: str) -> bytes:
    """The recording once more, in another format."""
    clip = band(style, seconds=6.0)
    file = io.BytesIO()
    write(file, clip.y, clip.sr, "ogg")
    return file.getvalue()


@pytest.mark.parametrize("style", STYLES)
def test_copies_of_the_upload_are_left_out(shelf: TestClient, style: str) -> None:
    found = shelf.post("/api/similar?n=2", content=piece(style)).json()["tracks"]
    assert {track["name"] for track in found} == {f"{other}.flac" for other in STYLES if other != style}
    assert found[0]["similarity"] >= found[1]["similarity"] and all(track["why"] for track in found)
    answer = shelf.post("/api/classify?include=similar,picture", content=piece(style))
    assert answer.json()["similar"][:2] == found and answer.json()["picture"]["duration"] > 4
    assert "hidden" not in answer.text and "embedding" not in answer.json()


def test_without_a_library(shelf: TestClient) -> None:
    with TestClient(create_app("echo", settings=Settings(jobs=1))) as bare:
        refused = bare.post("/api/similar", content=piece("rock"))
        assert refused.status_code == 404
        assert "similar" not in bare.post("/api/classify?include=similar", content=piece("rock")).json()


def test_another_model_than_the_library_has(shelf: TestClient) -> None:
    plain = shelf.post("/api/classify?model=echo", content=piece("rock")).json()
    answer = shelf.post("/api/classify?include=similar&model=echo", content=piece("rock"))
    assert answer.status_code == 200, answer.text
    *before, warning = answer.json()["warnings"]
    assert answer.json() == plain | {"similar": None, "warnings": [*before, warning]}
    assert before == plain["warnings"] and warning.endswith("Try: earmark scan --refresh --model echo.")


def test_a_service_of_another_model_than_its_library(shelf: TestClient) -> None:
    library = shelf.app.state.earmark.library_file  # type: ignore[attr-defined]
    with TestClient(create_app("echo", library, Settings(jobs=1))) as other:
        refused = other.post("/api/similar", content=piece("rock"))
        assert refused.status_code == 400 and refused.json()["code"] == "input"


def test_a_model_without_an_embedding_is_told_from_silence(shelf: TestClient) -> None:
    state = shelf.app.state.earmark  # type: ignore[attr-defined]
    model = ModelInfo.of(dataclasses.replace(load_model("echo").card, embedding_size=0))
    row = Row(Item("a.wav"), FileState(0, 0, 0), model=model)
    entries = json.loads(with_similar(state, b'{"warnings":[]}', row))
    assert entries["similar"] is None and "no embedding" in entries["warnings"][0]
    silent = dataclasses.replace(row, model=ModelInfo.of(load_model("echo").card))
    assert json.loads(with_similar(state, b'{"warnings":[]}', silent)) == {"warnings": [], "similar": []}
