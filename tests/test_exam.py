"""The yardstick of `experiments/exam`, on clips that nobody has to have."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from earmark.models import load_model
from music import band
from sounds import write

FOLDER = Path(__file__).parents[1] / "experiments" / "exam"
pytestmark = pytest.mark.experiments


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("measure", "reserved"):  # other experiments have modules of these names
        monkeypatch.delitem(sys.modules, name, raising=False)
    import measure as module

    yield module
    for name in ("measure", "reserved"):
        sys.modules.pop(name, None)


def rows(path: Path, *lines: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows(lines)


def test_a_fifth_of_the_artists_is_reserved_and_spelling_does_not_matter(measure) -> None:
    reserved = [measure.is_reserved(f"Artist {i}") for i in range(2000)]
    assert 0.17 < sum(reserved) / 2000 < 0.23
    # Frozen: whoever changes this lets models learn from what they are measured on.
    assert [i for i in range(30) if reserved[i]] == [0, 5, 10, 24]
    assert measure.is_reserved("ARTIST  7") == measure.is_reserved("artist 7")


def test_collections_are_read_and_measured(measure, tmp_path: Path) -> None:
    names = [f"Artist {i}" for i in range(40)]
    for place in ("exam/own_songs", "exam/emotify", "data/panda4q", "data/mirex_mood"):
        (tmp_path / place).mkdir(parents=True)
        for style in ("rock", "house"):
            clip = band(style, seconds=4.0)
            write(tmp_path / place / f"{style}.wav", clip.y, clip.sr, "wav16")
    song = {"path": "house.wav", "artist": "A"}
    rows(
        tmp_path / "exam/own_songs/tracks.csv",
        {"id": "1", **song, "genre": "electronic|pop"},
        {"id": "2", **song, "genre": "jazz"},
    )
    rows(tmp_path / "exam/emotify/tracks.csv", {"id": "1", "path": "rock.wav", "genre": "rock"})
    own = {"path": "rock.wav", "quadrant": "Q2"}
    rows(tmp_path / "data/panda4q/tracks.csv", *({"id": name, "artist": name, **own} for name in names))
    rows(tmp_path / "data/mirex_mood/tracks.csv", {"id": "1", "path": "rock.wav", "artist": "nobody"})
    rows(tmp_path / "data/artist_genres.csv", *({"artist": name, "genres": "rock|metal"} for name in names))
    found = measure.collections(tmp_path)
    assert [one.name for one in found] == ["own_songs", "emotify", "reserved"]
    assert 0 < len(found[2].tracks) < 20 and all(measure.is_reserved(t.group) for t in found[2].tracks)
    results = [measure.measured(one, load_model("earmark-base")) for one in found[:2]]
    own_songs, emotify = ({m["name"]: m["value"] for m in result["metrics"]} for result in results)
    assert own_songs["top genre"] == 0.5 and emotify["top genre"] == 1.0
    assert results[0]["called"]["jazz"]["electronic"] == 1
