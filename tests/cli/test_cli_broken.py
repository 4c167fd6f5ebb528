"""A folder as people have it: good files of every format among broken ones of two dozen kinds."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_cli import ECHO, Run, run  # noqa: F401 (run is a fixture)

import sounds
from music import band

GOOD = (
    "wav16",
    "wav24",
    "wavfloat",
    "flac",
    "mp3",
    "ogg",
    "opus",
    "m4a",
    "alac",
    "aiff16",
    "wma",
    "webm",
    "mp4",
)


def wav(y: np.ndarray, *, sr: int = 22050, channels: int = 1, float_samples: bool = False) -> bytes:
    """WAV by hand, so that its header may say anything."""
    samples = y.astype("<f4" if float_samples else "<i2").tobytes()
    width = 4 if float_samples else 2
    kind = 3 if float_samples else 1
    rate = min(sr * channels * width, 2**32 - 1)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, sr, rate, channels * width, 8 * width)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + len(data), b"WAVE") + fmt + data


def zipped() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("song.txt", "la la la")
        return file.getvalue()


def with_one(value: float) -> np.ndarray:
    y = band("rock", seconds=4).y.copy()
    y[30_000] = value
    return y


def song(fmt: str) -> bytes:
    sr = 48000 if fmt in ("opus", "webm") else 44100
    return sounds.encode(band("rock", seconds=4, sr=sr).y, sr, fmt)


PLAIN = (8000 * np.sin(np.arange(22050 * 4) / 10)).astype(np.int16)
ID3 = b"ID3\x04\x00\x00\x00\x00\x02\x00" + b"\x00" * 256
BROKEN: dict[str, Callable[[], bytes]] = {
    "empty.mp3": lambda: b"",
    "empty.wav": lambda: b"",
    "text.mp3": lambda: b"This is a text and no song.\n" * 50,
    "page.ogg": lambda: b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 20,
    "picture.mp3": lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 20,
    "picture.flac": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "paper.flac": lambda: b"%PDF-1.7\n" + b"1 0 obj <<>> endobj\n" * 100,
    "archive.m4a": zipped,
    "zeros.mp3": lambda: b"\x00" * 65536,
    "noise.opus": lambda: np.random.default_rng(0).bytes(20_000),
    "only_a_tag.mp3": lambda: ID3,
    "header.wav": lambda: wav(PLAIN)[:20],
    "no_samples.wav": lambda: wav(PLAIN[:0]),
    "no_channels.wav": lambda: wav(PLAIN, channels=0),
    "one_hertz.wav": lambda: wav(PLAIN, sr=1),
    "ten_megahertz.wav": lambda: wav(PLAIN, sr=10_000_000),
    "nan.wav": lambda: wav(with_one(np.nan), float_samples=True),
    "inf.wav": lambda: wav(with_one(np.inf), float_samples=True),
    "short.wav": lambda: wav(PLAIN[:2205]),
    "header.flac": lambda: song("flac")[:42],
    "first_page.ogg": lambda: song("ogg")[:58],
    "first_page.opus": lambda: song("opus")[:47],
    "no_index.m4a": lambda: song("m4a")[:4000],
    "silent.mp4": sounds.silent_video,
    "a_bit.mp3": lambda: song("mp3")[:100],
    "header.wma": lambda: song("wma")[:200],
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    for fmt in GOOD:
        (folder / f"good_{fmt}{sounds.suffix(fmt)}").write_bytes(song(fmt))
    for name, make in BROKEN.items():
        (folder / f"bad_{name}").write_bytes(make())
    os.symlink(folder / "nowhere.mp3", folder / "bad_link.mp3")
    os.symlink(folder, folder / "loop")
    (folder / "notes.txt").write_text("not to be found")
    return folder


def test_there_are_more_than_twenty_kinds() -> None:
    assert len(BROKEN) >= 20 and len({make() for make in BROKEN.values()}) >= 20


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_good_answered_all_bad_reported(run: Run, mixed: Path, jobs: int) -> None:  # noqa: F811
    outcome = run("classify", mixed, *ECHO, "--json", "--jobs", jobs)
    assert outcome.status == 1
    by_name = {Path(line["source"]).name: line for line in outcome.lines()}
    assert len(by_name) == len(outcome.lines()) == len(GOOD) + len(BROKEN) + 1
    for name, line in by_name.items():
        expected = "earmark.prediction/1" if name.startswith("good_") else "earmark.error/1"
        assert line["schema"] == expected, (name, line)
        if name.startswith("bad_"):
            assert line["error"]["code"] not in ("internal", "crash"), (name, line)
            assert line["error"]["message"].strip()
    assert outcome.err == "1 other file left out: 1 .txt\n"


def test_people_read_one_line_for_each(run: Run, mixed: Path) -> None:  # noqa: F811
    outcome = run("classify", mixed, *ECHO, "--jobs", 1)
    assert outcome.status == 1 and len(outcome.out.splitlines()) == len(GOOD)
    others, *errors, summary = outcome.err.splitlines()
    assert (
        others == "1 other file left out: 1 .txt"
        and len(errors) == len(BROKEN) + 1
        and all(line.startswith("error: ") for line in errors)
    )
    assert all("bad_" in line for line in errors)
    assert f"{len(BROKEN) + 1} not readable" in summary
    assert "Traceback" not in outcome.err


def test_features_list_the_bad_ones_at_the_end(run: Run, mixed: Path, tmp_path: Path) -> None:  # noqa: F811
    outcome = run("features", mixed, "-o", tmp_path / "table.csv", "--jobs", 1)
    assert outcome.status == 1
    # What is too short for a model's window can still be described.
    assert outcome.err.splitlines()[0] == "1 other file left out: 1 .txt"
    assert f"{len(GOOD) + 1} rows added" in outcome.err.splitlines()[1]
    assert len(outcome.err.splitlines()) == 3 + len(BROKEN)
