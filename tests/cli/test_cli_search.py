"""earmark search, export, import and library stats, as a user meets them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from catalogues import row
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.library import Library, Tags


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.sqlite"
    with Library(path) as library:
        tags = Tags(title="So What", artist="Miles Davis", year=1959, genres=("Jazz",))
        library.put(row("/m/a.mp3", genres={"jazz": 0.9}, moods={"calm": 0.7}, tempo=136.0, tags=tags))
        library.put(row("/m/b.mp3", genres={"rock": 0.8}, tempo=90.0, tags=Tags(artist="Someone", year=1971)))
        library.put(row("/m/c.mp3", genres={"rock": 0.7, "latin": 0.6}, verdict="unsure", tempo=100.0))
    return path


def test_a_table_is_shown(run: Run, path: Path) -> None:  # noqa: F811
    outcome = run("search", "genre:jazz", "--library", path)
    assert outcome.status == 0 and outcome.err == "1 track\n"
    shown = ("Miles Davis - So What", "136", "jazz", "90 %", "calm", "A minor")
    assert all(text in outcome.out for text in shown)


def test_a_question_mark_says_that_no_genre_stands_out(run: Run, path: Path) -> None:  # noqa: F811
    assert "rock 80 % " in run("search", "year:1971", "--library", path).out
    assert "rock 70 %?" in run("search", "verdict:unsure", "--library", path).out
    with Library(path) as library:
        library.correct(3, genres=["rock"])
    assert "?" not in run("search", "--library", path).out


def test_the_table_has_ids_at_any_width_and_is_whole_in_a_pipe(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "library.sqlite"
    artist, title = "A Band of a Rather Long Name", "A Song of Which the Name Does Not End"
    with Library(path) as library:
        for i in range(12):
            genre, moods = "electronic", {"atmospheric": 0.9, "energetic": 0.8}
            tags = Tags(title=title, artist=artist)
            library.put(row(f"/m/{i}.mp3", genres={genre: 1.0}, moods=moods, key="C# minor", tags=tags))
    for width in (100, 80, 60, 50, 40):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = run("search", "--library", path).out.splitlines()
        assert max(map(len, lines)) <= width and lines[0].split()[0] == "id"
        for i, line in enumerate(lines[1:], 1):
            assert line.split()[0] == str(i) and "electronic 100 %" in line and "A Band of a " in line
            assert line.rstrip().endswith("…")  # nothing is cut off without a sign
    monkeypatch.delenv("COLUMNS")
    lines = run("search", "--library", path).out.splitlines()
    assert all(title in line and "C# minor" in line for line in lines[1:])


def test_a_minus_before_a_term_is_no_option(run: Run, path: Path) -> None:  # noqa: F811
    for given in (["-genre:latin"], ["--", "-genre:latin"], ["NOT", "genre:latin"], ["-(genre:latin)"]):
        assert run("search", "--paths", "--library", path, *given).out == "/m/a.mp3\n/m/b.mp3\n"
    outcome = run("search", "--sort", "-tempo", "-artist:miles davis", "--paths", "--library", path)
    assert outcome.out == "/m/c.mp3\n/m/b.mp3\n"
    assert run("search", "--nonsense", "--library", path).status == 2
    assert "Usage" in run("search", "-h").out


def test_quotes_that_the_shell_took_are_put_back(run: Run, path: Path) -> None:  # noqa: F811
    assert run("search", "artist:miles davis", "--paths", "--library", path).out == "/m/a.mp3\n"


def test_output_for_programs(run: Run, path: Path) -> None:  # noqa: F811
    assert [one["id"] for one in run("search", "--json", "--library", path).lines()] == [1, 2, 3]
    table = list(csv.DictReader(io.StringIO(run("search", "genre:rock", "--csv", "--library", path).out)))
    assert [(one["genre"], one["genres"]) for one in table] == [("rock", "rock"), ("rock", "rock; latin")]
    assert run("search", "-0", "--library", path).out == "/m/a.mp3\0/m/b.mp3\0/m/c.mp3\0"
    assert run("search", "--limit", "1", "--sort", "-tempo", "--paths", "--library", path).out == "/m/a.mp3\n"
    assert run("search", "--json", "--csv", "--library", path).status == 2


def test_nothing_found_is_status_1_as_of_grep(run: Run, path: Path) -> None:  # noqa: F811
    outcome = run("search", "genre:metal", "--library", path)
    assert (outcome.status, outcome.out, outcome.err) == (1, "", "0 tracks\n")
    assert run("search", "genre:metal", "--json", "--library", path).out == ""


def test_a_wrong_query_is_one_line(run: Run, path: Path) -> None:  # noqa: F811
    outcome = run("search", "bpm:90..", "genre:jaz", "--library", path)
    assert outcome.status == 2 and outcome.err == (
        "error: query: unknown genre 'jaz' at character 16. Try: jazz.\n"
    )
    assert run("search", "x", "--library", path.with_name("none.sqlite")).status == 2


def test_statistics_are_bars_or_json(run: Run, path: Path) -> None:  # noqa: F811
    outcome = run("library", "stats", "--library", path)
    assert outcome.status == 0 and outcome.out.startswith("3 tracks, 0.1 hours, 1 unsure")
    assert all(text in outcome.out for text in ("rock", "1950s", "Q1 happy, excited", "80 to 99"))
    found = run("library", "stats", "genre:rock", "--json", "--library", path).lines()[0]
    assert (found["schema"], found["tracks"], found["genres"]) == ("earmark.stats/1", 2, {"rock": 2})


def test_a_library_is_drawn_as_a_map(run: Run, tmp_path: Path) -> None:  # noqa: F811
    library, picture = tmp_path / "library.sqlite", tmp_path / "map.svg"
    with Library(library) as catalogue:
        for i in range(6):
            genre = "jazz" if i % 2 else "rock"
            catalogue.put(row(f"/m/{i}.mp3", [i % 2, 1 - i % 2, 0.1 * i, 0, 0, 0, 0, 1], genres={genre: 0.9}))
    outcome = run("library", "stats", "--plot", picture, "--library", library)
    assert outcome.status == 0 and outcome.err == f"wrote {picture}\n"
    drawn = picture.read_text()
    assert all(text in drawn for text in ("jazz (3)", "rock (3)", "6 tracks"))
    assert run("library", "stats", "genre:metal>0.5", "--plot", picture, "--library", library).status == 2
    assert run("library", "stats", "--plot", "map.bmp", "--library", library).status == 2


def test_a_table_goes_out_is_corrected_and_comes_in(run: Run, path: Path, tmp_path: Path) -> None:  # noqa: F811
    table = tmp_path / "t.csv"
    assert run("export", table, "--where", "-genre:jazz", "--library", path).err == f"{table}: 2 tracks\n"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["corrected_genres"] = "Folk; Country"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run("import", table, "--library", path).out == "1 track corrected, 1 track as before\n"
    assert run("search", "genre:country", "--paths", "--library", path).out == "/m/b.mp3\n"
    assert run("export", tmp_path / "t.txt", "--library", path).status == 2
    other = tmp_path / "other.sqlite"
    assert run("export", tmp_path / "t.jsonl", "--library", path).status == 0
    assert run("import", tmp_path / "t.jsonl", "--library", other).out == "3 tracks added\n"
    found = run("search", "is:corrected is:vanished", "--json", "--library", other).lines()
    assert [one["genres"] for one in found] == [["folk", "country"]]
