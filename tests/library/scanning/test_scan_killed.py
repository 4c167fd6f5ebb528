"""A scan that is killed, has a twin, or runs out of disk: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark import load_model
from earmark.errors import InputError, OutputError
from earmark.library import Library, ScanSummary, scan
from sounds import noise, suffix, tone, write

SCAN = """
import sys
from earmark.library import Library, scan
if __name__ == "__main__":
    with Library(sys.argv[1]) as library:
        done = scan(library, [sys.argv[2]], "echo", jobs=2)
        print(done.new, done.failed, done.elsewhere)
"""
PATIENCE = 240.0
LONG = pytest.mark.skipif(not os.environ.get("EARMARK_LONG"), reason="takes minutes: set EARMARK_LONG=1")


def make_songs(folder: Path, n: int) -> None:
    """Many short sounds, all different, in some folders."""
    for i in range(n):
        part = folder / f"album {i % 7}"
        part.mkdir(parents=True, exist_ok=True)
        y = tone(0.6, hz=100.0 + 7 * i, sr=8000) + noise(0.6, sr=8000, amplitude=0.02, seed=i)
        write(part / f"{i:03}.wav", y, 8000, "wav16")


def start(library: Path, music: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCAN, str(library), str(music)], stdout=subprocess.PIPE, text=True
    )


def n_rows(path: Path) -> int:
    try:
        with Library(path, create=False, read_only=True) as library:
            return len(library)
    except InputError:  # it is not there yet
        return 0


def contents(path: Path) -> dict[tuple[str, int], tuple[Any, ...]]:
    """All that a scan has found, but for when; every track once, and the file whole."""
    with Library(path, create=False) as library:
        assert library.check() == []
        rows = list(library.rows())
        labels = library.query("SELECT count(*) FROM labels")[0][0]
    found = {
        (row.path, row.item.number): (
            row.file, row.tags, row.sound, row.state, row.error, row.vanished, row.prediction,
            None if row.embedding is None else row.embedding.tobytes(),
            None if row.peaks is None else row.peaks.times.tobytes(),
        )
        for row in rows
    }  # fmt: skip
    assert len(found) == len(rows) and labels >= len(rows)
    return found


@pytest.mark.parametrize(
    ("n_files", "n_kills"),
    [
        (20, 2),
        pytest.param(100, 5, marks=pytest.mark.slow),
        pytest.param(500, 20, marks=[pytest.mark.slow, pytest.mark.timeout(7200), LONG]),
    ],
)
def test_a_scan_that_is_killed_goes_on_where_it_was(tmp_path: Path, n_files: int, n_kills: int) -> None:
    make_songs(tmp_path / "music", n_files)
    killed, whole = tmp_path / "killed.sqlite", tmp_path / "whole.sqlite"
    rng = random.Random(n_files)
    n_before = 0
    for kill in range(n_kills):
        process = start(killed, tmp_path / "music")
        wanted = n_before + rng.randint(0, max(1, (n_files - n_before) // (n_kills - kill)))
        until = time.monotonic() + PATIENCE
        while n_rows(killed) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(rng.random() / 5)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert n_rows(killed) >= n_before  # nothing is lost
        n_before = n_rows(killed)
    process = start(killed, tmp_path / "music")
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.split() == [str(n_files - n_before), "0", "0"]  # and nothing is done twice
    with Library(whole) as library:
        assert scan(library, [tmp_path / "music"], load_model("echo")).new == n_files
    assert contents(killed) == contents(whole)


def test_two_scans_at_once_share_the_work(tmp_path: Path) -> None:
    make_songs(tmp_path / "music", 40)
    barrier = threading.Barrier(2, timeout=PATIENCE)

    def one(_: int) -> ScanSummary:
        with Library(tmp_path / "library.sqlite") as library:
            barrier.wait()
            return scan(library, [tmp_path / "music"], load_model("echo"))

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(one, range(2)))
    assert sum(each.new for each in done) == 40
    assert all(not each.failed for each in done)
    assert [each.new + each.elsewhere + each.unchanged for each in done] == [40, 40]
    assert len(contents(tmp_path / "library.sqlite")) == 40


@pytest.mark.slow
def test_two_scans_of_two_processes_at_once(tmp_path: Path) -> None:
    make_songs(tmp_path / "music", 100)
    both = [start(tmp_path / "library.sqlite", tmp_path / "music") for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE)[0].split() for process in both]
    assert sum(int(out[0]) for out in outputs) == 100
    assert len(contents(tmp_path / "library.sqlite")) == 100


def test_a_full_disk_stops_a_scan_with_an_error_and_loses_nothing(tmp_path: Path) -> None:
    make_songs(tmp_path / "music", 90)
    path, echo = tmp_path / "library.sqlite", load_model("echo")
    with Library(path) as library:
        library.query("VACUUM")  # a new file has free pages of tables that migrations dropped
        pages = library.query("PRAGMA page_count")[0][0]
        library.query(f"PRAGMA max_page_count = {pages + 1}")  # SQLite's own "disk is full"
        with pytest.raises(OutputError, match=r"full\. Try: free some space"):
            scan(library, [tmp_path / "music"], echo)
        n_done = len(library)
    assert 0 < n_done < 90 and len(contents(path)) == n_done
    with Library(path) as library:
        done = scan(library, [tmp_path / "music"], echo)
    assert (done.new, done.unchanged) == (90 - n_done, n_done) and len(contents(path)) == 90


def test_a_file_that_takes_too_long_is_kept_with_the_reason(tmp_path: Path) -> None:
    make_songs(tmp_path / "music", 3)
    with Library(tmp_path / "library.sqlite") as library:
        done = scan(library, [tmp_path / "music"], "echo", jobs=1, deadline=0.000001)
        assert (done.failed, done.new) == (3, 0)
        assert {row.error["code"] for row in library.rows() if row.error} == {"deadline"}
        done = scan(library, [tmp_path / "music"], "echo", jobs=1)
        assert (done.failed_before, done.analysed) == (3, 0)
        assert scan(library, [tmp_path / "music"], "echo", jobs=1, retry=True).retried == 3


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with its beginning, where the tags are, changed at random."""
    found = bytearray(data)
    reach = min(len(found), int(rng.choice([64, 512, 4096])))
    match rng.integers(4):
        case 0:
            for place in rng.integers(0, reach, int(rng.integers(1, 20))):
                found[place] = int(rng.integers(256))
        case 1:
            begin = int(rng.integers(reach))
            del found[begin : begin + int(rng.integers(1, 200))]
        case 2:
            begin = int(rng.integers(reach))
            found[begin:begin] = rng.bytes(int(rng.integers(1, 200)))
        case _:
            place = int(rng.integers(reach))
            found[place : place + 4] = bytes([rng.choice([0, 0x7F, 0xFF])]) * 4  # a length, perhaps
    return bytes(found)


def tagged_files(folder: Path) -> Iterator[Path]:
    import mutagen

    for fmt in ("mp3", "flac", "ogg", "opus", "m4a", "wma", "wav16", "aiff16"):
        path = folder / f"tagged{suffix(fmt)}"
        write(path, tone(1.0), 22050 if fmt != "opus" else 48000, fmt)
        file: Any = mutagen.File(path, easy=True)
        if file is not None and fmt not in ("wav16", "aiff16", "wma"):
            file["title"], file["artist"], file["genre"] = ["A title"], ["Some", "Others"], ["Jazz"]
            file.save()
        yield path


@pytest.mark.parametrize("n_each", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_damaged_tags_crash_and_hang_nothing(tmp_path: Path, n_each: int) -> None:
    (tmp_path / "whole").mkdir()
    music = tmp_path / "music"
    music.mkdir()
    rng = np.random.default_rng(n_each)
    for path in tagged_files(tmp_path / "whole"):
        for i in range(n_each):
            (music / f"{i} {path.name}").write_bytes(damaged(path.read_bytes(), rng))
    with Library(tmp_path / "library.sqlite") as library:
        done = scan(library, [music], "echo", jobs=2, deadline=60.0)
        assert done.new + done.failed == 8 * n_each and done.new
        codes = {row.error["code"] for row in library.rows() if row.error}
        assert not codes & {"internal", "crash", "deadline", "memory"}
        assert library.check() == [] and scan(library, [music], "echo", jobs=2).analysed == 0
