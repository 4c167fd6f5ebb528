"""The matrix of embeddings: that of the catalogue as it is now, whatever lies where its file should."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from catalogues import MODEL, filled, row

from earmark.errors import InputError
from earmark.library import Library, embeddings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    filled(library, 40)
    return library


def the_file(library: Library) -> Path:
    (found,) = library.path.parent.glob("*.embeddings")
    return found


def truth(library: Library) -> np.ndarray:
    rows = np.array([row.embedding for row in library.rows()])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_vectors_are_those_of_the_catalogue_with_unit_length(library: Library) -> None:
    found = embeddings(library)
    np.testing.assert_allclose(found.vectors, truth(library), atol=1e-6)
    assert found.ids.tolist() == [row.id for row in library.rows()] and found.space == "space"
    query = np.array(found.vectors[3])
    np.testing.assert_allclose(found.products(query), truth(library) @ query, atol=1e-6)
    assert found.places([4, 99, 1, -5]).tolist() == [3, -1, 0, -1]


def test_the_file_is_used_again_until_an_embedding_changes(library: Library) -> None:
    embeddings(library)
    made = the_file(library).stat().st_mtime_ns
    library.correct(1, genres=["jazz"])
    library.mark_vanished([2])
    library.put(next(library.rows([3])))
    embeddings(library)
    assert the_file(library).stat().st_mtime_ns == made
    library.put(row("/music/new.mp3", np.ones(8)))
    assert len(embeddings(library)) == 41
    library.remove([1])
    assert 1 not in embeddings(library).ids
    changed = dataclasses.replace(next(library.rows([5])), embedding=np.arange(8, dtype=np.float32))
    library.put(changed)
    found = embeddings(library)
    np.testing.assert_allclose(found.vectors[found.places([5])[0]], np.arange(8) / np.sqrt(140), atol=1e-6)


def zeros(content: bytes) -> bytes:
    return content[:5000] + bytes(100) + content[5100:]


def flipped(content: bytes) -> bytes:
    return content[:4200] + bytes([content[4200] ^ 0x40]) + content[4201:]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: b"",
        lambda content: b"x" * 10_000,
        lambda content: b"[" * 100_000,
        lambda content: content[:4096],
        lambda content: content[:-8],
        lambda content: content + bytes(8),
        zeros,
        flipped,
        lambda content: json.dumps({"format": "earmark.embeddings/1"}).encode().ljust(4096) + content[4096:],
        lambda content: content.replace(b'"n": 40', b'"n": -4'),
        lambda content: content.replace(b'"n": 40', b'"n": 4e'),
    ],
    ids=["empty", "foreign", "nested", "header", "short", "long", "zeros", "flipped", "bare", "minus", "bad"],
)
def test_a_damaged_file_is_made_again(library: Library, damaged) -> None:  # type: ignore[no-untyped-def]
    embeddings(library)
    path = the_file(library)
    content = path.read_bytes()
    path.write_bytes(damaged(content))
    np.testing.assert_allclose(embeddings(library).vectors, truth(library), atol=1e-6)
    assert path.read_bytes() == content


def test_a_file_that_has_settled_is_checked_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings(library)
    path = the_file(library)
    checked: list[int] = []

    def count(pieces: object) -> int:
        checked.append(1)
        return checksum(pieces)

    module = importlib.import_module("earmark.library.embeddings")  # whose name the function has too
    checksum = module._checksum
    monkeypatch.setattr(module, "_checksum", count)
    for _ in range(2):  # just written: another state could have the same time stamp
        embeddings(library)
    assert len(checked) == 2
    os.utime(path, (1.7e9, 1.7e9))
    for _ in range(3):
        embeddings(library)
    assert len(checked) == 3
    path.write_bytes(zeros(path.read_bytes()))
    np.testing.assert_allclose(embeddings(library).vectors, truth(library), atol=1e-6)


def test_the_file_of_another_catalogue_of_that_name_is_not_believed(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        with Library(tmp_path / folder / "library.sqlite") as library:
            filled(library, 20, seed=seed)  # as many changes in each
            embeddings(library)
    (a,) = (tmp_path / "a").glob("*.embeddings")
    shutil.copy(a, tmp_path / "b" / a.name)
    with Library(tmp_path / "b" / "library.sqlite") as library:
        np.testing.assert_allclose(embeddings(library).vectors, truth(library), atol=1e-6)


def test_where_no_file_can_be_written_the_vectors_are_in_memory(library: Library) -> None:
    os.makedirs(library.path.with_name(embeddings_name(library)))  # a folder in its place
    np.testing.assert_allclose(embeddings(library).vectors, truth(library), atol=1e-6)
    with Library(":memory:") as unnamed:
        filled(unnamed, 5)
        assert len(embeddings(unnamed)) == 5


def embeddings_name(library: Library) -> str:
    from earmark.library.embeddings import _path

    path = _path(library, "space")
    assert path is not None
    return path.name


def test_several_at_once_all_get_the_same(library: Library) -> None:
    found = []

    def open_own() -> None:
        with Library(library.path, read_only=True) as own:
            found.append(np.array(embeddings(own).vectors))

    threads = [threading.Thread(target=open_own) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and all(np.array_equal(found[0], other) for other in found)
    assert not list(library.path.parent.glob(".earmark-*"))


def test_only_embeddings_of_one_space_are_together(library: Library) -> None:
    other = dataclasses.replace(MODEL, name="other", space="elsewhere", embedding_size=3)
    id = library.put(row("/music/other.mp3", [1, 2, 3], model=other))
    assert len(embeddings(library)) == 40
    assert embeddings(library, space="elsewhere").ids.tolist() == [id]
    assert len(list(library.path.parent.glob("*.embeddings"))) == 2
    library.remove([id])
    with pytest.raises(InputError, match="of this model"):
        embeddings(library, space="elsewhere")
    embeddings(library)
    assert len(list(library.path.parent.glob("*.embeddings"))) == 1


def test_tracks_without_direction_are_left_out(library: Library) -> None:
    library.put(row("/music/zero.mp3", np.zeros(8)))
    library.put(row("/music/nan.mp3", np.full(8, np.nan)))
    library.put(row("/music/none.mp3", None))
    assert len(embeddings(library)) == 40


def test_a_library_without_embeddings_says_so(tmp_path: Path) -> None:
    with Library(tmp_path / "empty.sqlite") as library, pytest.raises(InputError, match="Try: earmark scan"):
        embeddings(library)
