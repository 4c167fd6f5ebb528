"""Song: a file goes in, a timeline comes out."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from page_server import Server, make_album, write_song

from earmark.library import Library
from earmark.predict import classify

DROP = """([name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), files = new DataTransfer();
    files.items.add(new File([bytes], name, { type }));
    for (const kind of ['dragenter', 'dragover', 'drop']) {
        document.querySelector('.pane').dispatchEvent(
            new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
    }
}"""


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_song(tmp_path_factory.mktemp("song") / "Lanterns <b>.flac", "rock", seconds=12.0)


def drop(page: Any, path: Path, kind: str = "audio/flac") -> None:
    import base64

    page.evaluate(DROP, [path.name, kind, base64.b64encode(path.read_bytes()).decode()])


def test_a_dropped_file_is_read(tab: Any, song: Path) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("song")
    drop(page, song)
    expect(page.locator(".song h1")).to_have_text("Lanterns <b>")
    prediction = classify(song)
    best = prediction.genres[0]
    bar = page.locator(".song .bars .bar").first
    expect(bar).to_contain_text(f"{best.label}")
    expect(bar).to_contain_text(f"{int(100 * round(best.score, 4) + 0.5)} %")
    facts = page.locator(".song .facts").inner_text()
    assert f"{round(prediction.tempo or 0)} BPM" in facts and str(prediction.key) in facts
    expect(page.locator(".partsbar button")).to_have_count(len(prediction.parts))
    assert painted(page, ".tl canvas") > 1000
    opened.check()

    with page.expect_download() as waiting:
        page.get_by_role("button", name="JSON").click()
    data = json.loads(Path(waiting.value.path()).read_text())
    assert data["schema"] == "earmark.prediction/1" and data["source"] == song.name
    assert data["genres"] == prediction.to_dict()["genres"] and "picture" not in data
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Audacity labels").click()
    line = Path(waiting.value.path()).read_text().splitlines()[0].split("\t")
    assert float(line[0]) == 0 and float(line[1]) > 0 and line[2] == prediction.parts[0].genres[0].label
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Picture").click()
    png = Path(waiting.value.path()).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[16:24] == (1600).to_bytes(4) + (900).to_bytes(4)


def painted(page: Any, selector: str) -> int:
    """Return how many colours a canvas shows, about."""
    return int(
        page.locator(selector).evaluate("""canvas => {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const seen = new Set();
            for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
            return seen.size;
        }""")
    )


def test_the_timeline_by_keyboard(tab: Any, song: Path) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("song")
    drop(page, song)
    slider = page.get_by_role("slider", name="Position in the song")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^0:03 of 0:12: [\w&-]+ \d+ %"))
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "12")
    expect(page.locator(".tl .tip")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".tl .tip")).to_be_hidden()
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.locator(".song-head .num")).to_have_text(re.compile("0:0[1-9] of 0:12"))
    page.keyboard.press(" ")
    chip = page.locator(".legend button").first
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".legend button[aria-pressed=true]")).to_have_count(1)
    opened.check()


def test_the_example(tab: Any) -> None:
    opened = tab()
    page = opened.open("song")
    page.get_by_role("button", name="Try an example").click()
    page.locator(".song h1", has_text="earmark-demo").wait_for()
    assert page.locator(".partsbar button").count() >= 2  # it changes its style on the way
    opened.check()


@pytest.fixture(scope="module")
def album(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, int]]]:
    """A service over two songs in one file, and their ids by title."""
    file = make_album(tmp_path_factory.mktemp("album"))
    with Library(file, read_only=True) as library:
        ids = {row.tags.title: row.id for row in library.rows(library.search(""))}
    server = Server(file).start()
    yield server, ids
    server.stop()


# What plays, if it plays: elements of a page that makes its own are in no document.
SOUNDS = """
window.sounds = [];
const Plain = window.Audio;
window.Audio = class extends Plain { constructor(...all) { super(...all); window.sounds.push(this); } };
"""
TIME = "window.sounds.at(-1).currentTime"
PAUSED = "window.sounds.at(-1).paused"


def until(page: Any, condition: str) -> None:
    """Wait until something is so; Playwright's own way needs `eval`, which the policy of the page forbids."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{condition}: {page.evaluate(TIME)}")


def test_a_song_within_a_file_is_shown_and_played_alone(
    tab: Any, album: tuple[Server, dict[str, int]]
) -> None:
    from playwright.sync_api import expect

    server, ids = album
    opened = tab(url=server.url)
    opened.page.add_init_script(SOUNDS)
    page = opened.open(f"song/{ids['One']}", wait=".song h1")
    expect(page.locator(".song h1")).to_have_text("One")
    clock = page.locator(".song-head .num")
    expect(clock).to_have_text("0:00 of 0:04")
    page.keyboard.press(" ")
    until(page, f"{PAUSED} && {TIME} > 3.9")  # it ends before the next begins
    assert page.evaluate(TIME) < 4.5
    expect(clock).to_have_text(re.compile("0:0[34] of 0:04"))
    page.keyboard.press(" ")
    until(page, f"!{PAUSED} && {TIME} < 3")  # and begins anew, and ends again
    until(page, f"{PAUSED} && {TIME} > 3.9")

    page = opened.open(f"song/{ids['Two']}", wait=".song h1")
    expect(page.locator(".song h1")).to_have_text("Two")
    expect(clock).to_have_text("0:00 of 0:08")
    slider = page.get_by_role("slider", name="Position in the song")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl .tip b")).to_have_text("0:03 to 0:06")  # windows of this song, not of the file
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    until(page, f"!{PAUSED} && {TIME} > 4.1")
    assert page.evaluate(TIME) < 8
    opened.check()


def test_the_player_of_the_library_begins_within_the_song(
    tab: Any, album: tuple[Server, dict[str, int]]
) -> None:
    server, _ = album
    opened = tab(url=server.url)
    opened.page.add_init_script(SOUNDS)
    page = opened.open("library/Two", wait=".tbl .tr")
    page.get_by_role("grid").focus()
    page.keyboard.press("Enter")
    until(page, f"window.sounds.length && !{PAUSED} && {TIME} > 8")  # the middle of 4 s to 12 s
    assert page.evaluate(TIME) < 11
    page.get_by_role("region", name="Player").get_by_text("0:0").wait_for()
    opened.check()


def test_a_song_whose_file_has_gone_is_shown_without_its_picture(tab: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    file = make_album(tmp_path)
    server = Server(file).start()
    try:
        (tmp_path / "album" / "album.flac").unlink()
        opened = tab(url=server.url)
        page = opened.open("song/1", wait=".song h1")
        expect(page.locator(".song .facts")).to_contain_text("BPM")
        opened.check(expected="status of 4")
    finally:
        server.stop()


def test_what_cannot_be_read_says_why(tab: Any, tmp_path: Path) -> None:
    opened = tab()
    page = opened.open("song")
    plan = tmp_path / "holiday-plan.pdf"
    plan.write_bytes(b"%PDF-1.7\n" + bytes(2000))
    drop(page, plan, "application/pdf")
    page.get_by_role("heading", name="This is not sound").wait_for()
    assert "PDF" in page.locator("[role=alert]").inner_text()

    quiet = tmp_path / "take-3.wav"
    soundfile.write(quiet, np.zeros(22050 * 4), 22050)
    page.locator("input[type=file]").set_input_files(quiet)
    page.get_by_role("heading", name="There is no sound in it").wait_for()

    empty = tmp_path / "nothing.wav"
    empty.write_bytes(b"")
    page.locator("input[type=file]").set_input_files(empty)
    page.get_by_role("heading", name="The file is empty").wait_for()
    opened.check(expected="status of 415")


def test_a_library_that_cannot_be_compared(tab: Any, song: Path) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("song")
    warning, asked = "similar: no track of the library was analysed with this. Try: a scan.", []

    def without_similar(route: Any) -> None:
        asked.append(route.request.url)
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"similar": None, "warnings": [warning]})

    page.route(re.compile("/api/classify"), without_similar)
    drop(page, song)
    expect(page.locator(".like")).to_contain_text("cannot be compared with those of the library")
    expect(page.get_by_role("region", name="Result")).to_contain_text(warning)
    assert len(asked) == 1  # the file was sent once
    opened.check()


def test_too_long_and_too_large(tab: Any, tmp_path: Path) -> None:
    opened = tab()
    page = opened.open("song")
    error = {"code": "too-long", "message": "all-night.mp3 is 9:41:07 long", "hint": "Accepted: 2:00:00."}
    page.route(
        re.compile("/api/classify"),
        lambda route: route.fulfill(
            status=413, content_type="application/problem+json", body=json.dumps(error)
        ),
    )
    page.locator("input[type=file]").set_input_files(
        {"name": "all night.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 100}
    )
    page.get_by_text("earmark classify --excerpt 'all night.mp3'").wait_for()
    opened.check(expected="status of 413")


def test_sending_can_be_cancelled(tab: Any) -> None:
    opened = tab()
    page = opened.open("song")
    page.route(re.compile("/api/classify"), lambda route: None)  # never answered
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(30000), 22050, format="WAV")
    page.locator("input[type=file]").set_input_files(
        {"name": "slow.wav", "mimeType": "audio/wav", "buffer": buffer.getvalue()}
    )
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Drop a song anywhere").wait_for()
    opened.check()
