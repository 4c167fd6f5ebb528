"""Similar tracks: the nearest of what is asked for, no copies, and words that are true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalogues import MODEL, filled, row

from earmark import demo_clip
from earmark.audio import Clip
from earmark.errors import InputError
from earmark.features.fingerprint import SPEC, peaks
from earmark.features.stft import magnitudes
from earmark.library import Library, Tags, similar, song_path
from earmark.library.packing import Peaks
from earmark.library.row import Row
from earmark.library.similar import artists_of, why


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    filled(library, 400, n_artists=40)
    return library


def cosines(library: Library, id: int) -> dict[int, float]:
    rows = {row.id: row.embedding / np.linalg.norm(row.embedding) for row in library.rows()}  # type: ignore[operator, arg-type]
    return {other: float(rows[other] @ rows[id]) for other in rows if other != id}


def printed(clip: Clip) -> Peaks:
    times, pitches = peaks(magnitudes(clip, SPEC))
    return Peaks(times, pitches, SPEC.n_frames(clip.duration))


def test_the_nearest_are_found_in_order(library: Library) -> None:
    expected = sorted(cosines(library, 7).items(), key=lambda item: -item[1])
    for n in (1, 10, 399, 1000):
        found = similar(library, [7], n=n)
        assert [neighbour.id for neighbour in found] == [id for id, _ in expected[:n]]
        assert [neighbour.similarity for neighbour in found] == pytest.approx(
            [value for _, value in expected[:n]], abs=1e-3
        )


def test_several_seeds_are_one_in_their_middle(library: Library) -> None:
    rows = {row.id: row.embedding / np.linalg.norm(row.embedding) for row in library.rows()}  # type: ignore[operator, arg-type]
    middle = rows[3] + rows[9] + rows[27]
    expected = sorted(set(rows) - {3, 9, 27}, key=lambda id: -float(rows[id] @ middle))
    assert [neighbour.id for neighbour in similar(library, [3, 9, 27], n=5)] == expected[:5]


def test_artists_of_the_seeds_can_be_left_out(library: Library) -> None:
    library.put(row("/a.mp3", np.ones(8), tags=Tags(artist="Ann; Bob"), genres={"rock": 0.9}))
    for i, artist in enumerate(("ann", "Carl feat. BOB", "Carl", "")):
        library.put(row(f"/{i}.mp3", np.ones(8), tags=Tags(artist=artist)))
    found = similar(library, [401], n=4)
    assert [neighbour.row.tags.artist for neighbour in found] == ["ann", "Carl feat. BOB", "Carl", ""]
    found = similar(library, [401], n=2, other_artists=True)
    assert [neighbour.row.tags.artist for neighbour in found] == ["Carl", ""]


def test_names_of_artists_are_compared_and_not_their_spelling() -> None:
    one = row("/a.mp3", tags=Tags(artist="The  Band ft. Singer", album_artist="Various Artists"))
    assert artists_of(one) == {"the band", "singer"} and artists_of(row("/b.mp3")) == frozenset()


def test_only_tracks_that_are_allowed_are_found(library: Library) -> None:
    allowed = [5, 7, 9, 200, 9999]
    assert {neighbour.id for neighbour in similar(library, [7], among=allowed)} == {5, 9, 200}
    assert similar(library, [7], among=[]) == []
    library.mark_vanished([9])
    assert {neighbour.id for neighbour in similar(library, [7], among=allowed)} == {5, 200}


def test_less_like_moves_away(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with Library(tmp_path / "library.sqlite") as library:
        a, b, c = np.eye(8)[:3]
        for i in range(60):
            direction = a + (b if i % 2 else c) + 0.1 * rng.standard_normal(8)
            library.put(row(f"/{i}.mp3", direction, genres={"jazz" if i % 2 else "rock": 0.9}))
        seed, unwanted = library.put(row("/seed.mp3", a)), library.put(row("/unwanted.mp3", b))
        found = similar(library, [seed], n=10, less_like=[unwanted])
        assert {neighbour.row.genres for neighbour in found} == {("rock",)}
        assert len({neighbour.row.genres for neighbour in similar(library, [seed], n=10)}) == 2
        assert unwanted not in {
            neighbour.id for neighbour in similar(library, [seed], less_like=[unwanted], n=99)
        }


def test_other_copies_of_a_recording_are_left_out(tmp_path: Path) -> None:
    clip = demo_clip("rock", seconds=8)
    shifted = Clip(clip.y[clip.sr :] * np.float32(0.3), clip.sr)
    other = demo_clip("house", seconds=8)
    vector = np.arange(1, 9)
    with Library(tmp_path / "library.sqlite") as library:
        seed = library.put(row("/seed.mp3", vector, sound="aa", peaks=printed(clip)))
        library.put(row("/same_bytes.mp3", vector, sound="aa"))
        library.put(row("/shifted.mp3", vector, sound="bb", peaks=printed(shifted)))
        kept = library.put(row("/other.mp3", vector, sound="cc", peaks=printed(other)))
        library.put(row("/other_copy.flac", vector, sound="dd", peaks=printed(other)))
        assert [neighbour.id for neighbour in similar(library, [seed])] == [kept]


def test_tracks_of_one_file_are_no_copies(tmp_path: Path) -> None:
    import dataclasses

    from earmark.library import Item

    with Library(tmp_path / "library.sqlite") as library:
        parts = [
            dataclasses.replace(
                row("/album.flac", np.ones(8), sound="aa"), item=Item("/album.flac", i, 60.0 * i)
            )
            for i in (1, 2)
        ]
        first, second = map(library.put, parts)
        assert [neighbour.id for neighbour in similar(library, [first])] == [second]


def test_a_seed_need_not_be_in_the_library(library: Library) -> None:
    twin = row("/elsewhere.mp3", library.get(11).embedding)
    assert similar(library, [twin], n=1)[0].id == 11


def test_seeds_that_cannot_be_compared_are_refused(library: Library) -> None:
    import dataclasses

    silent = library.put(row("/silent.mp3", None))
    other = dataclasses.replace(MODEL, name="other", space="elsewhere")
    foreign = library.put(row("/foreign.mp3", np.ones(8), model=other))
    refused = {
        (): "0 seeds",
        (9999,): "no track",
        (silent,): "silent.mp3 cannot",
        (1, foreign): "other, test",
    }
    for seeds, match in refused.items():
        with pytest.raises(InputError, match=match):
            similar(library, seeds)
    with pytest.raises(InputError, match="n=0"):
        similar(library, [1], n=0)
    assert similar(library, [foreign]) == []


def test_words_state_what_both_have() -> None:
    a = row(
        "/a",
        genres={"rock": 0.9, "pop": 0.4, "jazz": 0.8},
        moods={"calm": 0.7, "sad": 0.5},
        tempo=100,
        key="A minor",
    )
    b = row(
        "/b", genres={"rock": 0.5, "pop": 0.6}, moods={"sad": 0.9, "happy": 0.9}, tempo=205, key="C major"
    )
    assert why(a, b) == (
        "rock, pop",
        "sad",
        "double tempo: 100, 205 BPM",
        "key that mixes: A minor (8A), C major (8B)",
    )
    c = row("/c", genres={"blues": 0.9}, tempo=108, key="A minor")
    assert why(a, c) == ("8 % faster: 100, 108 BPM", "same key: A minor (8A)")
    d = row("/d", genres={"blues": 0.9}, tempo=130, key="D# minor")
    assert why(a, d) == ("100 and 130 BPM", "6 steps from key to key: A minor (8A), D# minor (2A)")
    assert why(a, row("/e", genres={}, tempo=None, key=None)) == ()
    assert why(a, Row(a.item, a.file)) == ()


# ---------------------------------------------------------------- paths


def distances(path: list) -> list[float]:  # type: ignore[type-arg]
    return [float(np.sqrt(max(0, 2 - 2 * step.similarity))) for step in path[1:]]


def test_a_path_goes_from_one_end_to_the_other_in_small_steps(library: Library) -> None:
    direct = np.sqrt(2 - 2 * cosines(library, 1)[2])
    for n in (2, 3, 6, 10):
        path = song_path(library, 1, 2, n=n)
        ids = [step.id for step in path]
        assert (ids[0], ids[-1], len(set(ids))) == (1, 2, n)
        assert max(distances(path)) <= direct + 1e-3
    assert max(distances(path)) < 0.7 * direct


def test_a_path_is_the_best_of_all_rising_ones(tmp_path: Path) -> None:
    from itertools import combinations, pairwise

    with Library(tmp_path / "library.sqlite") as library:
        filled(library, 12, seed=3)
        rows = np.array([row.embedding / np.linalg.norm(row.embedding) for row in library.rows()])  # type: ignore[operator, arg-type]
        d = np.sqrt(np.maximum(2 - 2 * rows @ rows.T, 0))
        order = sorted(range(2, 12), key=lambda i: d[0, i] / (d[0, i] + d[1, i]))
        ways = [(0, *middle, 1) for middle in combinations(order, 3)]
        best = min(ways, key=lambda way: sum(d[a, b] ** 4 for a, b in pairwise(way)))
        assert [step.id - 1 for step in song_path(library, 1, 2, n=5)] == list(best)


def test_a_path_of_a_small_library_is_as_long_as_it_can_be(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        filled(library, 5)
        assert len(song_path(library, 1, 2, n=50)) == 5
        assert len(song_path(library, 1, 2, n=50, among=[])) == 2
        library.mark_vanished([4])
        assert 4 not in [step.id for step in song_path(library, 1, 2, n=50)]


def test_opposite_ends_have_a_path_too(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        filled(library, 20)
        a, b = library.put(row("/a.mp3", np.ones(8))), library.put(row("/b.mp3", -np.ones(8)))
        assert len(song_path(library, a, b, n=6)) == 6


def test_no_recording_is_on_a_path_twice(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        for i, angle in enumerate(np.linspace(0, np.pi / 2, 9)):
            for copy in "xy":
                library.put(
                    row(f"/{i}{copy}.mp3", [np.cos(angle), np.sin(angle), *[0] * 6], sound=f"{i:02x}")
                )
        path = song_path(library, 1, 17, n=9)
        assert len({step.row.sound for step in path}) == len(path) == 9
        with pytest.raises(InputError, match="one recording"):
            song_path(library, 1, 2)
        with pytest.raises(InputError, match="n=1"):
            song_path(library, 1, 17, n=1)
