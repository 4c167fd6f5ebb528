"""``earmark tune``: good parameters for a family, found without the test part."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.commands.train import manifest_of
from earmark.cli.options import CacheOption, DataArgument, JobsOption, NonEventsOption
from earmark.cli.progress import resumable_progress
from earmark.cli.settings import FIELDS, flags, takes_settings
from earmark.cli.terminal import console, plural, say
from earmark.train.settings import TrainSettings


@takes_settings(*(name for name in FIELDS if name not in ("name", "licence")))
def tune(
    *,
    data: DataArgument,
    trials: Annotated[
        int, typer.Option("--trials", min=1, metavar="N", help="Sets of parameters to try, in all.")
    ] = 30,
    folds: Annotated[
        int, typer.Option("--folds", min=2, metavar="N", help="Folds of the cross-validation.")
    ] = 3,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of the study.", show_default="below runs/"
        ),
    ] = None,
    non_events: NonEventsOption = None,
    settings: TrainSettings,
    jobs: JobsOption = None,
    cache: CacheOption = None,
) -> None:
    """Search for good parameters of a model by cross-validation.

    The best go to best.json, which `earmark train --params` takes. Give the same command again after an
    interruption, or with more trials: the study continues.
    """
    from earmark.train import tune as search

    manifest = manifest_of(data, non_events)
    with resumable_progress() as progress:
        tuning = search(
            manifest,
            settings,
            trials=trials,
            folds=folds,
            out=output,
            jobs=jobs,
            cache=cache,
            progress=progress,
        )
    screen = console()
    screen.print(f"  best      {tuning.score:.3f}  {json.dumps(tuning.params)}", soft_wrap=True)
    screen.print(f"  defaults  {tuning.default:.3f}", soft_wrap=True)
    say(f"{plural(tuning.n_trials, 'trial')}, {tuning.n_pruned} of them cut short")
    if not tuning.params:
        say("nothing was better than the defaults")
    # With the same settings, so that the test part is the one that was not used.
    command = ["earmark", "train", data, "--model", settings.model, *flags(settings, without=["model"])]
    command += [f"--non-events={label}" for label in non_events or []]
    say(f"now: {shlex.join([*command, '--params', str(tuning.file)])}")
