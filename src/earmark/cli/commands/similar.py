"""``earmark similar``: what sounds like a track, and a way from one track to another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import FilterOption, JsonOption, LibraryOption
from earmark.cli.seeds import matching, opened, seeds_of
from earmark.cli.terminal import console, say, write_line
from earmark.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from earmark.library import Neighbour

Seeds = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE|ID|QUERY...", help="One track or several, together one seed."),
]
Number = Annotated[
    int, typer.Option("--number", "-n", min=1, max=10_000, metavar="N", help="How many tracks.")
]
LessLike = Annotated[
    list[str] | None,
    typer.Option("--less-like", metavar="FILE|ID|QUERY", help="What it should sound less like. Repeatable."),
]
PathEnds = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--path", metavar="FROM TO", help="Instead, a way of tracks from one to another in small steps."
    ),
]
OtherArtists = Annotated[bool, typer.Option("--other-artists", help="Leave out the artists of the seeds.")]
SeedModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|DIR",
        help="Model for files that are not in the library.",
        show_default="that of the library",
    ),
]


def similar(
    *,
    seeds: Seeds = None,
    number: Number = 10,
    other_artists: OtherArtists = False,
    filter_: FilterOption = None,
    less_like: LessLike = None,
    path: PathEnds = None,
    library: LibraryOption = None,
    model: SeedModel = None,
    as_json: JsonOption = False,
) -> None:
    """List the tracks of the library that sound most like a track, and why.

    Other copies of a seed are left out. A file that is not in the library is analysed first.
    """
    if bool(seeds) == bool(path):
        raise InputError("nothing to compare with" if path is None else "seeds and --path", hint=(
            "Accepted: a file, an id, a query, or --path FROM TO."
        ))  # fmt: skip
    with opened(library) as catalogue:
        from earmark import library as room

        among = matching(catalogue, filter_)
        if path is not None:
            ends = [seeds_of(catalogue, [end], model=model)[0] for end in path]
            found = room.song_path(catalogue, *ends, n=number, among=among)
        else:
            found = room.similar(
                catalogue,
                seeds_of(catalogue, seeds or [], model=model),
                n=number,
                other_artists=other_artists,
                among=among,
                less_like=seeds_of(catalogue, less_like or [], model=model),
            )
    if as_json:
        tracks = [neighbour.to_dict() for neighbour in found]
        write_line(json.dumps({"schema": "earmark.similar/1", "tracks": tracks}))
        return
    for neighbour in found:
        console().print(_lines(neighbour), soft_wrap=True)
    if not found:
        say("no other track can be compared")


def _lines(neighbour: Neighbour) -> Text:
    from rich.text import Text

    from earmark.cli.render import percent
    from earmark.cli.terminal import printable
    from earmark.vocabulary import genre_colour

    row = neighbour.row
    genre = row.genres[0] if row.genres else ""
    text = Text(f"{percent(max(0.0, neighbour.similarity)):>6}  ")
    text.append("■ ", style=genre_colour(genre) if genre else "bright_black")
    text.append(printable(row.name), style="bold").append(f"  {row.id}", style="bright_black")
    if neighbour.why:
        text.append(f"\n          {' · '.join(neighbour.why)}", style="bright_black")
    return text
