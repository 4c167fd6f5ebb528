"""The application: commands are imported when they are called, so that help and short commands are quick."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from earmark import __version__
from earmark.cli.index import COMMANDS, INTRODUCTION, overview
from earmark.cli.terminal import guarded, printable, wants_colours

HELP = {"help_option_names": ["-h", "--help"]}


def load(name: str) -> Any:
    """Command of a name, ready to be called with arguments.

    Parameters
    ----------
    name : str
        One of `COMMANDS`.

    Returns
    -------
    TyperCommand or TyperGroup
    """
    module = importlib.import_module(f"earmark.cli.commands.{name}")
    if hasattr(module, "app"):
        return get_command(module.app)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP)
    single.command(name)(guarded(getattr(module, name)))
    return get_command(single)


class _Commands(TyperGroup):
    """Commands by their names in the index."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names, for suggestions

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load(cmd_name) if cmd_name in COMMANDS else None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Wrong arguments, which may be names of files; typer and click have a class of their own each.
            if isinstance(message := getattr(error, "message", None), str):
                error.message = printable(message)  # type: ignore[attr-defined]
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(overview(colours=wants_colours(sys.stdout)))


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
    help=INTRODUCTION,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def earmark(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Genre, mood, tempo and key of music, from the sound alone."""
