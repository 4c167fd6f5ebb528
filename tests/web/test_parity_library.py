"""Tempo, key and how sure they are: `classify` and the library give the same, by every door."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.library import Library, scan
from earmark.predict import classify
from earmark.web import Settings, create_app
from music import band
from sounds import write

ECHO = ("--model", "echo")
IN_CELLS = ("tempo", "tempo_confidence", "key", "key_confidence")
NAMES = (*IN_CELLS, "tempo_candidates")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a song and silence without tempo and key, and the library of it beside."""
    (tmp_path / "music").mkdir()
    write(tmp_path / "music" / "song.wav", band("house", seconds=11.3).y, 22050, "wav16")
    write(tmp_path / "music" / "without.wav", np.zeros(100_000, np.float32), 22050, "wav16")
    with Library(tmp_path / "library.sqlite") as library:
        scan(library, [tmp_path / "music"], "echo", jobs=1)
    return tmp_path


def facts(prediction: dict[str, Any]) -> dict[str, Any]:
    return {name: prediction[name] for name in NAMES}


def cells(text: str) -> list[list[Any]]:
    """What the tables of some tracks say of tempo and key, as numbers where they are."""
    rows = csv.DictReader(io.StringIO(text))
    return [[row[name] if name == "key" else float(row[name] or "nan") for name in IN_CELLS] for row in rows]


def by_rest(client: TestClient, path: Path) -> dict[str, Any]:
    return client.post(
        "/api/classify", content=path.read_bytes(), headers={"Content-Type": "audio/wav"}
    ).json()


def test_every_door_gives_the_same(run: Run, place: Path) -> None:  # noqa: F811
    paths, at = sorted((place / "music").iterdir()), ("--library", place / "library.sqlite")
    expected = [facts(classify(path, model="echo").to_dict()) for path in paths]
    assert 0.3 < expected[0]["tempo_confidence"] < 1 and len(expected[0]["tempo_candidates"]) == 2
    assert 0.05 < expected[0]["key_confidence"] < 1 and expected[1]["tempo_candidates"] == []
    with Library(place / "library.sqlite") as library:
        rows = list(library.rows())
    assert [facts(row.prediction.to_dict()) for row in rows] == expected  # type: ignore[union-attr]
    assert [facts(line) for line in run("classify", *paths, *ECHO, "--json").lines()] == expected
    assert [facts(line["prediction"]) for line in run("search", "--json", *at).lines()] == expected
    run("export", place / "t.jsonl", *at)
    exported = [json.loads(line) for line in (place / "t.jsonl").read_text().splitlines()]
    assert [facts(line["prediction"]) for line in exported] == expected
    app = create_app("echo", place / "library.sqlite", Settings(hosts=("testserver",)))
    with TestClient(app) as client:
        assert [facts(by_rest(client, path)) for path in paths] == expected
        found = [client.get(f"/api/tracks/{row.id}").json()["prediction"] for row in rows]
        assert [facts(prediction) for prediction in found] == expected
        listed = client.get("/api/tracks").json()["tracks"]
    for name in ("tempo_confidence", "key", "key_confidence"):
        assert [track[name] for track in listed] == [one[name] for one in expected], name


def test_every_table_gives_the_same(run: Run, place: Path) -> None:  # noqa: F811
    paths, at = sorted((place / "music").iterdir()), ("--library", place / "library.sqlite")
    classified = cells(run("classify", *paths, *ECHO, "--csv").out)
    run("export", place / "t.csv", *at)
    for text in (run("search", "--csv", *at).out, (place / "t.csv").read_text()):
        assert repr(cells(text)) == repr(classified)  # of equal numbers, NaN among them
    assert classified[0][1] == classify(paths[0], model="echo").to_dict()["tempo_confidence"]
