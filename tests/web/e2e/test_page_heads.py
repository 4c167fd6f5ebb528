"""Voice and instruments in every view, of a model that knows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import Server, write_song

from earmark.library import Library, scan
from earmark.models import load_model
from voiced import save_voiced


@pytest.fixture(scope="module")
def voiced(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A service with such a model and a library that it has analysed, and a song."""
    folder = tmp_path_factory.mktemp("voiced")
    model = save_voiced(folder / "voiced")
    (folder / "music").mkdir()
    song = write_song(folder / "music" / "song.flac", "rock", seconds=6.0, title="Lanterns")
    with Library(folder / "library.db") as library:
        scan(library, [folder / "music"], model=load_model(model), jobs=1)
    server = Server(folder / "library.db", model=model).start()
    yield server, song
    server.stop()


@pytest.fixture(scope="module")
def lite(chromium: Any, library_file: Path) -> Iterator[Server]:
    """A service with a model that has no such heads."""
    server = Server(library_file, model="earmark-lite").start()
    yield server
    server.stop()


def test_a_song_has_chips_below_the_verdict(tab: Any, voiced: tuple[Server, Path]) -> None:
    from playwright.sync_api import expect

    server, song = voiced
    opened = tab(url=server.url)
    page = opened.open("song")
    page.locator("input[type=file]").first.set_input_files(song)
    expect(page.get_by_role("list", name="Voice and instruments").locator("li")).to_have_text(
        ["sung", "drums", "piano"]
    )
    page.goto(f"{server.url}/#song/1")
    expect(page.locator(".song h1")).to_have_text("Lanterns")
    expect(page.locator(".song .chips li")).to_have_text(["sung", "drums", "piano"])
    opened.check()


def test_listen_shows_the_voice(tab: Any, voiced: tuple[Server, Path]) -> None:
    from playwright.sync_api import expect

    opened = tab(url=voiced[0].url)
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    expect(page.locator(".stat", has_text="Voice").locator("dd")).to_have_text("sung")
    page.locator(".ring").click()
    expect(page.locator(".bars-card h2")).to_contain_text("The whole session")
    expect(page.locator(".stat", has_text="Voice").locator("dd")).to_have_text("sung")
    opened.check()


@pytest.fixture(scope="module")
def speaking(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose model takes everything for speech."""
    model = save_voiced(tmp_path_factory.mktemp("speaking") / "speaking", sound=(0.02, 0.93, 0.05))
    server = Server(model=model).start()
    yield server
    server.stop()


def test_what_is_not_music_is_called_by_what_it_sounds_like(
    tab: Any, speaking: Server, voiced: tuple[Server, Path]
) -> None:
    from playwright.sync_api import expect

    opened = tab(url=speaking.url)
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    expect(page.locator(".say")).to_have_text("Not music")
    expect(page.locator(".said .note")).to_have_text("Sounds like speech, 93 %.")
    page.locator(".ring").click()
    expect(page.locator(".bars-card h2")).to_contain_text("The whole session")
    expect(page.locator(".said .note")).to_have_text("Sounds like speech, 93 %.")
    page = opened.open("song")
    page.locator("input[type=file]").first.set_input_files(voiced[1])
    expect(page.get_by_role("region", name="Result")).to_contain_text("Sounds like speech, 93 %.")
    opened.check()


def test_genres_of_what_is_not_music_are_drawn_nowhere(
    tab: Any, speaking: Server, voiced: tuple[Server, Path]
) -> None:
    from playwright.sync_api import expect

    opened = tab(url=speaking.url)
    page = opened.open("song")
    page.locator("input[type=file]").first.set_input_files(voiced[1])
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:00 of 0:06: speech 93 %")
    expect(timeline).to_contain_text("kind of sound")
    head, below = page.locator(".song-head").bounding_box(), timeline.bounding_box()
    assert below["y"] - head["y"] - head["height"] < 60  # a short result leaves no gap below the name
    for genres in (page.locator(".partsbar, .legend"), page.get_by_text("no genre above")):
        expect(genres).to_have_count(0)
    timeline.get_by_role("slider").press("ArrowRight")
    expect(page.locator(".tip")).to_contain_text("speech 93 %")
    with page.expect_download() as download:
        page.get_by_role("button", name="Audacity labels").click()
    assert download.value.path().read_text() == "0.000000\t6.000000\tnot-music\n"
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    opened.check()


def test_the_library_proposes_and_finds_them(tab: Any, voiced: tuple[Server, Path]) -> None:
    from playwright.sync_api import expect

    opened = tab(url=voiced[0].url)
    page = opened.open("library", wait=".tbl .tr")
    page.get_by_role("button", name="voice:instrumental").click()
    expect(page.locator(".count")).to_contain_text("0")
    page.goto(f"{voiced[0].url}/#library/{'voice:sung instrument:drums'.replace(' ', '%20')}")
    expect(page.locator(".tbl .tr", has_text="Lanterns")).to_have_count(1)
    opened.check()


def test_the_card_of_the_model_names_them(tab: Any, voiced: tuple[Server, Path]) -> None:
    opened = tab(url=voiced[0].url)
    page = opened.open("models", wait=".model h1")
    text = page.locator(".model").inner_text()
    assert "Instrumental, sung, rapped, spoken. Guitar, piano, drums, strings, calm." in text
    assert "how pleasant and how energetic, as amounts" in text
    opened.check()


def test_the_accuracy_with_unsure_is_said_to_be_by_folds(tab: Any, lite: Server) -> None:
    page = tab(url=lite.url).open("models", wait=".model h1")
    card = page.locator("section", has_text="May it answer")
    assert "Measured by folds, which is a little too good." in card.inner_text()


def test_another_model_shows_nothing_of_it(tab: Any, lite: Server) -> None:
    opened = tab(url=lite.url)
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    assert page.get_by_text("Voice", exact=True).count() == 1
    assert not page.get_by_text("Voice", exact=True).is_visible()
    page = opened.open("library", wait=".tbl .tr")
    assert not page.get_by_role("button", name="voice:instrumental").count()
    opened.check()
