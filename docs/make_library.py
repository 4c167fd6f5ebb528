"""Make the folder of docs/library.md, run its commands, and print what they print.

    python docs/make_library.py

The music is synthesised by earmark itself; the folder has several formats, a CUE sheet, a file that is no
sound, samples that are left out, and later a file that moves and one that goes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import mutagen
import numpy as np
import soundfile

from earmark.demo import demo_clip, demo_medley

SHEET = """PERFORMER "The Demo Band"
TITLE "Live in Memory"
REM DATE 2024
FILE "live.wav" WAVE
  TRACK 01 AUDIO
    TITLE "First"
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Second"
    INDEX 01 00:10:00
  TRACK 03 AUDIO
    TITLE "Third"
    INDEX 01 00:20:00
"""


def write(path: Path, y: np.ndarray, sr: int, title: str = "", **kind: str) -> None:
    """Write a sound file, with tags if it has a title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, sr, **kind)
    if title:
        tags = mutagen.File(path, easy=True)
        if tags.tags is None:
            tags.add_tags()
        tags["title"], tags["artist"] = [title], ["The Demo Band"]
        tags.save()


def make(music: Path) -> None:
    """Make the folder."""
    clip = demo_medley()
    third = len(clip.y) // 3
    rock, house, ballad = (clip.y[i * third : (i + 1) * third] for i in range(3))
    write(music / "Album" / "01 Rock.mp3", rock, clip.sr, "Rock Tune")
    write(music / "Album" / "02 House.flac", house, clip.sr, "House Tune")
    write(music / "Album" / "03 Ballad.ogg", ballad, clip.sr, "Ballad Tune")
    write(music / "Live" / "live.flac", clip.y, clip.sr)
    (music / "Live" / "live.cue").write_text(SHEET)
    write(music / "Samples" / "kick.wav", rock[: clip.sr], clip.sr)
    (music / "Samples" / ".notmusic").touch()
    (music / "Album" / "04 Broken.mp3").write_text("This download is a page that says: not found. " * 40)
    (music / "Album" / "cover.jpg").write_bytes(b"\xff\xd8\xff")


def make_tagged(music: Path, *, n: int = 10) -> None:
    """Make tracks of three styles with genre tags, two by each artist; one tag is wrong."""
    tempi = {"rock": (110, 170), "house": (112, 132), "slow": (60, 100)}
    rng = np.random.default_rng(0)
    for genre, (low, high) in tempi.items():
        style = {"slow": "ballad"}.get(genre, genre)
        for i in range(n):
            clip = demo_clip(style, seconds=4.0, bpm=float(rng.uniform(low, high)), seed=i)
            path = music / f"{genre} {i:02}.flac"
            write(path, clip.y, clip.sr, f"{genre.title()} Tune {i}")
            tags = mutagen.File(path, easy=True)
            wrong = (genre, i) == ("slow", 3)
            tags["artist"] = f"{genre.title()} Band {i // 2}"
            tags["genre"] = {"rock": "Hard Rock"}.get(genre, genre.title()) if not wrong else "House"
            tags.save()


def shell(command: str, folder: Path) -> None:
    """Run a command in a folder, and show both."""
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    text = (done.stderr + done.stdout).replace(str(folder), "/home/me").rstrip()
    status = f"\n(exit status {done.returncode})" if done.returncode else ""
    sys.stdout.write(f"$ {command}\n{text}{status}\n\n")
    sys.stdout.flush()


def main() -> None:
    """Make the folder and run the commands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["EARMARK_LIBRARY"] = str(folder / "library.sqlite")
        make(folder / "Music")
        shell("earmark scan Music", folder)
        shell("earmark scan", folder)
        (folder / "Music" / "Album" / "01 Rock.mp3").rename(folder / "Music" / "Live" / "renamed.mp3")
        (folder / "Music" / "Album" / "03 Ballad.ogg").unlink()
        shell("earmark scan", folder)
        shell("earmark library errors", folder)
        shell("earmark library correct Music/Live/renamed.mp3 --genre rock", folder)
        (folder / "Music").rename(folder / "unplugged")
        shell("earmark scan", folder)
        shell("earmark library info", folder)
        shell("earmark library check", folder)
        os.environ["EARMARK_LIBRARY"] = str(folder / "tagged.sqlite")
        make_tagged(folder / "Tagged")
        shell("earmark scan Tagged", folder)
        shell("earmark train --label genre --map 'Hard Rock=rock' --model logistic -o mine", folder)
        shell("earmark scan --model mine --refresh", folder)


if __name__ == "__main__":
    main()
