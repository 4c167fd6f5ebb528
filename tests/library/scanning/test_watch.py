"""Following folders: what changes is scanned once it has come to rest."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark import load_model
from earmark.errors import MissingExtraError
from earmark.library import Library, ScanSummary, watch
from earmark.library.scanning.watch import _is_of_interest, _rests
from sounds import tone, write

SOON = 90.0


def test_it_waits_for_files_that_are_still_written_to() -> None:
    """One file that is written to for ever does not keep the others from the library."""
    now = 0.0
    yielded: list[tuple[float, list[str]]] = []

    def batches() -> Iterator[set[tuple[int, str]]]:
        nonlocal now
        for now in range(1, 4):  # noqa: B007 (the clock)
            yield {(2, "a.mp3")}
        now = 6
        yield set()  # at rest
        now = 8
        yield set()
        for now in range(100, 200):
            yield {(2, "growing.mp3"), *([(1, "b.mp3")] if now == 100 else [])}

    for held in _rests(batches(), 2.0, lambda: float(now)):
        yielded.append((now, held))
    assert yielded == [(6, []), (160, ["growing.mp3"])]


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        (1, "/m/a.mp3", True), (2, "/m/a.CUE", True), (1, "/m/.earmarkignore", True), (3, "/m/album", True),
        (1, "/m/cover.jpg", False), (1, "/m/.hidden.mp3", False), (2, "/m/lib.sqlite-wal", False),
        (3, "/m/lib.sqlite-wal", False), (1, str(Path(__file__).parent), True),
    ],
)  # fmt: skip
def test_only_changes_that_concern_the_library_count(change: int, path: str, expected: bool) -> None:
    assert _is_of_interest(change, path, "/m/lib.sqlite") is expected


def test_it_names_the_extra_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with Library(":memory:") as library, pytest.raises(MissingExtraError, match=r"earmark\[watch\]"):
        watch(library, ["."], "echo", on_scan=print)


def test_a_file_that_comes_and_goes_is_followed(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    music, stop, came = tmp_path / "music", threading.Event(), threading.Semaphore(0)
    music.mkdir()
    summaries: list[ScanSummary] = []

    def on_scan(summary: ScanSummary) -> None:
        summaries.append(summary)
        came.release()

    def follow() -> None:
        with Library(tmp_path / "library.sqlite") as library:
            watch(library, [music], load_model("echo"), on_scan=on_scan, quiet=0.3, stop=stop)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert came.acquire(timeout=SOON)
        # The watcher may not be at work yet: give the file again until it has noticed.
        for _ in range(60):
            write(music / "a.wav", tone(3.5), 22050, "wav16")
            if came.acquire(timeout=2.0):
                break
        assert sum(summary.new for summary in summaries) == 1
        (music / "a.wav").unlink()
        (music / "readme").touch()  # an empty folder might not be mounted
        for _ in range(60):
            if summaries[-1].vanished or came.acquire(timeout=2.0):
                break
    finally:
        stop.set()
        thread.join(SOON)
    assert not thread.is_alive() and sum(summary.vanished for summary in summaries) == 1
