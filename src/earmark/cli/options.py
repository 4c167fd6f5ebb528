"""Every option that more than one command takes, declared once.

The grammar of all commands: ``-o/--output`` is where the result goes, ``--json`` a switch that writes the
whole result to stdout as JSON, ``--html`` a page to read, ``--force`` permission to replace what is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE|DIR|-...", help="Sound files, folders of them, - for stdin.")
]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="Folder of folders, table (.csv, .jsonl), GTZAN, FMA, or log-mels (.npz)."
    ),
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name, folder of a bundle, or folder of a training run.")
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME|DIR", help="Model: name, bundle or training run.")
]
LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="PATH",
        envvar="EARMARK_LIBRARY",
        help="File of the library.",
        show_default="in the user's data folder",
    ),
]
FilterOption = Annotated[
    str | None, typer.Option("--filter", metavar="QUERY", help="Only tracks that a query finds.")
]
PriorOption = Annotated[
    str | None,
    typer.Option(
        "--prior",
        metavar="PRIOR",
        help="Genre frequencies in your music: even, or jazz=0.4,rock=0.1.",
        show_default="as trained",
    ),
]
NonEventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--non-events",
        metavar="LABEL",
        help="Label of tracks that belong to none of the classes, such as noise. Repeatable.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, metavar="N", help="Worker processes.", show_default="one for each core"),
]
DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.1,
        metavar="SECONDS",
        help="Time that a file may take before it is given up.",
        show_default="120 and more, by its size",
    ),
]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Where features are kept between runs.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write the whole result to stdout as JSON.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="PAGE", help="Write a page with tables, charts and players."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Random seed.")]
LabelOption = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Column of the labels.")]
GroupOption = Annotated[
    str | None,
    typer.Option("--group", metavar="COLUMN", help="Column of the groups, or: tags, folder, none."),
]
PartOption = Annotated[str, typer.Option("--part", metavar="PART", help="train, valid, test or all.")]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="PROTOCOL",
        help="grouped, stratified, random, given, windows (leaky) or all.",
        show_default="that of the training, else the data's own, else all",
    ),
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head", metavar="NAME", help="genres, quadrant or moods.", show_default="what the labels fit"
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="LABEL=CLASS", help="Class of a label; LABEL= leaves it out. Repeatable."),
]
NoSoundOption = Annotated[
    bool, typer.Option("--no-sound", help="Leave excerpts of recordings out of the page.")
]
