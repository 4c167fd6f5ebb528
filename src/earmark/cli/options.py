"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_MODEL = "earmark-base"

ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME|DIR", help="Model, or folder of a bundle.")
]
PriorOption = Annotated[
    str | None,
    typer.Option(
        "--prior",
        metavar="PRIOR",
        help="Share of genres in your music: even, or jazz=0.4,rock=0.1.",
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
