"""``earmark library``: what is in the library, and what is wrong in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JsonOption, LibraryOption
from earmark.cli.seeds import opened
from earmark.cli.sources import check_writable
from earmark.cli.terminal import columns, console, guarded, plural, say, write_line
from earmark.errors import EarmarkError, InputError

NEARLY = 0.75  # by difflib: jaz and jazz have 0.86, polka and folk 0.67

if TYPE_CHECKING:
    from earmark.library import Library, Row

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Show what the library holds, what failed, and correct it.",
)
TrackArgument = Annotated[
    str, typer.Argument(metavar="ID|FILE", help="Number of a track, as search lists it, or its file.")
]


def track_of(library: Library, text: str) -> Row:
    """Return the track of a number or a path.

    Raises
    ------
    InputError
        There is none.
    """
    if text.isascii() and text.isdigit() and len(text) < 19:
        return library.get(int(text))
    row = library.find(text)
    if row is None:
        raise InputError(f"{text} is not in the library", hint="Try: earmark scan with its folder.")
    return row


@app.command()
@guarded
def info(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Show where the library is, its folders, and how many tracks it has."""
    with opened(library) as catalogue:
        facts = _facts(catalogue)
    if as_json:
        write_line(json.dumps(facts))
        return
    rows = [
        ("file", f"{facts['path']} ({facts['bytes'] / 1e6:.1f} MB)"),
        *(("folder", folder) for folder in facts["folders"]),
        ("tracks", f"{facts['tracks']:,}, {facts['failed']:,} failed, {facts['vanished']:,} vanished"),
        *(("model", f"{model['name']}: {plural(model['tracks'], 'track')}") for model in facts["models"]),
        ("corrected", plural(facts["corrected"], "track")),
    ]
    if n := facts["older_method"]:
        rows.append(("tempo, key", f"{plural(n, 'track')} by an older method: earmark scan --refresh"))
    console().print(columns(rows))


@app.command()
@guarded
def stats(
    *,
    query: Annotated[
        str, typer.Argument(metavar="[QUERY]", help="Which tracks.", show_default="all there are")
    ] = "",
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="PICTURE", help="Draw a map of the tracks by sound: .png, .svg, ..."),
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the tracks by genre, mood, quadrant, decade and tempo."""
    from earmark.library.stats import stats as count

    if plot is not None:
        from earmark.plot import check_picture_path

        check_picture_path(plot)
        check_writable(plot, "--plot")
    with opened(library) as catalogue:
        found = count(catalogue, query)
        if plot is not None:
            _draw_map(catalogue, query, plot)
    if as_json:
        write_line(json.dumps(found.to_dict()))
        return
    from earmark.cli.bars import stats_bars

    terminal = console()
    terminal.print(stats_bars(found, width=min(terminal.width, 100)))


def _draw_map(library: Library, query: str, path: Path) -> None:
    from earmark.library.stats import sound_map
    from earmark.plot import map_figure, save_figure

    found = sound_map(library, query)
    if not found.ids:
        raise InputError("no track of these has an embedding", hint="Accepted: tracks that were analysed.")
    tracks = [
        (float(x), float(y), genre or "unknown")
        for (x, y), genre in zip(found.points, found.genres, strict=True)
    ]
    save_figure(map_figure(tracks, explained=found.explained), path)
    say(f"wrote {path}")


@app.command()
@guarded
def errors(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the tracks that could not be analysed, and why; earmark scan --retry tries them again."""
    with opened(library) as catalogue:
        sql = "SELECT id FROM tracks WHERE state = 'failed' AND vanished IS NULL ORDER BY id"
        for row in catalogue.rows([found[0] for found in catalogue.query(sql)]):
            error = row.error or {}
            if as_json:
                write_line(json.dumps({"id": row.id, "path": row.path, "error": error}))
            else:
                text = str(EarmarkError(error.get("message", ""), hint=error.get("hint", "")))
                name = "" if row.path in text else f"{row.path}: "
                write_line(f"{row.id}  {error.get('code')}  {name}{text}")


@app.command()
@guarded
def correct(
    *,
    track: TrackArgument,
    genre: Annotated[
        list[str] | None, typer.Option("--genre", help="The right genre. Repeatable, the first is the main.")
    ] = None,
    mood: Annotated[list[str] | None, typer.Option("--mood", help="A right mood. Repeatable.")] = None,
    quadrant: Annotated[str | None, typer.Option("--quadrant", help="Q1, Q2, Q3 or Q4.")] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", help="instrumental, sung, rapped or spoken.")
    ] = None,
    instrument: Annotated[
        list[str] | None, typer.Option("--instrument", help="An instrument that plays. Repeatable.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the corrections of the track back.")] = False,
    library: LibraryOption = None,
) -> None:
    """Note what is right of a track, such as its genre; search, playlists and training then follow it."""
    given = {"genres": genre, "moods": mood, "quadrant": [quadrant] if quadrant else None}
    given |= {"voice": [voice] if voice else None, "instruments": instrument}
    heads: dict[str, list[str]] = {head: labels for head, labels in given.items() if labels}
    if bool(heads) == undo:
        raise InputError(
            "--undo takes no labels" if undo else "nothing to correct",
            hint="Try: --undo alone." if undo else "Try: --genre jazz.",
        )
    with opened(library, write=True) as catalogue:
        row = track_of(catalogue, track)
        row = catalogue.correct(row.id, **({head: [] for head in given} if undo else heads))
        labels = [f"{head} {', '.join(found)}" for head, found in row.corrections.items()]
        write_line(f"{row.id}  {row.name}: {'; '.join(labels) or 'as predicted'}")
    say(*_perhaps_misspelt(row))


def _perhaps_misspelt(row: Row) -> Iterator[str]:
    """Words of one's own are welcome; what is nearly a label of the model is pointed out."""
    from difflib import get_close_matches

    for head, labels in row.corrections.items():
        known, name = (row.model.heads.get(head, ()), row.model.name) if row.model else ((), "")
        for label in labels:
            near = get_close_matches(label, known, n=1, cutoff=NEARLY)
            if near and label not in known:
                yield f"kept as a word of yours: {label!r} is no label of {name}. Did you mean {near[0]!r}?"


@app.command()
@guarded
def forget(
    *,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that was scanned, or part of one.")],
    library: LibraryOption = None,
) -> None:
    """Remove a folder and its tracks from the library, with their corrections; no file is touched."""
    with opened(library, write=True) as catalogue:
        write_line(f"{plural(catalogue.forget(folder), 'track')} removed from the library")


@app.command()
@guarded
def check(*, library: LibraryOption = None) -> None:
    """Check that the file of the library is whole; the exit status is 1 if it is not."""
    with opened(library) as catalogue:
        found = catalogue.check()
        for line in found:
            write_line(line)
        if found:
            raise typer.Exit(1)
        write_line(f"{catalogue.path}: {plural(len(catalogue), 'track')}, nothing wrong")


def _facts(library: Library) -> dict[str, Any]:
    def count(where: str) -> int:
        return int(library.query(f"SELECT count(*) FROM tracks WHERE {where}")[0][0])

    from earmark.library.stats import by_older_method

    models = library.query(
        """SELECT models.name, count(*) FROM tracks JOIN models ON models.id = tracks.model
        GROUP BY models.id ORDER BY count(*) DESC"""
    )
    return {
        "path": str(library.path),
        "bytes": library.path.stat().st_size,
        "folders": library.roots(),
        "tracks": len(library),
        "failed": count("state = 'failed'"),
        "vanished": count("vanished IS NOT NULL"),
        "corrected": count("id IN (SELECT track FROM corrections)"),
        "older_method": count(f"vanished IS NULL AND {by_older_method(library)}"),
        "models": [{"name": name, "tracks": n} for name, n in models],
    }
