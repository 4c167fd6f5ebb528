"""The page as a whole: keyboard, motion, budgets, security, and the shell without a server."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from page_server import Server

from conftest import PHONE

VIEWS = ("listen", "song", "library", "teach", "models")
READY = {
    "listen": ".ring",
    "song": ".drop h1",
    "library": ".tbl .tr",
    "teach": ".box",
    "models": ".model h1",
}
FIRST_PAINT = 100_000  # bytes transferred
SHIFT = 0.01
FRAME_MS = 4.0  # script per live frame on a mid-range phone; these processors are shared with other tests
WATCH = """
window.shift = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
const ask = window.requestAnimationFrame.bind(window);
window.spent = [];
window.requestAnimationFrame = (act) => ask((now) => {
    const before = performance.now();
    act(now);
    window.spent.push(performance.now() - before);
});
"""


def test_keyboard_alone_from_view_to_view(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("listen", wait=READY["listen"])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the view")).to_be_focused()
    for number, (view, words) in enumerate(
        zip(VIEWS, ("Listen", "Song", "Library", "Teach", "Models"), strict=True), 1
    ):
        page.keyboard.press(str(number))
        page.locator(READY[view]).first.wait_for()
        expect(page).to_have_title(f"{words} · earmark")
        expect(page.locator("nav [aria-current=page]")).to_have_text(words)
        assert page.locator("h1").count() == 1
    assert page.evaluate("document.activeElement.id") == "view"  # the next Tab is in the view
    page.keyboard.press("1")
    page.locator(READY["listen"]).wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.ring')"):
            break
    page.keyboard.press("Enter")
    page.locator(".verdicts [aria-current]").wait_for()
    page.keyboard.press("Enter")
    expect(page.locator(".bars-card h2")).to_contain_text("The whole session")
    opened.check()


def test_reduced_motion(tab: Any) -> None:
    opened = tab(reduced_motion="reduce")
    page = opened.open("listen", wait=READY["listen"])
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    durations = page.locator(".bar.first").evaluate("bar => getComputedStyle(bar).transitionDuration")
    assert set(re.findall(r"[\d.]+", durations)) == {"0"}
    widths = []
    for _ in range(8):
        bar, words = page.locator(".bar.first").evaluate(
            "bar => [bar.querySelector('.fill').style.transform, bar.querySelector('.pc').textContent]"
        )
        shown = float(re.findall(r"[\d.]+", bar)[0])
        widths.append(abs(100 * shown - float(words.split()[0])))
        page.wait_for_timeout(80)
    assert max(widths) <= 1  # no glide: a bar is where its number is
    opened.check()


def test_budgets_of_paint_shift_and_script(tab: Any) -> None:
    opened = tab(size=PHONE)
    opened.page.add_init_script(WATCH)
    page = opened.open("listen", wait=READY["listen"])
    page.wait_for_load_state("networkidle")
    size = page.evaluate("""() => performance.getEntriesByType('navigation')[0].transferSize
        + performance.getEntriesByType('resource').reduce((sum, entry) => sum + entry.transferSize, 0)""")
    assert 10_000 < size < FIRST_PAINT, size
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    page.evaluate("window.spent = []")
    page.wait_for_timeout(2000)
    spent = sorted(page.evaluate("window.spent"))
    assert len(spent) > 10 and spent[len(spent) // 2] < FRAME_MS, (len(spent), spent[len(spent) // 2])
    shifts = {"listen": page.evaluate("window.shift")}
    for view in VIEWS[1:]:
        page.evaluate("window.shift = 0")
        page.locator(f".nav a[href='#{view}']").click()
        page.locator(READY[view]).first.wait_for()
        page.wait_for_timeout(500)
        shifts[view] = page.evaluate("window.shift")
    assert max(shifts.values()) <= SHIFT, shifts
    opened.check()


@pytest.mark.parametrize("width", [320, 899])
def test_no_sideways_scrolling(tab: Any, width: int) -> None:
    opened = tab(size=(width, 800))
    for view in VIEWS:
        page = opened.open(view, wait=READY[view])
        room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert room[0] <= room[1], (view, room)
    opened.check()


def test_the_policy_holds(tab: Any, service: Any) -> None:
    opened = tab()
    page = opened.open("listen", wait=READY["listen"])
    page.evaluate("""() => {
        window.blocked = [];
        addEventListener('securitypolicyviolation', (event) => window.blocked.push(event.violatedDirective));
    }""")
    page.evaluate("""async () => {
        const script = document.createElement('script');
        script.textContent = 'window.injected = true';
        document.body.append(script);
        await fetch('https://example.org/').catch(() => {});
    }""")
    assert page.evaluate("window.injected") is None
    blocked = " ".join(page.evaluate("window.blocked"))
    assert "script-src" in blocked and "connect-src" in blocked
    markup = (Path(__file__).parents[3] / "src/earmark/web/page/index.html").read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script>", markup)
    with urllib.request.urlopen(service.url, timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_installable_and_the_shell_outlives_the_server(tab: Any) -> None:
    server = Server().start()
    try:
        opened = tab(url=server.url, workers="allow")
        page = opened.open("listen", wait=READY["listen"])
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        manifest = page.evaluate("fetch('manifest.webmanifest').then((answer) => answer.json())")
        fetched = "(src) => fetch(src).then((answer) => answer.headers.get('Content-Type'))"
        for icon in manifest["icons"]:
            assert page.evaluate(fetched, icon["src"]) == icon["type"]
        page.goto(f"{server.url}/#models")
        page.locator(READY["models"]).wait_for()
        kept = page.evaluate("""async () => {
            const paths = [];
            for (const name of await caches.keys()) {
                const kept = await (await caches.open(name)).keys();
                paths.push(...kept.map((request) => new URL(request.url).pathname));
            }
            return paths;
        }""")
        assert "/" in kept and not [path for path in kept if path.startswith(("/api", "/rest"))]
        server.kill()
        page.reload()
        page.locator(".nav").wait_for()
        page.locator("#where[data-state=lost]").wait_for(state="attached")
        opened.check(expected="ERR_CONNECTION_REFUSED|sw.js|ServiceWorker")
    finally:
        server.stop()


def test_times_read_as_on_the_command_line(tab: Any) -> None:
    page = tab().open("listen")
    seconds = [0.0, 8.9, 185, 3600, 3723]
    found = page.evaluate("async (all) => all.map((await import('/js/ui.js')).mmss)", seconds)
    assert found == ["0:00", "0:08", "3:05", "1:00:00", "1:02:03"]
