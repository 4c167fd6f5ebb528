"""``earmark search``: the tracks that a query means, as a table or for another program."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from earmark.cli.options import JsonOption, LibraryOption
from earmark.cli.terminal import console, guarded, plural, say, write_line
from earmark.errors import InputError
from earmark.storage import csv_line

COLUMNS = ("id", "bpm", "length", "key", "genre", "mood", "track")
# On a narrow terminal these go, in this order, until the track has room. Only moods and tracks are cut off.
SPARE = ("mood", "length", "key", "bpm")
MOOD_WIDTH, TRACK_WIDTH = 8, 24  # at least
GAP = 2  # between columns

if TYPE_CHECKING:
    from earmark.library import Library, Row

SHOWN = 50  # rows of the table unless --limit says otherwise
NOTHING_FOUND = 1  # as grep has it


class QueryCommand(TyperCommand):
    """A command whose arguments may begin with a minus that is no option: ``-genre:latin``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write the minus as !, which means the same, where no option of that name is declared."""
        takes_value: dict[str, bool] = {
            name: not getattr(param, "is_flag", False) for param in self.params for name in param.opts
        }
        given: list[str] = []
        is_value = is_rest = False
        for arg in args:
            is_query = arg[:1] == "-" and arg[1:2] not in ("", "-") and arg not in ("-h", *takes_value)
            given.append(f"!{arg[1:]}" if is_query and not (is_value or is_rest) else arg)
            is_rest = is_rest or arg == "--"
            is_value = not is_value and takes_value.get(arg, False)
        return super().parse_args(ctx, given)


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Query = Annotated[
    list[str] | None, typer.Argument(metavar="[QUERY...]", help="Such as: genre:jazz bpm:90..110 -mood:sad")
]
Csv = Annotated[bool, typer.Option("--csv", help="Write a table with all columns of earmark export.")]
Paths = Annotated[bool, typer.Option("--paths", help="Write only the paths of the files, a line each.")]
Nul = Annotated[bool, typer.Option("--print0", "-0", help="Write paths with a NUL after each.")]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        min=0,
        metavar="N",
        help="At most so many tracks.",
        show_default="50 in a table",
    ),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="ORDER",
        help="id, artist, album, title, path, year, tempo, bpm-confidence, key, key-confidence, score, "
        "duration, valence, arousal, added, analysed or random; -tempo is the reverse.",
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Random seed of --sort random.", show_default=False)
]


@app.command("search", cls=QueryCommand)
@guarded
def search(
    *,
    query: Query = None,
    as_json: JsonOption = False,
    as_csv: Csv = False,
    paths: Paths = False,
    print0: Nul = False,
    limit: Limit = None,
    sort: Sort = "id",
    seed: Seed = None,
    library: LibraryOption = None,
) -> None:
    """Find tracks of the library by genre, mood, tempo, key, year, tags or words.

    Terms that stand side by side must all hold: genre:jazz mood:calm bpm:90..110 -tag:holiday. The exit
    status is 1 if nothing is found.
    """
    from earmark import library as room
    from earmark.library.query import from_arguments
    from earmark.library.search import count
    from earmark.library.search import search as find

    if sum((as_json, as_csv, paths, print0)) > 1:
        raise InputError(
            "several kinds of output", hint="Accepted: one of --json, --csv, --paths and --print0."
        )
    with room.Library(library, create=False, read_only=True) as catalogue:
        text = from_arguments(query or [])
        is_table = not (as_json or as_csv or paths or print0)
        most = SHOWN if is_table and limit is None else limit
        shown = find(catalogue, text, sort=sort, limit=most, seed=seed)
        n = len(shown) if most is None or len(shown) < most else count(catalogue, text)
        if paths or print0:
            _write_paths(catalogue, shown, end="\0" if print0 else "\n")
        elif as_json:
            for row in catalogue.rows(shown):
                write_line(json.dumps(row.to_dict()))
        elif as_csv:
            _write_csv(catalogue, shown)
        elif shown:
            terminal = console()
            # In a pipe there is no width, unless it is stated: nothing is cut off for grep.
            width = terminal.width if terminal.is_terminal or "COLUMNS" in os.environ else None
            table = _table(list(catalogue.rows(shown, brief=True)), width)
            terminal.width = max(terminal.width, sum((column.width or 0) + GAP for column in table.columns))
            terminal.print(table)
        if is_table:
            more = f"; --limit {n} shows all" if len(shown) < n else ""
            say(f"{len(shown)} of {plural(n, 'track')}{more}" if more else plural(n, "track"))
    if not n:
        raise typer.Exit(NOTHING_FOUND)


def _write_paths(catalogue: Library, ids: list[int], *, end: str) -> None:
    """Write each file once, also where several tracks of a CUE sheet are in it."""
    for path in dict.fromkeys(catalogue.paths(ids)):
        if end == "\n":
            write_line(path)
        else:
            sys.stdout.write(path + end)
    sys.stdout.flush()


def _write_csv(catalogue: Library, ids: list[int]) -> None:
    from earmark.library.export import COLUMNS, csv_cells, flat

    write_line(csv_line(COLUMNS))
    for row in catalogue.rows(ids, brief=True):
        write_line(csv_line(csv_cells(flat(row))))


def _table(rows: list[Row], width: int | None) -> Any:
    """Tracks in columns, as wide as they are, or no wider than `width`: names are cut off, never ids."""
    from rich.cells import cell_len
    from rich.table import Table

    lines = [_cells(row) for row in rows]
    natural = {name: max(cell_len(name), *(cell_len(str(line[name])) for line in lines)) for name in COLUMNS}
    shown = _fitting(natural, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bright_black")
    for name, size in shown.items():
        numbers = name in ("id", "bpm", "length")
        justify: Any = "right" if numbers else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", width=size)
    for line in lines:
        table.add_row(*(line[name] for name in shown))
    return table


def _cells(row: Row) -> dict[str, Any]:
    from rich.text import Text

    from earmark.cli.render import UNSURE_MARK, clock, percent
    from earmark.cli.terminal import printable
    from earmark.library.export import flat
    from earmark.vocabulary import QUADRANT_WORDS, genre_colour

    facts = flat(row)
    genre, score = facts["genre"], facts["score"]
    what = Text(str(facts["error"] or facts["verdict"] or ""), style="magenta")
    if genre:
        is_unsure = facts["verdict"] == "unsure" and "genres" not in row.corrections
        mark = UNSURE_MARK if is_unsure else ""
        what = Text(f"{genre} ", style=genre_colour(genre)).append(
            f"{percent(score)}{mark}", style="bright_black"
        )
    moods = facts["moods"][:2] or [QUADRANT_WORDS.get(facts["quadrant"] or "", "")]
    return {
        "id": str(row.id),
        "bpm": f"{facts['tempo']:.0f}" if facts["tempo"] else "",
        "length": clock(facts["duration"]) if facts["duration"] else "",
        "key": facts["key"] or "",
        "genre": what,
        "mood": ", ".join(moods),
        "track": Text(printable(row.name)),
    }


def _fitting(natural: dict[str, int], width: int | None) -> dict[str, int]:
    """Return the widths of the columns that fit, in their order."""
    widths = dict(natural)
    if width is None:
        return widths

    def left_for(name: str) -> int:
        return width - sum(size + GAP for other, size in widths.items() if other != name)

    least = min(widths["track"], TRACK_WIDTH)
    room = left_for("mood") + widths["track"] - least  # for the mood, once the track is cut off
    widths["mood"] = min(widths["mood"], max(MOOD_WIDTH, room))
    for name in SPARE:
        if left_for("track") < least:
            del widths[name]
    widths["track"] = max(1, min(widths["track"], left_for("track")))
    return widths
