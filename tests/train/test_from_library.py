"""A library as a data set to train on, and how far its labels and the sound agree."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from catalogues import row
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.errors import InputError
from earmark.library import Library, Tags
from earmark.train.from_library import check_labels, library_manifest
from music import write_music

STYLES = ("ballad", "house", "rock")
N = 10


def put_tracks(library: Library, music: Path) -> None:
    """Tracks of three styles, by two tracks an artist; the embeddings of a style lie together."""
    rng = np.random.default_rng(0)
    for i, style in enumerate(STYLES):
        for j in range(N):
            embedding = np.eye(8)[i] + 0.2 * rng.standard_normal(8)
            tags = Tags(artist=f"{style} {j // 2}", genres=(style.title(),))
            library.put(row(str(music / style / f"{j:02}.wav"), embedding, tags=tags))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite")
    put_tracks(library, tmp_path / "music")
    return library


def test_labels_of_few_tracks_are_left_out_and_named(library: Library) -> None:
    library.put(row("/polka.mp3", np.ones(8), tags=Tags(genres=("Polka",))))
    found = library_manifest(library, names={"HOUSE": "dance"})
    assert found.counts() == {"ballad": N, "dance": N, "rock": N} and len(set(found.groups)) == 15
    assert found.notes == ("1 tracks of 1 labels with fewer than 5 are left out: polka",)
    with pytest.raises(InputError, match=r"too few labels of 5 tracks: rock 10. Try: --map"):
        library_manifest(library, query="tag:rock")


def test_a_tag_that_the_sound_contradicts_is_found(library: Library) -> None:
    wrong = next(iter(library.rows([3])))
    library.correct(3, genres=["rock"])
    found = check_labels(library, library_manifest(library))
    assert found is not None and found.n == 3 * N and found.kappa > 0.9
    assert found.agreed == pytest.approx((3 * N - 1) / (3 * N))
    assert found.by_label["rock"] == (N + 1, pytest.approx(N / (N + 1)))
    assert [(one.path, one.label, one.likely) for one in found.wrong] == [(wrong.path, "rock", "ballad")]
    assert next(csv.DictReader(found.csv().splitlines()))["likely"] == "ballad"


def test_labels_by_chance_agree_as_by_chance(library: Library) -> None:
    for id in range(1, 3 * N + 1):
        library.correct(id, genres=[STYLES[id % 3]])
    found = check_labels(library, library_manifest(library))
    assert found is not None and abs(found.kappa) < 0.35


def test_without_embeddings_there_is_no_check(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        for i in range(12):
            library.put(row(f"/{i}.mp3", tags=Tags(genres=(STYLES[i % 2],))))
        assert check_labels(library, library_manifest(library)) is None


def test_train_takes_the_library_and_reports_what_looks_wrong(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    write_music(tmp_path / "music", n=N)
    with Library(tmp_path / "mine.sqlite") as library:
        put_tracks(library, tmp_path / "music")
        library.correct(3, genres=["Rock"])
    made = run("train", "--label", "genre", "--library", "mine.sqlite", "--where", "-tag:none", "-o", "run")
    assert made.status == 0, made.err
    assert (
        "labels and sound agree on 97 % of 30 tracks (kappa 0.95), 1 label looks wrong" in made.err
        and "02.wav: rock" in made.err
    )
    page = Path("run/report.html").read_text()
    assert "Labels and sound" in page and "look wrong" in page
    assert "02.wav,rock," in Path("run/labels.csv").read_text()
    again = run("train", "--label", "genre", "--library", "mine.sqlite", "--where", "-tag:none", "-o", "run")
    assert again.status == 0, again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no data set"),
        (("music", "--label", "genre"), "music and --label"),
        (("music", "--where", "jazz"), "--where or --map without --label"),
        (("--label", "key", "--library", "library.sqlite"), "source='key'"),
        (("--label", "genre", "--library", "none.sqlite"), "there is no library"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    run: Run,  # noqa: F811
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(library.path.parent)
    refused = run("train", *arguments)
    assert refused.status == 2 and message in refused.err
