"""``earmark export``: the catalogue, or its embeddings, as a table for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.commands.evaluate import mapping_of
from earmark.cli.options import LibraryOption, MapOption
from earmark.cli.sources import check_writable
from earmark.cli.terminal import plural, say
from earmark.errors import InputError


def export(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: .csv, .jsonl or .parquet.")],
    where: Annotated[
        str, typer.Option("--where", metavar="QUERY", help="Which tracks.", show_default="all there are")
    ] = "",
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Write id, path, embedding and scores, as .parquet.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="SOURCE",
            help="Write a data set to train on; labels: genre, mood (corrected, else tags), folder.",
        ),
    ] = None,
    label_map: MapOption = None,
    library: LibraryOption = None,
) -> None:
    """Write the tracks of the library to a table: CSV, JSON lines or Parquet.

    JSON lines hold all that is known of a track, and earmark import restores it from them. A CSV can be
    corrected in a spreadsheet, in the columns corrected_genres and corrected_moods, and imported again.
    """
    from earmark.library import Library
    from earmark.library.export import export as write
    from earmark.library.labelled import write_labelled

    check_writable(file, "FILE")
    names = mapping_of(label_map)
    if labels is not None and embeddings:
        raise InputError("--labels and --embeddings", hint="Accepted: one of them.")
    if names and labels is None:
        raise InputError("--map without --labels", hint="Try: --labels genre.")
    with Library(library, create=False, read_only=True) as catalogue:
        if labels is not None:
            counts = write_labelled(catalogue, file, labels, query=where, names=names)
            listed = ", ".join(f"{label} {n:,}" for label, n in counts.most_common())
            say(f"{file}: {plural(counts.total(), 'track')} ({listed})")
            return
        n = write(catalogue, file, query=where, embeddings=embeddings)
    say(f"{file}: {plural(n, 'track')}")
