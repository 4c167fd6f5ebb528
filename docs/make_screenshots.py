"""Take the pictures of docs/page.md: each view of the page, on a desktop and a phone, light and dark.

    python docs/make_screenshots.py [--library FILE] [--song FILE] [--sound WAV]

It needs the extras ``web`` and ``dev``, and Debian's Chromium. Without arguments it is the demo band that
plays, in a library of its own. The library is copied: nothing of it is changed.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import soundfile
import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from earmark.demo import STYLES, demo_clip, demo_medley
from earmark.library import Library, scan
from earmark.web import create_app

OUT = Path(__file__).parent / "web"
PORT = 8799
URL = f"http://127.0.0.1:{PORT}"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
THEMES = ("light", "dark")
SCALE = 1.25
QUALITY = 78
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
)
BOXES = (("my hall", "jazz", 9), ("synth-pop I like", "electronic", 11), (None, "soundtrack", 8))


def main() -> None:
    """Take all pictures."""
    options = arguments()
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        library = copied(options.library, folder) if options.library else made_library(folder)
        sound = options.sound or written(demo_clip("rock", seconds=20.0, sr=44100), folder / "sound.wav")
        song = options.song or written(demo_medley(), folder / "Three Styles.flac")
        with served(library), browsed(sound) as page:
            for shoot in (listen, models, library_view, teach):
                shoot(page)
            song_view(page, song)
    sizes = sum(path.stat().st_size for path in OUT.glob("*.webp"))
    print(f"{len(list(OUT.glob('*.webp')))} pictures, {sizes / 1e6:.2f} MB")  # noqa: T201


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--library", type=Path, help="a library with a map and songs of several genres")
    parser.add_argument("--song", type=Path, help="what is dropped into Song")
    parser.add_argument("--sound", type=Path, help="WAV that the microphone plays")
    return parser.parse_args()


def copied(library: Path, folder: Path) -> Path:
    """Copy a library with what lies beside it."""
    for path in library.parent.glob(f"{library.stem}*"):
        if path.is_file():
            shutil.copy(path, folder / path.name)
    return folder / library.name


def written(clip: Any, path: Path) -> Path:
    """Write a clip and return its path."""
    soundfile.write(path, clip.y, clip.sr)
    return path


def made_library(folder: Path) -> Path:
    """Scan 36 songs of the demo band."""
    music = folder / "music"
    music.mkdir()
    for style in STYLES:
        for i in range(12):
            written(demo_clip(style, seconds=5.0, seed=i, bpm=80.0 + 5 * i), music / f"{style} {i}.flac")
    with Library(folder / "library.db") as library:
        scan(library, [music], jobs=1)
    return folder / "library.db"


@contextmanager
def served(library: Path) -> Iterator[None]:
    """Serve a library on the loopback."""
    app = create_app(library=library)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=PORT, log_level="warning", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.1)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def browsed(sound: Path) -> Iterator[Page]:
    """Open the page in Chromium, whose microphone plays a file."""
    with sync_playwright() as playwright:
        capture = f"--use-file-for-fake-audio-capture={sound.resolve()}"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, capture])
        context = browser.new_context(permissions=["microphone"], device_scale_factor=SCALE)
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.goto(URL)
        yield page
        browser.close()


def both_themes(page: Page, name: str) -> None:
    """Take a picture in each theme."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.wait_for_timeout(700)
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        image.save(OUT / f"{name}-{theme}.webp", quality=QUALITY, method=6)


def each_size(page: Page, view: str, ready: str) -> Iterator[str]:
    """Open a view anew in each size; the clips of Teach stay, since the page is not loaded again."""
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for target in ("models" if view != "models" else "song", view):
            page.evaluate("(hash) => { location.hash = hash; }", target)
            page.wait_for_timeout(400)
        page.locator(ready).first.wait_for()
        yield name


def listen(page: Page) -> None:
    """Listen, before and after the tap."""
    for size in each_size(page, "listen", ".ring"):
        page.wait_for_timeout(600)
        if size == "phone":
            both_themes(page, f"idle-{size}")
        page.locator(".ring").click()
        page.locator(".keep:enabled").wait_for()
        page.wait_for_timeout(1500)
        both_themes(page, f"listen-{size}")
        page.locator(".ring").click()
        page.wait_for_timeout(1500)


def song_view(page: Page, song: Path) -> None:
    """Show a song with its playhead and the scores of one window."""
    for size in each_size(page, "song", ".drop"):
        page.locator(".drop input[type=file]").set_input_files(song)
        timeline = page.locator(".tl")
        timeline.wait_for()
        timeline.scroll_into_view_if_needed()
        box = timeline.bounding_box() or {"width": 300.0}
        timeline.click(position={"x": box["width"] * 0.32, "y": 60})
        timeline.hover(position={"x": box["width"] * 0.6, "y": 200})
        page.wait_for_timeout(300)
        both_themes(page, f"song-{size}")


def library_view(page: Page) -> None:
    """Show the library, with a map and two corrections."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("location.hash = 'library'")
    page.locator(".tbl .tr").first.wait_for()
    if page.locator("text=Compute the map").count():
        page.locator("text=Compute the map").click()
    page.locator(".map canvas").wait_for()
    for row, genre in ((2, "folk"), (5, "country")):
        page.locator(".tbl .tr").nth(row).get_by_role("button").click()
        page.get_by_role("dialog").get_by_role("combobox").select_option(genre)
        page.get_by_role("button", name="Keep my correction").click()
        page.wait_for_timeout(500)
    page.locator("#toasts").evaluate("box => box.replaceChildren()")
    for size in each_size(page, "library/-is%3Afailed", ".map canvas, .tbl .tr"):
        page.locator(".tbl .tr").nth(2).click()
        page.wait_for_timeout(900)
        both_themes(page, f"library-{size}")
        if size == "phone":
            page.get_by_role("button", name="Map", exact=True).click()
            both_themes(page, f"map-{size}")


def teach(page: Page) -> None:
    """Fill the boxes with songs of the library, train and listen."""
    page.evaluate("location.hash = 'teach'")
    page.locator(".box").first.wait_for()
    used: set[int] = set()  # a song in two boxes is refused
    for i, (name, genre, n) in enumerate(BOXES):
        box = page.locator(".box").nth(i)
        if name:
            box.get_by_role("textbox").fill(name)
        box.locator("input[type=file]").set_input_files(songs(page, genre, n, used))
        box.get_by_text(f"{n} clips").wait_for()
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".trainbar .say").wait_for()
    for size in each_size(page, "teach", ".trainbar .say"):
        page.get_by_role("button", name="Listen", exact=True).click()
        page.locator(".trainbar .bar.first").wait_for()
        page.wait_for_timeout(1500)
        both_themes(page, f"teach-{size}")


def songs(page: Page, genre: str, n: int, used: set[int]) -> list[Any]:
    """Fetch songs of a genre that are not used yet; of any, where there are not enough."""
    ids = page.evaluate("(q) => fetch('/api/tracks/ids?q=' + q).then((a) => a.json())", f"genre:{genre}")[
        "ids"
    ]
    rest = page.evaluate("() => fetch('/api/tracks/ids?q=-is:failed').then((a) => a.json())")["ids"]
    chosen = [id for id in dict.fromkeys([*ids, *rest]) if id not in used][:n]
    used.update(chosen)
    files = []
    for id in chosen:
        answer = page.request.get(f"{URL}/api/tracks/{id}/audio")
        files.append({"name": f"{id}.opus", "mimeType": "audio/ogg", "buffer": answer.body()})
    return files


def models(page: Page) -> None:
    """Show the card of the model."""
    for size in each_size(page, "models", ".model h1"):
        both_themes(page, f"models-{size}")


if __name__ == "__main__":
    main()
