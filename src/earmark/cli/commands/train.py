"""``earmark train``: from a folder of labelled sound to a model that every command takes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import CacheOption, DataArgument, JobsOption, NonEventsOption
from earmark.cli.progress import resumable_progress
from earmark.cli.settings import takes_settings
from earmark.cli.terminal import console, plural, say
from earmark.train.settings import TrainSettings

if TYPE_CHECKING:
    from earmark.data import Manifest
    from earmark.train import Run

SHOWN = 10  # files that were left out, before the list is cut


@takes_settings()
def train(
    *,
    data: DataArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the run.", show_default="below runs/"),
    ] = None,
    non_events: NonEventsOption = None,
    settings: TrainSettings,
    jobs: JobsOption = None,
    cache: CacheOption = None,
) -> None:
    """Train a model on labelled music and measure it.

    The run folder holds the settings, a log, curves, a report and the bundle, which `earmark classify
    --model` takes. Give the same command again after an interruption: it continues, to the same result.
    """
    from earmark.train import train as make

    manifest = manifest_of(data, non_events)
    with resumable_progress() as progress:
        run = make(manifest, settings, out=output, jobs=jobs, cache=cache, progress=progress)
    _show(run)


def manifest_of(data: str, non_events: Sequence[str] | None) -> Manifest:
    """Read a data set; what a user should know of how it was read is reported."""
    from earmark.data import read_manifest

    manifest = read_manifest(data, non_events=non_events or ())
    for note in manifest.notes:
        say(f"note: {note}")
    return manifest


def _show(run: Run) -> None:
    """Print the metrics on stdout, and what a user must know on stderr."""
    out = console()
    for metric in run.metrics:
        span = f"({metric.interval})" if metric.interval else ""
        what = "window" if "window" in metric.name else "track"
        line = f"  {metric.name:18} {metric.text:8} {span:18} {plural(metric.n, what)}"
        out.print(line, soft_wrap=True)
    if not run.metrics:
        out.print("  no test part, so nothing was measured")
    _show_skipped([(skipped.path, skipped.text) for skipped in run.skipped])
    say(f"split:  {run.split} ({run.split_reason})")
    say(run.balance)
    for warning in run.warnings:
        say(f"warning: {warning}")
    if run.leaky:
        say("leaky: windows of one track were in training and test. No metric was written into the card.")
    say(f"report: {run.folder / 'report.html'}")
    command = shlex.join(["earmark", "classify", "--model", str(run.bundle), "SONG.mp3"])
    say(f"now:    {command}")


def _show_skipped(left_out: list[tuple[str, str]]) -> None:
    """Report on stderr what could not be used, one line for each reason."""
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
