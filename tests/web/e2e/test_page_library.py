"""Library: search, table, map, lasso, neighbours, playlists, corrections, the scan."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

from page_server import Server

from conftest import PHONE
from earmark.library import Library

SONGS = 15  # of the library of the tests, and one file that failed
ROWS = ".tbl .tr:not(.blank)"


def search(page: Any, text: str) -> None:
    page.get_by_role("searchbox").fill(text)
    page.keyboard.press("Enter")


def test_search_by_chips(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("library", wait=".tbl .tr")
    expect(page.locator(".count")).to_have_text(f"{SONGS} songs, 1 failed")
    expect(page.locator(".p-scan .big")).to_have_text(f"{SONGS} songs")
    search(page, "rock -is:failed")
    expect(page.locator(".count")).to_have_text(re.compile(rf"^\d+ of {SONGS} songs$"))
    expect(page.locator(".query .chip")).to_have_count(2)
    assert all("Rock" in words for words in page.locator(f"{ROWS} b").all_inner_texts())
    search(page, "bpm:200..210")
    expect(page.locator(".tbl")).to_contain_text("Nothing matches")
    page.keyboard.press("Backspace")
    expect(page.locator(".query .chip")).to_have_count(2)
    page.get_by_role("button", name="Remove rock").click()
    expect(page.locator(".count")).to_have_text(f"{SONGS} songs")
    opened.check()
    search(page, "genre:jaz")
    expect(page.locator("#query-help")).to_contain_text(re.compile("unknown genre 'jaz'.*"))
    opened.check(expected="status of 400")
    assert page.evaluate("location.hash").startswith("#library/")  # a search can be linked to


def test_the_table_marks_what_is_unsure(tab: Any, library_file: Path) -> None:
    from playwright.sync_api import expect

    with Library(library_file) as library:
        library.query("UPDATE tracks SET verdict = 'music'")
        library.query("UPDATE tracks SET verdict = 'unsure' WHERE id = 1")
    opened = tab()
    page = opened.open("library/verdict:unsure", wait=".tbl .tr")
    best = page.locator(f"{ROWS} .mini")
    expect(best).to_have_count(1)
    expect(best.locator(".best")).to_have_text(re.compile(r"^[a-z&-]+ \d+ %\?$"))
    expect(best).to_have_attribute("aria-label", re.compile("%, unsure$"))
    opened.open("library/verdict:music", wait=".tbl .tr")
    assert "?" not in "".join(page.locator(f"{ROWS} .best").all_inner_texts())
    opened.check()


def test_the_table_by_keyboard(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("library/-is:failed", wait=".tbl .tr")
    table = page.get_by_role("grid")
    expect(table).to_have_attribute("aria-rowcount", str(SONGS + 1))
    table.focus()
    page.keyboard.press("End")
    chosen = page.locator(".tr[aria-selected=true]")
    expect(chosen).to_have_attribute("aria-rowindex", str(SONGS + 1))
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_attribute("aria-rowindex", str(SONGS))
    expect(page.locator(".p-side h2")).to_contain_text(chosen.locator("b").inner_text())
    expect(page.locator(".p-side li").first).to_contain_text("%")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Player")).to_contain_text(chosen.locator("b").inner_text())
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="BPM", exact=True).click()
    expect(page.locator("[data-sort=bpm]")).to_have_attribute("aria-sort", "ascending")
    tempi = [int(text) for text in page.locator(f"{ROWS} .md.num").all_inner_texts() if text.isdigit()]
    assert tempi == sorted(tempi) and len(set(tempi)) > 1
    opened.check()


def test_a_correction_and_its_undo(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("library/Ballad", wait=".tbl .tr")
    row = page.locator(ROWS).first
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="What is it really?")
    dialog.get_by_role("combobox", name="Genre").select_option("jazz")
    dialog.get_by_role("button", name="Keep my correction").click()
    expect(row).to_contain_text("jazz, corrected")
    expect(row).to_have_class(re.compile("ear"))
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(row).not_to_contain_text("corrected")
    # And it can be taken back from the row at any time, by keyboard alone.
    page.get_by_role("grid").focus()
    page.keyboard.press("m")
    dialog.get_by_role("combobox", name="Genre").select_option("folk")
    dialog.get_by_role("combobox", name="Genre").press("Enter")
    expect(row).to_contain_text("folk, corrected")
    page.get_by_role("grid").focus()
    page.keyboard.press("m")
    dialog.get_by_role("button", name="Take it back").press("Enter")
    expect(row).not_to_contain_text("corrected")
    opened.check()


def test_a_playlist_of_a_search(tab: Any) -> None:
    opened = tab()
    page = opened.open("library/House", wait=".tbl .tr")
    page.get_by_role("button", name="Make a playlist of these").click()
    dialog = page.get_by_role("dialog", name="Make a playlist")
    dialog.get_by_role("textbox", name="Name").fill("Late set")
    with page.expect_download() as waiting:
        dialog.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "Late set.m3u8"
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert sorted(line for line in lines if not line.startswith("#")) == [f"House {i}.flac" for i in range(5)]
    opened.check()


def test_the_map_and_its_lasso(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("library", wait=".tbl .tr")
    page.get_by_role("button", name="Compute the map").click()
    canvas = page.locator(".map canvas")
    canvas.wait_for(timeout=60_000)
    page.get_by_role("button", name="Lasso").click()
    box = canvas.bounding_box()
    corners = ((2, 2), (box["width"] - 2, 2), (box["width"] - 2, box["height"] - 2), (2, box["height"] - 2))
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in [*corners, corners[0]]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"\d+ songs inside"))
    page.locator("#toasts").get_by_role("button", name="Make a playlist").click()
    dialog = page.get_by_role("dialog", name="Make a playlist")
    with page.expect_download() as waiting:
        dialog.get_by_role("button", name="Download").click()
    assert Path(waiting.value.path()).read_text().count(".flac") >= SONGS
    page.get_by_role("button", name="Lasso").click()
    canvas.focus()
    before = page.locator(".p-side h2").inner_text()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator(".p-side h2")).not_to_have_text(before)
    chip = page.locator(".map .legend button").first
    chip.click()
    expect(page.locator(".map .legend button").first).to_be_visible()
    opened.check()


def test_the_scan_card_names_failures_and_retries(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("library", wait=".tbl .tr")
    card = page.get_by_role("region", name="Scan", exact=True)
    card.get_by_text("1 file failed").click()
    expect(card).to_contain_text("notes.mp3")
    card.get_by_role("button", name="Retry these").click()
    expect(card.locator("h2")).to_have_text("Scanned", timeout=60_000)
    expect(card).to_contain_text("1 file failed")
    opened.check()


def test_phone_panes(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab(size=PHONE)
    page = opened.open("library/is:failed", wait=".tbl .tr")
    expect(page.locator(".count")).to_have_text("1 failed")
    page.get_by_role("button", name="Remove is:failed").click()
    expect(page.locator(".count")).to_have_text(f"{SONGS} songs")
    expect(page.locator(".p-map")).to_be_hidden()
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page.locator(".p-map")).to_be_visible()
    expect(page.locator(".p-tbl")).to_be_hidden()
    page.get_by_role("button", name="Scan", exact=True).click()
    expect(page.locator(".p-scan")).to_be_visible()
    opened.check(expected="status of 400")  # nothing sounds like what failed


def test_a_song_of_the_library_opens_in_song(tab: Any, service: Any) -> None:
    opened = tab()
    page = opened.open("library/Rock", wait=".tbl .tr")
    page.locator(ROWS).first.get_by_role("button").click()
    page.get_by_role("link", name="Open in Song").click()
    page.locator(".song h1", has_text="Rock").wait_for()
    assert page.locator(".like li").count() > 0
    opened.check()


def test_without_a_token_and_without_a_library(tab: Any) -> None:
    server = Server(token="secret-token-of-this-test").start()
    try:
        opened = tab(url=server.url)
        page = opened.open("models")
        page.get_by_role("heading", name="This page needs its link").wait_for()
        opened.check(expected="status of 401")
        page.goto(f"{server.url}/?token=secret-token-of-this-test")
        assert page.url == f"{server.url}/"  # the token does not stay in the address
        page.goto(f"{server.url}/#models")
        page.locator(".model h1", has_text="earmark-base").wait_for()
        page.get_by_role("link", name="Library").click()
        page.get_by_text("earmark scan ~/Music").wait_for()  # how to make one
        with urllib.request.urlopen(f"{server.url}/js/app.js", timeout=10) as answer:
            assert answer.status == 200  # the shell holds nothing secret
    finally:
        server.stop()
