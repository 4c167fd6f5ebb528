"""Nothing that a name holds is obeyed by the terminal, whichever command prints it."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import Run, run, write_wav  # noqa: F401 (run is a fixture)

from earmark.cli.terminal import console, printable, say, write_line
from music import band

pytestmark = pytest.mark.skipif(os.name != "posix", reason="such names are not allowed")

# Colour, title of the window, a line of its own, return, reversed direction, a byte that is no text.
EVIL = "a\x1b[31m\x1b]0;title\x07\nerror: forged\r\u202egnp\u2066\udcff\x9b31m"
FORBIDDEN = ("\x1b[31m", "\x1b]0", "\x07", "\u202e", "\u2066", "\x9b", "\r")


def assert_harmless(text: str) -> None:
    for code in FORBIDDEN:
        assert code not in text, f"{code!r} in {text!r}"
    assert not any(line.startswith("error: forged") for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("é日🎵", "é日🎵"),
        ("全角\u3000空白\u00a0x", "全角\u3000空白\u00a0x"),  # spaces of other scripts are no danger
        ("👨\u200d👩", "👨\u200d👩"),
        ("\x1b[31m\n\r\t\x07", "�[31m����"),
        ("\u202e\u2066\u2028\udcff\x9b", "�����"),
    ],
)
def test_what_the_terminal_would_obey_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_way_to_the_terminal_replaces_it(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    say(EVIL)
    table = Table(EVIL)
    table.add_row(EVIL)
    for printed in (EVIL, Text(EVIL.replace("\n", "")), table):
        console().print(printed, soft_wrap=True)
    console(stderr=True).print(EVIL)
    console().out(EVIL.replace("\n", ""))
    outcome = capsys.readouterr()
    assert_harmless(outcome.out)
    assert_harmless(outcome.err)


def test_programs_get_names_as_they_are_and_terminals_do_not(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    write_line("\x1b[31m\udcff")
    assert capfdbinary.readouterr().out == b"\x1b[31m\xff\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    write_line("\x1b[31m\udcff")
    assert b"\x1b" not in capfdbinary.readouterr().out


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in which every name is hostile: folders, a song, what is no song."""
    root = tmp_path_factory.mktemp("evil")
    for label in ("rock", EVIL):
        folder = root / label
        folder.mkdir()
        write_wav(root / "song.wav", band("rock", seconds=4)).rename(folder / f"{EVIL}.wav")
        (folder / f"broken {EVIL}.mp3").write_bytes(b"not sound")
    return root


COMMANDS = [
    ("classify", "{dir}", "--model", "echo"),
    ("classify", "{dir}", "--model", "echo", "--timeline"),
    ("classify", "{song}", "--model", "echo"),
    ("classify", "{broken}"),
    ("classify", "{dir}/missing\x1b[31m\n.mp3"),
    ("features", "{dir}", "-o", "{out}\x1b[31m.csv"),
    ("spectrogram", "{broken}"),
    ("check", "{dir}", "--model", "none"),
    ("train", "{dir}", "--model", "logistic", "-o", "{out}\x1b[31mrun"),
    ("evaluate", "echo", "{dir}"),
    ("compare", "echo", "dummy", "{dir}"),
    ("tune", "{dir}", "--model", "svm", "-o", "{out}"),
    ("importance", "{dir}"),
    ("models", "{dir}"),
    ("cache", "--cache", "{dir}"),
    ("demo", "--model", "{dir}"),
    ("doctor", "{song}"),
    ("classify", "--jobs", "{song}"),
    ("{song}",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_lets_a_name_through(
    run: Run,  # noqa: F811
    evil: Path,
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    folder = evil / EVIL
    song, broken = folder / f"{EVIL}.wav", folder / f"broken {EVIL}.mp3"
    outcome = run(
        *(part.format(dir=evil, song=song, broken=broken, out=tmp_path / "out") for part in command)
    )
    assert outcome.out or outcome.err
    assert_harmless(outcome.out)
    assert_harmless(outcome.err)


def test_csv_on_a_terminal_is_harmless_and_in_a_pipe_exact(evil: Path) -> None:
    song = str(evil / EVIL / f"{EVIL}.wav")
    command = [sys.executable, "-m", "earmark", "classify", song, "--csv", "--model", "echo"]
    piped = subprocess.run(command, capture_output=True, check=True).stdout.decode(errors="surrogateescape")
    header, row = csv.reader(io.StringIO(piped, newline=""))
    assert row[0] == song and len(row) == len(header)
    ours, theirs = pty.openpty()
    subprocess.run(command, stdout=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode(errors="replace").replace("\r\n", "\n")
    os.close(ours)
    for code in FORBIDDEN:
        assert code not in shown
