"""The plugin of beets, by beets itself: its command line, its library and its tags."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.library import read_tags
from sounds import noise, tone, write

pytest.importorskip("beets", reason="needs beets: pip install 'earmark[dev]'")

Beet = Callable[..., str]
CONFIG = """
directory: {folder}/library
library: {folder}/beets.db
plugins: earmark
import: {{copy: yes, write: yes, autotag: no, quiet: yes}}
earmark: {{model: echo, max_genres: 2, min_score: 0.01, words: {{rock: Rock Music}}, {more}}}
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    write(folder / "song.flac", tone(8.0) + noise(8.0, amplitude=0.05), 44100, "flac")
    return folder


def beets_in(folder: Path, more: str = "auto: yes") -> Beet:
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, more=more))
    src = Path(earmark.__file__).parents[1]
    env = {**os.environ, "BEETSDIR": str(folder), "PYTHONPATH": str(src), "HOME": str(folder)}

    def call(*args: object) -> str:
        command = [sys.executable, "-m", "beets", *map(str, args)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return call


SHOWN = "$genres|$moods|$bpm|$initial_key"


def test_fields_are_filled_on_import_and_written(tmp_path: Path, music: Path) -> None:
    beet = beets_in(tmp_path)
    beet("import", music)
    genres, moods, bpm, key = beet("ls", "-f", SHOWN).strip().split("|")
    expected = earmark.classify(music / "song.flac", model="echo", excerpts=(3, 10.0))
    assert expected.verdict == "music"
    spelling = {"rock": "Rock Music"}
    assert genres.split("; ") == [spelling.get(s.label, s.label) for s in expected.genres[:2]]
    assert moods.split("; ") == [s.label for s in expected.moods[:3]]
    assert bpm == str(round(expected.tempo or 0)) and (key == "" or expected.key)
    beet("write")  # beets itself writes on import only what it has found in MusicBrainz
    (copy,) = (tmp_path / "library").rglob("*.flac")
    tags = read_tags(copy)
    assert "; ".join(tags.genres) == genres and "; ".join(tags.moods) == moods
    assert beet("ls", f"moods:{expected.moods[0].label}")


def test_nothing_is_replaced_without_force(tmp_path: Path, music: Path) -> None:
    beet = beets_in(tmp_path, "auto: no")
    beet("import", music)
    assert beet("ls", "-f", "[$genres]").strip() == "[]"
    beet("modify", "-y", "genres=Polka")
    shown = beet("earmark", "--pretend")
    assert "moods: " in shown and "genres" not in shown
    assert beet("ls", "-f", "[$moods]").strip() == "[]"
    beet("earmark")
    genres, moods, *_ = beet("ls", "-f", SHOWN).strip().split("|")
    assert genres == "Polka" and moods
    beet("earmark", "--force")
    assert "Polka" not in beet("ls", "-f", "$genres")


def test_silence_and_unreadable_files_are_left_alone(tmp_path: Path, music: Path) -> None:
    write(music / "silence.flac", np.zeros(5 * 44100, np.float32), 44100, "flac")
    beet = beets_in(tmp_path, "auto: no")
    beet("import", music)
    damaged = max((tmp_path / "library").rglob("*.flac"), key=lambda path: path.stat().st_size)
    damaged.write_bytes(b"fLaC" + b"no sound" * 500)
    output = beet("earmark")
    assert "earmark: " in output and "Try: " in output and "Traceback" not in output
    assert beet("ls", "-f", "[$genres]").split() == ["[]", "[]"]


def test_an_unknown_field_is_refused(tmp_path: Path, music: Path) -> None:
    beet = beets_in(tmp_path, "auto: no, fields: [genre]")
    beet("import", music)
    with pytest.raises(AssertionError, match="accepted: genres, moods, bpm, initial_key"):
        beet("earmark")
