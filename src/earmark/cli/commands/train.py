"""``earmark train``: from a folder of labelled sound to a model that every command takes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.commands.evaluate import mapping_of
from earmark.cli.options import CacheOption, JobsOption, LibraryOption, MapOption, NonEventsOption
from earmark.cli.progress import resumable_progress
from earmark.cli.settings import takes_settings
from earmark.cli.terminal import console, plural, say
from earmark.errors import InputError
from earmark.train.settings import TrainSettings

if TYPE_CHECKING:
    from earmark.data import Manifest
    from earmark.report import Section
    from earmark.train import Run
    from earmark.train.from_library import LabelCheck

FEW = 5  # labels that look wrong, on the terminal
SHOWN = 10  # files that were left out, before the list is cut


@takes_settings()
def train(
    *,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Folder of folders, table (.csv, .jsonl), GTZAN, FMA, or log-mels (.npz).",
            show_default="the library, with --label",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="SOURCE",
            help="Train on the library; labels: genre, mood (corrected, else tags), folder.",
        ),
    ] = None,
    where: Annotated[
        str, typer.Option("--where", metavar="QUERY", help="Which tracks of the library.", show_default="all")
    ] = "",
    label_map: MapOption = None,
    library: LibraryOption = None,
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

    With --label instead of DATA it is trained on the tracks of the library: artists are kept apart, --map
    joins labels that mean the same, and the report shows how far labels and sound agree.
    """
    from earmark.train import train as make

    sections: list[Section] = []
    if label is None:
        manifest, check = _data_set(data, where, label_map, non_events), None
    else:
        if data is not None:
            raise InputError(f"{data} and --label", hint="Accepted: a data set, or --label for the library.")
        names = mapping_of(label_map)
        manifest, check = _labelled_library(library, label, where, names, seed=settings.seed)
    if check is not None:
        from earmark.train.from_library import label_section

        sections.append(label_section(check))
    with resumable_progress() as progress:
        run = make(
            manifest, settings, out=output, jobs=jobs, cache=cache, progress=progress, sections=sections
        )
    _show(run)
    if check is not None:
        _show_check(check, run.folder / "labels.csv")


def _data_set(
    data: str | None, where: str, label_map: Sequence[str] | None, non_events: Sequence[str] | None
) -> Manifest:
    if data is None:
        raise InputError("no data set", hint="Accepted: a folder or table, or --label genre for the library.")
    if where or label_map:
        raise InputError("--where or --map without --label", hint="Try: --label genre, of the library.")
    return manifest_of(data, non_events)


def _labelled_library(
    path: Path | None, source: str, where: str, names: dict[str, str], *, seed: int
) -> tuple[Manifest, LabelCheck | None]:
    """Read the library as a data set, and check its labels against the sound."""
    from earmark.library import Library
    from earmark.train.from_library import check_labels, library_manifest

    with Library(path, create=False, read_only=True) as library:
        manifest = library_manifest(library, source, query=where, names=names)
        for note in manifest.notes:
            say(f"note: {note}")
        return manifest, check_labels(library, manifest, seed=seed)


def _show_check(check: LabelCheck, path: Path) -> None:
    """Report how far labels and sound agree; the labels that look wrong are in a table beside the report."""
    from earmark.storage import write_atomic

    say(check.text)
    for one in check.wrong[:FEW]:
        say(f"  {one.path}: {one.text}")
    if check.wrong:
        write_atomic(path, check.csv())
        say(f"  all are in {path}")


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
