"""Teach: two boxes, an honest estimate, a live try, and a bundle that the command line takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from page_server import write_song

N = 8  # clips that a box needs


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Clips of two styles; the first style lacks one, which is to be recorded."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}
    for style, n in (("rock", N - 1), ("ballad", N)):
        made[style] = [
            write_song(folder / f"{style}-{i}.flac", style, seconds=3.2, seed=i, bpm=80 + 10 * i)
            for i in range(n)
        ]
    return made


def test_two_boxes_become_a_bundle_for_the_command_line(
    tab: Any, clips: dict[str, list[Path]], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("teach", wait=".box")
    train = page.get_by_role("button", name="Train", exact=True)
    expect(train).to_be_disabled()
    boxes = page.locator(".box")
    for i, (word, style) in enumerate((("my rock", "rock"), ("slow songs", "ballad"))):
        boxes.nth(i).get_by_role("textbox").fill(word)
        boxes.nth(i).locator("input[type=file]").set_input_files(clips[style])
    expect(boxes.nth(1)).to_contain_text(f"{N} clips", timeout=40_000)
    expect(boxes.nth(0)).to_contain_text(f"{N - 1} of at least {N} clips")
    expect(train).to_be_disabled()
    boxes.nth(0).get_by_role("button", name="Record 3 s").click()
    expect(boxes.nth(0)).to_contain_text(f"{N} clips", timeout=20_000)
    train.click()
    result = page.get_by_role("region", name="How accurate it is")
    result.wait_for(timeout=60_000)
    expect(result.locator(".say")).to_contain_text(re.compile(r"\d+ % likely \d+ % to \d+ %"))
    expect(result).to_contain_text(f"From {2 * N} clips")
    assert "my rock" in (result.get_by_role("img").get_attribute("aria-label") or "")

    page.get_by_role("button", name="Listen", exact=True).click()
    first = page.get_by_role("region", name="Try it").locator(".bar.first")
    expect(first).to_contain_text("my rock", timeout=15_000)
    page.get_by_role("button", name="Listening, stop").click()

    with page.expect_download() as waiting:
        result.get_by_role("link", name="Download the bundle").click()
    assert waiting.value.suggested_filename == "my-words.earmark"
    bundle = tmp_path / "my-words.earmark"
    waiting.value.save_as(bundle)
    song = write_song(tmp_path / "song.flac", "ballad", seconds=6.0, seed=9)
    command = [sys.executable, "-m", "earmark", "classify", "--model", str(bundle), "--json", str(song)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    genres = json.loads(done.stdout.splitlines()[0])["genres"]
    assert genres[0]["label"] == "slow songs" and {genre["label"] for genre in genres} >= {"my rock"}

    page.get_by_role("link", name="Models").click()  # leaving loses nothing
    page.locator(".model h1").wait_for()
    page.get_by_role("link", name="Teach").click()
    expect(page.locator(".box").nth(0)).to_contain_text(f"{N} clips")
    opened.check()


def test_a_clip_goes_by_keyboard(tab: Any, clips: dict[str, list[Path]]) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("teach", wait=".box")
    box = page.locator(".box").first
    box.locator("input[type=file]").set_input_files(clips["rock"][:2])
    expect(box).to_contain_text("2 of at least 8 clips")
    clip = box.get_by_role("button", name="Clip 2 of")
    clip.wait_for()
    clip.focus()
    page.keyboard.press("Delete")
    expect(box).to_contain_text("1 of at least 8 clips")
    page.get_by_role("button", name="Another box").click()
    expect(page.locator(".box")).to_have_count(4)
    opened.check()


def test_a_file_that_is_no_sound_leaves_no_clip(tab: Any) -> None:
    from playwright.sync_api import expect

    opened = tab()
    page = opened.open("teach", wait=".box")
    box = page.locator(".box").first
    box.locator("input[type=file]").set_input_files(
        {"name": "list.txt", "mimeType": "text/plain", "buffer": b"no sound at all, only words\n" * 9}
    )
    expect(page.locator("#toasts")).to_contain_text("list.txt")
    expect(box).to_contain_text("0 of at least 8 clips")
    opened.check(expected="status of 4")
