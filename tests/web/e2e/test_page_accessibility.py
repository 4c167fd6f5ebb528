"""axe-core finds nothing in any view, empty or with content, light and dark, on a desktop and a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import write_tagged

from conftest import DESKTOP, PHONE
from earmark.audio import Clip
from music import band

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = "axe.run(document, { resultTypes: ['violations'] })"
N_CLIPS = 8  # that a box needs


class Checked:
    """A tab, and what axe has found in it."""

    def __init__(self, opened: Any) -> None:
        self.opened, self.page = opened, opened.page
        self.found: dict[str, list[str]] = {}
        self._axe = AXE.read_text(encoding="utf-8")

    def open(self, view: str, *, wait: str) -> Any:
        """Open a view, and check it as it is then."""
        self.opened.open(view, wait=wait)
        self.check(view)
        return self.page

    def check(self, name: str) -> None:
        """Run axe over what the tab shows, in both themes."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(self._axe)
        for theme in ("dark", "light"):
            self.page.emulate_media(color_scheme=theme)
            self.page.locator(f"html[data-theme={theme}]").wait_for()  # the page follows an event
            found = broken(self.page.evaluate(RUN))
            if found:
                self.found[f"{name}, {theme}"] = found


def broken(result: Any) -> list[str]:
    """Return the rules of axe that are broken, with where."""
    return [
        f"{rule['id']}, {rule['impact']}: {node['target']} {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"][:5]
    ]


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def checked(tab: Any, request: pytest.FixtureRequest) -> Iterator[Checked]:
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install --prefix tests/web/e2e")
    opened = tab(size=request.param, reduced_motion="reduce")
    checked = Checked(opened)
    yield checked
    assert not checked.found, json.dumps(checked.found, indent=1)
    opened.check()


def test_listen(checked: Checked) -> None:
    page = checked.open("listen", wait=".ring")
    page.locator(".ring").click()
    page.locator(".verdicts [aria-current]").wait_for()
    page.get_by_role("button", name="Keep this").click()
    checked.check("listening")
    page.locator(".ring").click()
    page.locator(".bars-card h2", has_text="The whole session").wait_for()
    checked.check("a session")


def test_song(checked: Checked) -> None:
    page = checked.open("song", wait=".drop h1")
    page.get_by_role("button", name="Try an example").click()
    page.locator(".song h1").wait_for()
    checked.check("a finished song")
    slider = page.get_by_role("slider", name="Position in the song")
    slider.focus()
    page.keyboard.press("PageDown")
    page.locator(".legend button").first.click()
    slider.focus()
    page.keyboard.press("ArrowRight")
    checked.check("a moment of a song")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + bytes(2000)}
    )
    page.get_by_role("heading", name="This is not sound").wait_for()
    checked.check("what is no song")
    checked.opened.complaints.clear()  # of the status 415


def test_library(checked: Checked) -> None:
    page = checked.open("library", wait=".tbl .tr:not(.blank)")
    page.locator(".p-side li").first.wait_for()
    page.get_by_role("searchbox").fill("-is:vanished")
    page.keyboard.press("Enter")
    page.locator(".query .chip").wait_for()
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Player").wait_for()
    checked.check("a search, a chosen row and the player")
    page.get_by_role("grid").focus()
    page.keyboard.press("m")
    dialog = page.get_by_role("dialog", name="What is it really?")
    dialog.wait_for()
    checked.check("the dialog of a correction")
    dialog.get_by_role("combobox", name="Genre").select_option("jazz")
    dialog.get_by_role("button", name="Keep my correction").click()
    page.locator(".tr.ear").first.wait_for()
    checked.check("a corrected row and its message")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Make a playlist of these").click()
    page.get_by_role("dialog", name="Make a playlist").wait_for()
    checked.check("the dialog of a playlist")
    page.keyboard.press("Escape")
    show(page, "Map")
    checked.check("before the map")
    compute = page.get_by_role("button", name="Compute the map")
    if compute.is_visible():  # it is kept: only the first to come here computes it
        compute.click()
    page.locator(".map canvas").wait_for(timeout=60_000)
    checked.check("the map")
    show(page, "Scan")
    page.get_by_text("1 file failed").last.click()
    checked.check("the scan card with what failed")


def show(page: Any, pane: str) -> None:
    """Show a pane where there is no room for all."""
    button = page.get_by_role("button", name=pane, exact=True)
    if button.is_visible():
        button.click()


def test_teach(checked: Checked, tmp_path: Path) -> None:
    page = checked.open("teach", wait=".box")
    for i, style in enumerate(("rock", "ballad")):
        box = page.locator(".box").nth(i)
        box.get_by_role("textbox").fill(style)
        box.locator("input[type=file]").set_input_files(stretches(tmp_path, style))
        box.get_by_text(f"{N_CLIPS} clips", exact=True).wait_for()
    checked.check("boxes with clips")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("region", name="How accurate it is").wait_for(timeout=60_000)
    checked.check("what was trained")


def stretches(folder: Path, style: str) -> list[Path]:
    """Write the clips of a box."""
    whole, length = band(style, seconds=12.0), 3.2
    paths = []
    for i in range(N_CLIPS):
        start = round(1.1 * i * whole.sr)
        paths.append(folder / f"{style} {i}.flac")
        write_tagged(paths[-1], Clip(whole.y[start : start + round(length * whole.sr)], whole.sr))
    return paths


def test_models(checked: Checked) -> None:
    page = checked.open("models", wait=".model h1")
    page.get_by_role("navigation", name="Models").get_by_role("link").first.click()
    page.locator(".model h1:not(:has-text('earmark-base'))").wait_for()
    checked.check("another model")
