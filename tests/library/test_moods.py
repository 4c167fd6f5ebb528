"""A library by mood: every track in its quadrant, and under each word that is likely."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogues import row

from earmark.errors import InputError
from earmark.library import Library, moods, tracks_of_mood


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    library.put(row("/1", quadrant=(0.7, 0.1, 0.1, 0.1), moods={"happy": 0.9, "energetic": 0.5}))
    library.put(row("/2", quadrant=(0.1, 0.1, 0.1, 0.7), moods={"calm": 0.6, "happy": 0.41}))
    library.put(row("/3", quadrant=(0.1, 0.2, 0.1, 0.6), moods={"calm": 0.8, "sad": 0.39}))
    library.put(row("/4", quadrant=(0.9, 0.1, 0, 0), verdict="not-music"))
    return library


def test_tracks_are_sorted_by_how_much_they_have_of_a_mood(library: Library) -> None:
    found = {(group.head, group.label): group.ids for group in moods(library)}
    assert found == {
        ("quadrant", "Q1"): (1,), ("quadrant", "Q2"): (), ("quadrant", "Q3"): (), ("quadrant", "Q4"): (2, 3),
        ("moods", "calm"): (3, 2), ("moods", "happy"): (1, 2), ("moods", "energetic"): (1,),
    }  # fmt: skip
    assert [group.label for group in moods(library)][4:] == ["calm", "happy", "energetic"]
    assert moods(library)[0].name == "happy, excited"
    assert [group.ids for group in moods(library, among=[2])][:4] == [(), (), (), (2,)]


def test_corrections_count(library: Library) -> None:
    library.correct(3, moods=["happy"], quadrant=["Q1"])
    found = {(group.head, group.label): group.ids for group in moods(library)}
    assert found["quadrant", "Q1"] == (3, 1) and found["moods", "happy"] == (3, 1, 2)


def test_vanished_tracks_are_left_out(library: Library) -> None:
    library.mark_vanished([2])
    assert all(2 not in group.ids for group in moods(library))


def test_words_mean_moods_then_quadrants(library: Library) -> None:
    assert tracks_of_mood(library, ["calm"]) == [3, 2]  # a mood word of the model
    assert tracks_of_mood(library, ["Relaxed"]) == tracks_of_mood(library, ["q4"]) == [2, 3]
    assert tracks_of_mood(library, ["calm", "happy"]) == [2]
    assert tracks_of_mood(library, ["calm"], among=[2, 1]) == [2]
    with pytest.raises(InputError, match=r"the mood 'sad.*Accepted: calm, energetic, happy, excited, angry"):
        tracks_of_mood(library, ["sadly"])
