"""``earmark listen``: files that are replayed, a microphone of the test's own, pipes and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from test_cli import Run, run, write_wav  # noqa: F401 (run is a fixture)

from earmark.audio import microphone
from earmark.audio.microphone import Block, Device, Notice
from earmark.cli.live_view import line, view
from earmark.live import Session
from earmark.predict import SoundClass
from music import band
from voiced import Voiced

ECHO = ("--model", "echo")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("songs") / "song.wav", band("house", seconds=12))


def split(out: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Answers, and the prediction of the whole."""
    *answers, final = map(json.loads, out.splitlines())
    return answers, final


def test_the_last_line_is_what_classify_gives(run: Run, song: Path) -> None:  # noqa: F811
    outcome = run("listen", "--source", song, "--speed", 0, "--json")
    answers, final = split(outcome.out)
    assert outcome.status == 0 and outcome.err == ""
    assert final == run("classify", song, "--json").lines()[0]
    assert {answer["schema"] for answer in answers} == {"earmark.answer/1"}
    times = [answer["time"] for answer in answers]
    assert len(times) == 36 and times == sorted(times)
    assert answers[-1]["settled"] and answers[-1]["key"] == final["key"]


def test_standard_input(run: Run, song: Path) -> None:  # noqa: F811
    outcome = run("listen", "--source", "-", "--speed", 0, "--json", *ECHO, stdin=song.read_bytes())
    _, final = split(outcome.out)
    assert final == {**run("classify", song, "--json", *ECHO).lines()[0], "source": "-"}


def test_lines_for_people(run: Run, song: Path) -> None:  # noqa: F811
    outcome = run("listen", "--source", song, "--speed", 0, *ECHO)
    lines = outcome.out.splitlines()
    assert [text.split()[0] for text in lines[:9]] == [f"0:{second:02}" for second in range(3, 12)]
    assert "dBFS  music" in lines[0] and "song.wav  0:12" in outcome.out


def test_hop_window_and_duration(run: Run, song: Path) -> None:  # noqa: F811
    options = ("--source", song, "--speed", 0, "--json", *ECHO)
    answers, final = split(run("listen", *options, "--hop", 1, "--window", 5, "--duration", 9).out)
    assert len(answers) == 6 and final["duration"] == 9.0


def test_the_pace_is_that_of_the_clock(run: Run, song: Path) -> None:  # noqa: F811
    before = time.monotonic()
    run("listen", "--source", song, "--speed", 12, *ECHO)
    assert 1.0 < time.monotonic() - before < 5.0


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--source", "nothing.wav"), 1, "nothing.wav"),
        (("--window", 1), 2, "window=1.0"),
        (("--hop", 0), 2, "hop=0.0"),
        (("--prior", "nonsense"), 2, "prior"),
        (("--model", "nonsense"), 3, "nonsense"),
    ],
)
def test_what_is_not_accepted(run: Run, options: tuple, status: int, message: str) -> None:  # noqa: F811
    outcome = run("listen", *options)
    assert outcome.status == status and message in outcome.err and outcome.out == ""


def test_ctrl_c_ends_it_with_the_prediction_of_what_came(song: Path) -> None:
    command = [sys.executable, "-m", "earmark", "listen", "--source", str(song), "--json", *ECHO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0 and err == ""
    assert first["time"] == pytest.approx(3.0, abs=0.1)
    _, final = split(out)
    assert final["schema"] == "earmark.prediction/1" and 3.0 < final["duration"] < 9.0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_on_a_terminal_the_picture_is_renewed(song: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "earmark", "listen", "--source", str(song), "--speed", "6", *ECHO]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 0
    assert text.count("level") > 20 and "the first window fills" in text and "settling" in text
    assert "\x1b[2K" in text and text.count("song.wav") > 20  # lines are written over


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # on Linux, once the other side is closed
        return b""


# The microphone


class FakeMicrophone:
    """Plays a song, vanishes, comes back at another rate."""

    def __init__(self, name: str | None = None) -> None:
        self.device = Device(0, f"Fake {name}", "ALSA", 1, 22050, True)
        self.sr = 22050
        self.is_closed = False

    def __enter__(self) -> FakeMicrophone:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def __iter__(self):
        y = band("house", seconds=12).y
        for start in range(0, 5 * 22050, 1050):
            yield Block(y[start : start + 1050], 22050)
        yield Notice("Fake is gone: waiting for it")
        yield Notice("Fake is back")
        import soxr

        y = soxr.resample(y[5 * 22050 :], 22050, 48000)
        yield Block(y[2400:4800], 48000, n_dropped=2400)
        for start in range(4800, len(y), 2400):
            yield Block(y[start : start + 2400], 48000)
        raise KeyboardInterrupt


def test_a_microphone_that_vanishes_and_comes_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(microphone, "Microphone", FakeMicrophone)
    outcome = run("listen", "--device", "usb", "--json", *ECHO)
    answers, final = split(outcome.out)
    assert outcome.status == 0
    assert outcome.err == "Fake is gone: waiting for it\nFake is back\n"
    assert {answer["stream"] for answer in answers} == {0, 1}
    assert final["duration"] == pytest.approx(12.0, abs=0.02) and final["source"] is None


def test_devices_are_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    devices = (Device(1, "USB\x1b[31m", "ALSA", 1, 44100, True), Device(0, "Built-in", "", 2, 48000, False))
    monkeypatch.setattr(microphone, "input_devices", lambda: devices)
    outcome = run("listen", "--list-devices")
    assert "* USB\x1b[31m (ALSA), 44100 Hz, 1 channel" in outcome.out
    assert "  Built-in, 48000 Hz, 2 channels" in outcome.out


# The picture


def picture(renderable: Any) -> str:
    console = Console(width=80, record=True, file=open(os.devnull, "w"), color_system=None)  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def test_the_picture_keeps_its_height() -> None:
    session = Session("echo")
    music = session.push(band("house", seconds=10).y)
    silent = session.push(np.zeros(5 * 22050, np.float32))
    pictures = [view(None, top=6, width=80, what="it"), *(view(one, top=6, width=80, what="it") for one in (
        music[0], music[-1], silent[-1]))]  # fmt: skip
    texts = [picture(one) for one in pictures]
    assert {text.count("\n") for text in texts} == {15}
    assert "settling" in texts[1] and "BPM" in texts[2] and "silence" in texts[3]
    assert "waits" in picture(view(music[-1], top=6, width=80, what="it", notice="waits"))
    assert "-99 dBFS" in texts[3] and line(silent[-1], 3).split() == ["0:15", "-99", "dBFS", "silence"]


def rows_of(answer: Any, *heads: str) -> dict[str, str]:
    """Rows of the picture by their first word."""
    text = picture(view(answer, top=6, width=80, what="it", heads=heads))
    return {words[0]: " ".join(words[1:]) for row in text.splitlines() if (words := row.split())}


def test_the_picture_has_rows_of_sound_and_voice_from_a_model_that_gives_them() -> None:
    (*_, answer) = Session(Voiced()).push(band("house", seconds=4).y)
    rows = rows_of(answer, "sound", "voice")
    assert answer.sound is not None
    assert rows["voice"] == "sung 85 %"
    assert rows["sound"] == f"{answer.sound.label} {100 * answer.sound.scores[answer.sound.label]:.0f} %"
    assert {"mood", "tempo", "key"} <= set(rows)
    assert {"sound", "voice"} & set(rows_of(answer)) == set()


def test_what_is_not_music_is_called_by_what_it_sounds_like() -> None:
    (*_, answer) = Session("echo").push(band("house", seconds=4).y)
    speech = replace(answer, verdict="not-music", sound=SoundClass("speech", {"music": 0.1, "speech": 0.9}))
    rows = rows_of(speech, "sound", "voice")
    assert rows["it"].endswith("not music: speech 90 %") and rows["sound"] == "speech 90 %"
    assert rows["voice"] == rows["tempo"] == ""
    assert line(speech, 3).endswith("not-music  speech 90 %")
    unclear = replace(speech, sound=SoundClass("music", {"music": 0.4, "speech": 0.3, "noise": 0.3}))
    assert rows_of(unclear, "sound")["it"].endswith("not music") and line(unclear, 3).endswith("not-music")
