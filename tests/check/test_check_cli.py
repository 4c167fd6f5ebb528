"""`earmark check`, as a user and as a program meet it."""

from __future__ import annotations

import os
import shutil
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
    assert "Silent (1)" in done.out and "8 tracks in 2 classes: 2 faults, 0 to listen to" in done.out
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
