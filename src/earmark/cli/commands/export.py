"""``earmark export``: the catalogue, or its embeddings, as a table for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import LibraryOption
from earmark.cli.sources import check_writable
from earmark.cli.terminal import plural, say


def export(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: .csv, .jsonl or .parquet.")],
    where: Annotated[
        str, typer.Option("--where", metavar="QUERY", help="Which tracks.", show_default="all there are")
    ] = "",
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Write id, path, embedding and scores, as .parquet.")
    ] = False,
    library: LibraryOption = None,
) -> None:
    """Write the tracks of the library to a table: CSV, JSON lines or Parquet.

    JSON lines hold all that is known of a track, and earmark import restores it from them. A CSV can be
    corrected in a spreadsheet, in the columns corrected_genres and corrected_moods, and imported again.
    """
    from earmark.library import Library
    from earmark.library.export import export as write

    check_writable(file, "FILE")
    with Library(library, create=False, read_only=True) as catalogue:
        n = write(catalogue, file, query=where, embeddings=embeddings)
    say(f"{file}: {plural(n, 'track')}")
