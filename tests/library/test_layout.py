"""The map of a library: near is alike, the same library gives the same map, its file is whole."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from catalogues import filled, row

from earmark.errors import InputError
from earmark.library import Library
from earmark.library.embeddings import unit
from earmark.library.layout import (
    PCA,
    TSNE,
    Layout,
    layout_path,
    load_layout,
    make_layout,
    place,
    save_layout,
    scaled,
)


def groups(n: int = 40, k: int = 4, d: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """n unit vectors around each of k directions, and the number of the group of each."""
    rng = np.random.default_rng(0)
    middles = np.repeat(rng.standard_normal((k, d)), n, axis=0)
    return unit(middles + 0.4 * rng.standard_normal((k * n, d))).astype(np.float64), np.repeat(
        np.arange(k), n
    )


def test_near_on_the_map_is_alike() -> None:
    vectors, group = groups()
    points, method = place(vectors)
    assert method == TSNE
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1)[:, :10]
    assert (group[nearest] == group[:, None]).mean() > 0.99
    again, _ = place(vectors)
    assert np.array_equal(points, again)


def test_without_scikit_learn_the_principal_components_are_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = groups()
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "earmark.library.layout.find_spec", lambda name: None if name == "sklearn" else find(name)
    )
    points, method = place(vectors)
    assert method == PCA and points.std(axis=0)[0] >= points.std(axis=0)[1] > 0


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_tracks_have_a_map_too(n: int) -> None:
    points, method = place(groups()[0][:n])
    assert method == PCA and points.shape == (n, 2) and np.isfinite(scaled(points)).all()


def test_equal_vectors_have_a_map_too() -> None:
    points, method = place(np.tile([[0.6, 0.8]], (30, 1)))
    assert method == PCA and not scaled(points).any()


def test_copies_lie_together() -> None:
    vectors, _ = groups()
    points, method = place(np.concatenate([vectors, np.tile(vectors[:1], (60, 1))]))
    assert method == TSNE and np.isfinite(points).all()
    spread = np.linalg.norm(points.std(axis=0))
    assert np.linalg.norm(points[-60:].std(axis=0)) < 0.5 * spread


def test_of_very_many_tracks_some_are_placed_and_the_others_go_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("earmark.library.layout._MOST", 80)
    vectors, group = groups()
    points, method = place(vectors)
    assert method == TSNE and points.shape == (160, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argsort(axis=1)[:, :10]] == group[:, None]).mean() > 0.98


def test_a_map_fills_the_square() -> None:
    points = scaled(np.array([[3.0, 1.0], [7.0, 1.0], [5.0, 2.0]]))
    assert points.tolist() == [[-1.0, -0.25], [1.0, -0.25], [0.0, 0.25]]


def test_a_map_is_kept_and_gets_stale(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        with pytest.raises(InputError, match="has an embedding"):
            make_layout(library)
        ids = filled(library, 8)
        made = make_layout(library)
        assert load_layout(library) is None
        save_layout(library, made)
        kept = load_layout(library)
        assert kept is not None and kept.ids.tolist() == ids and np.array_equal(kept.points, made.points)
        assert (kept.method, kept.made, kept.stamp) == (made.method, made.made, made.stamp)
        assert not kept.is_stale(library)
        library.correct(ids[0], genres=["jazz"])
        assert not kept.is_stale(library)
        library.put(row("/music/new.mp3", np.ones(8)))
        assert kept.is_stale(library)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"\x93NUMPY"])
def test_a_damaged_file_is_no_map(tmp_path: Path, content: bytes) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        layout_path(library).write_bytes(content)
        assert load_layout(library) is None


def test_a_file_of_something_else_is_no_map(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        np.savez(layout_path(library), ids=np.arange(3))
        assert load_layout(library) is None
        odd = Layout(PCA, "now", 0, np.arange(3), np.zeros((2, 2), np.float32))
        save_layout(library, odd)
        assert load_layout(library) is None
        pickled = np.empty(1, dtype=object)
        np.savez(layout_path(library), facts=pickled, ids=pickled, points=pickled)
        assert load_layout(library) is None
