"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_MODEL = "earmark-base"

ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME|DIR", help="Model, or folder of a bundle.")
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, metavar="N", help="Worker processes.", show_default="one for each core"),
]
