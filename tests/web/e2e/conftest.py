"""The page in real headless Chromium, against the real service: one of each for a module."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from page_server import MIC_SECONDS, Server, make_library

from music import band

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
DESKTOP, PHONE = (1280, 860), (390, 844)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these tests slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone plays: the demo band, at the rate of a machine without sound devices."""
    clip = band("rock", seconds=MIC_SECONDS, sr=44100)
    path = tmp_path_factory.mktemp("microphone") / "rock.wav"
    soundfile.write(path, np.tile(clip.y, 2), clip.sr, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def chromium(spoken: Path) -> Iterator[Any]:
    """Debian's Chromium, with a microphone that plays a file.

    One for a module, since Playwright keeps an event loop running, which others could not start beside it.
    """
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright for Python")
    api.expect.set_options(timeout=15_000)
    if not CHROMIUM.exists():
        pytest.skip(f"needs Debian's Chromium at {CHROMIUM}")
    with api.sync_playwright() as playwright:
        arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={spoken}"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 15 songs of the demo band, and a file that failed."""
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def library_file(scanned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for each module, whatever those before it did to theirs: corrections, scans, a map."""
    return shutil.copy(scanned, tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def service(chromium: Any, library_file: Path) -> Iterator[Any]:
    """The service over this library."""
    server = Server(library_file).start()
    yield server
    server.stop()


class Opened:
    """A tab, its console, and its requests to other hosts."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.sent: list[bytes] = []
        self.received: list[str] = []
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.complaints.append(f"page: {error}"))
        page.on("request", self._note_host)
        page.on("websocket", self._note_frames)

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning") and "blocked by Playwright" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _note_host(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def _note_frames(self, socket: Any) -> None:
        def sent(data: str | bytes) -> None:
            if isinstance(data, bytes):
                self.sent.append(data)

        def received(data: str) -> None:
            self.received.append(data)

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    def open(self, view: str, *, wait: str = "h1") -> Any:
        """Open a view and wait for something of it."""
        self.page.goto(f"{self.url}/#{view}")
        self.page.locator(wait).first.wait_for(state="attached")
        return self.page

    def check(self, *, expected: str = "") -> None:
        """The console is empty, but for what is expected, and no other host was called."""
        unexpected = [text for text in self.complaints if not (expected and re.search(expected, text))]
        assert not unexpected and not self.foreign, (unexpected, self.foreign)


Opening = Callable[..., Opened]


@pytest.fixture
def tab(chromium: Any, service: Any) -> Iterator[Opening]:
    """Open tabs, each in a browser profile of its own."""
    contexts = []

    def opened(
        *,
        size: tuple[int, int] = DESKTOP,
        microphone: bool = True,
        url: str = "",
        workers: str = "block",
        **options: Any,
    ) -> Opened:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            permissions=["microphone"] if microphone else [],
            service_workers=workers,
            **options,
        )
        context.set_default_timeout(40_000)
        contexts.append(context)
        return Opened(context.new_page(), url or service.url)

    yield opened
    for context in contexts:
        context.close()
