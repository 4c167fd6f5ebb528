"""Features are computed once, for each content and recipe, and appear whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.audio import load
from earmark.errors import InputError, OutputError
from earmark.features import FeatureSpec, descriptors, log_mel
from earmark.models.windows import cut_windows
from earmark.train.feature_cache import SAMPLE, FeatureCache, Wanted, default_folder, default_limit
from earmark.train.windows import Recipe, extract
from music import band
from sounds import write

LOG_MEL, DESCRIPTORS = Recipe(), Recipe(input="descriptors")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    clip = band("rock", seconds=7.3, sr=22050)
    write(path, clip.y, clip.sr, "wav16")
    return path


def test_a_spectrogram_is_kept_whole(song: Path) -> None:
    entry = extract(song, LOG_MEL)
    assert np.array_equal(entry["S_db"], log_mel(load(song).y))
    assert entry["power"].shape == (entry["S_db"].shape[1] - 1,)


def test_descriptors_are_those_of_the_windows(song: Path) -> None:
    entry, card = extract(song, DESCRIPTORS), DESCRIPTORS.card
    starts, _ = cut_windows(log_mel(load(song).y), card)
    assert len(entry["X"]) == len(starts) == 3
    for row, start in zip(entry["X"], starts, strict=True):
        sound = load(song).y[start * 512 : start * 512 + card.window_length]
        assert np.allclose(row, descriptors(sound).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k", [0, 129, 130, 131, 258, 259, 260, 1292])
@pytest.mark.parametrize("hop", [3.0, 1.5])
def test_windows_start_where_those_of_classify_do(k: int, hop: float) -> None:
    recipe = Recipe(hop=hop)
    starts, _ = cut_windows(np.zeros((128, k), np.float32), recipe.card)
    assert recipe.starts(k).tolist() == starts


def test_recipes_have_digests_of_their_own() -> None:
    recipes = [
        LOG_MEL,
        DESCRIPTORS,
        Recipe(spec=FeatureSpec(n_mels=64)),
        Recipe(input="descriptors", hop=1.5),
        Recipe(input="descriptors", window=1.5, hop=1.5),
    ]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    assert Recipe(window=1.5, hop=1.0).digest == LOG_MEL.digest  # windows are cut later
    with pytest.raises(InputError, match="window"):
        Recipe(window=0)
    with pytest.raises(InputError, match="input"):
        Recipe(input="chroma")  # type: ignore[arg-type]


def test_descriptors_that_mean_something_else_get_entries_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [Recipe(input=input).digest for input in ("descriptors", "log_mel")]
    monkeypatch.setattr("earmark.train.windows.DESCRIPTORS_SCHEMA", "earmark.descriptors/0")
    after = [Recipe(input=input).digest for input in ("descriptors", "log_mel")]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_an_entry_is_found_by_content_wherever_the_file_is(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    checksums, missing = cache.fill([Wanted(str(song))], LOG_MEL)
    assert missing == [] and cache.has(checksums[str(song)], LOG_MEL)
    moved = shutil.copy(song, tmp_path / "moved.wav")
    path = cache.path(checksums[str(song)], LOG_MEL)
    before = path.stat().st_mtime_ns
    assert cache.fill([Wanted(moved)], LOG_MEL) == ({moved: checksums[str(song)]}, [])
    assert path.stat().st_mtime_ns == before
    assert not cache.has(checksums[str(song)], DESCRIPTORS)
    kept = cache.get(checksums[str(song)], LOG_MEL)
    assert kept is not None and np.array_equal(kept["S_db"], extract(song, LOG_MEL)["S_db"])


def test_known_files_are_not_opened(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    checksums, _ = cache.fill([Wanted(str(song))], LOG_MEL)
    gone = Wanted("/nowhere/gone.wav", checksums[str(song)])
    assert cache.fill([gone], LOG_MEL) == ({gone.path: gone.sha256}, [])


def test_a_damaged_entry_is_made_again(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    checksums, _ = cache.fill([Wanted(str(song))], LOG_MEL)
    sha256 = checksums[str(song)]
    path = cache.path(sha256, LOG_MEL)
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"nonsense"):
        path.write_bytes(damaged)
        assert cache.get(sha256, LOG_MEL) is None and not cache.has(sha256, LOG_MEL)
        cache.fill([Wanted(str(song), sha256)], LOG_MEL)
        assert path.read_bytes() == whole


def test_bad_files_are_reported_and_the_others_done(song: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("not sound")
    changed = Wanted(str(song), "0" * 64)
    gone, text = Wanted(str(tmp_path / "gone.wav")), Wanted(str(tmp_path / "text.mp3"))
    copy = Wanted(shutil.copy(song, tmp_path / "ö 日本.wav"))
    seen: list[Any] = []
    checksums, failed = FeatureCache(tmp_path / "c").fill(
        [gone, text, copy, changed], LOG_MEL, jobs=1, progress=lambda *step: seen.append(step)
    )
    assert list(checksums) == [copy.path]
    assert {one.source.path: one.error.code for one in failed} == {
        gone.path: "unreadable",
        text.path: "unknown-format",
        changed.path: "unreadable",
    }
    assert seen == [("features", n, 4, {}) for n in range(5)]


def test_workers_fill_the_same_cache(song: Path, tmp_path: Path) -> None:
    files = [Wanted(shutil.copy(song, tmp_path / f"{i}.wav")) for i in range(4)]
    for i, file in enumerate(files):
        with open(file.path, "ab") as target:
            target.write(bytes([i]) * 2)  # other content, same sound
    here, there = FeatureCache(tmp_path / "here"), FeatureCache(tmp_path / "there")
    alone, together = here.fill(files, DESCRIPTORS, jobs=1), there.fill(files, DESCRIPTORS, jobs=2)
    assert alone == together and len(set(alone[0].values())) == 4
    for sha256 in alone[0].values():
        assert here.path(sha256, DESCRIPTORS).read_bytes() == there.path(sha256, DESCRIPTORS).read_bytes()


def test_what_a_kill_left_is_swept(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    checksums, _ = cache.fill([Wanted(str(song))], LOG_MEL)
    path = cache.path(checksums[str(song)], LOG_MEL)
    half = path.parent / ".earmark-1-half.part"
    half.write_bytes(b"PK")
    cache.trim()
    assert half.exists()  # somebody may be writing it
    os.utime(half, (0, 0))
    cache.trim()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that hold")
def test_a_cache_that_cannot_be_written(song: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="EARMARK_CACHE"):
        FeatureCache(tmp_path / "cache").fill([Wanted(str(song))], LOG_MEL)


def test_a_file_in_the_place_of_the_cache(song: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(OutputError, match="EARMARK_CACHE"):
        FeatureCache(tmp_path / "cache").fill([Wanted(str(song))], LOG_MEL)


def test_where_features_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", "/some/where")
    assert default_folder() == Path("/some/where") == FeatureCache().folder
    monkeypatch.delenv("EARMARK_CACHE")
    assert default_folder().parts[-2:] == ("earmark", "features")
    assert FeatureCache("x").folder == Path("x")


def entries(cache: FeatureCache, n: int, *, size: int = 1_000_000) -> list[Path]:
    """Entries as of n files, the first of them used the longest time ago."""
    made = []
    for i in range(n):
        path = cache.path(f"{i:064x}", LOG_MEL)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
        os.utime(path, (1000 + i, 1000 + i))
        made.append(path)
    return made


def test_what_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=3_500_000)
    paths = entries(cache, 6)
    assert [file.path for file in cache.files()] == paths
    assert cache.trim(keep={paths[0]}) == 3_000_000
    assert [path for path in paths if path.exists()] == [paths[0], *paths[4:]]


def test_reading_an_entry_counts_as_use(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    checksums, _ = cache.fill([Wanted(str(song))], LOG_MEL)
    path = cache.path(checksums[str(song)], LOG_MEL)
    os.utime(path, (1, 1))
    cache.get(checksums[str(song)], LOG_MEL)
    assert path.stat().st_mtime > 1e9


def test_a_training_makes_room_by_what_others_left(song: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache", limit=4_000_000)
    old = entries(cache, 4)
    checksums, failed = cache.fill([Wanted(str(song))], LOG_MEL)
    assert not failed and cache.has(checksums[str(song)], LOG_MEL)
    assert not old[0].exists() and old[3].exists()
    assert sum(file.size for file in cache.files()) <= cache.limit


def test_a_data_set_that_does_not_fit_is_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    """As soon as some entries tell how much all will need: not after hours, and never silently."""
    files = []
    for i in range(60):
        path = tmp_path / f"{i}.wav"
        write(path, np.full(22050, i / 100, np.float32), 22050, "wav16")
        files.append(Wanted(str(path)))
    size = sum(np.asarray(a).nbytes for a in extract(files[0].path, LOG_MEL).values())
    cache = FeatureCache(tmp_path / "cache", limit=size * 50)
    with pytest.raises(
        OutputError, match=r"features of 60 files need about .* GB, limit=.*EARMARK_CACHE_LIMIT"
    ):
        cache.fill(files, LOG_MEL, jobs=1)
    assert len(cache.files()) <= SAMPLE + 2
    assert not FeatureCache(tmp_path / "cache").fill(files[:4], LOG_MEL, jobs=1)[1]


def test_only_entries_are_ever_removed(tmp_path: Path) -> None:
    """Whatever folder was named as the cache."""
    theirs = [
        tmp_path / "song.mp3",
        tmp_path / "music" / "ab" / f"{0:064x}.npz",
        tmp_path / f"{0:016x}/ab/mine.npz",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
    cache = FeatureCache(tmp_path)
    entries(cache, 3)
    assert cache.trim(limit=0) == 0 and not cache.files()
    assert all(path.read_bytes() == b"precious" for path in theirs)


@pytest.mark.parametrize(("text", "limit"), [("", 50e9), ("0.5", 5e8)])
def test_the_limit_is_stated_or_named(monkeypatch: pytest.MonkeyPatch, text: str, limit: float) -> None:
    monkeypatch.setenv("EARMARK_CACHE_LIMIT", text)
    assert FeatureCache("x").limit == default_limit() == limit


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("EARMARK_CACHE_LIMIT", text)
    with pytest.raises(InputError, match=f"EARMARK_CACHE_LIMIT='{text}'.*Accepted: a positive number of GB"):
        default_limit()


def test_a_file_that_hangs_is_reported_and_the_others_are_done(song: Path, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("pipes")
    os.mkfifo(tmp_path / "radio.mp3")
    files = [Wanted(str(tmp_path / "radio.mp3")), Wanted(str(song))]
    checksums, failed = FeatureCache(tmp_path / "cache").fill(files, LOG_MEL, deadline=60)
    assert list(checksums) == [str(song)] and [one.source for one in failed] == files[:1]
    assert failed[0].error.code in ("unreadable", "deadline")
