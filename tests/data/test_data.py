"""Data sets of every layout become manifests, and what cannot be used is reported."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sounds
from earmark.data import (
    Manifest,
    Track,
    read_cached,
    read_manifest,
    with_hashes,
    write_cached,
    write_manifest,
)
from earmark.errors import InputError, OutputError
from earmark.features import FeatureSpec
from earmark.storage import sha256_file


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(source: Path, **options: object) -> Manifest:
    return read_manifest(source, **{"group": "none", **options})  # type: ignore[arg-type]


def reasons(manifest: Manifest) -> dict[str, str]:
    return {Path(skipped.path).name: skipped.reason for skipped in manifest.skipped}


# ---------------------------------------------------------------- folders


def test_a_folder_is_a_label_and_the_folder_below_a_group(tmp_path: Path) -> None:
    touch(tmp_path / "rock/Queen/one.mp3")
    touch(tmp_path / "pop/Queen/CD 1/two.flac")
    touch(tmp_path / "pop/three.wav")
    touch(tmp_path / "pop/cover.jpg")
    manifest = read_manifest(tmp_path)
    assert manifest.classes == ("pop", "rock") and not manifest.multilabel
    assert [(t.id, t.labels, t.group) for t in manifest.tracks] == [
        ("pop/Queen/CD 1/two.flac", ("pop",), "Queen"),
        ("pop/three.wav", ("pop",), ""),
        ("rock/Queen/one.mp3", ("rock",), "Queen"),
    ]
    assert list(manifest.groups) == ["Queen", "track pop/three.wav", "Queen"]
    assert manifest.targets().tolist() == ["pop", "pop", "rock"] and manifest.counts() == {
        "pop": 2,
        "rock": 1,
    }
    assert manifest.skipped == () and all(Path(track.path).is_file() for track in manifest.tracks)


def test_a_comma_gives_two_labels(tmp_path: Path) -> None:
    touch(tmp_path / "jazz, latin/a.mp3")
    touch(tmp_path / "jazz/b.mp3")
    manifest = read(tmp_path)
    assert manifest.multilabel and manifest.classes == ("jazz", "latin")
    assert manifest.targets().tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("label", ["other", "speech", "noise", "background", "Silence", "non-event"])
def test_every_folder_is_a_class_whatever_its_name(tmp_path: Path, label: str) -> None:
    for name in ("rock", "jazz", label):
        touch(tmp_path / name / "a.wav")
    manifest = read(tmp_path)
    assert set(manifest.classes) == {"rock", "jazz", label} and not manifest.multilabel
    assert any(f"{label} is a class like any other" in note for note in manifest.notes)


def test_non_events_have_no_label_where_named(tmp_path: Path) -> None:
    for label in ("Blackbird", "Robin", "Noise", "Speech", "SILENCE"):
        touch(tmp_path / label / "a.wav")
    assert len(read(tmp_path).classes) == 5
    manifest = read(tmp_path, non_events=("noise", "silence", "Speech"))
    assert manifest.classes == ("Blackbird", "Robin") and manifest.multilabel
    assert manifest.targets().tolist() == [[1, 0], [0, 0], [0, 1], [0, 0], [0, 0]]
    (note,) = manifest.notes
    assert "Noise (1), SILENCE (1), Speech (1)" in note and "do not count" in note
    assert read(tmp_path, non_events=("robin",)).classes == ("Blackbird", "Noise", "SILENCE", "Speech")


def test_non_events_that_are_not_there_or_all_there_is(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.wav")
    touch(tmp_path / "noise/a.wav")
    with pytest.raises(
        InputError, match=r"non_events='nois', but no track has this label. Accepted: noise, rock"
    ):
        read(tmp_path, non_events=("nois",))
    with pytest.raises(InputError, match="leaves no class"):
        read(tmp_path, non_events=("noise", "rock"))


def test_speech_against_music_are_two_classes(tmp_path: Path) -> None:
    touch(tmp_path / "music/a.wav")
    touch(tmp_path / "speech/a.wav")
    manifest = read(tmp_path)
    assert manifest.classes == ("music", "speech") and manifest.notes == ()


def test_names_of_all_scripts_and_spellings(tmp_path: Path) -> None:
    touch(tmp_path / "フォーク/さくら.mp3")
    touch(tmp_path / "Chançon/e\u0301te\u0301.mp3")  # decomposed, as macOS writes it
    touch(tmp_path / "Chanc\u0327on 2/b.mp3")
    manifest = read(tmp_path)
    assert manifest.classes == ("Chançon", "Chançon 2", "フォーク")
    write_manifest(manifest, tmp_path / "m.csv")
    again = read(tmp_path / "m.csv")
    assert again.digest == manifest.digest and again.tracks == manifest.tracks


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes there")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_names_that_are_not_utf8(tmp_path: Path, kind: str) -> None:
    try:
        touch(tmp_path / "rock" / os.fsdecode(b"caf\xe9.mp3"))
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    touch(tmp_path / "pop/a.mp3")
    manifest = read(tmp_path)
    write_manifest(manifest, tmp_path / f"m.{kind}")
    assert read(tmp_path / f"m.{kind}").tracks == manifest.tracks and manifest.digest


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes there")
def test_a_label_that_is_not_utf8_is_skipped(tmp_path: Path) -> None:
    try:
        touch(tmp_path / os.fsdecode(b"caf\xe9") / "a.mp3")
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    touch(tmp_path / "pop/a.mp3")
    manifest = read(tmp_path)
    assert [track.id for track in manifest.tracks] == ["pop/a.mp3"] and manifest.classes == ("pop",)
    assert "not UTF-8: rename it" in manifest.skipped[0].reason


def test_what_cannot_be_used_is_reported(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.mp3")
    touch(tmp_path / "rock/empty.mp3", b"")
    touch(tmp_path / "loose.mp3")
    touch(tmp_path / "-/a.mp3")
    (tmp_path / "jazz").mkdir()
    (tmp_path / "rock/gone.mp3").symlink_to(tmp_path / "nowhere.mp3")
    manifest = read(tmp_path)
    assert [track.id for track in manifest.tracks] == ["rock/a.mp3"]
    assert reasons(manifest) == {
        "empty.mp3": "the file is empty",
        "gone.mp3": "there is no such file",
        "jazz": "a folder without sound files that can be read",
        "-": "its name is no label",
        tmp_path.name: "1 sound files beside the folders have no label",
    }


def test_a_link_back_from_inside_a_label_takes_nothing_from_the_others(tmp_path: Path) -> None:
    touch(tmp_path / "pop/a.mp3")
    touch(tmp_path / "rock/b.mp3")
    (tmp_path / "rock/loop").symlink_to("..")
    manifest = read(tmp_path)
    assert [(track.id, track.labels) for track in manifest.tracks] == [
        ("pop/a.mp3", ("pop",)),
        ("rock/b.mp3", ("rock",)),
    ]
    assert "another folder" in reasons(manifest)["a.mp3"]


def test_loops_of_links(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.mp3")
    (tmp_path / "rock/again").symlink_to(tmp_path / "rock")
    (tmp_path / "home").symlink_to(tmp_path)
    manifest = read(tmp_path)
    assert [track.id for track in manifest.tracks] == ["rock/a.mp3"]
    assert reasons(manifest) == {"home": "a link back to where it lies"}


def test_the_same_file_over_a_link_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.mp3")
    touch(tmp_path / "pop/c.mp3")
    (tmp_path / "rock/b.mp3").symlink_to(tmp_path / "rock/a.mp3")
    (tmp_path / "pop/d.mp3").symlink_to(
        tmp_path / "rock/a.mp3"
    )  # another label: for `earmark check` to judge
    manifest = read(tmp_path)
    assert [track.id for track in manifest.tracks] == ["pop/c.mp3", "pop/d.mp3", "rock/a.mp3"]
    assert "over a link" in reasons(manifest)["b.mp3"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no data set .*nowhere"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no labelled sound files in .*a folder for each label"):
        read_manifest(tmp_path)
    touch(tmp_path / "rock/a.mp3", b"")
    with pytest.raises(InputError, match=r"a\.mp3: the file is empty"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="is not text"):
        read_manifest(touch(tmp_path / "a.wav", sounds.encode(sounds.tone(0.1), 44100, "wav16")))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read all")
def test_no_permission(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.mp3").chmod(0)
    touch(tmp_path / "rock/b.mp3")
    assert reasons(read(tmp_path)) == {"a.mp3": "no permission to read it"}


def test_gtzan(tmp_path: Path) -> None:
    touch(tmp_path / "Data/genres_original/blues/blues.00000.wav")
    touch(tmp_path / "Data/genres_original/rock/rock.00000.wav")
    touch(tmp_path / "Data/images_original/blues/blues00000.png")
    manifest = read(tmp_path)
    assert manifest.classes == ("blues", "rock") and manifest.tracks[0].id == "blues/blues.00000.wav"


# ---------------------------------------------------------------- groups


def test_tags_tell_the_artist(tmp_path: Path) -> None:
    y = sounds.tone(0.2)
    for name, tags in {
        "a": {"artist": " Nina  Simone", "album": "Pastel Blues"},
        "b": {"artist": "Various Artists", "album": "Hits"},
        "c": {},
    }.items():
        tagged(tmp_path / f"jazz/{name}.flac", y, tags)
    touch(tmp_path / "jazz/d.flac")
    assert [track.group for track in read_manifest(tmp_path).tracks] == ["Nina Simone", "Hits", "", ""]
    folders = read_manifest(tmp_path, group="folder")
    assert {track.group for track in folders.tracks} == {"jazz"}
    assert {track.group for track in read_manifest(tmp_path, group="none").tracks} == {""}


def tagged(path: Path, y: np.ndarray, tags: dict[str, str]) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", 44100, 1) as file:
        for key, value in tags.items():
            setattr(file, key, value)
        file.write(y)


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv(tmp_path: Path, mark: str, encoding: str) -> None:
    touch(tmp_path / "sound/a.mp3")
    touch(tmp_path / "sound/b.mp3")
    rows = [["File", "Genre", "Artist", "split"], ["sound/a.mp3", "rock|pop ", "Beyoncé", "val"]]
    rows += [["sound/b.mp3", '"R&B"', "", "Training"], [], ["sound/c.mp3", "pop", "", ""]]
    (tmp_path / "t.csv").write_bytes("\r\n".join(mark.join(row) for row in rows).encode(encoding))
    manifest = read(tmp_path / "t.csv", group="Artist")
    assert [(t.id, t.labels, t.group, t.split) for t in manifest.tracks] == [
        ("sound/a.mp3", ("rock", "pop"), "Beyoncé", "valid"),
        ("sound/b.mp3", ("R&B",), "", "train"),
    ]
    assert reasons(manifest) == {"c.mp3": "there is no such file"}


def test_jsonl(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    rows: list[dict[str, object]] = [
        {"id": 7, "path": "a.mp3", "labels": ["rock", "rock", " "], "licence": "CC0", "fold": 3},
        {"id": 8, "path": "a.mp3", "labels": "pop|jazz"},
        {"id": 9, "path": "a.mp3", "labels": []},
        {"id": 10, "path": "a.mp3", "labels": None},
        {"id": 11, "labels": ["rock"]},
        {"id": 7, "path": "a.mp3", "labels": ["rock"]},
    ]
    (tmp_path / "tracks.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    manifest = read(tmp_path)
    assert [(t.id, t.labels) for t in manifest.tracks] == [
        ("7", ("rock",)),
        ("8", ("pop", "jazz")),
        ("9", ()),
    ]
    assert (manifest.tracks[0].licence, manifest.tracks[0].split) == ("CC0", "3")
    assert [(skipped.path, skipped.reason) for skipped in manifest.skipped] == [
        ("10", "it has no label"),
        ("11", "it has no path"),
        ("7", "row 6: this id came before"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "name,mood\na.mp3,sad\n",
            "no column for path. Accepted: path, audio.*The table has: 'name', 'mood'",
        ),
        (
            "path,mood\na.mp3,sad\n",
            "no column for labels. Accepted: labels,.*The table has: 'path', 'mood'",
        ),
        ("path,label\nno.mp3,sad\n", r"the first of 1: no.mp3: there is no such file.*relative to"),
        ("path,label\n", "it has no rows"),
        ("", "it has no rows"),
        ('path,label\na.mp3,"sad\n', "is not CSV after line 1"),
        ('{"path": "a.mp3"}\n{"path"', "line 2 is not JSON"),
        ('{"path": "a.mp3"}\n[1]', "line 2 is a list"),
        ("path,label\na.mp3,r\udc81ggae", "its label is not UTF-8"),
    ],
)
def test_bad_tables_say_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    touch(tmp_path / "a.mp3")
    (tmp_path / "t.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv")


def test_columns_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    (tmp_path / "t.csv").write_text("where,path,mood,band\na.mp3,no,sad,X\n")
    track = read_manifest(tmp_path / "t.csv", path="where", labels="Mood", group="band").tracks[0]
    assert (track.path, track.labels, track.group) == (str(tmp_path / "a.mp3"), ("sad",), "X")
    with pytest.raises(
        InputError, match=r"no column 'moods' for labels.*The table has: 'where', 'path', 'mood', 'band'"
    ):
        read(tmp_path / "t.csv", labels="moods")


# ---------------------------------------------------------------- FMA


def fma(root: Path, rows: list[tuple[str, str, str, str, str]]) -> None:
    head = [
        ["", "album", "artist", "set", "set", "track", "track"],
        ["", "title", "id", "split", "subset", "genre_top", "license"],
        ["track_id", "", "", "", "", "", ""],
    ]
    lines = head + [[i, "x", a, s, u, g, "CC BY"] for i, a, s, u, g in rows]
    touch(root / "fma_metadata/tracks.csv", "\n".join(",".join(line) for line in lines).encode())


def test_fma(tmp_path: Path) -> None:
    fma(
        tmp_path,
        [
            ("2", "1", "training", "small", "Hip-Hop"),
            ("134", "4", "validation", "medium", "Rock"),
            ("5001", "1", "test", "small", "Rock"),
            ("5002", "1", "test", "medium", ""),
            ("6000", "9", "test", "large", "Rock"),  # not downloaded: no word about it
            ("6001", "9", "test", "small", "Rock"),
        ],
    )
    for name in ("000/000002", "000/000134", "005/005001", "005/005002"):
        touch(tmp_path / f"fma_medium/{name}.mp3")
    for source in (tmp_path, tmp_path / "fma_metadata", tmp_path / "fma_metadata/tracks.csv"):
        manifest = read(source) if source is tmp_path else read_manifest(source)
        assert [(t.id, t.labels, t.split) for t in manifest.tracks] == [
            ("000002", ("Hip-Hop",), "train"),
            ("000134", ("Rock",), "valid"),
            ("005001", ("Rock",), "test"),
        ]
        assert reasons(manifest) == {
            "005002.mp3": "it has no top genre",
            "006001.mp3": "there is no such file",
        }
    assert [track.group for track in manifest.tracks] == ["artist 1", "artist 4", "artist 1"]
    assert {track.licence for track in manifest.tracks} == {"CC BY"}


def test_fma_without_sound(tmp_path: Path) -> None:
    fma(tmp_path, [("2", "1", "training", "small", "Hip-Hop")])
    with pytest.raises(InputError, match=r"no sound beside .*fma_small\.zip"):
        read_manifest(tmp_path)
    (tmp_path / "fma_small").mkdir()
    with pytest.raises(InputError, match=r"no usable track.*000002\.mp3: there is no such file"):
        read_manifest(tmp_path)


# ---------------------------------------------------------------- cached features


def test_cached_features(tmp_path: Path) -> None:
    spec = FeatureSpec(n_mels=8)
    S_db = np.random.default_rng(0).normal(size=(3, 8, 5)).astype(np.float32)
    path = tmp_path / "logmel.npz"
    options = {"S_db": S_db, "spec": spec.to_dict(), "digest": spec.digest}
    write_cached(
        path, ids=["a", "b", "ç"], labels=[["rock"], [], ["pop", "rock"]], groups=["", "X", "X"], **options
    )
    manifest = read_manifest(path)
    assert manifest.cache == str(path) and manifest.tracks[2].path == f"{path}::ç"
    assert [(t.id, t.labels, t.group) for t in manifest.tracks] == [
        ("a", ("rock",), ""),
        ("b", (), "X"),
        ("ç", ("pop", "rock"), "X"),
    ]
    cached = read_cached(path)
    assert cached.ids == ("a", "b", "ç") and np.array_equal(cached.S_db, S_db)
    assert FeatureSpec.from_dict(cached.spec).digest == cached.digest == spec.digest
    assert with_hashes(manifest) is manifest


def test_cached_features_with_a_table_beside_them(tmp_path: Path) -> None:
    levels = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    numbers = {"sr": 22050, "n_mels": 4, "step_db": 0.5, "offset_db": -70.0}
    np.savez(tmp_path / "f.npz", id=np.array(["a", "b"]), S_db_u8=levels, **numbers)
    with pytest.raises(InputError, match="none of its 2 ids has a label"):
        read_manifest(tmp_path / "f.npz")
    (tmp_path / "tracks.csv").write_text("id,genre,artist,split\nb,rock,X,test\nc,pop,Y,train\n")
    (track,) = read_manifest(tmp_path / "f.npz").tracks
    assert (track.id, track.labels, track.group, track.split) == ("b", ("rock",), "X", "test")
    cached = read_cached(tmp_path / "f.npz")
    assert np.allclose(cached.S_db, levels * 0.5 - 70) and cached.spec == {"sr": 22050, "n_mels": 4}


def test_bad_caches(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no npz"):
        read_manifest(touch(tmp_path / "a.npz", b"PK\x03\x04 and then nothing"))
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    with pytest.raises(InputError, match=r"has the arrays x. Accepted: id"):
        read_manifest(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", id=np.array(["a"]), S_db=np.zeros((2, 4, 3)))
    with pytest.raises(InputError, match=r"S_db.shape=\(2, 4, 3\) for 1 ids"):
        read_cached(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", id=np.array(["a"]), S_db_u8=np.zeros((1, 4, 3), np.uint8))
    with pytest.raises(InputError, match="no 'step_db'"):
        read_cached(tmp_path / "d.npz")
    with pytest.raises(InputError, match=r"len\(S_db\)=2, len\(ids\)=1"):
        write_cached(tmp_path / "e.npz", ids=["a"], S_db=np.zeros((2, 4, 3)), spec={})
    assert not (tmp_path / "e.npz").exists()


# ---------------------------------------------------------------- contents and writing


def test_hashes(tmp_path: Path) -> None:
    touch(tmp_path / "rock/a.mp3", b"abc")
    touch(tmp_path / "rock/b.mp3", b"abc")
    touch(tmp_path / "pop/c.mp3", b"abd")
    manifest = read(tmp_path)
    (tmp_path / "rock/b.mp3").unlink()
    done: list[Any] = []
    hashed = with_hashes(manifest, jobs=2, progress=lambda *step: done.append(step))
    # FIPS 180-2, appendix B.1
    assert hashed.tracks[1].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert [track.id for track in hashed.tracks] == ["pop/c.mp3", "rock/a.mp3"]
    assert done == [("hashing", n, 3, {}) for n in (1, 2, 3)]
    assert "cannot be read" in reasons(hashed)["b.mp3"]
    assert hashed.tracks[0].sha256 == sha256_file(tmp_path / "pop/c.mp3")


def test_the_digest_is_of_the_tracks_not_of_the_place(tmp_path: Path) -> None:
    for name in ("here", "there"):
        touch(tmp_path / name / "rock/a.mp3")
        touch(tmp_path / name / "pop/b.mp3")
    one, two = read(tmp_path / "here"), read(tmp_path / "there")
    assert one.digest == two.digest and len(one.digest) == 16
    assert dataclasses.replace(one, tracks=one.tracks[::-1]).digest == one.digest
    for change in ({"labels": ("rock",)}, {"group": "X"}, {"split": "test"}, {"id": "z"}):
        other = dataclasses.replace(one.tracks[0], **change)  # type: ignore[arg-type]
        assert dataclasses.replace(one, tracks=(other, one.tracks[1]), classes=()).digest != one.digest


def test_written_tables_can_move_with_their_sound(tmp_path: Path) -> None:
    touch(tmp_path / "data/rock/a.mp3")
    touch(tmp_path / "data/pop/b.mp3")
    write_manifest(read(tmp_path / "data"), tmp_path / "data/tracks.csv")
    write_manifest(read(tmp_path / "data"), tmp_path / "elsewhere.jsonl")
    assert "\npop/b.mp3,pop/b.mp3,pop," in (tmp_path / "data/tracks.csv").read_text()
    assert len(read(tmp_path / "elsewhere.jsonl")) == 2
    (tmp_path / "data").rename(tmp_path / "moved")
    assert len(read(tmp_path / "moved")) == 2
    assert (tmp_path / "moved/tracks.csv").stat().st_mode & 0o777 == (
        tmp_path / "elsewhere.jsonl"
    ).stat().st_mode & 0o777


def test_writing_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    manifest = Manifest((Track("a", "a.mp3", ("rock",)),))
    with pytest.raises(InputError, match=r"ends in '.txt'. Accepted: .csv"):
        write_manifest(manifest, tmp_path / "m.txt")
    with pytest.raises(OutputError, match="cannot write"):
        write_manifest(manifest, tmp_path / "nowhere/m.csv")
    (tmp_path / "m.csv").write_text("old")
    with pytest.raises(UnicodeEncodeError):  # a lone surrogate that stands for no byte
        write_manifest(Manifest((Track("\ud800", "a.mp3", ("rock",)),)), tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text() == "old" and os.listdir(tmp_path) == ["m.csv"]


def test_manifests_are_consistent() -> None:
    track = Track("a", "a.mp3", ("rock",))
    with pytest.raises(InputError, match="id='a' comes more than once"):
        Manifest((track, track))
    with pytest.raises(InputError, match=r"label='rock' is not among the classes. Accepted: pop"):
        Manifest((track,), classes=("pop",))
    both = Manifest((track, Track("b", "b.mp3", ("pop",))))
    assert both.take([0]).classes == ("pop", "rock") and both.take(np.array([1])).tracks[0].id == "b"


@pytest.mark.shared
def test_the_recordings_that_we_have(shared: Path) -> None:
    gtzan = read_manifest(shared / "data/gtzan")
    assert len(gtzan) == 342 and len(gtzan.classes) == 10 and not gtzan.multilabel
    assert {track.split for track in gtzan.tracks} == {"train", "valid", "excluded"}
    cached = read_manifest(shared / "data/gtzan/logmel_3s.npz")
    assert len(cached) == 702 and {t.group for t in gtzan.tracks} <= {t.group for t in cached.tracks}
    features = read_cached(shared / "data/gtzan/logmel_3s.npz")
    assert FeatureSpec.from_dict(features.spec) == FeatureSpec() and features.S_db.shape == (702, 128, 130)
    panda = read_manifest(shared / "data/panda4q", labels="quadrant")
    assert panda.classes == ("Q1", "Q2", "Q3", "Q4") and not panda.skipped
