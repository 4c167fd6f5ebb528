"""How far a training or tuning is: bars on a terminal, else a line for each stage."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from earmark.cli.terminal import console, say

if TYPE_CHECKING:
    from earmark.progress import Progress


@contextmanager
def resumable_progress() -> Iterator[Progress]:
    """Progress of a command that can be given again to continue, as an interruption then says."""
    try:
        with _bars() if sys.stderr.isatty() else _lines() as progress:
            yield progress
    except KeyboardInterrupt:
        say("what is done is kept: give the same command again to continue")
        raise


@contextmanager
def _lines() -> Iterator[Progress]:
    stages: set[str] = set()

    def announce(stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
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
        TextColumn("left  {task.fields[metrics]}"),
    )
    tasks: dict[str, Any] = {}
    with Bars(*layout, console=console(stderr=True), transient=True) as bars:

        def advance(stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None, metrics="")
            shown = [f"{name} {value:.3g}" for name, value in metrics.items() if name != "learning_rate"]
            # The first and the last: 80 columns hold no more.
            text = "  ".join([*shown[:1], *shown[-1:]] if len(shown) > 1 else shown)
            bars.update(tasks[stage], completed=done, total=total or None, metrics=text)

        yield advance
