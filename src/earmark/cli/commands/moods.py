"""``earmark moods``: the library by quadrant and mood word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import FilterOption, JsonOption, LibraryOption
from earmark.cli.seeds import matching, opened
from earmark.cli.sources import check_writable
from earmark.cli.terminal import console, plural, printable, say, write_line
from earmark.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from earmark.library import Library
    from earmark.library.moods import MoodGroup

SHOWN = 3  # tracks of each mood

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Write a playlist (.m3u8) for each into this folder."),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", metavar="PICTURE", help="Draw valence and arousal of every track: .png, .svg, ..."
    ),
]
Top = Annotated[int, typer.Option("--top", min=0, metavar="N", help="Tracks to name of each.")]


def moods(
    *,
    filter_: FilterOption = None,
    top: Top = SHOWN,
    output: Output = None,
    plot: Plot = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sort the library into the four quadrants of valence and arousal, and by mood words."""
    if output is not None and output.exists() and not output.is_dir():
        raise InputError(f"--output {output} is a file", hint="Accepted: a folder.")
    if plot is not None:
        from earmark.plot import check_picture_path

        check_picture_path(plot)
        check_writable(plot, "--plot")
    from earmark.library.moods import moods as groups_of

    with opened(library) as catalogue:
        among = matching(catalogue, filter_)
        groups = groups_of(catalogue, among=among)
        if output is not None:
            _write(catalogue, groups, output)
        if plot is not None:
            _plot(catalogue, among, plot)
        if as_json:
            found = [group.to_dict() for group in groups]
            write_line(json.dumps({"schema": "earmark.moods/1", "moods": found}))
        else:
            console().print(_table(catalogue, groups, top))


def _table(library: Library, groups: list[MoodGroup], top: int) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from earmark.cli.render import bar

    most = max((len(group.ids) for group in groups), default=0)
    lines: list[RenderableType] = []
    for i, group in enumerate(groups):
        if i and groups[i - 1].head != group.head:
            lines.append(Text())
        text = Text("  ").append(f"{group.name:<16}", style="bold").append(f"{len(group.ids):>7}  ")
        lines.append(text.append_text(bar(len(group.ids) / most if most else 0, 30, "cyan")))
        rows = library.rows(group.ids[:top])
        lines += [Text(f"    {row.id:>7}  {printable(row.name)}", style="bright_black") for row in rows]
    return Group(*lines)


def _write(library: Library, groups: list[MoodGroup], folder: Path) -> None:
    from earmark.library.playlist_files import save_playlist
    from earmark.storage import make_folder

    make_folder(folder)
    n = 0
    for group in filter(lambda group: group.ids, groups):
        name = re.sub(r"[^\w-]+", " ", group.name).strip()
        written = save_playlist(list(library.rows(group.ids)), folder / f"{name}.m3u8", name=group.name)
        for row, problem in written.left_out:
            say(f"left out: {row.path}: {problem}")
        n += 1
    say(f"wrote {plural(n, 'playlist')} into {folder}")


def _plot(library: Library, among: list[int] | None, path: Path) -> None:
    from earmark.plot import mood_figure, save_figure

    sql = """SELECT id, valence, arousal, genre FROM tracks
        WHERE valence IS NOT NULL AND arousal IS NOT NULL AND genre IS NOT NULL AND vanished IS NULL"""
    allowed = None if among is None else set(among)
    rows: list[Any] = [row for row in library.query(sql) if allowed is None or row["id"] in allowed]
    if not rows:
        raise InputError("no track has valence and arousal", hint="Try: earmark scan with earmark-base.")
    save_figure(mood_figure([tuple(row)[1:] for row in rows]), path)
    say(f"drew {plural(len(rows), 'track')} in {path}")
