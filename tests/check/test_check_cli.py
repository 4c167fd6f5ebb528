"""`earmark check`, as a user and as a program meet it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_check import SR, faster, tune, write
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.data import read_manifest


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check")
    for i in range(3):
        write(root / f"data/rock/Ä{i}.wav", tune(i, 5.0))
        write(root / f"data/pop/{i}.wav", faster(tune(10 + i, 5.0), 0.5))
    write(root / "data/pop/again.wav", faster(tune(10, 5.0), 0.5))
    write(root / "data/rock/silent.wav", np.zeros(5 * SR, np.float32))
    (root / "data/rock/empty.wav").write_bytes(b"")
    return root


def test_a_table_a_page_and_what_is_left(run: Run, root: Path) -> None:  # noqa: F811
    page, clean = root / "check.html", root / "clean.csv"
    done = run("check", root / "data", "--html", page, "--output", clean, "--jobs", 1, "--model", "echo")
    assert done.status == 1  # there are faults
    assert "Exact copies (1)" in done.out and "pop/0.wav  pop/again.wav" in done.out
    assert "Silent (1)" in done.out and "8 tracks in 2 classes: 2 faults, 0 to review" in done.out
    assert "1 skipped, the first" in done.err and "the file is empty" in done.err
    assert "6 tracks of 8" in done.err and "<h2>Silent (1)</h2>" in page.read_text()
    left = read_manifest(clean)
    assert len(left) == 6 and all(len(track.sha256) == 64 for track in left.tracks)
    again = run("check", clean, "--jobs", 1, "--model", "none")
    assert again.status == 0 and "0 faults" in again.out


@pytest.mark.skipif(os.name != "posix", reason="names that are no UTF-8")
def test_names_that_are_not_utf8(run: Run, tmp_path: Path) -> None:  # noqa: F811
    for i in range(3):
        write(tmp_path / f"data/rock/{i}.wav", tune(i, 5.0))
        write(tmp_path / f"data/pop/{i}.wav", faster(tune(10 + i, 5.0), 0.5))
    data, rock = tmp_path / os.fsdecode(b"da\xffta"), tmp_path / "data/rock"
    try:
        (rock / "0.wav").rename(rock / os.fsdecode(b"caf\xe90.wav"))
        shutil.copy(rock / os.fsdecode(b"caf\xe90.wav"), rock / os.fsdecode(b"\xff.wav"))
        (tmp_path / "data").rename(data)
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    page, clean = tmp_path / os.fsdecode(b"\xe9.html"), tmp_path / os.fsdecode(b"\xe9.csv")
    done = run("check", data, "--html", page, "--output", clean, "--jobs", 1, "--model", "none")
    assert done.status == 1 and "caf�0.wav" in done.out and "rock/�.wav" in done.out
    assert "caf�0.wav" in page.read_text(encoding="utf-8") and len(read_manifest(clean)) == 6
    assert run("check", data, "--json", "--jobs", 1, "--model", "none").lines()[0]["n_faults"] == 1


def test_json(run: Run, root: Path) -> None:  # noqa: F811
    done = run("check", root / "data", "--json", "--jobs", 1, "--model", "none")
    (facts,) = done.lines()
    assert done.status == 1 and facts["schema"] == "earmark.check/1" and facts["n_faults"] == 2
    assert [finding["kind"] for finding in facts["findings"]] == ["silent", "exact-copy"]
    assert facts["data"]["classes"] == {"pop": 4, "rock": 4}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 2, "there is no data set"),
        (["{data}", "--output", "clean.txt"], 2, "Accepted: .csv and .jsonl"),
        (["{data}", "--html", "{data}"], 2, "is a folder"),
        (["{data}", "--output", "/no/such/folder/clean.csv"], 2, "no such folder"),
        (["{data}", "--label", "mood"], 1, "2 faults"),  # folders have no columns
    ],
)
def test_what_is_refused(run: Run, root: Path, arguments: list[str], status: int, message: str) -> None:  # noqa: F811
    done = run(
        "check",
        *(argument.format(data=root / "data") for argument in arguments),
        "--jobs",
        1,
        "--model",
        "none",
    )
    assert done.status == status and message in done.out + done.err


@pytest.mark.parametrize("command", ["check", "evaluate"])
def test_what_labels_do_not_count_is_reported(run: Run, tmp_path: Path, command: str) -> None:  # noqa: F811
    for label in ("rock", "pop", "noise"):
        write(tmp_path / f"{label}/a.wav", tune(len(label), 3.0))
    options = ["--jobs", 1, "--model", "none"] if command == "check" else []
    start = [command] if command == "check" else [command, "echo"]
    done = run(*start, tmp_path, *options)
    assert "noise is a class like any other" in done.err
    done = run(*start, tmp_path, *options, "--non-events", "noise")
    assert "labels that do not count (--non-events): noise (1)" in done.err
    done = run(*start, tmp_path, *options, "--non-events", "nois")
    assert done.status == 2 and "non_events='nois', but no track has this label. Accepted: noise" in done.err
    assert "class like" not in done.err and "Traceback" not in done.err


@pytest.mark.shared
def test_the_field_cases_of_check(run: Run, shared: Path, tmp_path: Path) -> None:  # noqa: F811
    script = shared / "field/split_folders.py"
    subprocess.run([sys.executable, script, tmp_path / "split"], check=True)
    done = run("check", tmp_path / "split", "--model", "none", "--jobs", 1)
    assert "27 tracks in 3 classes" in done.out and "train, test are read" in done.err.replace(
        "test, train", "train, test"
    )
    for name in ("windows", "posix"):
        done = run("check", shared / f"field/windows-table/{name}.csv", "--model", "none", "--jobs", 1)
        assert "6 tracks in 2 classes" in done.out
