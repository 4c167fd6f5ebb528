"""A training that is killed ends with the same bytes; benchmarks/kill_resume.py does more of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from music import write_music

pytest.importorskip("torch")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.torch,
    pytest.mark.skipif(os.name != "posix", reason="signals"),
]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("data") / "music", n=5)


def started(music: Path, place: Path, *more: str) -> subprocess.Popen[bytes]:
    options = ["--output", str(place / "run"), "--cache", str(place / "cache"), *more]
    command = [sys.executable, "-m", "earmark", "train", str(music), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def bundle(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / "run" / "bundle").iterdir()}


def killed_when(process: subprocess.Popen[bytes], moment: Callable[[], bool], signum: int) -> int:
    """Wait for the moment, send the signal to that process alone, and give its exit status."""
    until = time.monotonic() + 120
    while not moment() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    assert process.poll() is None, process.communicate()
    process.send_signal(signum)
    process.communicate()
    return process.returncode


def test_a_network_killed_at_any_stage_ends_the_same(music: Path, tmp_path: Path) -> None:
    options = ("--model", "cnn", "--set", "epochs=3", "--augment", "gain,specaugment")
    peace, war = tmp_path / "peace", tmp_path / "war"
    assert started(music, peace, *options).wait(timeout=240) == 0

    def entries(n: int) -> Callable[[], bool]:
        return lambda: len(list((war / "cache").glob("*/*/*.npz"))) >= n

    def steps(n: int) -> Callable[[], bool]:
        log = war / "run" / "log.jsonl"
        return lambda: log.exists() and log.read_bytes().count(b'"step"') >= n

    for moment, signum, status in (
        (entries(3), signal.SIGKILL, -9),
        (entries(8), signal.SIGTERM, 143),
        (steps(1), signal.SIGKILL, -9),
        (steps(3), signal.SIGINT, 130),
    ):
        assert killed_when(started(music, war, *options), moment, signum) == status
        assert not (war / "run" / "bundle").exists()
    assert started(music, war, *options).wait(timeout=240) == 0
    assert bundle(war) == bundle(peace)
