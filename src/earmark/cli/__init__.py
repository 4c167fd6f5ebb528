"""The command line: a thin command for each public verb.

Nothing is imported here, because every worker process of a batch imports this module first.
"""

from __future__ import annotations

import sys

from earmark import __version__


def main() -> None:
    """Run the command that the arguments ask for; the entry point of ``earmark``."""
    if sys.argv[1:] == ["--version"]:  # known without loading the commands
        sys.stdout.write(f"earmark {__version__}\n")
        return
    from earmark.cli.app import app
    from earmark.cli.terminal import prepare_streams

    prepare_streams()
    app(prog_name="earmark")
