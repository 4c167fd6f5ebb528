"""Scanning: what is new is analysed, what is known is recognised, nothing is lost."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earmark import load_model
from earmark.errors import InputError
from earmark.features import method_digest
from earmark.library import Library, ScanSummary, scan
from earmark.library.stats import stats
from earmark.models import Model
from sounds import noise, suffix, tone, write

SECONDS = 3.5
Scan = Callable[..., ScanSummary]


@pytest.fixture(scope="session")
def echo() -> Model:
    return load_model("echo")


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short recordings in as many formats, in two folders."""
    folder = tmp_path_factory.mktemp("songs")
    (folder / "album").mkdir()
    for i, fmt in enumerate(("flac", "mp3", "wav16", "ogg", "m4a", "opus")):
        y = tone(SECONDS, hz=150.0 * (i + 1)) + noise(SECONDS, amplitude=0.05, seed=i)
        write(folder / ("album" if i % 2 else ".") / f"song {i}{suffix(fmt)}", y, 44100, fmt)
    return folder


@pytest.fixture
def music(tmp_path: Path, songs: Path) -> Path:
    return Path(shutil.copytree(songs, tmp_path / "music"))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.sqlite")


@pytest.fixture
def rescan(library: Library, music: Path, echo: Model) -> Scan:
    def call(**options: Any) -> ScanSummary:
        return scan(library, options.pop("roots", [music]), options.pop("model", echo), **options)

    return call


def paths(library: Library) -> dict[str, int]:
    """Names of the files that are there, with the numbers of their rows."""
    return {Path(row.path).name: row.id for row in library.rows() if row.vanished is None}


def test_a_first_scan_analyses_everything_and_a_second_nothing(rescan: Scan, library: Library) -> None:
    first = rescan()
    assert (first.new, first.analysed, first.failed, first.unchanged) == (6, 6, 0, 0)
    rows = list(library.rows())
    assert all(row.prediction and row.sound and row.embedding is not None and row.peaks for row in rows)
    second = rescan()
    assert (second.new, second.analysed, second.unchanged) == (0, 0, 6)
    assert [row.analysed for row in library.rows()] == [row.analysed for row in rows]


def test_folders_of_before_are_scanned_when_none_is_named(
    rescan: Scan, library: Library, music: Path
) -> None:
    with pytest.raises(InputError, match="no folders yet"):
        rescan(roots=[])
    rescan()
    (music / "album" / "song 1.mp3").unlink()
    assert rescan(roots=[]).vanished == 1
    assert library.roots() == [str(music)]
    rescan(roots=[music / "album"])
    assert library.roots() == [str(music)]  # its part is no folder of its own


def test_a_folder_is_forgotten_on_request(rescan: Scan, library: Library, music: Path) -> None:
    rescan()
    assert library.forget(music / "album") == 3 and library.roots() == [str(music)]
    assert library.forget(music) == 3 and library.roots() == [] and len(library) == 0
    with pytest.raises(InputError, match="nothing of"):
        library.forget(music)
    assert (music / "song 0.flac").exists()


def test_a_folder_that_is_not_there_is_refused(rescan: Scan, library: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        rescan(roots=[tmp_path / "nowhere"])
    (tmp_path / "file.mp3").write_bytes(b"")
    with pytest.raises(InputError, match="is no folder"):
        rescan(roots=[tmp_path / "file.mp3"])
    assert library.roots() == []


def test_a_moved_file_keeps_its_number_and_corrections(rescan: Scan, library: Library, music: Path) -> None:
    rescan()
    before = paths(library)
    library.correct(before["song 1.mp3"], genres=["polka"])
    (music / "other").mkdir()
    (music / "album" / "song 1.mp3").rename(music / "other" / "renamed.mp3")
    (music / "song 0.flac").rename(music / "song zero.flac")
    done = rescan()
    assert (done.moved, done.new, done.vanished, done.analysed) == (2, 0, 0, 0)
    after = paths(library)
    assert after["renamed.mp3"] == before["song 1.mp3"] and after["song zero.flac"] == before["song 0.flac"]
    assert library.get(after["renamed.mp3"]).genres == ("polka",)
    found = library.query("SELECT rowid FROM texts WHERE texts MATCH 'renamed'")
    assert [row[0] for row in found] == [after["renamed.mp3"]]


def test_a_file_moved_between_two_folders_is_recognised_when_only_one_is_scanned(
    rescan: Scan, library: Library, music: Path, tmp_path: Path
) -> None:
    rescan()
    before = paths(library)
    other = tmp_path / "elsewhere"
    other.mkdir()
    (music / "song 0.flac").rename(other / "song 0.flac")
    assert rescan(roots=[other]).moved == 1
    assert paths(library) == before


def test_of_two_copies_of_a_moved_file_one_takes_its_row(rescan: Scan, library: Library, music: Path) -> None:
    rescan()
    shutil.copy(music / "song 0.flac", music / "copy a.flac")
    (music / "song 0.flac").rename(music / "copy b.flac")
    done = rescan()
    assert (done.moved, done.new, done.vanished) == (1, 1, 0) and len(library) == 7


def test_new_tags_are_read_without_a_new_analysis(rescan: Scan, library: Library, music: Path) -> None:
    from mutagen.flac import FLAC

    rescan()
    before = library.find(music / "song 0.flac")
    assert before is not None
    tags = FLAC(music / "song 0.flac")
    tags["title"] = "A title " * 900  # more than the padding holds: the file grows
    tags.save()
    os.utime(music / "song 0.flac", (1, 1))
    done = rescan()
    assert (done.retagged, done.changed, done.analysed, done.unchanged) == (1, 0, 0, 5)
    after = library.find(music / "song 0.flac")
    assert after is not None and after.tags.title.startswith("A title") and after.analysed == before.analysed
    assert rescan().unchanged == 6


def test_other_sound_in_the_same_file_is_analysed(rescan: Scan, library: Library, music: Path) -> None:
    rescan()
    number = paths(library)["song 2.wav"]
    library.correct(number, genres=["polka"])
    write(music / "song 2.wav", tone(SECONDS, hz=2000), 44100, "wav16")
    done = rescan()
    assert (done.changed, done.retagged, done.analysed) == (1, 0, 1)
    assert library.get(number).genres == ("polka",)


@pytest.mark.parametrize("fmt", ["wav16", "flac"])
def test_a_longer_file_with_the_same_beginning_is_another(
    library: Library, echo: Model, tmp_path: Path, fmt: str
) -> None:
    music = tmp_path / "long"
    music.mkdir()
    y = noise(40.0, amplitude=0.2)
    path = music / f"long{suffix(fmt)}"
    write(path, y[: 30 * 44100], 44100, fmt)
    scan(library, [music], echo)
    write(path, y, 44100, fmt)  # as a download that has come to its end
    assert scan(library, [music], echo).changed == 1
    row = library.find(path)
    assert (
        row is not None
        and row.prediction is not None
        and row.prediction.duration == pytest.approx(40, abs=0.1)
    )


def test_what_is_gone_is_marked_comes_back_and_is_removed_on_request(
    rescan: Scan, library: Library, music: Path, tmp_path: Path
) -> None:
    rescan()
    number = paths(library)["song 1.mp3"]
    (music / "album" / "song 1.mp3").rename(tmp_path / "away.mp3")
    assert rescan().vanished == 1 and rescan().vanished == 0
    assert library.get(number).vanished is not None and len(library) == 6
    (tmp_path / "away.mp3").rename(music / "album" / "song 1.mp3")
    assert rescan().returned == 1 and library.get(number).vanished is None
    (music / "album" / "song 1.mp3").unlink()
    assert rescan(prune=True).pruned == 1 and len(library) == 5


def test_a_folder_that_is_not_mounted_has_not_lost_its_files(
    rescan: Scan, library: Library, music: Path, tmp_path: Path
) -> None:
    rescan()
    music.rename(tmp_path / "unplugged")  # no mount point left
    done = rescan(prune=True)
    assert (done.vanished, done.pruned, done.away) == (0, 0, {str(music): 6})
    music.mkdir()  # an empty one
    done = rescan(prune=True)
    assert (done.vanished, done.pruned, done.away) == (0, 0, {str(music): 6})
    (music / "album").mkdir()  # a disk on a folder of the library
    shutil.copy(tmp_path / "unplugged" / "song 0.flac", music)
    done = rescan(prune=True)
    assert done.away == {str(music / "album"): 3} and done.pruned == 2
    assert all(row.vanished is None for row in library.rows())


def test_files_on_another_file_system_than_before_are_not_gone(
    rescan: Scan, library: Library, music: Path
) -> None:
    rescan()
    # As if the album had been on a disk of its own, with a file of the disk below it in its mount point.
    of_album = "folder IN (SELECT id FROM folders WHERE path = ?)"
    library.query(f"UPDATE tracks SET device = device + 1 WHERE {of_album}", (os.fsencode(music / "album"),))
    for path in (music / "album").iterdir():
        path.unlink()
    (music / "album" / "readme").touch()
    done = rescan()
    assert (done.vanished, done.away) == (0, {str(music / "album"): 3})


def test_a_disk_with_another_number_than_before_is_still_the_same(
    rescan: Scan, library: Library, music: Path
) -> None:
    rescan()
    library.query("UPDATE tracks SET device = device + 1")
    (music / "song 0.flac").unlink()
    assert rescan().vanished == 1


def test_a_folder_that_cannot_be_read_has_not_lost_its_files(
    rescan: Scan, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescan()
    scandir = os.scandir

    def denied(folder: Any) -> Any:
        if Path(folder).name == "album":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)
    done = rescan(prune=True)
    assert (done.vanished, done.pruned, list(done.unreadable)) == (0, 0, [str(music / "album")])
    assert not done.is_clean


def test_what_fails_is_kept_with_its_error_and_tried_again_on_request(
    rescan: Scan, library: Library, music: Path
) -> None:
    bad = music / "bad.mp3"
    bad.write_bytes(b"no sound at all " * 50)
    failures: list[tuple[str, dict[str, str]]] = []
    done = rescan(on_failed=lambda path, error: failures.append((path, error)))
    assert (done.failed, done.new, done.is_clean) == (1, 6, False)
    assert [(path, error["code"]) for path, error in failures] == [(str(bad), "unknown-format")]
    done = rescan()
    assert (done.failed, done.failed_before, done.is_clean) == (0, 1, True)
    assert rescan(retry=True).failed == 1
    write(bad, tone(SECONDS), 44100, "mp3")
    done = rescan()
    assert (done.failed, done.changed) == (0, 1) and library.find(bad).error is None  # type: ignore[union-attr]


def test_a_new_model_refreshes_on_request_and_keeps_digest_and_fingerprint(
    rescan: Scan, library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["earmark.library.analyse"]  # its name in the package is the function's
    rescan()
    before = {row.id: row for row in library.rows()}
    other = load_model("dummy")
    assert rescan(model=other).other_model == 6
    monkeypatch.setattr(module, "sound_digest", None)  # neither is computed again
    monkeypatch.setattr(module, "middle_peaks", None)
    done = rescan(model=other, refresh=True)
    assert (done.refreshed, done.failed, done.other_model) == (6, 0, 0)
    for row in library.rows():
        assert row.model is not None and row.model.name == "dummy" and row.sound == before[row.id].sound
    assert rescan(model=other, refresh=True).unchanged == 6


def test_an_older_method_for_tempo_and_key_is_named_and_refreshed_on_request(
    rescan: Scan, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescan()
    assert rescan().older_method == 0 and {row.method for row in library.rows()} == {method_digest()}
    before = {row.id: row.analysed for row in library.rows()}
    for name in ("analyse", "scanning.scan", "stats"):
        monkeypatch.setattr(sys.modules[f"earmark.library.{name}"], "method_digest", lambda: "ab" * 8)
    done = rescan()
    assert (done.older_method, done.unchanged, done.analysed, stats(library).older_method) == (6, 6, 0, 6)
    assert {row.id: row.analysed for row in library.rows()} == before  # nothing without a request
    done = rescan(refresh=True)
    assert (done.refreshed, done.older_method, stats(library).older_method) == (6, 0, 0)
    assert {row.method for row in library.rows()} == {"ab" * 8} and rescan(refresh=True).unchanged == 6


def test_a_method_that_is_not_known_is_older_also_where_no_track_has_another(
    rescan: Scan, library: Library, music: Path
) -> None:
    """As in a library of before the method was stored: its number and that of this version's are none."""
    rescan()
    library.query("UPDATE tracks SET method = NULL")
    library.query("DELETE FROM methods")
    assert rescan().older_method == stats(library).older_method == 6
    (music / "album" / "song 1.mp3").rename(music / "moved.mp3")  # recognised, and still as it was analysed
    done = rescan()
    assert (done.moved, done.analysed) == (1, 0) and stats(library).older_method == 6
    library.query("UPDATE tracks SET state = 'failed', vanished = 1.0 WHERE id = 1")
    assert stats(library).older_method == 5
    done = rescan(refresh=True)
    assert (done.refreshed, stats(library).older_method) == (5, 0)


def test_another_model_is_named_before_an_older_method(rescan: Scan, library: Library) -> None:
    rescan()
    library.query("UPDATE tracks SET method = NULL")
    done = rescan(model=load_model("dummy"))
    assert (done.other_model, done.older_method) == (6, 0)


def test_whole_tracks_after_excerpts_are_a_refresh(library: Library, echo: Model, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    write(tmp_path / "m" / "long.wav", noise(40.0), 22050, "wav16")
    scan(library, [tmp_path / "m"], echo)
    assert scan(library, [tmp_path / "m"], echo, excerpts=None).in_excerpts == 1
    assert scan(library, [tmp_path / "m"], echo, excerpts=None, refresh=True).refreshed == 1
    assert library.get(1).prediction.coverage == "full"  # type: ignore[union-attr]
    assert scan(library, [tmp_path / "m"], echo, refresh=True).unchanged == 1  # nothing is made worse
    library.query("UPDATE tracks SET method = NULL")
    assert scan(library, [tmp_path / "m"], echo, refresh=True).refreshed == 1
    assert library.get(1).prediction.coverage == "full"  # type: ignore[union-attr]


def test_what_is_excluded_is_left_out(rescan: Scan, library: Library, music: Path) -> None:
    (music / ".earmarkignore").write_text("# no waves\n*.wav\n")
    (music / "album" / ".notmusic").touch()
    assert rescan().new == 2
    (music / "album" / ".notmusic").unlink()
    assert rescan(exclude=["album/*.mp3"]).new == 2
    assert set(paths(library)) == {"song 0.flac", "song 4.m4a", "song 3.ogg", "song 5.opus"}
    (music / "album" / ".notmusic").touch()
    done = rescan()
    assert (done.vanished, done.left_out) == (2, 2)


def test_a_part_of_a_folder_obeys_the_patterns_above_it(rescan: Scan, music: Path) -> None:
    rescan(exclude=["*"])  # the folder is known
    (music / ".earmarkignore").write_text("*.mp3\n")
    assert rescan(roots=[music / "album"]).new == 2


def test_a_link_to_nowhere_and_a_file_that_goes_meanwhile(
    rescan: Scan, library: Library, music: Path
) -> None:
    os.symlink(music / "nowhere.mp3", music / "link.mp3")
    rescan()
    error = library.find(music / "link.mp3").error  # type: ignore[union-attr]
    assert error and error["code"] == "not-found"
    assert error["message"].endswith(f"link.mp3 is a link to {music / 'nowhere.mp3'}, which is not there")
    assert "check the spelling" not in error["hint"]
    assert rescan().failed == 1  # whether it can be read is looked up each time
    write(music / "nowhere.mp3", tone(SECONDS), 44100, "mp3")
    done = rescan()
    assert (done.changed + done.retried, done.failed) == (1, 0)
