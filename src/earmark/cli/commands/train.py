"""``earmark train``: from a folder of labelled sound to a model that every command takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JobsOption, NonEventsOption
from earmark.cli.terminal import console, plural, say

if TYPE_CHECKING:
    from earmark.data import Manifest
    from earmark.progress import Progress
    from earmark.train import Run

SHOWN = 10  # files that were left out, before the list is cut

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="Folder of folders (each is a label), a table .csv or .jsonl, or log-mels .npz."
    ),
]
FamilyOption = Annotated[str, typer.Option("--model", metavar="NAME", help="Family of models to train.")]
SplitOption = Annotated[
    str,
    typer.Option(
        "--split", metavar="PROTOCOL", help="grouped, stratified, random, given, or windows (leaky)."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Of everything that chance decides.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the family; may be given again."),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, metavar="N", help="Threads that learn; part of the result.")
]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Where features are kept between runs.")
]
WindowOption = Annotated[
    float, typer.Option("--window", metavar="SECONDS", help="How much the model hears at a time.")
]
HopOption = Annotated[
    float | None,
    typer.Option(
        "--hop",
        metavar="SECONDS",
        help="From one window to the next.",
        show_default="the window",
    ),
]


def train(
    *,
    data: DataArgument,
    model: FamilyOption = "logistic",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the run.", show_default="below runs/"),
    ] = None,
    split: SplitOption = "grouped",
    non_events: NonEventsOption = None,
    augment: Annotated[
        str, typer.Option("--augment", metavar="A,B,C", help="Steps of augmentation, in order.")
    ] = "",
    seed: SeedOption = 0,
    params: Annotated[
        Path | None, typer.Option("--params", metavar="FILE", help="Parameters, as earmark tune writes them.")
    ] = None,
    setting: SetOption = None,
    window: WindowOption = 3.0,
    hop: HopOption = None,
    test: Annotated[float, typer.Option("--test", metavar="SHARE", help="Kept for the figures.")] = 0.2,
    valid: Annotated[float, typer.Option("--valid", metavar="SHARE", help="Kept to stop early.")] = 0.15,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="For the card.", show_default="from the data")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", metavar="SPDX", help="Of the weights.")] = "",
    threads: ThreadsOption = 1,
    jobs: JobsOption = None,
    cache: CacheOption = None,
) -> None:
    """Train a model on labelled music and measure it.

    The run folder holds the parameters, a log, curves, a report and the bundle, which `earmark classify
    --model` takes. Give the same command again after an interruption: it goes on, and ends as it would have.
    """
    from earmark.train import train as make

    manifest = manifest_of(data, non_events)
    with watched() as watch:
        run = make(
            manifest,
            model=model,
            out=output,
            params=settings(model, params, setting),
            split=split,
            test=test,
            valid=valid,
            augment=[step.strip() for step in augment.split(",") if step.strip()],
            seed=seed,
            window=window,
            hop=hop,
            name=name,
            licence=licence,
            threads=threads,
            jobs=jobs,
            cache=cache,
            progress=watch,
        )
    _tell(run)


def manifest_of(data: str, non_events: Sequence[str] | None) -> Manifest:
    """Read a data set; what a user should know of how it was read is reported."""
    from earmark.data import read_manifest

    manifest = read_manifest(data, non_events=non_events or ())
    for note in manifest.notes:
        say(f"note: {note}")
    return manifest


def settings(model: str, params: Path | None, setting: list[str] | None) -> dict[str, Any]:
    """Parameters from a file, then those given one by one."""
    from earmark.train import parsed, read_params_file

    chosen = read_params_file(params, model=model) if params is not None else {}
    return chosen | dict(parsed(one) for one in setting or [])


@contextmanager
def watched() -> Iterator[Progress]:
    """What tells how far things are: bars on a terminal, else a line for each stage."""
    try:
        with _bars() if sys.stderr.isatty() else _lines() as watch:
            yield watch
    except KeyboardInterrupt:
        say("what is done is kept: give the same command again to go on")
        raise


@contextmanager
def _lines() -> Iterator[Progress]:
    stages: set[str] = set()

    def announce(stage: str, done: int, total: int, figures: Mapping[str, float], /) -> None:
        if stage not in stages:
            stages.add(stage)
            say(f"{stage} ...")

    yield announce


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    layout = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left  {task.fields[figures]}"),
    )
    tasks: dict[str, Any] = {}
    with Bars(*layout, console=console(stderr=True), transient=True) as progress:

        def advance(stage: str, done: int, total: int, figures: Mapping[str, float], /) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total or None, figures="")
            told = [f"{name} {value:.3g}" for name, value in figures.items() if name != "learning_rate"]
            text = "  ".join([*told[:1], *told[-1:]] if len(told) > 1 else told)  # 80 columns hold no more
            progress.update(tasks[stage], completed=done, total=total or None, figures=text)

        yield advance


def _tell(run: Run) -> None:
    """Print the figures on stdout, and what a user must know on stderr."""
    out = console()
    for figure in run.figures:
        span = f"({figure.interval})" if figure.interval else ""
        what = "window" if "window" in figure.name else "track"
        line = f"  {figure.name:18} {figure.text:8} {span:18} {plural(figure.n, what)}"
        out.print(line, soft_wrap=True)
    if not run.figures:
        out.print("  no test part, so no figure")
    tell_skipped([(skipped.path, skipped.reason) for skipped in run.skipped])
    say(run.balance)
    for warning in run.warnings:
        say(f"warning: {warning}")
    if run.leaky:
        say("leaky: windows of one track were in training and test. No figure was written into the card.")
    say(f"report: {run.folder / 'report.html'}")
    say(f"now:    earmark classify --model {run.bundle} SONG.mp3")


def tell_skipped(left_out: list[tuple[str, str]]) -> None:
    """Say on stderr what could not be used, one line for each reason."""
    if not left_out:
        return
    say(f"{len(left_out)} left out:")
    by_reason: dict[str, list[str]] = {}
    for path, reason in left_out:
        by_reason.setdefault(reason, []).append(path)
    for reason, paths in list(by_reason.items())[:SHOWN]:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        say(f"  {paths[0]}{more}: {reason}")
    if len(by_reason) > SHOWN:
        say("  and others: all are in log.jsonl")
