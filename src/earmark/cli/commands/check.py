"""``earmark check``: what is wrong with a data set, before a model is trained on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import (
    DataArgument,
    DeadlineOption,
    GroupOption,
    HtmlOption,
    JobsOption,
    JsonOption,
    LabelOption,
    NonEventsOption,
)
from earmark.cli.sources import check_writable
from earmark.cli.terminal import Screen, plural, printable, say, screen, write_line
from earmark.errors import InputError
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.check import CheckReport, Finding
    from earmark.data import Manifest

SHOWN = 12  # findings of one kind in the table

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="TABLE", help="Where the clean data set goes: .csv or .jsonl."),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|DIR",
        help="Model whose embedding is used to find label errors; none: descriptors alone.",
    ),
]
MinSeconds = Annotated[float, typer.Option("--min-seconds", min=0, help="Minimum duration in seconds.")]


def check(
    *,
    data: DataArgument,
    label: LabelOption = None,
    group: GroupOption = None,
    non_events: NonEventsOption = None,
    output: Output = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    min_seconds: MinSeconds = 3.0,
    model: ModelName = DEFAULT_MODEL,
    jobs: JobsOption = None,
    deadline: DeadlineOption = None,
) -> None:
    """Find what is wrong with a data set: copies, leaks, silence, outliers, label errors.

    The exit status is 1 if there are faults. Findings for a person to review do not count.
    """
    for path, option in ((output, "--output"), (html, "--html")):
        if path is not None:
            check_writable(path, option)
    if output is not None and output.suffix.lower() not in (".csv", ".jsonl"):
        raise InputError(f"--output {output}", hint="Accepted: .csv and .jsonl.")
    from earmark.data import read_manifest

    report = _checked(
        read_manifest(data, labels=label, group=group, non_events=non_events or ()),
        jobs=jobs,
        deadline=deadline,
        min_seconds=min_seconds,
        model=None if model == "none" else model,
    )
    if output is not None:
        _write(report, output)
    if html is not None:
        from earmark.check import check_page
        from earmark.report import save_page

        save_page(check_page(report, beside=html.parent), html)
        say(f"wrote {html}")
    if as_json:
        write_line(json.dumps(report.to_dict()))
    else:
        _show(report)
    if report.n_faults:
        raise typer.Exit(1)


def _checked(manifest: Manifest, *, jobs: int | None, deadline: float | None, **options: Any) -> CheckReport:
    from earmark.check import check as find_faults
    from earmark.workers import default_deadline, default_jobs

    with ExitStack() as stack:
        out: Screen | None = None
        stage = ""

        def report(what: str, _: int, n_all: int, __: Mapping[str, float], /) -> None:
            nonlocal out, stage
            if what != stage:
                stack.close()
                out, stage = stack.enter_context(screen(n_all, what)), what
            if out is not None:
                out.advance()

        n_jobs = default_jobs(len(manifest)) if jobs is None else jobs
        return find_faults(
            manifest, jobs=n_jobs, deadline=deadline or default_deadline, progress=report, **options
        )


def _write(report: CheckReport, path: Path) -> None:
    from earmark.check import cleaned
    from earmark.data import write_manifest

    clean = cleaned(report)
    write_manifest(clean, path)
    say(f"{path}: {plural(len(clean), 'track')} of {len(report.manifest)}")


def _show(report: CheckReport) -> None:
    manifest = report.manifest
    with screen(0, "") as out:
        if report.findings:
            out.show(_table(report))
        n_looks = len(report.findings) - report.n_faults
        classes = f"{len(manifest.classes)} {'class' if len(manifest.classes) == 1 else 'classes'}"
        write_line(
            f"{plural(len(manifest), 'track')} in {classes}: "
            f"{plural(report.n_faults, 'fault')}, {n_looks} to review"
        )
    for note in report.notes:
        say(note)
    if manifest.skipped:
        first = manifest.skipped[0]
        say(f"{len(manifest.skipped)} skipped, the first: {first.path}: {first.text}")


def _text(finding: Finding) -> str:
    hint = finding.error["hint"] if finding.error else ""
    return f"{finding.text}. {hint}" if hint else finding.text


def _table(report: CheckReport) -> Table:
    from rich.table import Table
    from rich.text import Text

    from earmark.check import KINDS

    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, kind in KINDS.items():
        findings = report.of(name)
        if not findings:
            continue
        style = "bold red" if kind.fault else "bold yellow"
        grid.add_row(Text(f"{kind.title} ({len(findings)})", style=style))
        for finding in findings[:SHOWN]:
            names = "  ".join(finding.tracks[:4]) + (" ..." if len(finding.tracks) > 4 else "")
            grid.add_row(Text(f"  {printable(names)}"), Text(printable(_text(finding)), style="dim"))
        if len(findings) > SHOWN:
            grid.add_row(Text(f"  ... and {len(findings) - SHOWN} more", style="dim"))
    return grid
