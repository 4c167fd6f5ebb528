"""``earmark compare``: which of two models is better, and whether that is more than chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.cli.commands.evaluate import (
    check_page,
    jobs_of,
    manifest_of,
    mapping_of,
    progress_of,
    report_failed,
)
from earmark.cli.options import (
    DataArgument,
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
from earmark.cli.terminal import console, say, write_line

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.evaluate import Comparison


def compare(
    *,
    a: ModelArgument,
    b: ModelArgument,
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
) -> None:
    """Compare two models on the same tracks by a paired test.

    Without --split, the split of the first model's training goes for both.
    """
    from earmark.evaluate import compare as measure
    from earmark.evaluate import name_of

    check_page(html)
    manifest = manifest_of(data, non_events)
    with progress_of(manifest, times=2) as progress:
        done = measure(
            a, b, manifest, split=split, part=part, seed=seed, head=head, mapping=mapping_of(label_map),
            jobs=jobs_of(manifest, jobs), name=name_of(data), progress=progress,
        )  # fmt: skip
    if as_json:
        write_line(done.to_json())
    else:
        _show(done)
    for note in done.notes:
        say(f"note: {note}")
    if html is not None:
        from earmark.evaluate.html import comparison_page
        from earmark.report import save_page

        save_page(comparison_page(done, sound=not no_sound), html)
        say(f"wrote {html}")
    report_failed(done.a, done.b)


def _show(done: Comparison) -> None:
    out = console()
    out.print(done.verdict, soft_wrap=True)
    out.print(_table(done))
    names = done.a.model.name, done.b.model.name
    out.print(f"{done.n} tracks; {done.a.subset.text}, digest {done.a.subset.digest}")
    out.print(
        f"{names[0]} alone is correct on {len(done.only_a)}, {names[1]} alone on "
        f"{len(done.only_b)} (exact McNemar p = {done.p_value:.3g})",
        soft_wrap=True,
    )


def _table(done: Comparison) -> Table:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    grid.add_column("metric")  # the only one that may wrap: no number is ever cut
    for name in (done.a.model.name, done.b.model.name, "difference"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("95 % interval", no_wrap=True)
    for one in done.differences:
        grid.add_row(one.a.name, one.a.text, one.b.text, one.text, one.interval)
    return grid
