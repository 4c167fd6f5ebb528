"""``earmark evaluate``: how good a model is on music that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from earmark.cli.options import (
    DataArgument,
    DeadlineOption,
    HeadOption,
    HtmlOption,
    JobsOption,
    JsonOption,
    MapOption,
    ModelArgument,
    NonEventsOption,
    NoSoundOption,
    PartOption,
    SeedOption,
    SplitOption,
)
from earmark.cli.sources import check_writable
from earmark.cli.terminal import complaint, console, say, screen, write_line
from earmark.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.data import Manifest
    from earmark.evaluate import Evaluation
    from earmark.progress import Progress


def evaluate(
    *,
    model: ModelArgument,
    data: DataArgument,
    part: PartOption = "test",
    split: SplitOption = None,
    seed: SeedOption = 0,
    head: HeadOption = None,
    label_map: MapOption = None,
    non_events: NonEventsOption = None,
    as_json: JsonOption = False,
    html: HtmlOption = None,
    no_sound: NoSoundOption = False,
    jobs: JobsOption = None,
    deadline: DeadlineOption = None,
) -> None:
    """Evaluate a model on labelled music: metrics with intervals, and the worst errors.

    Files that cannot be read are reported and count in no metric; the exit status is then 1.
    """
    from earmark.evaluate import evaluate as measure
    from earmark.evaluate import name_of
    from earmark.workers import default_deadline

    check_page(html)
    manifest = manifest_of(data, non_events)
    with progress_of(manifest) as progress:
        done = measure(
            model, manifest, split=split, part=part, seed=seed, head=head, mapping=mapping_of(label_map),
            jobs=jobs_of(manifest, jobs), deadline=deadline or default_deadline, name=name_of(data),
            progress=progress,
        )  # fmt: skip
    if as_json:
        write_line(done.to_json())
    else:
        _show(done)
    for note in done.notes:
        say(f"note: {note}")
    if html is not None:
        from earmark.evaluate.html import evaluation_page
        from earmark.report import save_page

        save_page(evaluation_page(done, sound=not no_sound), html)
        say(f"wrote {html}")
    report_failed(done)


def manifest_of(data: str, non_events: Sequence[str] | None = None) -> Manifest:
    """Read a data set; what could not become a track is reported in one line."""
    from earmark.data import read_manifest

    manifest = read_manifest(data, non_events=non_events or ())
    if manifest.skipped:
        first = manifest.skipped[0]
        say(f"{data}: {len(manifest.skipped)} skipped; the first: {first.path}: {first.text}")
    return manifest


def mapping_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return the mapping of ``--map``.

    Raises
    ------
    InputError
        An entry without ``=``.
    """
    mapping = {}
    for pair in pairs or ():
        label, equals, name = pair.rpartition("=")
        if not equals or not label:
            raise InputError(f"--map {pair}", hint="Accepted: LABEL=CLASS, or LABEL= to leave a label out.")
        mapping[label] = name
    return mapping


def jobs_of(manifest: Manifest, wanted: int | None) -> int:
    """Worker processes for a data set."""
    from earmark.cli.sources import jobs_for

    return jobs_for([track.path for track in manifest.tracks], wanted)


def check_page(path: Path | None) -> None:
    """Refuse a place for the page that cannot be written before any work is done."""
    if path is not None:
        check_writable(path, "--html")


@contextmanager
def progress_of(manifest: Manifest, *, times: int = 1) -> Iterator[Progress]:
    """Yield what moves a progress bar, on a terminal."""
    with screen(times * len(manifest), "scoring") as bar:
        yield lambda *_: bar.advance()


def report_failed(*evaluations: Evaluation) -> None:
    """Report the files that could not be processed, and leave with 1 if there are any."""
    failed = {one.source.path: one.error for done in evaluations for one in done.failed}
    for path, error in failed.items():
        say(complaint(error, path))
    if failed:
        raise typer.Exit(1)


def _show(done: Evaluation) -> None:
    out = console()
    out.print(f"{done.model.name} on {done.data}: {_measured(done)}", soft_wrap=True)
    out.print(_table(done))
    for line in _failures(done):
        out.print(line, soft_wrap=True)


def _measured(done: Evaluation) -> str:
    subset = done.subset
    windows = f", {len(done.by_window.owners)} windows" if len(done.by_window.owners) else ""
    return (
        f"{len(done.tracks)} tracks{windows}, {done.n_groups} groups, {subset.text}, digest {subset.digest}"
    )


def _table(done: Evaluation) -> Table:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    grid.add_column("metric")  # the only one that may wrap: no number is ever cut
    grid.add_column("value", justify="right", no_wrap=True)
    grid.add_column("95 % interval", no_wrap=True)
    for one in done.metrics:
        grid.add_row(one.name, one.text, one.interval)
    return grid


def _failures(done: Evaluation) -> Iterator[str]:
    """Yield the weakest classes and the most confident error, in a line each."""
    leaky = " leaky" if done.subset.leaky else ""
    weak = sorted((one for one in done.classes if one.n), key=lambda one: one.recall)[:3]
    recalls = ", ".join(
        f"{one.label} {100 * one.recall:.0f} %{leaky} of {one.n}" for one in weak if one.recall < 1
    )
    if recalls:
        yield f"lowest recall: {recalls}"
    for track in done.worst(1):
        labels = ", ".join(track.labels)
        predicted = f"predicted {track.predicted} {track.score:.2f}"
        yield f"most confident error: {track.id}, labelled {labels}, {predicted}"
    if done.refused:
        yield "of no class: " + ", ".join(
            f"{n} with verdict {verdict}" for verdict, n in done.refused.items()
        )
