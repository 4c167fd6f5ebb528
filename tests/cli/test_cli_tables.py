"""Tables grow by whole rows and mend themselves; the features command goes on where it stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import Run, run, write_wav  # noqa: F401 (run is a fixture)

from earmark.errors import InputError, MissingExtraError, OutputError
from earmark.features import FeatureSpec
from earmark.features.descriptors import SCHEMA
from earmark.tables import Table, open_table
from music import band

ENDINGS = [".csv", ".jsonl", ".parquet"]
NAMES = ["plain.mp3", 'quo"te, comma.mp3', "new\nline.mp3", "caf\udce9.mp3", "日本.mp3"]
NAMES += ["=1+1.mp3", "re\rturn.mp3"]


def row_of(source: str, spec: str = "abc") -> dict[str, Any]:
    return {"source": source, "duration": 1.5, "spec": spec, "tempo": 120.25, "key": "A minor"}


def read(path: Path) -> list[dict[str, Any]]:
    """Every row of a finished table, read by other code than wrote it."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return rows
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    import csv

    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert not any(row["source"].startswith("=") for row in rows)
    return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in rows]


def fill(table: Table, names: list[str]) -> None:
    for name in names:
        if not table.has(name):
            table.append(row_of(name))


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_are_kept_and_not_repeated(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    for known in (NAMES[:2], NAMES):
        table = open_table(path)
        fill(table, known)
        fill(table, known)
        table.finish()
    sources = [row["source"] for row in read(path)]
    assert sources == [*NAMES[:3], "caf\\xe9.mp3" if ending == ".parquet" else NAMES[3], *NAMES[4:]]
    assert all(float(row["tempo"]) == 120.25 and row["key"] == "A minor" for row in read(path))
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert all(open_table(path).has(name) for name in NAMES)


@pytest.mark.parametrize("ending", ENDINGS)
@given(first=st.permutations(NAMES), asked=st.permutations(NAMES), n=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_rows_end_in_the_requested_order_after_those_of_other_files(
    tmp_path_factory: pytest.TempPathFactory, ending: str, first: list[str], asked: list[str], n: int
) -> None:
    path = tmp_path_factory.mktemp("order") / f"table{ending}"
    table = open_table(path)
    fill(table, [first[0], "other.mp3", *first[1:n]])  # killed, in whatever order rows were done by then
    del table
    table = open_table(path)
    fill(table, asked)
    table.finish(asked)
    shown = [name.replace("\udce9", "\\xe9") for name in asked] if ending == ".parquet" else asked
    assert [row["source"] for row in read(path)] == ["other.mp3", *shown]
    assert all(float(row["tempo"]) == 120.25 and row["key"] == "A minor" for row in read(path))
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_table_that_cannot_be_sorted_is_left_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    table = open_table(path)
    fill(table, ["b", "a"])
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        table.finish(["a", "b"])
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_parquet_waits_until_all_is_there(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    fill(open_table(path), NAMES[:3])  # interrupted: never finished
    assert not path.exists() and (tmp_path / "table.parquet.part.jsonl").exists()
    table = open_table(path)
    assert all(table.has(name) for name in NAMES[:3])
    table.finish()
    assert len(read(path)) == 3


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@given(cut=st.integers(0, 400), names=st.permutations(NAMES))
@settings(max_examples=150, deadline=None)
def test_a_table_cut_anywhere_is_mended(
    tmp_path_factory: pytest.TempPathFactory, ending: str, cut: int, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"table{ending}"
    fill(open_table(path), names)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    table = open_table(path)
    kept = [name for name in names if table.has(name)]
    assert kept == names[: len(kept)]
    rows_end = [
        i + 1
        for i in range(len(whole))
        if whole[: i + 1].endswith(b"A minor\n" if ending == ".csv" else b"}\n")
    ]
    assert len(kept) == sum(end <= cut for end in rows_end)  # every whole row, and no half one
    fill(table, names)
    table.finish()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"name,artist\na,b\n", b"hello", b"PAR1nonsense", b"\x00" * 50])
def test_other_files_are_not_touched(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"table{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="Try: another --output"):
        open_table(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_damage_before_the_end_is_reported_and_left(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    fill(open_table(path), ["a", "b", "c"])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-2] = b"damaged\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="Try: another --output"):
        open_table(path)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("other", [row_of("b", spec="xyz"), row_of("b") | {"more": 1}])
def test_columns_and_front_end_must_be_the_same(tmp_path: Path, ending: str, other: dict[str, Any]) -> None:
    path = tmp_path / f"table{ending}"
    table = open_table(path)
    fill(table, ["a"])
    table.finish()
    with pytest.raises(InputError, match="another version or front end"):
        open_table(path).append(other)
    assert len(read(path)) == 1


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"table\.xlsx.*\.csv, \.jsonl, \.parquet"):
        open_table(tmp_path / "table.xlsx")
    with pytest.raises(OutputError, match="cannot write"):
        open_table(tmp_path / "nowhere" / "table.csv")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earmark\[parquet\]'"):
        open_table(tmp_path / "table.parquet")


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize("ending", ENDINGS)
def test_features_are_resumed_and_bad_files_listed(run: Run, tmp_path: Path, ending: str) -> None:  # noqa: F811
    music, path = tmp_path / "music", tmp_path / f"table{ending}"
    music.mkdir()
    for name in ("a", "b"):
        write_wav(music / f"{name}.wav", band("rock", seconds=3))
    (music / "bad.mp3").write_bytes(b"no sound")
    first = run("features", music, "-o", path, "--jobs", 1)
    assert first.status == 1 and first.out == ""
    assert f"{path}: 2 rows added" in first.err and "1 file could not be described:" in first.err
    assert first.err.splitlines()[-1].startswith("error: ") and "bad.mp3" in first.err.splitlines()[-1]
    (music / "bad.mp3").unlink()
    write_wav(music / "aa.wav", band("house", seconds=3))  # comes before b, is done after it
    again = run("features", music, "-o", path, "--jobs", 2)
    assert again.status == 0 and again.err == f"{path}: 1 row added, 2 there before\n"
    rows = read(path)
    assert [Path(row["source"]).name for row in rows] == ["a.wav", "aa.wav", "b.wav"]
    assert {row["spec"] for row in rows} == {f"{FeatureSpec().digest} {SCHEMA}"}
    assert rows[1]["key"] == "A minor" and float(rows[1]["tempo"]) == pytest.approx(124, rel=0.04)
    assert len(rows[0]) > 60


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("new_files", [0, 1])
def test_a_table_whose_descriptors_mean_something_else_is_refused_before_any_work(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    new_files: int,
) -> None:
    table = tmp_path / f"t{ending}"
    old = write_wav(tmp_path / "old.wav", band("rock", seconds=3))
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["earmark.features.descriptors"], "SCHEMA", "earmark.descriptors/0")
        assert run("features", old, "-o", table, "--jobs", 1).status == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("earmark.cli.commands.features.describe", lambda _: pytest.fail("computed"))
    for _ in range(2):
        outcome = run("features", old, *[tmp_path / "new.wav"] * new_files, "-o", table, "--jobs", 1)
        assert outcome.status == 2 and f"{table} has the columns of another version" in outcome.err
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("ending", ENDINGS)
def test_features_of_nothing_that_can_be_read_leave_no_table(run: Run, tmp_path: Path, ending: str) -> None:  # noqa: F811
    table = tmp_path / f"t{ending}"
    outcome = run("features", tmp_path / "missing.wav", "-o", table)
    assert outcome.status == 1 and "missing.wav" in outcome.err
    assert list(tmp_path.iterdir()) == []
    good = write_wav(tmp_path / "a.wav", band("rock", seconds=3))
    assert run("features", good, "-o", table).status == 0
    before = table.read_bytes()
    assert run("features", tmp_path / "missing.wav", "-o", table).status == 1  # rows of before stay
    assert table.read_bytes() == before


def test_features_need_a_place_and_names(run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert run("features", "-", "-o", tmp_path / "t.csv").status == 2
    assert run("features", tmp_path, "-o", tmp_path / "t.csv").status == 1  # nothing there
    assert run("features", tmp_path, "-o", tmp_path / "t.txt").status == 2
    assert run("features", tmp_path, "-o", tmp_path / "no" / "t.csv").status == 2


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_table_that_another_process_is_writing_is_left_to_it(run: Run, tmp_path: Path, name: str) -> None:  # noqa: F811
    write_wav(tmp_path / "a.wav", band("house", seconds=1))
    table = open_table(tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = run("features", tmp_path / "a.wav", "-o", tmp_path / name)
    assert refused.status == 5 and "another process is writing" in refused.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    table.finish()
    assert run("features", tmp_path / "a.wav", "-o", tmp_path / name).status == 0
