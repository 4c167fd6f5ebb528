"""Duplicates of a library: what is one recording is together, the best first, and nothing else is."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from catalogues import filled, row

from earmark import demo_clip, load_model
from earmark.audio import Clip
from earmark.features.fingerprint import SPEC, peaks
from earmark.features.stft import magnitudes
from earmark.library import Item, Library, Tags, analyse, find_duplicates
from earmark.library.duplicates import quality
from earmark.library.packing import Peaks
from sounds import write

STYLES = ("house", "rock")


def printed(y: np.ndarray, sr: int) -> Peaks:
    clip = Clip(np.ascontiguousarray(y, dtype=np.float32), sr)
    times, pitches = peaks(magnitudes(clip, SPEC))
    return Peaks(times, pitches, SPEC.n_frames(clip.duration))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.sqlite")


def paths(library: Library, **options: object) -> list[list[str]]:
    return [[row.path for row in group.rows] for group in find_duplicates(library, **options)]  # type: ignore[arg-type]


def test_files_with_the_same_sound_are_copies_whatever_their_embeddings(library: Library) -> None:
    for i, sound in enumerate(("aa", "bb", "aa", "cc", "bb", "aa", "")):
        library.put(row(f"/{i}.mp3", None, sound=sound))
    library.put(row("/7.mp3", None))
    groups = find_duplicates(library)
    assert [[row.path for row in group.rows] for group in groups] == [
        ["/0.mp3", "/2.mp3", "/5.mp3"], ["/1.mp3", "/4.mp3"]
    ]  # fmt: skip
    assert all(group.exact for group in groups) and groups[0].spare_bytes == 6_000_000


def test_recordings_are_known_by_their_fingerprints(library: Library) -> None:
    clip = demo_clip("rock", seconds=10)
    other = demo_clip("house", seconds=10)
    a = np.arange(1, 9)
    rng = np.random.default_rng(0)
    library.put(row("/a.mp3", a, sound="01", peaks=printed(clip.y, clip.sr)))
    near = a + 0.2 * rng.standard_normal(8)
    library.put(row("/later.mp3", near, sound="02", peaks=printed(clip.y[clip.sr :], clip.sr)))
    library.put(row("/quiet.mp3", a, sound="03", peaks=printed(clip.y * np.float32(0.1), clip.sr)))
    library.put(row("/other.mp3", a, sound="04", peaks=printed(other.y, other.sr)))
    library.put(row("/nothing.mp3", a, sound="05"))
    (group,) = find_duplicates(library)
    assert (
        sorted(row.path for row in group.rows) == ["/a.mp3", "/later.mp3", "/quiet.mp3"] and not group.exact
    )


def test_copies_of_copies_are_one_group(library: Library) -> None:
    clip = demo_clip("rock", seconds=10)
    library.put(row("/a.mp3", np.ones(8), sound="01", peaks=printed(clip.y, clip.sr)))
    library.put(row("/b.mp3", np.ones(8), sound="02", peaks=printed(clip.y, clip.sr)))
    library.put(row("/c.mp3", None, sound="02"))
    assert [len(group) for group in paths(library)] == [3]
    assert not find_duplicates(library)[0].exact


def test_the_best_comes_first(library: Library) -> None:
    def put(path: str, size: int, duration: float, tags: Tags = Tags()) -> None:  # noqa: B008
        library.put(row(path, None, sound="aa", size=size, duration=duration, tags=tags))

    put("/low.mp3", 3_000_000, 180)
    put("/high.mp3", 7_000_000, 180)
    put("/tagged.mp3", 7_000_000, 180, Tags(title="T", artist="A"))
    put("/small.flac", 900_000, 180)
    put("/longer.mp3", 7_000_000 * 190 // 180, 190)
    assert paths(library) == [["/small.flac", "/longer.mp3", "/tagged.mp3", "/high.mp3", "/low.mp3"]]
    put("/again.mp3", 3_000_000, 180)
    assert paths(library)[0][-2:] == ["/low.mp3", "/again.mp3"]


def test_quality_is_of_the_codec_and_not_of_the_name(tmp_path: Path) -> None:
    clip = demo_clip("rock", seconds=3)
    write(tmp_path / "really.flac", clip.y, clip.sr, "mp3")
    write(tmp_path / "true.flac", clip.y, clip.sr, "flac")
    assert not quality(row(str(tmp_path / "really.flac"))).lossless
    assert quality(row(str(tmp_path / "true.flac"))).lossless
    assert quality(row("/gone.flac")).lossless and not quality(row("/gone.mp3")).lossless


def test_tracks_of_one_file_and_vanished_files_are_no_copies(library: Library) -> None:
    whole = row("/album.flac", np.ones(8), sound="aa")
    for i in (1, 2):
        library.put(dataclasses.replace(whole, item=Item("/album.flac", i, 60.0 * i, 60.0 * i + 60)))
    assert paths(library) == []
    gone = library.put(row("/gone.mp3", None, sound="bb"))
    library.put(row("/there.mp3", None, sound="bb"))
    assert len(paths(library)) == 1 and paths(library, among=[gone]) == []
    library.mark_vanished([gone])
    assert paths(library) == []


def test_a_link_is_no_copy_of_its_own_file(library: Library, tmp_path: Path) -> None:
    file, soft, hard = (tmp_path / name for name in ("z.mp3", "a.mp3", "b.mp3"))
    file.write_bytes(b"sound")
    soft.symlink_to(file)
    hard.hardlink_to(file)
    for path in (soft, file, hard):  # the link came first, and has more tags: it would be the best
        tags = Tags(title="T", artist="A") if path == soft else None
        library.put(row(str(path), None, sound="aa", tags=tags))
    assert find_duplicates(library) == []
    library.put(row(str(tmp_path / "other.flac"), None, sound="aa", size=9_000_000))
    (group,) = find_duplicates(library)
    assert [os.path.basename(row.path) for row in group.rows] == ["other.flac", "z.mp3"]
    assert group.spare == (str(file),) and group.spare_bytes == 3_000_000


def test_a_file_with_other_tracks_is_not_spare(library: Library) -> None:
    clip = demo_clip("rock", seconds=10)
    whole = row("/album.mp3", np.ones(8), sound="aa", peaks=printed(clip.y, clip.sr))
    library.put(dataclasses.replace(whole, item=Item("/album.mp3", 1, 0.0, 10.0)))
    library.put(row("/song.flac", np.ones(8), sound="bb", peaks=printed(clip.y, clip.sr)))
    library.put(row("/song.mp3", None, sound="bb"))
    (group,) = find_duplicates(library)
    assert [row.path for row in group.rows] == ["/song.flac", "/album.mp3", "/song.mp3"]
    assert group.spare == ("/song.mp3",) and group.to_dict()["spare"] == ["/song.mp3"]
    assert group.spare_bytes == 3_000_000


def test_what_could_not_be_analysed_is_no_copy(library: Library) -> None:
    error = {"code": "empty", "message": "m", "hint": ""}
    for name in "ab":
        library.put(dataclasses.replace(row(f"/{name}.mp3", None, sound="aa"), prediction=None, error=error))
    assert paths(library) == []


def test_a_mix_that_repeats_a_loop_is_no_copy_of_it(library: Library) -> None:
    clip = demo_clip("rock", seconds=10)
    for name, duration in (("loop", 10.0), ("edit", 45.0), ("mix", 3600.0)):
        found = printed(clip.y, clip.sr)
        library.put(
            row(f"/{name}.mp3", np.ones(8), sound=name.encode().hex(), peaks=found, duration=duration)
        )
    assert [sorted(group) for group in paths(library)] == [["/edit.mp3", "/loop.mp3"]]


def test_many_tracks_that_are_near_do_not_hide_a_copy(library: Library) -> None:
    filled(library, 60)
    clip = demo_clip("ballad", seconds=10)
    rng = np.random.default_rng(1)
    for i in range(40):
        library.put(row(f"/near{i}.mp3", np.ones(8) + 0.2 * rng.standard_normal(8), sound=f"{i:02x}"))
    for name in "ab":
        vector = np.ones(8) + 0.001 * rng.standard_normal(8)
        library.put(row(f"/{name}.mp3", vector, sound=f"f{name}", peaks=printed(clip.y, clip.sr)))
    assert [sorted(group) for group in paths(library)] == [["/a.mp3", "/b.mp3"]]


def test_nothing_is_written_beside_the_files(library: Library, tmp_path: Path) -> None:
    clip = demo_clip("rock", seconds=4)
    folder = tmp_path / "music"
    folder.mkdir()
    for name in "ab":
        write(folder / f"{name}.flac", clip.y, clip.sr, "flac")
        library.put(row(str(folder / f"{name}.flac"), None, sound="aa"))
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    assert len(find_duplicates(library)) == 1
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_real_copies_are_found_through_the_whole_chain(library: Library, tmp_path: Path) -> None:
    model = load_model("earmark-base")
    for style in STYLES:
        clip = demo_clip(style, seconds=24)
        write(tmp_path / f"{style}.flac", clip.y, clip.sr, "flac")
        later = clip.y[2 * clip.sr :] * np.float32(0.5)
        write(tmp_path / f"{style}.mp3", later, clip.sr, "mp3", bitrate=96_000)
    for path in sorted(tmp_path.glob("*.*")):
        if path.suffix in (".flac", ".mp3"):
            library.put(analyse(path, model))
    assert sorted([os.path.basename(path) for path in group] for group in paths(library)) == [
        [f"{style}.flac", f"{style}.mp3"] for style in STYLES
    ]
