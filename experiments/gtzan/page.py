"""Write docs/benchmarks.md, its picture, and the lines of other pages that name its best figures.

    python experiments/gtzan/page.py path/to/data/gtzan runs

Families of descriptors are measured here, in two minutes. The answers of trainings that take longer are read from the
second folder, where these scripts leave them: `networks.py` and `pretrained.py` (networks on 3 s) and
`leak.py` (three protocols). What is not there is written as not measured.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import families as family_runs
import leak as leak_runs
import networks as network_runs
import numpy as np
import pretrained as pretrained_runs
from protocol import SEEDS, Figure, figure

from earmark.data import Manifest
from earmark.report import Bar, bar_chart

DOCS = Path(__file__).parents[1] / "docs"
NOTHING = "not measured"
ELSEWHERE = "learned from"  # more than GTZAN

# protocol: what it does, and how it is called on the page
PROTOCOLS = {
    "windows": ("windows of 3 s shuffled", "`leaky`: windows shuffled, as in many demos"),
    "random": ("tracks dealt at random", "`leaky`: tracks split at random, artists in both parts"),
    "grouped": ("no artist in both parts", "honest: no artist in both parts"),
}

STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#1f2430}.soft{fill:#626b7a}.fill{fill:#2f6db3}"
    ".whisker{stroke:#1f2430;stroke-width:1.5}</style>"
)


@dataclass(frozen=True)
class Row:
    """A line of the table of ten genres."""

    label: str
    near: Figure | None
    far: Figure | None = None
    seconds: float = 0.0
    size: float = 0.0

    def __str__(self) -> str:
        if self.near is None:
            return f"| {self.label} | | | {NOTHING} | | | | |"
        far = f"{self.far} | {self.far.interval}" if self.far else " | "
        interval = self.near.interval if np.isfinite(self.near.low) else ""
        size = f"{self.size / 1e6:.1f} MB" if self.size >= 1e6 else f"{self.size / 1e3:.0f} kB"
        time = f"{self.seconds:.2f} s" if self.seconds < 10 else f"{self.seconds:.0f} s"
        return f"| {self.label} | {far} | {self.near} | {interval} | {self.near.n_seeds} | {time} | {size} |"


def main(data: Path, runs: Path) -> None:
    own = runs / "families_gtzan"
    tasks, both = family_runs.ten_genres(data, own), family_runs.two_genres(data, own)
    families, networks = of_families(tasks), [*of_networks(runs), *of_pretrained(runs)]
    leak = of_leak(runs / "leak_gtzan")
    parts = [
        ten_genres(tasks, families, networks),
        two_genres(both),
        leaky_page(leak, leak_runs.four_genres(data), family_runs.honest_and_leaky(data, own)),
    ]
    if leak:
        (DOCS / "pictures" / "leak.svg").write_text(drawn(leak), encoding="utf-8")
    (DOCS / "benchmarks.md").write_text(HEAD + "\n".join(parts), encoding="utf-8")
    into_page("families.md", best(families))


def of_families(tasks: dict[str, family_runs.Rows]) -> list[Row]:
    rows = []
    for label, kept in tasks["3 s"].items():
        far = tasks["30 s"].get(label)
        shown = f"{label} ({ELSEWHERE} other music too)" if label.startswith("embedding") else label
        seconds = float(np.median(kept["seconds"]))
        rows.append(Row(shown, figure(kept), figure(far) if far else None, seconds, kept["bytes"]))
    return rows


def of_networks(runs: Path) -> list[Row]:
    """What experiments/gtzan/networks.py left, as far as it is there and by the same setting."""
    rows = []
    for label in network_runs.RUNS:
        paths = [network_runs.place(label, seed, runs / "networks_gtzan", folds=False) for seed in SEEDS]
        found = [figures for path in paths if (figures := network_runs.kept(label, path))]
        rows.append(Row(label, without_interval(found), None, *middle(found)) if found else Row(label, None))
    return rows


def without_interval(found: list[dict[str, Any]]) -> Figure:
    """Figure of trainings of which only the accuracy was kept."""
    values = [one["accuracy"] for one in found]
    return Figure(np.mean(values), np.std(values), np.nan, np.nan, found[0]["n"], len(found))


def middle(found: list[dict[str, Any]]) -> tuple[float, float]:
    return float(np.median([one["seconds"] for one in found])), found[0]["bytes"]


def of_pretrained(runs: Path) -> list[Row]:
    rows = []
    for label in pretrained_runs.RUNS:
        kept = read(runs / "pretrained_gtzan" / f"{re.sub(r'[^a-z0-9]+', '-', label.lower())}.json")
        row = (
            Row(label, figure(kept), None, float(np.median(kept["seconds"])), kept["bytes"]) if kept else None
        )
        rows.append(row or Row(label, None))
    return [*rows, *(Row(f"`{name}`, from ImageNet", None) for name in ("resnet34", "resnet50"))]


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@dataclass(frozen=True)
class Protocol:
    """Answers of all trainings by one protocol."""

    name: str
    window: Figure
    track: Figure
    songs: float
    artists: float
    digests: list[str]


def of_leak(folder: Path) -> list[Protocol]:
    """The three protocols over those seeds that all of them have."""
    kept = {
        seed: {name: read(folder / f"{name}-{seed}.json") for name in PROTOCOLS} for seed in leak_runs.SEEDS
    }
    kept = {seed: three for seed, three in kept.items() if all(three.values())}
    found = []
    for name in PROTOCOLS if kept else ():
        runs = {seed: three[name] for seed, three in kept.items()}
        windows, tracks = (
            Figure.of(
                [seed for seed, run in runs.items() for _ in run[what]["hit"]],
                [artist for run in runs.values() for artist in run[what]["artist"]],
                [hit for run in runs.values() for hit in run[what]["hit"]],
            )
            for what in ("window", "track")
        )
        shares = [
            float(np.mean([run[f"{what} shared"] for run in runs.values()])) for what in ("songs", "artists")
        ]
        found.append(Protocol(name, windows, tracks, *shares, [run["digest"] for run in runs.values()]))
    return found


def drawn(leak: list[Protocol]) -> str:
    bars = [
        Bar(
            PROTOCOLS[one.name][0], one.window.mean / 100, one.window.low / 100, one.window.high / 100,
            note="" if one.name == "grouped" else "leaky",
        )
        for one in leak
    ]  # fmt: skip
    svg = str(bar_chart(bars)).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return (
        re.sub("(<svg [^>]*>)", rf'\1{STYLE}<rect width="100%" height="100%" fill="#fff"/>', svg, count=1)
        + "\n"
    )


HEAD = """# Benchmarks

Written by `experiments/gtzan/page.py` from the answers of `families.py`, `networks.py`, `pretrained.py`
and `leak.py` beside it: how well each [family](families.md) and [network](networks.md) does, and what a leak does
to such results. The music is GTZAN (G. Tzanetakis and P. Cook, 2002; artists by B. Sturm, 2012); what the default model
reaches stands [on its card](../experiments/earmark_base/RESULTS.md).

"""

TEN = """## Ten genres

Trained on `train` of the fault-filtered split (C. Kereliuk, B. Sturm and J. Larsen, 2015), measured on `valid`: no artist
is in both. Accuracy of tracks in %, mean and deviation of the seeds (0.0 where nothing is left to chance). The interval is
of 95 % and resamples artists, five seeds together; of the networks' own runs only the accuracy was kept.

* 30 s: the 57 descriptors that the Kaggle edition of GTZAN publishes, {far_train} tracks to train on and {far_n} to
  test on, split `{far_digest}`.
* 3 s: the first 3 s, {near_train} and {near_n} tracks, split `{near_digest}`. Families of descriptors are given 60
  numbers, mean and deviation of 20 MFCC and deviation of their deltas.

Time is of one processor thread, for 3 s; the size is that of the bundle.

| | 30 s | 95 % | 3 s | 95 % | seeds | time to train | size |
|---|--:|--:|--:|--:|--:|--:|--:|
{rows}

* Parameters of the families of descriptors were chosen by folds by artist of `train`; those of `knn-kl` were tried on
  `valid` itself, and settings of the networks compared there with one seed, which flatters these by a point or two.
  Those of `mn` and `resnet34` were written down before the first training; they multiply in bfloat16.
* What learned from other music too is not to be held against families that saw {near_train} windows and nothing else:
  `embedding` is the frozen `earmark-lite` (weights `{listener}`), whose card says from what; `mn04_as` was trained on
  AudioSet.
* `resnet34` and `resnet50` from ImageNet need weights of the hub, which the machine that measured could not reach.

"""


def ten_genres(tasks: dict[str, family_runs.Rows], families: list[Row], networks: list[Row]) -> str:
    some = {task: next(iter(rows.values())) for task, rows in tasks.items()}
    of = {
        f"{prefix}_{key}": value
        for prefix, task in (("far", "30 s"), ("near", "3 s"))
        for key, value in (
            ("train", some[task]["n_train"]), ("n", figure(some[task]).n), ("digest", some[task]["digest"])
        )
    }  # fmt: skip
    return TEN.format(listener=family_runs.listener(), rows="\n".join(map(str, (*families, *networks))), **of)


def two_genres(both: dict[str, family_runs.Rows]) -> str:
    lines = [
        "## Two genres",
        "",
        "Pop against classical on the 30 s descriptors, by the families in plain NumPy: first `valid` of the split above,",
        "then every track in five folds by artist (protocol `grouped`), five seeds. `scratch-mlp` stops early by the few",
        "artists that it holds back of so few: where one is unlike the others, it stops too soon.",
        "",
        "| | tracks | accuracy in % | 95 % | split |",
        "|---|--:|--:|--:|---|",
    ]
    for protocol, rows in both.items():
        for label, kept in rows.items():
            found = figure(kept)
            split = (
                f"`valid`, {kept['digest']}"
                if protocol == "given"
                else f"five folds, {kept['digest']} and others"
            )
            lines.append(f"| {label} | {found.n} | {found} | {found.interval} | {split} |")
    return "\n".join([*lines, "", ""])


LEAK = """## The leak

Most of the well-known accuracies on GTZAN come from windows that were shuffled before they were split, or from tracks
split without regard to the artists. Then the network is tested on songs, or singers and studios, that it knows. Here
is how much that is worth: the same network (`{model}`, the five blocks of the demos, {epochs} epochs), the same {n_tracks} clips of
30 s, a fifth of them for the test, {n_seeds} seeds; only `--split` differs. The genres are the four that have nearly all
of their clips: {genres}; chance is about 26 %.

![Accuracy of windows by protocol](pictures/leak.svg)

| `earmark train` | of the test: known songs | known artists | windows in % | 95 % | n | tracks in % | 95 % | n |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

Mean and deviation of the seeds; the intervals resample artists, all seeds together; n is that of one seed. Nothing was
chosen by the test part, and there is no part `valid`. Of {n_unknown} tracks the artist is not known; each counts as an artist
of its own, so even the last line may know some of them. Digests of the splits, by seed:

{digests}

"""

TABLES = """The same with descriptors of 30 s, ten genres and `scratch-mlp`, {n_seeds} seeds, {n} tracks for the test:

| | test tracks whose artist it was trained on | accuracy in % | 95 % | split |
|---|--:|--:|--:|---|
{rows}

`earmark train` splits by artist by default, writes `leaky` beside every metric of `--split windows`, and
refuses to put one on a card; a `random` split is noted among the limits. See [which tracks](evaluate.md#which-tracks).
"""


def leaky_page(leak: list[Protocol], manifest: Manifest, tables: family_runs.Rows) -> str:
    text = "## The leak\n\nThe network under three protocols: not measured.\n\n"
    if leak:
        text = LEAK.format(
            rows="\n".join(map(line_of, leak)),
            model=leak_runs.MODEL,
            epochs=leak_runs.PARAMS["epochs"],
            genres=", ".join(leak_runs.GENRES),
            n_seeds=leak[0].window.n_seeds,
            n_tracks=len(manifest),
            n_unknown=sum(not track.group for track in manifest.tracks),
            digests="\n".join(f"* `{one.name}`: {', '.join(one.digests)}" for one in leak),
        )
    rows = []
    for name, kept in tables.items():
        found, known = figure(kept), 100 * np.mean(kept["known"])
        label = PROTOCOLS["grouped" if name == "honest" else "random"][1]
        split = f"`valid`, {kept['digest']}" if name == "honest" else f"`random`, {kept['digest']} and others"
        rows.append(f"| {label} | {known:.0f} % | {found} | {found.interval} | {split} |")
    return text + TABLES.format(rows="\n".join(rows), n_seeds=found.n_seeds, n=found.n)


def line_of(one: Protocol) -> str:
    figures = " | ".join(f"{found} | {found.interval} | {found.n}" for found in (one.window, one.track))
    return f"| {PROTOCOLS[one.name][1]} | {100 * one.songs:.0f} % | {100 * one.artists:.0f} % | {figures} |"


def best(rows: Iterable[Row]) -> str:
    """The best of those that have been measured, with and without other music."""
    some = [row for row in rows if row.near]
    own = max(
        (row for row in some if ELSEWHERE not in row.label), key=lambda row: row.near.mean, default=None
    )
    other = max((row for row in some if ELSEWHERE in row.label), key=lambda row: row.near.mean, default=None)
    if own is None:
        return "Not measured yet."
    text = (
        f"The best that saw nothing but `train` is {own.label}: **{own.near} %** of {own.near.n} tracks by other artists "
        f"(first 3 s, ten genres, {own.near.n_seeds} seeds)"
    )
    if other:
        text += f"; {other.label} reaches {other.near} %"
    return f"{text}. All of them, with intervals, time and size: [benchmarks](benchmarks.md)."


def into_page(name: str, text: str) -> None:
    page = DOCS / name
    before = page.read_text(encoding="utf-8")
    marked = f"<!-- figures -->\n{text}\n<!-- end -->"
    page.write_text(
        re.sub("<!-- figures -->.*?<!-- end -->", lambda _: marked, before, flags=re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
