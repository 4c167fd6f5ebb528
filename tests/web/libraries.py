"""A small library on disk with real sound files, and a service over it, for tests of the routes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from catalogues import MODEL, row
from fastapi.testclient import TestClient

from earmark.library import Library, Tags
from earmark.web import create_app
from earmark.web.settings import Settings

SECRET = "secret folder"  # of the server: its name must not stand in any answer
GENRES = ("jazz", "rock", "jazz", "folk", "rock", "jazz")


@dataclass(frozen=True)
class Shelf:
    """A service with a library of six tracks: the fifth has failed, the sixth has no file."""

    client: TestClient
    path: Path
    music: Path
    ids: list[int]

    def library(self) -> Library:
        return Library(self.path, create=False)


def make_shelf(folder: Path, settings: Settings | None = None) -> Shelf:
    """Make a library below a folder, with the music in a folder whose name is `SECRET`."""
    music = folder / SECRET / "music"
    music.mkdir(parents=True)
    path = folder / SECRET / "library.sqlite"
    rng = np.random.default_rng(0)
    ids = []
    with Library(path) as library:
        library.add_root(str(music))
        for i, genre in enumerate(GENRES):
            file = music / f"{i} café.wav"
            soundfile.write(file, 0.1 * np.sin(0.1 * (i + 1) * np.arange(22050)), 22050)
            ids.append(library.put(_row(file, i, genre, rng)))
        library.db.execute(
            "UPDATE tracks SET state = 'failed', error = ? WHERE id = ?", (_error(music), ids[4])
        )
        (music / "5 café.wav").unlink()
    app = create_app("echo", path, settings or Settings(hosts=("testserver",)))
    return Shelf(TestClient(app), path, music, ids)


def _row(file: Path, i: int, genre: str, rng: np.random.Generator) -> object:
    tags = Tags(title=f"Title {i}", artist=f"Artist {i % 3}", album="Album", year=1970 + i)
    return row(
        str(file),
        rng.standard_normal(MODEL.embedding_size),
        genres={genre: 0.8, "pop": 0.3},
        moods={"calm": 0.7, "sad": 0.2},
        tempo=100.0 + i,
        duration=1.0,
        tags=tags,
        size=file.stat().st_size,
    )


def _error(music: Path) -> str:
    import json

    return json.dumps(
        {
            "code": "corrupt",
            "message": f"{music / '4 café.wav'} is damaged",
            "hint": f"Try: repair {music}/x.",
        }
    )
