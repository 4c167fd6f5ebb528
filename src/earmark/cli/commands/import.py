"""``earmark import``: corrections, and tracks that another library has analysed, from an exported table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import ForceOption, LibraryOption
from earmark.cli.terminal import guarded, plural, write_line

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("import")  # a word of Python, which no function can have as its name
@guarded
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table that earmark export wrote.")],
    force: ForceOption = False,
    library: LibraryOption = None,
) -> None:
    """Take corrections and analysed tracks from an exported table into the library.

    Tracks are matched by their sound, else by their path. Corrections that the library has are kept unless
    --force is given. From JSON lines, tracks that are not in the library come with all of their analysis.
    """
    from earmark.library import Library
    from earmark.library.take import take

    with Library(library) as catalogue:
        taken = take(catalogue, file, force=force)
    lines = [
        (taken.corrected, "track", "corrected"),
        (taken.added, "track", "added"),
        (taken.kept, "track", "left with another correction; --force replaces it"),
        (taken.unmatched, "record", "of tracks that are not in the library"),
        (taken.unchanged, "track", "as before"),
    ]
    write_line(", ".join(f"{plural(n, noun)} {what}" for n, noun, what in lines if n) or "no record")
