"""The commands, as a user and as a program meet them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalogues import row as row_of

from earmark import __version__
from earmark.audio import Clip
from earmark.cli.app import app
from earmark.cli.commands.classify import MANY
from earmark.cli.render import card, strip
from earmark.cli.render import row as line_of
from earmark.cli.sources import jobs_for
from earmark.cli.terminal import complaint, printable, say
from earmark.errors import InputError
from earmark.predict import Prediction, Score, Segment
from earmark.vocabulary import GENRES, QUADRANTS
from music import band
from sounds import write
from voiced import save_voiced

ECHO = ("--model", "echo")
LEFT_OUT = "1 other file left out: 1 .txt\n"  # what is reported of the fixture `folder`


@dataclass
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call a command in this process."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*args: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            app([str(arg) for arg in args], prog_name="earmark")
        signal.signal(signal.SIGTERM, before)
        out, err = capfd.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    monkeypatch.setenv("COLUMNS", "100")
    return call


def write_wav(path: Path, clip: Clip) -> Path:
    write(path, clip.y, clip.sr, "wav16")
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("songs") / "song.wav", band("house", seconds=9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two styles, in a folder within a folder, and a text file that is not sound."""
    (tmp_path / "music" / "more").mkdir(parents=True)
    write_wav(tmp_path / "music" / "a.wav", band("rock", seconds=4))
    write_wav(tmp_path / "music" / "more" / "b.wav", band("ballad", seconds=4))
    (tmp_path / "music" / "notes.txt").write_text("not sound")
    return tmp_path / "music"


# ---------------------------------------------------------------- classify


def test_a_card_tells_genres_mood_tempo_key_and_the_song_as_a_strip(run: Run, song: Path) -> None:
    outcome = run("classify", song, *ECHO, "--top", 3)
    assert outcome.status == 0 and outcome.err == ""
    lines = outcome.out.splitlines()
    assert "song.wav  0:09" in lines[0]
    bars = [line for line in lines if "━" in line]
    assert len(bars) == 3 and all(re.search(r"\d+ %$", line) for line in bars)
    assert re.search(r"^  tempo +12\d BPM$", outcome.out, re.M)
    assert re.search(r"^  key +A minor$", outcome.out, re.M)
    assert re.search(r"^  mood +\S.*\n {9}valence [01]\.\d\d  arousal [01]\.\d\d$", outcome.out, re.M)
    assert re.search(r"^  0:00 A[A-C]+ 0:09$", outcome.out, re.M)  # no colours in a pipe: letters
    assert re.search(r"^ +A \S+ \d+ %", outcome.out, re.M)
    assert max(map(len, lines)) <= 100


def test_json_is_one_prediction_a_line(run: Run, folder: Path) -> None:
    outcome = run("classify", folder, *ECHO, "--json", "--jobs", 1)
    assert outcome.status == 0 and outcome.err == LEFT_OUT
    first, second = outcome.lines()
    assert first["schema"] == second["schema"] == "earmark.prediction/1"
    assert [first["source"], second["source"]] == [str(folder / "a.wav"), str(folder / "more" / "b.wav")]
    assert {genre["label"] for genre in first["genres"]} == set(GENRES)
    assert "embedding" not in first
    assert Prediction.from_dict(first).verdict == "music"


def test_workers_answer_as_one_process_does(run: Run, folder: Path) -> None:
    alone = run("classify", folder, *ECHO, "--json", "--jobs", 1)
    together = run("classify", folder, *ECHO, "--json", "--jobs", 2, "--embedding")
    assert [line | {"embedding": None} for line in together.lines()] == [
        line | {"embedding": None} for line in alone.lines()
    ]
    assert len(together.lines()[0]["embedding"]) == 16


def test_csv_has_a_column_for_each_genre(run: Run, folder: Path) -> None:
    outcome = run("classify", folder, *ECHO, "--csv", "--embedding", "--jobs", 1)
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["source"] for row in rows] == [str(folder / "a.wav"), str(folder / "more" / "b.wav")]
    for row in rows:
        scores = {label: float(row[label]) for label in GENRES}
        assert scores[row["genre"]] == max(scores.values())
        assert float(row["duration"]) == pytest.approx(4, abs=0.01) and row["verdict"] == "music"
        assert all(0 <= float(row[f"embedding_{i}"]) <= 1 for i in range(16))
        assert (
            row["quadrant"] in QUADRANTS and 0 < float(row["valence"]) < 1 and 0 < float(row["arousal"]) < 1
        )


def test_voice_and_instruments_of_a_model_that_has_them(run: Run, song: Path, tmp_path: Path) -> None:
    model = ("--model", save_voiced(tmp_path / "voiced"))
    shown = run("classify", song, *model)
    assert re.search(r"^  voice +sung 85 %\n  plays +drums, piano$", shown.out, re.M)
    assert re.search(r"^ +valence 0\.81  arousal 0\.16$", shown.out, re.M)
    (row,) = csv.DictReader(io.StringIO(run("classify", song, *model, "--csv").out))
    assert (row["voice"], row["instruments"], row["valence"]) == ("sung", "drums; piano", "0.8123")
    (row,) = csv.DictReader(io.StringIO(run("classify", song, *ECHO, "--csv").out))
    assert (row["voice"], row["instruments"]) == ("", "")
    listed = run("models", tmp_path / "voiced").out.replace("\n", " ")
    assert "instrumental, sung, rapped, spoken (softmax)" in listed and "(amount)" in listed


def test_csv_of_segments(run: Run, song: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("classify", song, *ECHO, "--csv", "--timeline").out)))
    (prediction,) = run("classify", song, *ECHO, "--json").lines()
    assert [(float(row["start"]), row["genre"]) for row in rows] == [
        (segment["start"], segment["genres"][0]["label"]) for segment in prediction["segments"]
    ]


def test_silence_has_no_genre(run: Run, tmp_path: Path) -> None:
    silence = write_wav(tmp_path / "silence.wav", Clip(np.zeros(22050 * 4, np.float32), 22050))
    (row,) = csv.DictReader(io.StringIO(run("classify", silence, *ECHO, "--csv").out))
    assert row["verdict"] == "silence" and row["genre"] == row["mood"] == row["key"] == row["tempo"] == ""
    assert row["quadrant"] == row["valence"] == row["arousal"] == ""
    assert row["tempo_confidence"] == row["key_confidence"] == ""
    assert run("classify", silence, *ECHO).out.split("\n")[0].endswith("silence: nothing to hear")
    assert run("classify", silence, *ECHO, "--labels", "audacity").out == ""


def test_labels_for_audacity_cover_the_song_without_overlap(run: Run, song: Path) -> None:
    outcome = run("classify", song, *ECHO, "--labels", "audacity")
    spans = [line.split("\t") for line in outcome.out.splitlines()]
    assert float(spans[0][0]) == 0 and float(spans[-1][1]) == pytest.approx(9, abs=0.05)
    for (_, end, label), (start, _, other) in pairwise(spans):
        assert start == end and label != other and label in GENRES


def test_timeline_lists_the_segments(run: Run, song: Path) -> None:
    outcome = run("classify", song, *ECHO, "--timeline")
    starts = re.findall(r"^ +(\d+\.\d) +\d+\.\d s  ■", outcome.out, re.M)
    (prediction,) = run("classify", song, *ECHO, "--json").lines()
    assert starts == [f"{segment['start']:.1f}" for segment in prediction["segments"]]


def test_standard_input(run: Run, song: Path) -> None:
    outcome = run("classify", "-", *ECHO, "--json", stdin=song.read_bytes())
    (line,) = outcome.lines()
    assert outcome.status == 0 and line["source"] == "-"
    assert jobs_for(["-", "a", "b", "c", "d"], 8) == 1  # workers have no standard input
    assert jobs_for(["a", "b", "c"], None) == 1 and jobs_for(["a", "b"], 8) == 2
    assert "standard input" in run("classify", "-", *ECHO, stdin=song.read_bytes()).out


def test_excerpts(run: Run, tmp_path: Path) -> None:
    long = write_wav(tmp_path / "long.wav", band("rock", seconds=70))
    (line,) = run("classify", long, *ECHO, "--json", "--excerpt").lines()
    assert line["coverage"] == "3x10" and line["duration"] == pytest.approx(70, abs=0.01)
    assert line["segments"][-1]["end"] < 65


def test_excerpts_of_a_long_file_are_in_its_strip() -> None:
    genres = (Score("rock", 0.9),)
    segments = tuple(Segment(start, start + 3.0, genres) for start in (600.0, 603.0, 1800.0, 3000.0))
    prediction = replace(row_of("/mix.mp3").prediction, duration=3600.0, segments=segments)
    shown = strip(prediction, 60, colours=False).plain
    assert [i for i, c in enumerate(shown) if c == "A"] == [10, 30, 50] and set(shown) == {"A", "·"}


def test_many_files_get_one_line_each(run: Run, tmp_path: Path) -> None:
    clip = band("house", seconds=4)
    for i in range(5):
        write_wav(tmp_path / f"{i}.wav", clip)
    outcome = run("classify", tmp_path, *ECHO, "--jobs", 1)
    lines = outcome.out.splitlines()
    assert len(lines) == 5
    assert outcome.err.startswith("5 files: 5 ")
    for i, line in enumerate(lines):
        assert re.search(rf"%.*BPM.*m[ai][jn]or.*{i}\.wav$", line)


def test_a_line_marks_what_is_unsure() -> None:
    from rich.console import Console

    sure = row_of("/m/a.mp3", genres={"rock": 0.4}, tempo=120.0).prediction
    lines = [line_of(each, Console(width=80)).plain for each in (sure, replace(sure, verdict="unsure"))]
    assert "40 %  " in lines[0] and lines[1] == lines[0].replace("40 % ", "40 %?")


def test_a_picture_that_cannot_be_drawn_is_refused_before_any_work(
    run: Run, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("classify", song, *ECHO, "--plot", tmp_path / "out.png")
    assert (outcome.status, outcome.out) == (4, "") and "earmark[plot]" in outcome.err


def test_plot(run: Run, song: Path, tmp_path: Path) -> None:
    outcome = run("classify", song, *ECHO, "--json", "--plot", tmp_path / "out.png")
    assert outcome.status == 0 and len(outcome.lines()) == 1
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG") and "drew" in outcome.err


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["no.mp3"], 1, r"^error: .*no\.mp3"),
        (["{song}", "--model", "ecco"], 3, r"^error: .*ecco.*echo"),
        (
            ["{song}", "--json", "--csv"],
            2,
            r"^error: --json and --csv exclude each other\. Try: one of them\.$",
        ),
        (["{song}", "{song}2", "--labels", "audacity"], 2, r"^error: --labels takes one file, there are 2"),
        (["{song}", "--plot", "out.bmp"], 2, r"^error: .*\.bmp.*\.png"),
        (["{song}", "--plot", "/no/where/out.png"], 2, r"^error: --plot .*no such folder"),
        (["{song}", "--model", "dummy", "--embedding"], 2, r"^error: model 'dummy' has no embedding"),
    ],
)
def test_errors_are_one_line(run: Run, song: Path, args: list[str], status: int, message: str) -> None:
    given = [arg.format(song=song) for arg in args]
    outcome = run("classify", *given, *([] if "--model" in args else ECHO))
    assert outcome.status == status and outcome.out == ""
    assert re.search(message, outcome.err) and outcome.err.count("\n") == 1


def test_a_folder_without_sound(run: Run, tmp_path: Path) -> None:
    outcome = run("classify", tmp_path, *ECHO)
    assert outcome.status == 1 and outcome.err.startswith(f"error: no sound files in {tmp_path}")


@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_files_do_not_stop_the_good(run: Run, folder: Path, jobs: int) -> None:
    (folder / "aa.mp3").write_bytes(b"")
    outcome = run("classify", folder, folder / "gone.mp3", *ECHO, "--json", "--jobs", jobs)
    assert outcome.status == 1 and outcome.err == LEFT_OUT
    good, bad, also_good, gone = outcome.lines()
    assert good["source"].endswith("a.wav") and also_good["source"].endswith("b.wav")
    assert bad["schema"] == "earmark.error/1" and bad["source"] == str(folder / "aa.mp3")
    assert bad["error"]["code"] == "empty" and bad["error"]["message"]
    assert gone["error"]["code"] == "not-found"
    table = run("classify", folder, *ECHO, "--csv", "--jobs", jobs)
    assert table.status == 1 and len(table.out.splitlines()) == 3
    assert "aa.mp3" in table.err and table.err.replace(LEFT_OUT, "").count("\n") == 1


def test_a_fault_of_ours_is_reported_in_one_line(
    run: Run, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("earmark.cli.commands.classify._format", broken)
    outcome = run("classify", song)
    assert outcome.status == 1
    hint = "Try: EARMARK_DEBUG=1, which shows where; this is a fault of earmark."
    assert outcome.err == f"error: ZeroDivisionError: oh no. {hint}\n"
    monkeypatch.setenv("EARMARK_DEBUG", "1")
    assert "Traceback" in run("classify", song).err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("options", [["--json"], ["--csv"], []])
def test_a_full_disk_is_no_fault_of_ours(song: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "earmark", "classify", str(song), *ECHO, *options]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 5
    assert done.stderr == (
        "error: cannot write the output: No space left on device. Try: free some space, or write elsewhere.\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="names that are no UTF-8")
def test_odd_names(run: Run, tmp_path: Path) -> None:
    clip = band("rock", seconds=4)
    names = [
        b"caf\xe9.wav",
        b"new\nline.wav",
        b"esc\x1b[31m.wav",
        "日本 🎵.wav".encode(),
        b"-dash.wav",
        b"[bold]x.wav",
    ]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            write(file, clip.y, clip.sr, "wav16")
    found = {os.fsencode(line["source"]) for line in run("classify", tmp_path, *ECHO, "--json").lines()}
    assert found == {os.path.join(os.fsencode(tmp_path), name) for name in names}
    outcome = run("classify", tmp_path, *ECHO)
    assert outcome.status == 0 and len(outcome.out.splitlines()) == len(names)
    assert "\x1b" not in outcome.out and "caf�.wav" in outcome.out and "[bold]x.wav" in outcome.out


@pytest.mark.parametrize("text", ["\ud800 \udfff", "\udce9", "\x00\x1b[31m", "\u202e\u2028"])
def test_what_is_no_character_is_shown_as_such(text: str) -> None:
    shown = printable(f"a{text}é日🎵")
    assert shown.startswith("a�") and shown.endswith("é日🎵") and shown.isprintable()
    assert shown.encode("utf-8")


@pytest.mark.parametrize("text", ["\ud800 \udfff", "\udce9", "\x00\x1b[31m", "\u202e\u2028"])
def test_an_error_that_names_odd_characters_is_printed_as_one_plain_line(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say(complaint(InputError(text), text))
    line = capsys.readouterr().err
    assert line.endswith("\n") and line[:-1].isprintable() and line.startswith("error: ")


def test_what_is_not_music_has_no_genre_in_tables_and_label_tracks(tmp_path: Path, run: Run) -> None:
    noise = write(
        tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(7 * 22050), 22050, "wav16"
    )
    (told,) = run("classify", noise, "--json").lines()
    assert (told["verdict"], told["tempo"], told["key"]) == ("not-music", None, None)
    shown = run("classify", noise).out
    copies = [Path(shutil.copy(noise, tmp_path / f"copy {i}.wav")) for i in range(MANY)]
    lines = run("classify", *copies, "--jobs", 1).out  # a file that is named twice is classified once
    assert "not music: noise" in shown and lines.count("not-music   noise") == MANY
    assert "0:00" not in shown  # no strip that names a genre from end to end
    labels = [line.split()[0] for line in shown.splitlines() if "━" in line]
    assert labels[0] == "noise" and not {*labels} & {*GENRES}  # bars of the kinds of sound, none of a genre
    label_track = run("classify", noise, "--labels", "audacity").out.strip().split("\t")
    assert (label_track[0], label_track[2]) == ("0.000", "not-music")
    for options in ([], ["--timeline"]):
        header, *rows = csv.reader(run("classify", noise, "--csv", *options).out.splitlines())
        assert rows and all(row[header.index("genre")] == "" for row in rows)


def test_a_terminal_without_colours_or_unicode(song: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    (facts,) = run("classify", song, *ECHO, "--json").lines()
    for environment, letters in (({}, False), ({"NO_COLOR": "1"}, True)):
        terminal = Console(
            file=io.StringIO(), force_terminal=True, color_system="256", width=60, _environ=environment
        )
        terminal.print(card(Prediction.from_dict(facts), terminal, top=2))
        assert bool(re.search(r"0:00.* A+", terminal.file.getvalue())) == letters  # type: ignore[attr-defined]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "COLUMNS": "60"}
    out, err = earmark("classify", song, *ECHO, "--top", 1, env=plain).communicate(timeout=60)
    assert err == b"" and re.search(rb"^  \S+ +#+[+-]* ", out, re.M) and out.isascii()


# ---------------------------------------------------------------- as a process


def earmark(*args: object, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "earmark", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_version() -> None:
    out, _ = earmark("--version").communicate(timeout=60)
    assert out.decode() == f"earmark {__version__}\n"


def test_version_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['earmark', '--version']\n"
        "from earmark.cli import main; main(); print({'numpy', 'typer', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"earmark {__version__}\nset()\n"


def test_commands_load_no_heavy_room_before_they_run() -> None:
    heavy = "{'onnxruntime', 'av', 'soundfile', 'matplotlib', 'pyarrow', 'rich', 'numpy'}"
    code = f"import sys, earmark.cli.app; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.fixture
def long_list(tmp_path: Path) -> Path:
    """A folder of 400 minutes of sound, on the disk only once."""
    first = write_wav(tmp_path / "0.wav", band("rock", seconds=60))
    for i in range(1, 400):
        os.link(first, tmp_path / f"{i}.wav")
    return tmp_path


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals")
@pytest.mark.parametrize("form", ["--json", "--csv", "--timeline"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_reader_that_leaves_early_is_no_error(long_list: Path, form: str, jobs: int) -> None:
    process = earmark("classify", long_list, *ECHO, form, "--jobs", jobs)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_output_is_whole(long_list: Path, signum: int, status: int, jobs: int) -> None:
    process = earmark("classify", long_list, *ECHO, "--json", "--jobs", jobs)
    assert process.stdout is not None and process.stderr is not None
    lines = [process.stdout.readline()]
    process.send_signal(signum)
    lines += process.stdout.readlines()
    err = process.stderr.read()
    assert process.wait(timeout=60) == status
    assert 1 <= len(lines) < 400 and lines[-1].endswith(b"\n")
    assert all(json.loads(whole)["schema"] == "earmark.prediction/1" for whole in lines)
    assert b"Traceback" not in err


IN_A_CALLBACK = """
import runpy, signal, sys
from earmark.audio.decode import soundfile as pcm

signum, read, lengths = int(sys.argv.pop()), pcm._WatchedFile.read, []

def interrupted(file, n):
    lengths.append(n)
    if len(lengths) == 3:
        signal.raise_signal(signum)
    return read(file, n)

pcm._WatchedFile.read = interrupted
runpy.run_module("earmark", run_name="__main__")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_libsndfile_reads_is_not_lost(long_list: Path, signum: int, status: int) -> None:
    """Python raises nothing out of a callback, so that the signal went by, and the file looked shorter."""
    # A single file is processed in the process of the command, which is where the signal arrives.
    args = ["classify", long_list / "0.wav", *ECHO, "--json", str(int(signum))]
    command = [sys.executable, "-c", IN_A_CALLBACK, *args]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode == status
    assert b"Exception ignored" not in done.stderr
    assert done.stdout == b""


# ---------------------------------------------------------------- the other commands


def test_spectrogram(run: Run, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("spectrogram", song, "--dpi", 40).status == 0
    assert (tmp_path / "song.png").read_bytes().startswith(b"\x89PNG")
    outcome = run("spectrogram", "-", "-o", "x.svg", "--start", 1, "--duration", 2, stdin=song.read_bytes())
    assert outcome.status == 0 and outcome.out == "" and (tmp_path / "x.svg").exists()
    assert run("spectrogram", song, "--duration", 0).status == 2
    assert run("spectrogram", song, "-o", "x.bmp").status == 2
    assert run("spectrogram", song, "-o", "no/where.png").status == 2
    assert run("spectrogram", "gone.mp3").status == 1


def test_models(run: Run) -> None:
    listed = run("models")
    assert listed.status == 0 and re.search(r"^  echo +\S", listed.out, re.M)
    names = {entry["name"] for entry in json.loads(run("models", "--json").out)}
    assert {"echo", "dummy"} <= names
    card = run("models", "echo")
    assert card.status == 0 and "blues, classical, country" in card.out.replace("\n", " ")
    assert json.loads(run("models", "echo", "--json").out)["name"] == "echo"
    assert run("models", "ecco").status == 3


def test_models_shows_the_parameters_of_a_family(run: Run) -> None:
    shown = run("models", "svm")
    assert shown.status == 0
    assert re.search(
        r"^  C +3.0: a number above 0; tuned over 0.3 to 100 \(logarithmic\) *$", shown.out, re.M
    )
    assert re.search(r"^  class_weight +'balanced': 'balanced' or None *$", shown.out, re.M)
    found = json.loads(run("models", "svm", "--json").out)
    assert {"name": "folds", "default": 5, "accepted": "a whole number, 2 or more", "search": None} in found[
        "parameters"
    ]


def test_doctor(run: Run) -> None:
    outcome = run("doctor", "--quick")
    assert outcome.status == 0, outcome.out
    for what in ("earmark", "numpy", "onnxruntime", "codecs", "microphone"):
        assert re.search(rf"^  (ok|--)  {what} +\S", outcome.out, re.M)


def test_demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run("demo", *ECHO)
    assert outcome.status == 0 and (tmp_path / "demo.wav").stat().st_size > 1_000_000
    assert "demo.wav  0:30" in outcome.out and "classify SONG.mp3" in outcome.err
    assert run("demo", *ECHO, "-o", tmp_path / "no" / "demo.wav").status == 5


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current folder of a user, with files of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_keeps_a_file_of_its_name_that_somebody_made(run: Run, elsewhere: Path) -> None:
    (elsewhere / "demo.wav").write_bytes(b"my first song")
    assert run("demo", *ECHO).status == 0
    assert (elsewhere / "demo.wav").read_bytes() == b"my first song"
    assert (elsewhere / "demo-2.wav").read_bytes()[:4] == b"RIFF"
    assert run("demo", *ECHO).status == 0 and not (elsewhere / "demo-3.wav").exists()  # its own, once
    assert run("demo", *ECHO, "--force").status == 0
    assert (elsewhere / "demo.wav").read_bytes()[:4] == b"RIFF"


def test_a_picture_that_nobody_named_replaces_nothing(run: Run, song: Path, elsewhere: Path) -> None:
    cover = elsewhere / "song.png"
    cover.write_bytes(b"the cover")
    refused = run("spectrogram", song, "--duration", 1)
    assert refused.status == 2 and "song.png exists" in refused.err and "--force" in refused.err
    assert cover.read_bytes() == b"the cover"
    assert run("spectrogram", song, "--duration", 1, "--output", elsewhere / "named.png").status == 0
    assert run("spectrogram", song, "--duration", 1, "--force").status == 0
    assert cover.read_bytes()[:4] == b"\x89PNG"


def test_a_dangling_link_is_not_written_through(run: Run, song: Path, elsewhere: Path) -> None:
    (elsewhere / "song.png").symlink_to(elsewhere / "gone" / "elsewhere.png")
    assert run("spectrogram", song, "--duration", 1).status == 2
