"""Pages and commands: everything that was measured can be read, the leak is said beside every figure."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from test_cli import Run, run  # noqa: F401 (fixtures)
from test_evaluate import GROUPED, PLAIN, SR, Ear, HalfDeaf, Make, made, sounds, tone  # noqa: F401 (fixtures)

from earmark.data import write_manifest
from earmark.evaluate import compare, evaluate
from earmark.evaluate.html import comparison_page, evaluation_page
from sounds import write

EXTRA = (("broken", "low", "d"), ("silence", ""))


class Words(HTMLParser):
    """Text of each section, and how many players it has."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.sections = re.findall(r"<h2>(.*?)</h2>", document)
        self.text, self.players, self._skip = "", 0, False
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skip = tag == "style"
        self.players += tag == "audio"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._skip else data + " "


def test_the_page_tells_all(made: Make) -> None:  # noqa: F811
    done = evaluate(Ear(), made(*PLAIN, *EXTRA))
    read = Words(evaluation_page(done))
    assert read.sections == [
        "At a glance", "Classes", "Confusion", "Confidence", "Confident errors", "Artists with most errors",
        "Not of any class", "Not read", "All tracks",
    ]  # fmt: skip
    for figure in done.metrics:
        assert figure.text in read.text and figure.name in read.text
    for text in (done.subset.digest, "3 of 4 tracks", "4 broken", "3 mid1", *done.notes):
        assert text in read.text
    assert read.players == 1 and "leaky" not in read.text.lower()
    assert Words(evaluation_page(done, sound=False)).players == 0


def test_the_excerpt_is_the_sound_of_the_mistake(made: Make) -> None:  # noqa: F811
    import base64

    from earmark.audio import load

    page = evaluation_page(evaluate(Ear(), made(*PLAIN)))
    found = re.search(r'src="data:audio/[a-z]+;base64,([^"]+)"', page)
    assert found
    clip = load(base64.b64decode(found[1]))
    spectrum = np.abs(np.fft.rfft(clip.y[: clip.sr]))
    assert spectrum.argmax() == pytest.approx(900, abs=3)


def test_a_perfect_model_has_no_section_of_mistakes(made: Make) -> None:  # noqa: F811
    read = Words(evaluation_page(evaluate(Ear(), made(*PLAIN[:3]))))
    assert "Confident errors" not in read.sections and "100 %" in read.text


def test_every_figure_of_a_leaky_page_says_so(made: Make) -> None:  # noqa: F811
    done = evaluate(Ear(), made(*GROUPED), split="windows", n_resamples=20)
    page = evaluation_page(done)
    assert page.count(" leaky</b>") == len(done.metrics)
    for heading in ("Classes", "Confusion", "Confidence"):
        section = page[page.index(f"<h2>{heading}</h2>") :].split("</section>")[0]
        assert "leaky" in section.lower(), heading


def test_labels_and_names_cannot_break_the_page(sounds: Path) -> None:  # noqa: F811
    from earmark.data import Manifest, Track

    tracks = (
        Track("<b>1</b>", str(sounds / "low0.wav"), ("<i>",), "<u>&"),
        Track("2", str(sounds / "mid0.wav"), ("mid",)),
    )
    page = evaluation_page(evaluate(Ear(), Manifest(tracks), mapping={"<i>": "mid"}))
    assert "<b>1</b>" not in page and "&lt;b&gt;1&lt;/b&gt;" in page and "<u>&" not in page


def test_the_comparison_shows_both_and_who_alone_is_right(made: Make) -> None:  # noqa: F811
    rows = [
        (name, "hip-hop" if name.startswith("high") else "low", f"g{i}")
        for i, name in enumerate(["high0", "high1", "low0"])
    ]
    done = compare(HalfDeaf(name="deaf"), Ear(), made(*rows), n_resamples=50)
    read = Words(comparison_page(done))
    assert read.sections == ["At a glance", "Only ear is right"] and done.verdict in read.text
    for one in done.differences:
        assert one.text in read.text and one.a.text in read.text
    assert read.players == 2 and "mid 0.05" not in read.text


# ---------------------------------------------------------------- commands


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Folder of folders, one of them with a label that only a mapping knows."""
    for label, kind in (("blues", "low"), ("Rock", "mid"), ("polka", "high")):
        (tmp_path / "data" / label).mkdir(parents=True)
        write(tmp_path / "data" / label / "a.wav", tone(kind), SR, "wav16")
    return tmp_path / "data"


def test_evaluate_command(run: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    told = run(
        "evaluate",
        "echo",
        data,
        "--html",
        tmp_path / "e.html",
        "--map",
        "polka=folk",
    )
    assert told.status == 0, told.err
    report = json.loads(run("evaluate", "echo", data, "--json", "--map", "polka=folk").out)
    assert report["n"] == 3 and report["data"] == "data" and report["labels"]["renamed"]["polka"] == "folk"
    text = f"{100 * report['metrics'][0]['value']:.1f} %"
    assert (
        re.search(rf"track accuracy +{re.escape(text)}", told.out) and report["split"]["digest"] in told.out
    )
    assert "echo on data" in (tmp_path / "e.html").read_text()
    assert "Artists are not known" in told.err


def test_evaluate_reports_what_is_unknown_or_broken(run: Run, data: Path) -> None:  # noqa: F811
    (data / "blues" / "broken.wav").write_bytes(b"RIFF nothing")
    told = run("evaluate", "echo", data)
    assert told.status == 1 and "polka (1)" in told.err and "broken.wav" in told.err
    assert "2 tracks" in told.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "polka"], "--map polka. Accepted: LABEL=CLASS"),
        (["--map", "polka=fol"], "no class 'fol'. Did you mean 'folk'?"),
        (["--split", "fair"], "split='fair'"),
        (["--part", "tests"], "part='tests'"),
        (["--head", "sound"], "no head 'sound'"),
        (["--html", "no/such/folder.html"], "--html no/such/folder.html: no such folder"),
    ],
)
def test_evaluate_says_what_is_accepted(run: Run, data: Path, arguments: list[str], message: str) -> None:  # noqa: F811
    told = run("evaluate", "echo", data, *arguments)
    assert told.status == 2 and message in told.err and told.out == ""


def test_leaky_is_beside_every_figure_in_the_terminal(run: Run, tmp_path: Path, made: Make) -> None:  # noqa: F811
    rows = [("low0", "blues", "a"), ("mid0", "rock", "b"), ("low1", "blues", "c"), ("mid1", "rock", "d")] * 3
    write_manifest(made(*rows), tmp_path / "m.csv")
    told = run("evaluate", "echo", tmp_path / "m.csv", "--split", "windows")
    table_lines = told.out.splitlines()[2:]  # below the heading of the table
    lines = [
        line for line in table_lines if re.search(r"\d %|\d\.\d{3}", line) and "confident error" not in line
    ]
    assert told.status == 0 and len(lines) == 10 and all("leaky" in line for line in lines)


def test_compare_command(run: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    told = run("compare", "echo", "dummy", data, "--html", tmp_path / "c.html", "--map", "polka=")
    assert told.status == 0, told.err
    report = json.loads(run("compare", "echo", "dummy", data, "--json", "--map", "polka=").out)
    assert report["verdict"] in told.out and report["n"] == 2 and "track accuracy" in told.out
    assert (tmp_path / "c.html").read_text().startswith("<!doctype html>")


def test_a_run_folder_stands_for_its_bundle(run: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    import shutil

    from earmark.models.registry import BUNDLES

    shutil.copytree(BUNDLES / "earmark-base", tmp_path / "mine" / "bundle")
    told = run("evaluate", tmp_path / "mine", data, "--map", "polka=")
    assert told.status == 0 and "earmark-base on data" in told.out
