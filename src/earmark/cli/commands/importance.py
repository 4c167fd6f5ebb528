"""``earmark importance``: which parts of its input a trained model depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import CacheOption, JobsOption, SeedOption
from earmark.cli.terminal import console, say


def importance(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of earmark train.")],
    part: Annotated[
        str, typer.Option("--part", metavar="PART", help="Tracks to measure on: test, valid or train.")
    ] = "test",
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, metavar="N", help="Permutations of each family of descriptors.")
    ] = 10,
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    cache: CacheOption = None,
) -> None:
    """Measure which parts of its input a trained model depends on.

    Families of descriptors are permuted; of spectrograms, bands and spans of time are occluded. The table and
    a picture go into the run folder too.
    """
    from rich.table import Table
    from rich.text import Text

    from earmark.train import importance as measure

    found = measure(run, part=part, repeats=repeats, seed=seed, jobs=jobs, cache=cache)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("", "without", "loss rises by", "balanced accuracy drops by"):
        table.add_column(name, justify="left" if name in ("", "without") else "right")
    for each in found.features:
        spread = f" ± {each.spread:.3f}" if each.kind == "descriptors" else ""
        table.add_row(each.kind, Text(each.name), f"{each.log_loss:.3f}{spread}", f"{each.accuracy:.3f}")
    console().print(table)
    say(f"{found.part}: {found.n} tracks; whole: accuracy {found.accuracy:.3f}, loss {found.log_loss:.3f}")
    say(f"drew {found.folder / 'importance.png'}")
