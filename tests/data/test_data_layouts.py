"""Each layout of a data set keeps the same contract; folders of a split are told from folders of labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from test_data import fma, touch

import sounds
from earmark.data import read_manifest, split, write_cached
from earmark.data.columns import Columns
from earmark.data.layouts import layouts
from earmark.data.layouts.split_folders import subset_of
from earmark.errors import InputError
from earmark.features import FeatureSpec

# ---------------------------------------------------------------- the contract


def tree(root: Path, *names: str) -> Path:
    for name in names:
        touch(root / name, name.encode())
    return root


def an_fma(root: Path) -> Path:
    fma(root, [("2", "1", "training", "small", "Rock"), ("3", "2", "test", "small", "Pop")])
    return tree(root, "fma_small/000/000002.mp3", "fma_small/000/000003.mp3")


def a_table(root: Path) -> Path:
    tree(root, "a.mp3", "b.mp3")
    (root / "tracks.csv").write_text("path,label,artist\na.mp3,rock,X\nb.mp3,pop,Y\n")
    return root


def an_npz(root: Path) -> Path:
    spec = FeatureSpec(n_mels=8)
    S_db = np.zeros((2, 8, 5), np.float32)
    write_cached(root / "f.npz", ids=["a", "b"], S_db=S_db, spec=spec.to_dict(), labels=[["rock"], ["pop"]])
    return root / "f.npz"


# A layout that is dropped into the folder needs an example here: two tracks, of a rock and a pop label.
EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "fma": an_fma,
    "folders": lambda root: tree(root, "rock/a.mp3", "pop/b.mp3"),
    "gtzan": lambda root: tree(root, "genres/rock/a.wav", "genres/pop/b.wav"),
    "npz": an_npz,
    "split-folders": lambda root: tree(root, "train/rock/a.mp3", "train/pop/b.mp3"),
    "tables": a_table,
}


def test_every_layout_has_an_example() -> None:
    assert [layout.name for layout in layouts()] == [
        "fma",
        "npz",
        "tables",
        "gtzan",
        "split-folders",
        "folders",
    ]
    assert sorted(layout.name for layout in layouts()) == sorted(EXAMPLES)


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_the_contract_of_layouts(layout, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place = EXAMPLES[layout.name](tmp_path)
    assert (
        layout.name.replace("-", "").isalpha() and layout.summary.endswith(".") and len(layout.summary) < 100
    )
    assert layout.matches(place)
    first = next(other for other in layouts() if other.matches(place))
    assert first is layout  # no other takes what is its own
    manifest = layout.read(place, Columns())
    assert len(manifest) == 2 and {name.lower() for name in manifest.classes} == {"rock", "pop"}
    assert manifest.root and not manifest.skipped
    assert all(manifest.cache or Path(track.path).is_file() for track in manifest.tracks)
    assert all(
        "\\" not in track.id and not PurePosixPath(track.id).is_absolute() for track in manifest.tracks
    )
    assert layout.read(place, Columns()) == manifest  # the same each time
    assert read_manifest(place, group="none").digest


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("name", ["empty", "text.txt", "zip.bin", "folder", "train"])
def test_what_is_of_no_layout_is_an_error_of_ours(layout, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place = tmp_path / name
    if name in ("folder", "train"):
        place.mkdir()
    else:
        place.write_bytes({"empty": b"", "text.txt": b"hello\n", "zip.bin": b"PK\x03\x04 and so on"}[name])
    assert layout.matches(place) in (True, False)
    if layout.matches(place):
        with pytest.raises(InputError):
            layout.read(place, Columns())


# ---------------------------------------------------------------- folders of a split


def found(root: Path) -> dict[str, tuple[str, str, str]]:
    tracks = read_manifest(root, group=None).tracks
    return {Path(t.path).name: ("|".join(t.labels), t.split, t.group) for t in tracks}


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("Train", "TEST"), ("training", "eval"), ("train_set", "test_set"),
     ("dev", "testing"), ("fold1", "fold2"), ("Fold 01", "Fold 10"), ("trainset", "validation"),
     ("train-data", "val")],
)  # fmt: skip
def test_a_split_is_read_as_a_split(tmp_path: Path, train: str, test: str) -> None:
    tree(tmp_path, f"{train}/rock/a.wav", f"{train}/pop/b.wav", f"{test}/rock/c.wav", f"{test}/pop/d.wav")
    (tmp_path / "metadata").mkdir()
    manifest = read_manifest(tmp_path)
    assert manifest.classes == ("pop", "rock") and not manifest.multilabel
    assert {Path(t.path).name: t.split for t in manifest.tracks} == {
        "a.wav": subset_of(train), "b.wav": subset_of(train),
        "c.wav": subset_of(test), "d.wav": subset_of(test),
    }  # fmt: skip
    assert {track.id for track in manifest.tracks} >= {f"{train}/rock/a.wav", f"{test}/pop/d.wav"}
    assert "are read as a split" in manifest.notes[0]


def test_three_subsets_one_of_them_without_a_rare_label(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        tree(tmp_path, *(f"{part}/{label}/{part} {i}.wav" for label in ("Rock", "pop") for i in range(2)))
    tree(tmp_path, "train/polka/p.wav")
    (tmp_path / "valid/Rock").rename(tmp_path / "valid/rock")  # one label, however it is spelled
    manifest = read_manifest(tmp_path)
    assert manifest.classes == ("Rock", "polka", "pop")
    parts = split(manifest, protocol="given").parts
    assert {name: len(places) for name, places in parts.items()} == {"train": 5, "valid": 4, "test": 4}


def test_artists_and_folders_called_audio_inside_a_split(tmp_path: Path) -> None:
    tree(tmp_path, "train/audio/rock/Queen/a.wav", "train/audio/pop/Abba/b.wav")
    tree(tmp_path, "test/audio/rock/Kiss/c.wav", "test/audio/pop/d.wav")
    assert found(tmp_path) == {
        "a.wav": ("rock", "train", "Queen"),
        "b.wav": ("pop", "train", "Abba"),
        "c.wav": ("rock", "test", "Kiss"),
        "d.wav": ("pop", "test", ""),
    }


def test_a_split_inside_each_label(tmp_path: Path) -> None:
    """It had been taken for two artists, train and test, who play everything."""
    tree(tmp_path, "rock/train/Queen/a.wav", "rock/test/b.wav", "pop/train/c.wav", "pop/test/d.wav")
    assert found(tmp_path) == {
        "a.wav": ("rock", "train", "Queen"),
        "b.wav": ("rock", "test", ""),
        "c.wav": ("pop", "train", ""),
        "d.wav": ("pop", "test", ""),
    }


def test_a_split_below_the_folder_of_gtzan(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{part}.wav" for part in ("train", "test") for label in ("rock", "pop")]
    tree(tmp_path, *(f"genres_original/{name}" for name in names))
    assert {track.split for track in read_manifest(tmp_path).tracks} == {"train", "test"}


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["rock/a.wav", "pop/b.wav", "test/c.wav"], ["pop", "rock", "test"]),
        (["train/a.wav", "bus/b.wav", "car/c.wav"], ["bus", "car", "train"]),
        (["train/a.wav", "test/b.wav", "tram/c.wav"], ["test", "train", "tram"]),
        (["test/X/a.wav", "rock/X/b.wav"], ["rock", "test"]),
        (["fold1/a.wav", "fold2/b.wav"], ["fold1", "fold2"]),
        (["rock/Train/a.wav", "rock/Queen/b.wav", "pop/Train/c.wav"], ["pop", "rock"]),
    ],
)
def test_labels_that_are_named_like_a_split_are_labels(
    tmp_path: Path, names: list[str], labels: list[str]
) -> None:
    manifest = read_manifest(tree(tmp_path, *names))
    assert list(manifest.classes) == labels and {track.split for track in manifest.tracks} == {""}


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (["train/a.wav", "test/b.wav"], "train: no folders"),
        (["train/rock/a.wav", "test/b.wav"], "test: no folders"),
        (["train/Queen/a.wav", "test/Abba/b.wav"], "test: Abba"),
        (
            [f"{part}/{label}/x.wav" for part in ("train", "test") for label in "ab"] + ["extra/x.wav"],
            "extra",
        ),
    ],
)
def test_a_split_without_clear_labels_stops_and_says_what_it_sees(
    tmp_path: Path, names: list[str], seen: str
) -> None:
    with pytest.raises(InputError, match=seen) as caught:
        read_manifest(tree(tmp_path, *names))
    assert "Try: " in caught.value.hint


def test_a_folder_train_alone(tmp_path: Path) -> None:
    tree(tmp_path, "train/rock/a.wav", "train/pop/b.wav")
    assert found(tmp_path) == {"a.wav": ("rock", "train", ""), "b.wav": ("pop", "train", "")}


# ---------------------------------------------------------------- other drives


def test_a_link_to_another_drive_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, paths of two drives have nothing in common, and `os.path.commonpath` raises."""

    def raises(*_: object) -> str:
        raise ValueError("Paths don't have the same drive")

    tree(tmp_path, "data/rock/a.wav", "data/pop/b.wav", "other drive/c.wav")
    (tmp_path / "data/jazz").symlink_to(tmp_path / "other drive")
    monkeypatch.setattr(os.path, "commonpath", raises)
    monkeypatch.setattr(os.path, "relpath", raises)
    assert read_manifest(tmp_path / "data").classes == ("jazz", "pop", "rock")


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
@pytest.mark.parametrize("place", ["", "rock", "train/rock"])
def test_a_link_to_itself_is_no_folder_and_stops_nothing(tmp_path: Path, place: str) -> None:
    for name in ("train/rock", "train/jazz", "test/rock", "test/jazz") if "/" in place else ("rock", "jazz"):
        (tmp_path / name).mkdir(parents=True)
        sounds.write(tmp_path / name / f"{name.replace('/', '-')}.wav", 0.1 * np.ones(800), 8000, "wav16")
    os.symlink("self", tmp_path / place / "self")
    assert set(read_manifest(tmp_path).classes) == {"jazz", "rock"}
