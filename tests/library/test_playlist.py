"""Playlists: the tracks that were asked for, in a good order, in files that players read."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import random
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from shutil import which
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest
from catalogues import filled, row

from earmark.errors import InputError
from earmark.library import (
    Item,
    Library,
    Order,
    Row,
    Rules,
    Tags,
    make_playlist,
    playlist_text,
    save_playlist,
)
from earmark.library.mixing import key_distance, tempo_step
from earmark.library.playlist import _costs, energy, in_order, step_cost
from earmark.library.similar import artists_of, cosine
from sounds import tone, write


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library(tmp_path_factory.mktemp("library") / "library.sqlite")
    filled(library, 120, n_artists=12)
    return library


def length(rows: list[Row], *, costs: np.ndarray | None = None) -> float:
    return sum(itertools.starmap(step_cost, itertools.pairwise(rows)))


# ---------------------------------------------------------------- which tracks


def test_number_minutes_and_artists_are_kept_to(library: Library) -> None:
    assert len(make_playlist(library, Rules())) == 25
    assert len(make_playlist(library, Rules(number=60))) == 60
    rows = make_playlist(library, Rules(minutes=30))
    seconds = sum(row.prediction.duration for row in rows if row.prediction)
    assert 28 * 60 < seconds <= 30 * 60
    rows = make_playlist(library, Rules(number=100, max_per_artist=2))
    assert len(rows) == 24 and all(
        sum(row.tags.artist == name for row in rows) == 2 for name in {row.tags.artist for row in rows}
    )
    assert len(make_playlist(library, Rules(number=1000))) == 120


def test_silence_and_speech_are_in_no_playlist_that_does_not_ask_for_them(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        for verdict in ("music", "unsure", "not-music", "silence"):
            library.put(row(f"/{verdict}.mp3", np.ones(8), verdict=verdict))

        def paths(rules: Rules) -> set[str]:
            return {row.path for row in make_playlist(library, rules)}

        assert paths(Rules()) == {"/music.mp3", "/unsure.mp3"}
        assert paths(Rules(query="path:music")) == {"/music.mp3", "/not-music.mp3"}
        assert "/not-music.mp3" in paths(Rules(like=(1,)))


def test_chance_follows_the_seed(library: Library) -> None:
    def ids(seed: int) -> list[int]:
        return [row.id for row in make_playlist(library, Rules(seed=seed))]

    assert ids(1) == ids(1) != ids(2)


def test_queries_moods_and_seeds_narrow_it_down(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        for i in range(40):
            library.put(
                row(
                    f"/{i}.mp3",
                    np.eye(8)[i % 2] + 0.01 * np.arange(8) * i,
                    genres={"jazz" if i % 4 < 2 else "rock": 0.9},
                    moods={"happy": 0.5 + i / 100} if i % 2 else {},
                    quadrant=(0.1, 0.1, 0.1, 0.7) if i < 20 else (0.7, 0.1, 0.1, 0.1),
                )
            )
        rows = make_playlist(library, Rules(query="genre:jazz", order=Order.found))
        assert len(rows) == 20 and {row.genres for row in rows} == {("jazz",)}
        happy = make_playlist(library, Rules(moods=("happy",), order=Order.found, number=5))
        assert [row.id for row in happy] == [40, 38, 36, 34, 32]
        calm = make_playlist(library, Rules(moods=("calm", "happy"), order=Order.found, number=3))
        assert [row.id for row in calm] == [20, 18, 16]
        like = make_playlist(library, Rules(query="genre:rock", like=(4,), number=5, order=Order.found))
        assert {row.genres for row in like} == {("rock",)} and {row.id % 2 for row in like} == {0}
        with pytest.raises(InputError, match="no track has the mood 'wild'"):
            make_playlist(library, Rules(moods=("wild",)))
        library.mark_vanished([40])
        assert 40 not in [row.id for row in make_playlist(library, Rules(number=99))]


@pytest.mark.parametrize(
    "wrong", [{"number": 0}, {"minutes": -1.0}, {"minutes": math.nan}, {"max_per_artist": 0}]
)
def test_numbers_out_of_range_are_refused(wrong: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=next(iter(wrong))):
        Rules(**wrong)


# ---------------------------------------------------------------- order


def test_every_order_keeps_the_tracks(library: Library) -> None:
    rng = random.Random(0)
    for n in (0, 1, 2, 3, 40):
        rows = rng.sample(list(library.rows()), n)
        for order in Order:
            assert sorted(row.id for row in in_order(rows, order)) == sorted(row.id for row in rows)


def test_smooth_is_shorter_than_chance_and_near_the_best(library: Library) -> None:
    rng = random.Random(1)
    rows = rng.sample(list(library.rows()), 40)
    assert length(in_order(rows, Order.smooth)) < 0.75 * length(rows)
    for _ in range(6):
        few = rng.sample(rows, 7)
        costs = _costs(few)
        best = min(
            sum(costs[a, b] for a, b in itertools.pairwise((0, *way)))
            for way in itertools.permutations(range(1, 7))
        )
        assert length(in_order(few, Order.smooth)) <= 1.1 * best + 1e-6


def test_smooth_follows_tempo_and_key_where_all_sounds_alike() -> None:
    rows = [row(f"/{i}", np.ones(8), tempo=100 * 1.03**i, key="A minor") for i in (0, 3, 1, 4, 2)]
    assert [row.path for row in in_order(rows, Order.smooth)] == [f"/{i}" for i in range(5)]
    wheel = ["A minor", "E minor", "B minor", "F# minor", "C# minor"]
    rows = [row(f"/{wheel[i]}", np.ones(8), key=wheel[i]) for i in (0, 3, 1, 4, 2)]
    assert [row.path[1:] for row in in_order(rows, Order.smooth)] == wheel


def test_energy_rises_and_falls() -> None:
    rows = [
        row(f"/{i}", quadrant=(a / 2, a / 2, (1 - a) / 2, (1 - a) / 2)) for i, a in enumerate((0.5, 0.1, 0.9))
    ]
    assert [row.path for row in in_order(rows, Order.rise)] == ["/1", "/0", "/2"]
    assert [row.path for row in in_order(rows, Order.fall)] == ["/2", "/0", "/1"]
    assert energy(row("/fast", tempo=160)) > energy(row("/slow", tempo=80))


@pytest.mark.parametrize("order", [Order.smooth, Order.shuffle])
def test_artists_are_kept_apart(library: Library, order: Order) -> None:
    for seed in range(5):
        rows = in_order(list(library.rows())[:60], order, seed=seed)
        assert not any(artists_of(a) & artists_of(b) for a, b in itertools.pairwise(rows))


# ---------------------------------------------------------------- files


def parsed(text: str, folder: str) -> list[tuple[int, str, str]]:
    """What a plain reader of M3U8 makes of a file."""
    found, info = [], (-1, "")
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXTINF:"):
            seconds, _, title = line[8:].partition(",")
            info = (int(seconds), title)
        elif line and not line.startswith("#"):
            found.append((*info, os.path.normpath(os.path.join(folder, line))))
    return found


ODD = [
    "a b.mp3",
    "#hash.mp3",
    "ü/日本 (1).mp3",
    "per%20cent.mp3",
    " space.mp3",
    "a:b.mp3",
    "&<>'\".mp3",
    "x,y.mp3",
    "#/x.mp3",
]


@pytest.mark.parametrize("absolute", [True, False])
def test_m3u8_reads_back(tmp_path: Path, absolute: bool) -> None:
    rows = [
        row(str(tmp_path / "music" / name), tags=Tags(title=f"T\n{i}", artist="A, B"))
        for i, name in enumerate(ODD)
    ]
    path = tmp_path / "lists" / "list.m3u8"
    path.parent.mkdir()
    written = save_playlist(rows, path, absolute=absolute)
    assert written.left_out == () and "\\" not in written.content
    back = parsed(path.read_text("utf-8"), str(path.parent))
    assert back == [(180, f"A, B - T {i}", row.path) for i, row in enumerate(rows)]
    assert ("../music/" in written.content) is not absolute


def test_a_playlist_beside_its_tracks_reads_back(tmp_path: Path) -> None:
    rows = [row(str(tmp_path / name)) for name in ODD]
    save_playlist(rows, tmp_path / "list.m3u8")
    back = parsed((tmp_path / "list.m3u8").read_text("utf-8"), str(tmp_path))
    assert [path for *_, path in back] == [row.path for row in rows]


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_what_m3u8_cannot_express_is_left_out_and_stated() -> None:
    bad = [b"/new\nline.mp3", b"/return\r.mp3", b"/caf\xe9.mp3", b"/end.mp3 "]
    rows = [row(os.fsdecode(path)) for path in bad] + [row("/good.mp3")]
    part = row("/album.flac")
    rows.append(dataclasses.replace(part, item=Item("/album.flac", 2, 60.0, 120.0)))
    written = playlist_text(rows, ".m3u8")
    assert parsed(written.content, "/") == [(180, "good.mp3", "/good.mp3")]
    assert [reason for _, reason in written.left_out] == [
        "its path has a line break",
        "its path has a line break",
        "its path is not text",
        "its path ends with a space",
        "it is a part of a file",
    ]
    written.content.encode("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_xspf_expresses_everything(tmp_path: Path) -> None:
    names = [b"new\nline.mp3", b"caf\xe9.mp3", b"end.mp3 ", *(name.encode() for name in ODD)]
    rows = [
        row(os.fsdecode(os.fsencode(tmp_path) + b"/" + name), tags=Tags(title="a\x00<&>", artist="B"))
        for name in names
    ]
    rows.append(dataclasses.replace(row("/album.flac"), item=Item("/album.flac", 2, 60.0, 120.5)))
    space = "{http://xspf.org/ns/0/}"
    for folder in (None, tmp_path):
        written = playlist_text(rows, ".xspf", name="L & M", relative_to=folder)
        assert written.left_out == ()
        root = ElementTree.fromstring(written.content)
        assert root.findtext(f"{space}title") == "L & M"
        places = [urlsplit(place.text or "") for place in root.iter(f"{space}location")]
        back = [os.path.join(os.fsencode(folder or ""), unquote_to_bytes(place.path)) for place in places]
        assert [os.path.normpath(path) for path in back] == [
            os.path.normpath(os.fsencode(row.path)) for row in rows
        ]
        assert {place.scheme for place in places} == ({"file"} if folder is None else {""})
        assert places[-1].fragment == "t=60,120.5"
        assert {duration.text for duration in root.iter(f"{space}duration")} == {"180000"}


def test_json_has_what_a_program_needs(library: Library) -> None:
    rows = list(library.rows([1, 2]))
    content = json.loads(playlist_text(rows, ".json", name="n").content)
    assert content["schema"] == "earmark.playlist/1" and [track["id"] for track in content["tracks"]] == [
        1,
        2,
    ]
    assert content["tracks"][0]["path"] == "/music/0000.mp3" and content["tracks"][0]["artist"] == "Artist 0"
    with pytest.raises(InputError, match=r"\.txt"):
        playlist_text(rows, ".txt")


def test_an_equal_playlist_is_not_written_again(library: Library, tmp_path: Path) -> None:
    rows, path = list(library.rows([1, 2])), tmp_path / "x.m3u8"
    save_playlist(rows, path)
    os.utime(path, (1, 1))
    save_playlist(rows, path)
    assert path.stat().st_mtime == 1
    save_playlist(rows[:1], path)
    assert path.stat().st_mtime > 1


@pytest.mark.skipif(which("ffprobe") is None, reason="without ffprobe")
def test_another_program_follows_the_paths(tmp_path: Path) -> None:
    music = tmp_path / "music # 1"
    music.mkdir()
    for i, name in enumerate(("#a ü.flac", "b,c.flac")):
        write(music / name, tone(1.0 + i), 44100, "flac")
    rows = [row(str(music / name)) for name in ("#a ü.flac", "b,c.flac")]
    save_playlist(rows, tmp_path / "list.m3u8")
    seconds = []
    for *_, path in parsed((tmp_path / "list.m3u8").read_text("utf-8"), str(tmp_path)):
        command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
        seconds.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert seconds == pytest.approx([1, 2], abs=0.01)


def test_costs_of_all_pairs_are_those_of_their_tempos_and_keys(library: Library) -> None:
    rows = [*library.rows()][:30]
    rows += [row("/unknown.mp3", np.ones(8), tempo=None, key=None), row("/zero.mp3", None, tempo=0.0)]
    for a, b in itertools.combinations(rows, 2):
        assert a.prediction and b.prediction
        tempo = tempo_step(a.prediction.tempo, b.prediction.tempo)
        steps = key_distance(a.prediction.key, b.prediction.key)
        expected = 0.5 * (0.25 if tempo is None else min(1.0, abs(tempo.change) / 0.16))
        expected += 0.5 * (0.25 if steps is None else min(1.0, steps / 4))
        expected += 2.5 if artists_of(a) & artists_of(b) else 0.0
        known = a.embedding is not None and b.embedding is not None
        expected += np.sqrt(max(0.0, 2 - 2 * cosine(a, b))) if known else 1.0
        assert step_cost(b, a) == pytest.approx(expected, abs=1e-3)
