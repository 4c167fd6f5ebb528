"""The real service in a process of its own, which a test may kill, and a library for it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import soundfile

from earmark.audio import Clip
from earmark.library import Library, scan
from earmark.vocabulary import DEFAULT_MODEL
from music import band

START_SECONDS = 60.0
MIC_SECONDS = 12.0  # of the clip that Chromium's microphone plays twice, and then over and over
SCRIPT = """
import sys
import uvicorn
from earmark.web import Settings, create_app
settings = Settings(token=sys.argv[3] or None, jobs=1)
app = create_app(sys.argv[4], library=sys.argv[2] or None, settings=settings)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


class Server:
    """`earmark.web.create_app` on a port of the loopback."""

    def __init__(
        self, library: Path | None = None, token: str = "", *, model: str | Path = DEFAULT_MODEL
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = [str(self.port), str(library or ""), token, str(model)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start it and wait until it answers."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", SCRIPT, *self._arguments]
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the service ended with {self._process.returncode}")
            if self._answers():
                return self
            time.sleep(0.1)
        self.kill()
        raise TimeoutError("the service did not answer")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it, workers and all."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def free_port() -> int:
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_song(path: Path, style: str, *, title: str = "", artist: str = "", **options: object) -> Path:
    """Write a song of the demo band, with the tags that its format takes."""
    write_tagged(path, band(style, **options), title=title, artist=artist)
    return path


def write_tagged(path: Path, clip: Clip, *, title: str = "", artist: str = "") -> None:
    """Write a clip, with a title and an artist."""
    with soundfile.SoundFile(path, "w", samplerate=clip.sr, channels=1) as file:
        for name, words in (("title", title), ("artist", artist)):
            if words:
                setattr(file, name, words)
        file.write(clip.y)


def make_album(folder: Path) -> Path:
    """Scan a file that a CUE sheet divides into songs of 4 s and 8 s; return the file of the library."""
    music = folder / "album"
    music.mkdir(parents=True)
    write_song(music / "album.flac", "rock", seconds=12.0)
    sheet = ['PERFORMER "The Herons"', 'FILE "album.flac" WAVE']
    for number, (title, start) in enumerate((("One", "00:00:00"), ("Two", "00:04:00")), 1):
        sheet += [f"  TRACK {number:02} AUDIO", f'    TITLE "{title}"', f"    INDEX 01 {start}"]
    (music / "album.cue").write_text("\n".join(sheet))
    with Library(folder / "library.db") as library:
        scan(library, [music], jobs=1)
    return folder / "library.db"


def make_library(folder: Path, *, n: int = 5) -> Path:
    """Scan `n` songs of each style, and a text that poses as a song; return the file of the library."""
    music = folder / "music"
    music.mkdir()
    for style in ("rock", "house", "ballad"):
        whole = band(style, seconds=8.0)  # to synthesise is slow, so the songs are stretches of one
        for i in range(n):
            name, start = f"{style.capitalize()} {i}", round(1.1 * i * whole.sr)
            clip = Clip(whole.y[start : start + round(3.2 * whole.sr)], whole.sr)
            artist = ("The Herons", "Quiet Engines")[i % 2]
            write_tagged(music / f"{name}.flac", clip, title=name, artist=artist)
    (music / "notes.mp3").write_text("no song, but a text by the name of one\n" * 40)
    with Library(folder / "library.db") as library:
        scan(library, [music], jobs=1)
    return folder / "library.db"
