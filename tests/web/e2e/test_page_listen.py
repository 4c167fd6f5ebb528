"""Listen: the microphone of a real browser, from the first tap to the final prediction."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from page_server import MIC_SECONDS, Server

from earmark.audio import Clip
from earmark.predict import classify
from music import band

SR = 44100
OWN_SECONDS = 0.1  # in which the browser's device starts
FIRST_BAR = ".bars-card .bar.first .fill"


def start(opened: Any) -> Any:
    """Tap the ring and wait for an answer; return the page."""
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    return page


def finals(opened: Any) -> list[dict[str, Any]]:
    """Return the final predictions that came in."""
    messages = [json.loads(text) for text in opened.received if '"final"' in text[:200]]
    return [message["prediction"] for message in messages if message["type"] == "final"]


def test_bars_move_takes_are_kept_and_the_final_is_that_of_classify(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = start(opened)
    widths = set()
    for _ in range(12):
        widths.add(page.locator(FIRST_BAR).evaluate("bar => bar.style.transform"))
        page.wait_for_timeout(100)
    assert len(widths) > 3, widths  # they glide
    keep_and_undo(page)
    expect(page.locator("dd").first).to_contain_text("BPM")
    page.locator(".ring").click()
    expect(page.locator(".bars-card h2")).to_contain_text("The whole session")
    prediction = finals(opened)[0]
    scores = {entry["label"]: entry["score"] for entry in prediction["genres"]}

    sent = np.frombuffer(b"".join(opened.sent), "<i2")
    y = sent.astype(np.float32) / 32768
    assert difference(scores, Clip(y, SR)) < 0.001  # nothing is lost between the microphone and the model
    played = aligned(np.tile(band("rock", seconds=MIC_SECONDS, sr=SR).y, 2), y)
    same = np.abs(played - y) < 2 / 32768
    assert longest_run(same) > 1.5 * SR  # bit for bit what the device played, but where the device skipped
    if same[round(OWN_SECONDS * SR) :].all():
        played[: round(OWN_SECONDS * SR)] = y[: round(OWN_SECONDS * SR)]
        assert difference(scores, Clip(played, SR)) < 0.02
    best = prediction["genres"][0]
    expect(page.locator("h1")).to_have_text(re.compile(f"{best['label']} {int(100 * best['score'] + 0.5)} %"))
    page.get_by_role("link", name="Open Take 2 in Song").click()
    expect(page.locator(".song h1")).to_have_text("Take 2")
    expect(page.locator(".song-head p")).to_contain_text(re.compile("of 0:(09|1\\d)"))
    opened.check()


def keep_and_undo(page: Any) -> None:
    """Keep a take, take that back, keep another."""
    from playwright.sync_api import expect

    keep, kept = page.locator(".keep"), page.locator(".takes li")
    expect(keep).to_be_enabled(timeout=15_000)
    keep.click()
    expect(kept).to_have_count(1)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(kept).to_have_count(0)
    keep.click()
    expect(kept).to_have_count(1)


def difference(scores: dict[str, float], clip: Clip) -> float:
    """Return by how much scores differ at most from those of `classify`."""
    return max(abs(scores[genre.label] - genre.score) for genre in classify(clip).genres)


def longest_run(same: np.ndarray) -> int:
    """Return the length of the longest run of True."""
    ends = np.flatnonzero(~np.concatenate([[False], same, [False]]))
    return int(np.diff(ends).max()) - 1


def aligned(played: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the part of what a device played that was recorded, found by correlation."""
    n_fft = 1 << int(np.ceil(np.log2(len(played) + len(y))))
    probe = y[SR : 3 * SR]
    product = np.fft.rfft(played, n_fft) * np.conj(np.fft.rfft(probe, n_fft))
    lag = int(np.argmax(np.fft.irfft(product, n_fft)[: len(played)])) - SR
    return np.roll(played, -lag)[: len(y)].copy()


def test_leaving_lets_go_of_the_microphone(tab: Any) -> None:
    opened = tab()
    opened.page.add_init_script("""
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.tracks = []; window.wanted = null;
        navigator.mediaDevices.getUserMedia = async (constraints) => {
            window.wanted = constraints;
            const stream = await open(constraints);
            window.tracks.push(...stream.getTracks());
            return stream;
        };""")
    page = start(opened)
    filters = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
    assert page.evaluate("window.wanted") == {"audio": filters}
    assert page.evaluate("window.tracks.map(t => t.readyState)") == ["live"]
    page.get_by_role("link", name="Models").click()
    page.locator(".model h1").wait_for()
    assert page.evaluate("window.tracks.map(t => t.readyState)") == ["ended"]
    opened.check()


def test_denied_names_the_way_to_allow_it(tab: Any) -> None:
    opened = tab(microphone=False)
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.get_by_role("heading", name="The microphone is not allowed").wait_for()
    here = page.locator(".how li[data-here]")
    assert "Chrome" in here.inner_text() and here.evaluate("li => !li.previousElementSibling")
    assert page.locator(".ring").get_attribute("aria-label") == "Try again"
    opened.check()


def test_no_microphone_and_one_in_use(tab: Any) -> None:
    for name, words in (("NotFoundError", "No microphone found"), ("NotReadableError", "in use")):
        opened = tab()
        opened.page.add_init_script(
            f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"
        )
        page = opened.open("listen", wait=".ring")
        page.locator(".ring").click()
        page.get_by_role("heading", name=words).wait_for()
        opened.check()


def test_plain_http_says_how_to_serve_safely(tab: Any) -> None:
    opened = tab()
    opened.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false });")
    page = opened.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.get_by_text("earmark serve --lan").wait_for()
    opened.check()


def test_reconnects_after_the_server_died(tab: Any) -> None:
    from playwright.sync_api import expect

    server = Server().start()
    try:
        opened = tab(url=server.url)
        page = start(opened)
        server.kill()
        expect(page.locator(".said .note")).to_contain_text("Connection lost")
        expect(page.locator(".said .note")).to_contain_text(re.compile("[1-9] s of sound are held"))
        assert page.locator("#where").get_attribute("data-state") == "lost"
        server.start()
        expect(page.locator("#toasts")).to_contain_text(
            re.compile("Connected again. \\d+ s of sound were sent late"), timeout=25_000
        )
        expect(page.locator(".listen.stale")).to_have_count(0)
        assert page.locator("#where").get_attribute("data-state") == "here"
        hellos = [json.loads(text) for text in opened.received if '"hello"' in text[:40]]
        assert len(hellos) == 2 and hellos[0]["session"] != hellos[1]["session"]
        opened.check(
            expected="ERR_CONNECTION_(REFUSED|RESET|ABORTED)|ERR_EMPTY_RESPONSE|WebSocket connection"
        )
    finally:
        server.stop()


def test_a_busy_server_is_obeyed(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("listen", wait=".ring")
    tries = []

    def refuse(socket: Any) -> None:
        tries.append(1)
        error = {"type": "error", "code": "busy", "message": "busy", "hint": "", "retry_after": 2}
        socket.on_message(lambda _: (socket.send(json.dumps(error)), socket.close(code=1013)))

    page.route_web_socket(re.compile("/api/live"), refuse)
    page.locator(".ring").click()
    expect(page.locator(".said .note")).to_contain_text("The server is busy")
    page.wait_for_timeout(1000)
    assert len(tries) == 1  # not before the time that it named
    expect(page.locator(".said .note")).to_contain_text("next try")
    opened.check()
