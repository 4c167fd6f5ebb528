"""``earmark features``: one row of descriptors for each file, into a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from earmark.cli.options import DeadlineOption, JobsOption
from earmark.cli.sources import STDIN, check_writable, done_of, found, jobs_for, limits_for
from earmark.cli.terminal import complaint, plural, say, screen
from earmark.errors import EarmarkError, InputError
from earmark.tables import open_table, table_kind
from earmark.workers import run


def features(
    *,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|DIR...", help="Sound files, and folders of them.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="TABLE", help="Where to: .csv, .jsonl or .parquet.")
    ],
    jobs: JobsOption = None,
    deadline: DeadlineOption = None,
) -> None:
    """Write a table of audio descriptors, one row for each file.

    Run it again after an interruption, or with new files in the folder: only what is missing from the
    table is done. Its rows end in the order of the files. Files that cannot be read are listed at the end,
    and the exit status is 1.
    """
    if STDIN in files:
        raise InputError(
            "standard input has no name to stand in a table", hint="Accepted: files and folders."
        )
    table_kind(output)
    check_writable(output, "--output")
    sources, n_unreadable = found(files)
    from earmark.features import FeatureSpec, descriptors_digest

    is_new = not output.exists()
    table = open_table(output, spec=descriptors_digest(FeatureSpec()))
    todo = [source for source in sources if not table.has(source)]
    failed: list[tuple[object, EarmarkError]] = []
    with screen(len(todo), "describing") as out:
        results = run(describe, todo, jobs=jobs_for(todo, jobs), **limits_for(todo, deadline))
        for result in done_of(results, out, lambda source, error: failed.append((source, error))):
            table.append(result.value)
    table.finish(sources)
    if is_new and len(failed) == len(sources):
        output.unlink(missing_ok=True)  # a table without a row, not even a header
    there = len(sources) - len(todo)
    say(
        f"{output}: {plural(len(todo) - len(failed), 'row')} added"
        + (f", {there} there before" if there else "")
    )
    if failed:
        say(f"{plural(len(failed), 'file')} could not be described:")
        for source, error in failed:
            say(complaint(error, source))
    if failed or n_unreadable:
        raise typer.Exit(1)


def describe(source: str) -> dict[str, Any]:
    """Row of a file.

    Parameters
    ----------
    source : str
        Its path.

    Returns
    -------
    dict
        ``source``, ``duration`` in s, ``spec`` (see `descriptors_digest`), every descriptor, ``key``.
    """
    from earmark.audio import open_audio
    from earmark.features import DescriptorStream, FeatureSpec, descriptors_digest

    spec = FeatureSpec()
    stream, n_samples = DescriptorStream(spec), 0
    with open_audio(source, sr=spec.sr) as audio:
        for block in audio.blocks():
            stream.push(block)
            n_samples += len(block)
    described = stream.close()
    numbers = {name: float(f"{value:.9g}") for name, value in described.to_dict().items()}
    return {
        "source": source,
        "duration": round(n_samples / spec.sr, 3),
        "spec": descriptors_digest(spec),
        **numbers,
        "key": described.key,
    }
