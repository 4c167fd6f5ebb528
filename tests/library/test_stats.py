"""Counts and the map of a library agree with what searching finds."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from catalogues import filled, row
from queries import fill

from earmark.library import Library
from earmark.library.stats import principal, sound_map, stats
from earmark.vocabulary import VOICES


@pytest.fixture(scope="module")
def library() -> Library:
    library = Library(":memory:")
    fill(library)
    return library


def test_counts_are_those_of_searches(library: Library) -> None:
    found = stats(library)
    assert found.tracks == len(library.search("")) and found.failed == len(library.search("is:failed")) > 0
    assert found.verdicts["unsure"] == len(library.search("is:unsure"))
    for word, n in found.moods.items():
        assert n == len(library.search(f"mood:{word}"))
    for label, n in found.quadrants.items():
        assert n == len(library.search(f"quadrant:{label}>0.5"))
    for word, n in found.instruments.items():
        assert n == len(library.search(f"instrument:{word}"))
    for label, n in found.voices.items():
        assert n == len(library.search(f"voice:{label}"))
    assert found.instruments and set(found.voices) <= set(VOICES) and len(found.voices) > 1
    assert found.decades == {d: len(library.search(f"year:{d}s")) for d in (1960, 1970, 1980, 2000)}
    assert list(found.tempos) == [80, 100, 120] and found.tempos[80] == len(library.search("bpm>=80 bpm<100"))
    first = [one.genres[0] for one in library.rows(library.search("")) if one.genres]
    assert found.genres == {label: first.count(label) for label in set(first)}
    assert list(found.genres.values()) == sorted(found.genres.values(), reverse=True)
    assert found.hours == pytest.approx(
        sum(one.prediction.duration for one in library.rows(library.search("")) if one.prediction) / 3600
    )
    json.dumps(found.to_dict())


def test_a_query_narrows_the_counts(library: Library) -> None:
    found = stats(library, "quadrant:Q1")
    assert found.tracks == len(library.search("quadrant:Q1")) and set(found.quadrants) == {"Q1"}
    assert stats(Library(":memory:")).tracks == 0


def test_tracks_of_an_older_method_are_counted_where_they_were_analysed() -> None:
    library = Library(":memory:")
    older = dataclasses.replace(row("/older.mp3"), method="ab" * 8)
    error = {"code": "corrupt", "message": "cannot be decoded", "hint": ""}
    failed = dataclasses.replace(row("/failed.mp3"), prediction=None, error=error)
    for one in (row("/new.mp3", genres={"jazz": 0.9}), older, row("/unknown.mp3", method=""), failed):
        library.put(one)
    gone = library.put(row("/gone.mp3", method=""))
    library.mark_vanished([gone])
    assert stats(library).older_method == stats(library, "genre:rock").older_method == 2
    assert stats(library, "genre:jazz").older_method == 0


def test_the_map_shows_the_two_directions_of_greatest_variance() -> None:
    rng = np.random.default_rng(0)
    angles = np.stack([rng.normal(0, 0.2, 500), rng.normal(0, 0.1, 500), rng.normal(0, 0.01, 500)], axis=1)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    vectors = 5 * (basis[0] + angles @ basis[1:4])
    points, explained = principal(vectors)
    assert points.shape == (500, 2) and explained > 0.97
    assert abs(np.corrcoef(points[:, 0], angles[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], angles[:, 1])[0, 1]) > 0.99
    np.testing.assert_allclose(principal(vectors * 7)[0], points, atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_map_of_few_tracks_is_a_map(n: int) -> None:
    library = Library(":memory:")
    filled(library, n)
    found = sound_map(library)
    assert found.points.shape == (n, 2) and np.isfinite(found.points).all() and len(found.ids) == n


def test_a_map_has_the_tracks_that_can_be_compared() -> None:
    library = Library(":memory:")
    ids = filled(library, 20)
    library.put(row("/none.mp3"))
    library.put(row("/silent.mp3", np.zeros(8)))
    found = sound_map(library, "-path:none")
    assert found.ids == [*ids, 22] and all(found.genres[:20]) and 0 < found.explained <= 1
