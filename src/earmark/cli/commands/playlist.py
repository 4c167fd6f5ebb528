"""``earmark playlist``: tracks of the library as a playlist that players read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import JsonOption, LibraryOption, SeedOption
from earmark.cli.playlists import refresh_playlists
from earmark.cli.seeds import opened, seeds_of
from earmark.cli.sources import check_writable
from earmark.cli.terminal import plural, say, write_line
from earmark.errors import InputError

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.library.playlist import Rules
    from earmark.library.playlist_files import Written

Query = Annotated[
    list[str] | None,
    typer.Argument(metavar="[QUERY...]", help="Only tracks that it finds.", show_default=False),
]
Mood = Annotated[
    list[str] | None,
    typer.Option(
        "--mood", metavar="WORD", help="Mood word, or calm, happy, sad, angry, Q1 to Q4. Repeatable."
    ),
]
Like = Annotated[
    list[str] | None,
    typer.Option("--like", metavar="FILE|ID|QUERY", help="Tracks that sound like these. Repeatable."),
]
Rise = Annotated[bool, typer.Option("--rise", help="Order by energy, from calm to lively.")]
Fall = Annotated[bool, typer.Option("--fall", help="Order by energy, from lively to calm.")]
Shuffle = Annotated[bool, typer.Option("--shuffle", help="Order by chance, artists spread over the whole.")]
Number = Annotated[
    int | None,
    typer.Option(
        "--number",
        "-n",
        min=1,
        max=100_000,
        metavar="N",
        help="How many tracks.",
        show_default="25, or by --minutes",
    ),
]
Minutes = Annotated[float | None, typer.Option("--minutes", min=0.1, metavar="M", help="How long, at most.")]
PerArtist = Annotated[
    int | None, typer.Option("--max-per-artist", min=1, metavar="N", help="Tracks of one artist, at most.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where to: .m3u8, .xspf or .json.",
        show_default="stdout, as M3U8",
    ),
]
Absolute = Annotated[bool, typer.Option("--absolute", help="Absolute paths, not relative to the playlist.")]
Refresh = Annotated[
    Path | None,
    typer.Option(
        "--refresh", metavar="FILE", help="Write the smart playlists that a TOML or JSON file states."
    ),
]


def playlist(
    *,
    query: Query = None,
    mood: Mood = None,
    like: Like = None,
    rise: Rise = False,
    fall: Fall = False,
    shuffle: Shuffle = False,
    number: Number = None,
    minutes: Minutes = None,
    max_per_artist: PerArtist = None,
    seed: SeedOption = 0,
    output: Output = None,
    absolute: Absolute = False,
    refresh: Refresh = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a playlist: by query, by mood, by likeness; smooth, rising, falling or shuffled.

    Without --rise, --fall or --shuffle, tempo, key and sound change little from one track to the next.
    """
    if rise + fall + shuffle > 1:
        raise InputError("several orders", hint="Accepted: one of --rise, --fall, --shuffle.")
    if output is not None:
        check_writable(output, "--output")
    from earmark.library.playlist import Order, Rules

    order = Order.rise if rise else Order.fall if fall else Order.shuffle if shuffle else Order.smooth
    with opened(library) as catalogue:
        if refresh is not None:
            refresh_playlists(catalogue, refresh)
            return
        rules = Rules(
            " ".join(query or ()),
            tuple(mood or ()),
            tuple(seeds_of(catalogue, like or ())),
            order,
            number,
            minutes,
            max_per_artist,
            seed,
        )
        _write(catalogue, rules, output, absolute=absolute, as_json=as_json)


def _write(library: Library, rules: Rules, output: Path | None, *, absolute: bool, as_json: bool) -> None:
    from earmark.cli.render import clock
    from earmark.library.playlist import make_playlist
    from earmark.library.playlist_files import playlist_text, save_playlist

    rows = make_playlist(library, rules)
    if not rows:
        raise InputError("no track fits", hint="Try: fewer conditions, or earmark search with the query.")
    if output is not None:
        _complain(save_playlist(rows, output, absolute=absolute))
        seconds = sum(row.prediction.duration for row in rows if row.prediction)
        say(f"wrote {output}: {plural(len(rows), 'track')}, {clock(seconds)}")
    if output is None or as_json:
        written = playlist_text(rows, ".json" if as_json else ".m3u8")
        _complain(written)
        write_line(written.content.rstrip("\n"))


def _complain(written: Written) -> None:
    for row, problem in written.left_out:
        say(f"left out: {row.path}: {problem}")
