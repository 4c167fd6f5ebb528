"""``earmark tune``: good parameters for a family, found without a look at the test part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.commands.train import (
    CacheOption,
    DataArgument,
    FamilyOption,
    HopOption,
    SeedOption,
    SetOption,
    SplitOption,
    ThreadsOption,
    WindowOption,
    manifest_of,
    settings,
    watched,
)
from earmark.cli.options import JobsOption, NonEventsOption
from earmark.cli.terminal import console, plural, say


def tune(
    *,
    data: DataArgument,
    model: FamilyOption = "logistic",
    trials: Annotated[
        int, typer.Option("--trials", min=1, metavar="N", help="Sets of parameters to try, in all.")
    ] = 30,
    folds: Annotated[int, typer.Option("--folds", min=2, metavar="N", help="Each is tested on in turn.")] = 3,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of the study.", show_default="below runs/"
        ),
    ] = None,
    split: SplitOption = "grouped",
    non_events: NonEventsOption = None,
    seed: SeedOption = 0,
    setting: SetOption = None,
    window: WindowOption = 3.0,
    hop: HopOption = None,
    threads: ThreadsOption = 1,
    jobs: JobsOption = None,
    cache: CacheOption = None,
) -> None:
    """Search for good parameters of a model by cross-validation.

    The best go to best.json, which `earmark train --params` takes. Give the same command again after an
    interruption, or with more trials: the study goes on.
    """
    from earmark.train import tune as search

    manifest = manifest_of(data, non_events)
    with watched() as watch:
        tuning = search(
            manifest,
            model=model,
            trials=trials,
            folds=folds,
            out=output,
            params=settings(model, None, setting),
            split=split,
            seed=seed,
            window=window,
            hop=hop,
            threads=threads,
            jobs=jobs,
            cache=cache,
            progress=watch,
        )
    screen = console()
    screen.print(f"  best      {tuning.score:.3f}  {json.dumps(tuning.params)}", soft_wrap=True)
    screen.print(f"  defaults  {tuning.default:.3f}", soft_wrap=True)
    say(f"{plural(tuning.n_trials, 'trial')}, {tuning.n_pruned} of them cut short")
    if not tuning.params:
        say("nothing was better than the defaults")
    say(f"now: earmark train {data} --model {model} --params {tuning.file}")
