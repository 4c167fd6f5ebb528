"""The command line: a thin command for each public verb.

Nothing is imported here, because every worker process of a batch imports this module first.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name; the entry point of ``earmark``."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from earmark import __version__

        sys.stdout.write(f"earmark {__version__}\n")
        return
    from earmark.cli.terminal import prepare_streams, wants_colours

    prepare_streams()
    if arguments in ([], ["--help"], ["-h"]):  # known without importing a command or Typer
        from earmark.cli.index import overview

        sys.stdout.write(overview(colours=wants_colours(sys.stdout)))
        return
    from earmark.cli.app import app

    app(prog_name="earmark")
