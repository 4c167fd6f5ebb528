"""Commands and their names; what each does is in the module of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from earmark import __version__
from earmark.cli.commands.check import check
from earmark.cli.commands.classify import classify
from earmark.cli.commands.compare import compare
from earmark.cli.commands.demo import demo
from earmark.cli.commands.doctor import doctor
from earmark.cli.commands.evaluate import evaluate
from earmark.cli.commands.features import features
from earmark.cli.commands.importance import importance
from earmark.cli.commands.models import models
from earmark.cli.commands.spectrogram import spectrogram
from earmark.cli.commands.train import train
from earmark.cli.commands.tune import tune
from earmark.cli.terminal import guarded

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
    """Listen to music and mark it: genre, mood, tempo and key from the sound alone."""


COMMANDS: tuple[Callable[..., Any], ...] = (
    classify,
    spectrogram,
    features,
    check,
    train,
    tune,
    importance,
    evaluate,
    compare,
    models,
    doctor,
    demo,
)
for _command in COMMANDS:
    app.command()(guarded(_command))
