"""``earmark classify``: genre, mood, tempo and key of files, as a table or for another program."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import (
    DeadlineOption,
    FilesArgument,
    JobsOption,
    JsonOption,
    ModelOption,
    PriorOption,
)
from earmark.cli.sources import check_writable, done_of, found, jobs_for, limits_for, one_only
from earmark.cli.terminal import Screen, say, screen, write_line
from earmark.cli.writers import CsvWriter, JsonWriter, LabelWriter, TableWriter, Writer
from earmark.errors import EarmarkError, InputError
from earmark.vocabulary import DEFAULT_MODEL
from earmark.workers import run

if TYPE_CHECKING:
    from earmark.models import Model, ModelCard
    from earmark.predict import Prediction, Prior

MANY = 4  # from so many files on, each gets one line
EXCERPTS = (3, 10.0)


class Format(StrEnum):
    """How predictions are written out."""

    table = "table"
    json = "json"
    csv = "csv"
    audacity = "audacity"


class LabelFormat(StrEnum):
    """Programs whose label files can be written."""

    audacity = "audacity"


Csv = Annotated[bool, typer.Option("--csv", help="A row for each file, a column for each genre.")]
Labels = Annotated[LabelFormat | None, typer.Option(help="Label track of one file: start, end, genre.")]
Timeline = Annotated[bool, typer.Option("--timeline", help="List the segments; with --csv, a row for each.")]
Top = Annotated[int, typer.Option(min=1, metavar="N", help="Genres to show in tables and pictures.")]
Embedding = Annotated[bool, typer.Option("--embedding", help="Add the embedding to --json or --csv.")]
Excerpt = Annotated[bool, typer.Option("--excerpt", help="Use three excerpts of 10 s only: faster.")]
Plot = Annotated[Path | None, typer.Option(metavar="PICTURE", help="Draw the result of one file.")]


def classify(
    *,
    files: FilesArgument,
    as_json: JsonOption = False,
    as_csv: Csv = False,
    labels: Labels = None,
    timeline: Timeline = False,
    top: Top = 5,
    embedding: Embedding = False,
    excerpt: Excerpt = False,
    prior: PriorOption = None,
    model: ModelOption = DEFAULT_MODEL,
    jobs: JobsOption = None,
    deadline: DeadlineOption = None,
    plot: Plot = None,
) -> None:
    """Predict genre, mood, tempo and key from the sound alone.

    Files that cannot be read are reported, the others go on, and the exit status is 1.
    """
    style = _format(as_json, as_csv, labels)
    sources, n_unreadable = found(files, on_unreadable=_write_error if style is Format.json else None)
    if labels is not None:
        one_only(sources, "--labels")
    if plot is not None:
        one_only(sources, "--plot")
        _check_picture(plot)
    loaded = _loaded(model, embedding=embedding)
    priors = _checked_prior(prior, loaded.card)
    n_jobs, limits = jobs_for(sources, jobs), limits_for(sources, deadline)
    here = n_jobs == 1 and not limits
    setup = partial(_same, loaded) if here else partial(_loaded, model, embedding=embedding)
    excerpts = EXCERPTS if excerpt else None
    predict = partial(_predict, excerpts=excerpts, embedding=embedding, prior=priors)
    n_done = 0
    with screen(len(sources), "classifying") as out:
        table = TableWriter(out, top=top, timeline=timeline, cards=len(sources) < MANY)
        writer = _writer(style, out, loaded.card, timeline=timeline, embedding=embedding) or table
        results = run(predict, sources, jobs=n_jobs, setup=setup, **limits)
        for result in done_of(results, out, writer.failed):
            writer.done(result.value)
            n_done += 1
            if plot is not None:
                _draw(result.value, plot, top)
    if style is Format.table and not table.cards:
        say(table.summary())
    if n_done < len(sources) + n_unreadable:
        raise typer.Exit(1)


def _write_error(path: Path, error: EarmarkError) -> None:
    """Write the line of a folder that cannot be read: a program sees all that is missing."""
    from earmark.predict import error_dict

    write_line(json.dumps(error_dict(path, error)))


def _same(loaded: Model) -> Model:
    return loaded


def _loaded(name: str, *, embedding: bool) -> Model:
    from earmark.models import load_model

    model = load_model(name)
    if embedding and not model.card.embedding_size:
        raise InputError(f"model {name!r} has no embedding", hint="Try: without --embedding.")
    return model


def _checked_prior(text: str | None, card: ModelCard) -> Prior | None:
    """Prior that is known to fit the model before any file is read."""
    if text is None:
        return None
    from earmark.predict import parse_prior, prior_shift

    prior = parse_prior(text)
    prior_shift(prior, card)
    return prior


def _predict(
    model: Model, source: str, *, excerpts: tuple[int, float] | None, embedding: bool, prior: Prior | None
) -> Prediction:
    from earmark.predict import classify

    return classify(source, model=model, excerpts=excerpts, embedding=embedding, prior=prior)


def _format(as_json: bool, as_csv: bool, labels: LabelFormat | None) -> Format:
    wanted = {"--json": as_json, "--csv": as_csv, "--labels": labels is not None}
    chosen = [option for option, given in wanted.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other", hint="Try: one of them.")
    names = {"--json": Format.json, "--csv": Format.csv, "--labels": Format.audacity}
    return names[chosen[0]] if chosen else Format.table


def _writer(style: Format, out: Screen, card: ModelCard, *, timeline: bool, embedding: bool) -> Writer | None:
    """Writer for programs; None where people read the table."""
    match style:
        case Format.json:
            return JsonWriter(out)
        case Format.csv:
            return CsvWriter(out, card, timeline=timeline, embedding=embedding)
        case Format.audacity:
            return LabelWriter(out)
        case Format.table:
            return None


def _check_picture(path: Path) -> None:
    from earmark.plot import check_picture_path

    check_picture_path(path)
    check_writable(path, "--plot")


def _draw(prediction: Any, path: Path, top: int) -> None:
    from earmark.plot import prediction_figure, save_figure

    save_figure(prediction_figure(prediction, top=max(top, 8)), path)
    say(f"drew {path}")
