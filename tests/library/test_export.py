"""Tables of a library: what is written can be read by others, and comes back into a library whole."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from catalogues import row
from queries import fill

from earmark import load_model
from earmark.errors import InputError
from earmark.library import Library, Row, Tags, analyse
from earmark.library.export import COLUMNS, export, flat
from earmark.library.take import Taken, take
from sounds import noise, tone, write


@pytest.fixture
def library() -> Library:
    library = Library(":memory:")
    fill(library, 30)
    return library


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Row:
    path = tmp_path_factory.mktemp("music") / "song.flac"
    write(path, tone(7.0) + noise(7.0, amplitude=0.05), 44100, "flac")
    return analyse(path, load_model("echo"))


def test_a_csv_has_a_row_for_each_track_that_a_query_means(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert export(library, path, query="genre:jazz") == len(library.search("genre:jazz"))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(one["id"]) for one in rows] == library.search("genre:jazz") and list(rows[0]) == list(COLUMNS)
    assert all("jazz" in one["genres"].split("; ") for one in rows)


def test_voice_and_instruments_are_columns_and_corrections_are_taken(tmp_path: Path) -> None:
    library = Library(":memory:")
    played = {"guitar": (0.9, True), "drums": (0.75, True), "piano": (0.3, False)}
    library.put(row("/a.mp3", voice=(0.05, 0.85, 0.06, 0.04), instruments=played, affect=(0.8, 0.2)))
    library.put(row("/b.mp3"))
    export(library, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["voice"], first["instruments"], first["valence"]) == ("sung", "guitar; drums", "0.8")
    assert (second["voice"], second["instruments"]) == ("", "")
    (tmp_path / "c.csv").write_text("path,corrected_voice,corrected_instruments\n/a.mp3,rapped,piano;drums\n")
    assert take(library, tmp_path / "c.csv") == Taken(corrected=1)
    (known,) = library.rows([1])
    assert (flat(known)["voice"], flat(known)["instruments"]) == ("rapped", ["piano", "drums"])


def test_confidences_are_columns_rounded_as_in_json(tmp_path: Path) -> None:
    library = Library(":memory:")
    library.put(row("/a.mp3", tempo_confidence=0.912345, second=(60.0, 0.05), key_confidence=0.5))
    library.put(row("/b.mp3", tempo=None, key=None))
    export(library, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    names = ("tempo", "tempo_confidence", "key", "key_confidence")
    assert [first[name] for name in names] == ["120.0", "0.9123", "A minor", "0.5"]
    assert [second[name] for name in names] == ["", "", "", ""]


def test_an_analysed_track_with_all_heads_comes_back_whole(tmp_path: Path) -> None:
    library, other = Library(":memory:"), Library(":memory:")
    played = {"drums": (0.4, True)}
    made = row("/a.mp3", voice=(0.05, 0.85, 0.06, 0.04), instruments=played, affect=(0.8, 0.2))
    library.put(dataclasses.replace(made, sound="ab" * 16))
    export(library, tmp_path / "t.jsonl")
    take(other, tmp_path / "t.jsonl")
    here, there = library.get(1).prediction, other.get(1).prediction
    assert here is not None and there is not None and here.affect is not None
    assert (there.affect, there.instruments[0].present) == (here.affect, True)
    assert other.search("voice:sung instrument:drums is:vanished") == [1]  # its file is not there


def test_names_that_a_spreadsheet_would_run_are_text(tmp_path: Path) -> None:
    library = Library(":memory:")
    library.put(row("/=cmd|x.mp3", tags=Tags(title="=1+1", genres=("A;B", "C"))))
    export(library, tmp_path / "t.csv")
    assert "'=1+1" in (tmp_path / "t.csv").read_text()
    assert take(library, tmp_path / "t.csv") == Taken(unchanged=1)


def test_parquet_has_types_and_lists(library: Library, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export(library, tmp_path / "t.parquet")
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows == [flat(one) for one in library.rows(library.search(""))]


def test_embeddings_come_with_their_scores_and_without_failures(library: Library, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    n = export(library, tmp_path / "e.parquet", embeddings=True)
    rows = parquet.read_table(tmp_path / "e.parquet").to_pylist()
    assert [one["id"] for one in rows] == library.search("-state:failed") and n == len(rows) > 10
    first = library.get(rows[0]["id"])
    np.testing.assert_array_equal(np.array(rows[0]["embedding"], dtype=np.float32), first.embedding)
    assert first.prediction is not None
    expected = {score.label: score.score for score in first.prediction.genres}
    assert dict(rows[0]["genres"]) == pytest.approx(expected)


def test_another_ending_is_refused_and_nothing_is_written(library: Library, tmp_path: Path) -> None:
    for name, embeddings in (("t.xlsx", False), ("t.csv", True)):
        with pytest.raises(InputError, match="Accepted: "):
            export(library, tmp_path / name, embeddings=embeddings)
    with pytest.raises(InputError, match="Try: jazz"):
        export(library, tmp_path / "t.csv", query="genre:jaz")
    assert not os.listdir(tmp_path)


def test_an_analysed_track_comes_back_whole_into_another_library(analysed: Row, tmp_path: Path) -> None:
    here = Library(":memory:")
    id = here.put(dataclasses.replace(analysed, tags=Tags(title="Ä", genres=("Rock", "Pop"), year=1999)))
    here.correct(id, genres=["polka"])
    export(here, tmp_path / "t.jsonl")
    there = Library(":memory:")
    there.put(row("/first.mp3"))
    assert take(there, tmp_path / "t.jsonl") == Taken(added=1)
    old, new = here.get(id), there.get(2)
    for name in (field.name for field in dataclasses.fields(Row)):
        if name in ("id", "prediction", "embedding", "peaks"):
            continue
        assert getattr(new, name) == getattr(old, name), name
    assert new.prediction is not None and old.prediction is not None
    for name in ("tempo_confidence", "tempo_candidates", "key_confidence"):
        assert new.prediction.to_dict()[name] == old.prediction.to_dict()[name], name
    # Scores to 4 decimals in JSON and as float16 in the catalogue, times to 10 ms.
    assert new.prediction.to_dict()["genres"][:3] == [
        {"label": one["label"], "score": pytest.approx(one["score"], abs=6e-4)}
        for one in old.prediction.to_dict()["genres"][:3]
    ]
    np.testing.assert_array_equal(new.embedding, old.embedding)
    assert new.peaks is not None and old.peaks is not None
    np.testing.assert_array_equal(new.peaks.times, old.peaks.times)
    assert there.search("genre:polka tag:rock") == [2]
    assert take(there, tmp_path / "t.jsonl") == Taken(unchanged=1)


def test_a_track_whose_file_is_elsewhere_waits_as_vanished(library: Library, tmp_path: Path) -> None:
    export(library, tmp_path / "t.jsonl")
    there = Library(":memory:")
    taken = take(there, tmp_path / "t.jsonl")
    assert taken.added == len(library.search("")) == len(there.search("is:vanished")) and there.check() == []


def test_corrections_of_a_spreadsheet_are_taken_by_sound_then_by_path(tmp_path: Path) -> None:
    library = Library(":memory:")
    moved = library.put(row("/new/a.mp3", sound="ab" * 32))
    same = library.put(row("/b.mp3", sound="cd" * 32))
    own = library.put(row("/c.mp3"))
    library.correct(own, genres=["soul"])
    table = tmp_path / "t.csv"
    lines = [
        "path,sound,corrected_genres,corrected_moods",
        f"/old/a.mp3,{'ab' * 32},Jazz; Blues,",
        "/b.mp3,,,sad",
    ]
    table.write_text("\ufeff" + "\n".join([*lines, "/c.mp3,,funk,", "/none.mp3,,funk,"]), encoding="utf-8")
    assert take(library, table) == Taken(corrected=2, kept=1, unmatched=1)
    assert library.get(moved).corrections == {"genres": ("jazz", "blues")}
    assert library.get(same).corrections == {"moods": ("sad",)}
    assert library.get(own).genres == ("soul",)
    assert take(library, table, force=True) == Taken(corrected=1, unchanged=2, unmatched=1)
    assert library.get(own).genres == ("funk",)


@pytest.mark.parametrize(
    "line",
    [
        "[]", "{", '{"path": 3}', '{"path": "/a", "sound": "xyz"}', '{"corrected_genres": "a"}',
        '{"path": "/a", "number": "x"}', '{"path": "/a", "corrected_genres": [3]}',
        '{"path": "/new", "schema": "earmark.track/1", "file": [1]}',
        '{"path": "/new", "schema": "earmark.track/1", "file": [1, 99999999999999999999]}',
    ],
)  # fmt: skip
def test_a_damaged_table_changes_nothing_and_names_the_record(line: str, tmp_path: Path) -> None:
    library = Library(":memory:")
    id = library.put(row("/a"))
    table = tmp_path / "t.jsonl"
    table.write_text(json.dumps({"path": "/a", "corrected_genres": ["jazz"]}) + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"(record|line) 2 of .*Accepted: "):
        take(library, table)
    assert library.get(id).corrections == {} and len(library) == 1


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"path\n\xff\xfe\n")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 or not")
    for name in ("t.csv", "t.parquet", "none.csv", "t.xlsx"):
        if name == "t.parquet":
            pytest.importorskip("pyarrow")
        with pytest.raises(InputError):
            take(Library(":memory:"), tmp_path / name)
