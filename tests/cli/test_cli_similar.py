"""``earmark similar``, ``duplicates``, ``playlist`` and ``moods`` on a library of made-up rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from catalogues import filled, row
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.library import Library


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("library") / "library.sqlite"
    with Library(path) as library:
        filled(library, 30)
        for name in "ab":
            library.put(row(f"/copies/{name}.mp3", np.ones(8), moods={"calm": 0.8}, sound="aa"))
    return str(path)


def test_similar_lists_tracks_with_reasons(run: Run, path: str) -> None:  # noqa: F811
    outcome = run("similar", "3", "--library", path, "-n", "4")
    assert outcome.status == 0 and outcome.out.count("%  ") == 4 and "BPM" in outcome.out
    found = json.loads(run("similar", "3", "--library", path, "-n", "4", "--json").out)
    assert found["schema"] == "earmark.similar/1" and len(found["tracks"]) == 4
    scores = [track["similarity"] for track in found["tracks"]]
    assert scores == sorted(scores, reverse=True)


def test_seeds_are_ids_or_queries(run: Run, path: str) -> None:  # noqa: F811
    found = json.loads(
        run("similar", "artist:'Artist 1'", "--library", path, "--other-artists", "--json").out
    )
    assert found["tracks"] and all(track["tags"]["artist"] != "Artist 1" for track in found["tracks"])
    only = json.loads(run("similar", "1", "--filter", "artist:'Artist 2'", "--library", path, "--json").out)
    assert {track["tags"]["artist"] for track in only["tracks"]} == {"Artist 2"}
    away = json.loads(run("similar", "1", "--less-like", "2", "--library", path, "--json").out)
    assert 2 not in [track["id"] for track in away["tracks"]]


def test_a_path_has_both_ends(run: Run, path: str) -> None:  # noqa: F811
    found = json.loads(run("similar", "--path", "1", "9", "-n", "5", "--library", path, "--json").out)
    ids = [track["id"] for track in found["tracks"]]
    assert (ids[0], ids[-1], len(ids)) == (1, 9, 5)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "nothing to compare with"),
        (["1", "--path", "1", "2"], "seeds and --path"),
        (["999"], "no track with id=999"),
        (["gone.mp3"], "no such file"),
        (["artist:nobody"], "no track is found"),
    ],
)
def test_what_cannot_be_a_seed_is_refused(run: Run, path: str, args: list[str], words: str) -> None:  # noqa: F811
    outcome = run("similar", *args, "--library", path)
    assert outcome.status == 2 and words in outcome.err and outcome.out == ""


def test_duplicates_are_listed_and_nothing_else(run: Run, path: str) -> None:  # noqa: F811
    outcome = run("duplicates", "--library", path)
    assert (
        outcome.status == 0
        and "/copies/a.mp3" in outcome.out
        and "1 recording in several files" in outcome.err
    )
    (group,) = json.loads(run("duplicates", "--library", path, "--json").out)["groups"]
    assert group["exact"] and [track["path"] for track in group["tracks"]] == [
        "/copies/a.mp3",
        "/copies/b.mp3",
    ]


def test_paths_and_reasons_stay_on_one_line(
    run: Run,  # noqa: F811
    path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = f"/copies/{'a folder of a long name/' * 4}"
    with Library(tmp_path / "library.sqlite") as library:
        for name in "ab":
            library.put(row(f"{long}{name}.mp3", np.ones(8), sound="aa"))
    assert f"{long}b.mp3\n" in run("duplicates", "--library", tmp_path / "library.sqlite").out
    lines = run("similar", "3", "-n", "4", "--library", path).out.splitlines()
    assert len(lines) == 8 and max(map(len, lines)) > 40


def test_a_playlist_goes_to_stdout_or_a_file(run: Run, path: str, tmp_path: Path) -> None:  # noqa: F811
    outcome = run("playlist", "--library", path, "-n", "3")
    assert outcome.status == 0 and outcome.out.startswith("#EXTM3U\n") and outcome.out.count("#EXTINF") == 3
    target = tmp_path / "calm.m3u8"
    outcome = run("playlist", "--mood", "calm", "--library", path, "-o", str(target))
    assert "2 tracks, 6:00" in outcome.err and target.read_text().count("#EXTINF:180,") == 2
    tracks = json.loads(run("playlist", "--like", "5", "--rise", "--library", path, "--json", "-n", "4").out)
    assert len(tracks["tracks"]) == 4
    refused = run("playlist", "--rise", "--fall", "--library", path)
    assert refused.status == 2 and "Accepted: one of" in refused.err
    assert run("playlist", "artist:nobody", "--library", path).status == 2
    assert run("playlist", "--library", path, "-o", str(tmp_path / "x.txt")).status == 2


def test_smart_playlists_are_written_again(run: Run, path: str, tmp_path: Path) -> None:  # noqa: F811
    smart = tmp_path / "smart.toml"
    smart.write_text(
        '[[playlist]]\nfile = "a.m3u8"\nnumber = 4\n[[playlist]]\nfile = "b.xspf"\nmoods = ["calm"]\n'
    )
    outcome = run("playlist", "--refresh", str(smart), "--library", path)
    assert outcome.status == 0 and "a.m3u8: 4 tracks" in outcome.err and "b.xspf: 2 tracks" in outcome.err
    assert (tmp_path / "a.m3u8").read_text().count("#EXTINF") == 4 and (tmp_path / "b.xspf").exists()


def test_moods_are_counted_drawn_and_written(run: Run, path: str, tmp_path: Path) -> None:  # noqa: F811
    picture, folder = tmp_path / "moods.png", tmp_path / "lists"
    outcome = run("moods", "--library", path, "--plot", str(picture), "-o", str(folder))
    assert outcome.status == 0 and "angry, tense" in outcome.out and "calm" in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (folder / "calm.m3u8").read_text().count("#EXTINF") == 2
    found = json.loads(run("moods", "--library", path, "--json").out)["moods"]
    assert sum(len(group["ids"]) for group in found if group["head"] == "quadrant") == 32
