"""``earmark tag``: plan the tags of files from predictions, preview, write and undo them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JsonOption, LibraryOption
from earmark.cli.terminal import console, guarded, plural, say, screen, write_line
from earmark.errors import InputError

if TYPE_CHECKING:
    from earmark.library.tags import FilePlan, Outcome, Wanted

STDIN = "-"
STYLES = {"file": "bold", "-": "red", "+": "green", "=": "yellow", "!": "bold red"}

app = typer.Typer(
    name="tag",
    help="Write genre, mood, tempo and key into tags: plan, preview, apply, undo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="File that earmark tag plan has written.")]
JournalOption = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="PATH",
        help="Where it is written down how to undo.",
        show_default="in the user's data folder",
    ),
]


Query = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[QUERY...]", help="Tracks of the library, as of earmark search.", show_default="all"
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="PLAN", help="Where the plan goes.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Predictions of earmark classify --json instead of the library, - for stdin.",
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Overwrite what the tags say now.")]
Add = Annotated[bool, typer.Option("--add", help="Add genres and moods to those that are there.")]
MinScore = Annotated[
    float, typer.Option("--min-score", metavar="X", help="Least score of a genre or mood, from 0 to 1.")
]
NGenres = Annotated[int, typer.Option("--genres", metavar="N", help="The most genres of a file.")]
NMoods = Annotated[int, typer.Option("--moods", metavar="N", help="The most moods of a file.")]
Fields = Annotated[str, typer.Option("--fields", metavar="LIST", help="What to write.")]
Words = Annotated[
    list[str] | None,
    typer.Option(
        "--word",
        metavar="LABEL=WORD|FILE",
        help="Your word for a label, or a file of such lines; LABEL= leaves it out. Repeatable.",
    ),
]
Comment = Annotated[bool, typer.Option("--comment", help="Write it all into the comment as well.")]
Evidence = Annotated[
    bool, typer.Option("--evidence/--no-evidence", help="Write scores and model beside (EARMARK_*).")
]


@app.command()
@guarded
def plan(
    *,
    query: Query = None,
    output: Output,
    source: Source = None,
    library: LibraryOption = None,
    replace: Replace = False,
    add: Add = False,
    min_score: MinScore = 0.5,
    n_genres: NGenres = 2,
    n_moods: NMoods = 3,
    fields: Fields = "genre,mood,bpm,key",
    words: Words = None,
    comment: Comment = False,
    evidence: Evidence = True,
) -> None:
    """Plan which tags would change; no file is touched.

    A field that says something already is kept, unless --replace or --add is given. What you have corrected
    (earmark library correct) goes before what was predicted.
    """
    from earmark.library.tags import PlanOptions, make_plan, totals, write_plan

    options = PlanOptions(
        fields=tuple(filter(None, fields.split(","))),
        replace=replace,
        add=add,
        min_score=min_score,
        n_genres=n_genres,
        n_moods=n_moods,
        vocabulary=_vocabulary(words or []),
        comment=comment,
        evidence=evidence,
    )
    errors: list[str] = []
    wanted = _of_library(library, query or []) if source is None else _wanted(source, query, errors)
    plans = write_plan(output, make_plan(wanted, options), options)
    _report(totals(plans), f"{output}: ")
    say(*(f"error: {line}" for line in errors))
    if errors or any(one.error for one in plans):
        raise typer.Exit(1)


def _of_library(path: Path | None, query: list[str]) -> Iterator[Wanted]:
    """What the library has found about the tracks of a query."""
    from earmark.library import Library
    from earmark.library.search import search
    from earmark.library.tagging import wanted_tags

    with Library(path, create=False, read_only=True) as library:
        ids = search(library, " ".join(query), sort="path")
        if not ids:
            raise InputError("no track of the library is meant", hint="Try: earmark search with this query.")
        yield from wanted_tags(library, ids)


def _wanted(source: str, query: list[str] | None, errors: list[str]) -> Iterator[Wanted]:
    """Predictions in lines of JSON; lines of errors are counted, others refused with their number."""
    from earmark.library.tags import Wanted
    from earmark.predict import Prediction

    if query:
        raise InputError("QUERY and --from", hint="Accepted: one of them.")
    for number, line in enumerate(_lines(source), 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            if isinstance(content, dict) and str(content.get("schema", "")).startswith("earmark.error/"):
                source_name, message = str(content.get("source")), content["error"]["message"]
                errors.append(message if source_name in message else f"{source_name}: {message}")
                continue
            prediction = Prediction.from_dict(content)
        except (ValueError, KeyError, TypeError) as error:
            text = error.message if isinstance(error, InputError) else str(error)
            raise InputError(
                f"{source}, line {number}: {text}", hint="Accepted: lines of earmark classify --json FILE...."
            ) from None
        yield Wanted.of(prediction)


def _lines(source: str) -> Iterable[str]:
    if source == STDIN:
        return sys.stdin.read().splitlines()
    try:
        return Path(source).read_text("utf-8", "surrogateescape").splitlines()
    except OSError as error:
        raise InputError(
            f"{source} cannot be read ({error.strerror})", hint="Try: earmark classify --json FILE... > FILE."
        ) from None


def _vocabulary(words: Iterable[str]) -> dict[str, str]:
    """Words by label, from LABEL=WORD and from files of such lines; # begins a remark."""
    found: dict[str, str] = {}
    for word in words:
        lines = [word] if "=" in word else [line.partition("#")[0] for line in _lines(word)]
        for line in filter(str.strip, lines):
            label, equals, mine = line.partition("=")
            if not equals or not label.strip():
                raise InputError(f"--word {line.strip()!r}", hint="Accepted: LABEL=WORD.")
            found[label.strip()] = mine.strip()
    return found


def _report(counts: dict[str, int], front: str = "") -> None:
    parts = [
        f"{plural(counts['changes'], 'file')} to change",
        f"{counts['kept']} with tags of their own, kept" if counts["kept"] else "",
        f"{counts['same']} as they would be" if counts["same"] else "",
        plural(counts["errors"], "error") if counts["errors"] else "",
    ]
    say(front + ", ".join(filter(None, parts)))


@app.command()
@guarded
def preview(
    *,
    plan: PlanArgument,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show the evidence (EARMARK_*) as well.")
    ] = False,
) -> None:
    """Show what a plan would change, field by field."""
    from rich.text import Text

    from earmark.library.tags import preview as lines_of
    from earmark.library.tags import read_plan, totals

    plans = read_plan(plan)
    out = console()
    for line in lines_of(plans, evidence=evidence):
        out.print(Text(line.text, style=STYLES.get(line.sign, "")), soft_wrap=True)
    _report(totals(plans))


@app.command()
@guarded
def apply(
    *,
    plan: PlanArgument,
    journal: JournalOption = None,
    keep_mtime: Annotated[
        bool, typer.Option("--keep-mtime", help="Keep the time of the last change of each file.")
    ] = False,
    break_links: Annotated[
        bool, typer.Option("--break-links", help="Change files with several names (hard links).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the tags of a plan; each file is replaced whole or not at all, and can be brought back."""
    from earmark.library.tags import Journal, default_journal, new_run, read_plan
    from earmark.library.tags import apply as carry_out

    plans = [one for one in read_plan(plan) if one.changes and not one.error]
    run = new_run()
    with Journal(journal or default_journal()) as book:
        outcomes = carry_out(plans, book, run=run, keep_mtime=keep_mtime, break_links=break_links)
        counts = _show(outcomes, plans, "writing tags", as_json=as_json)
    done, failed = counts.get("applied", 0), counts.get("failed", 0)
    same = f", {counts['unchanged']} as planned already" if counts.get("unchanged") else ""
    say(
        f"{plural(done, 'file')} changed{same}, {failed} failed"
        + (f"; undo: earmark tag undo --run {run}" if done else "")
    )
    if failed:
        raise typer.Exit(1)


@app.command()
@guarded
def undo(
    *,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Only these files.", show_default="all")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Which apply to undo.", show_default="the last"),
    ] = None,
    list_runs: Annotated[bool, typer.Option("--list", help="Show what can be undone, and stop.")] = False,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring files back as they were before tags were written, byte for byte."""
    from earmark.library.tags import Journal, default_journal
    from earmark.library.tags import undo as take_back

    with Journal(journal or default_journal()) as book:
        runs = book.runs()
        if list_runs:
            _show_runs(runs, as_json=as_json)
            return
        open_runs = [one.run for one in runs if one.n_undone < one.n_files]
        if run is not None and run not in {one.run for one in runs}:
            known = ", ".join(one.run for one in runs[:5]) or "none yet"
            raise InputError(f"run={run!r}", hint=f"Accepted: {known}.")
        if run is None and not files:
            if not open_runs:
                say("nothing to undo")
                return
            run = open_runs[0]
        paths = [str(path) for path in files or []]
        edits = book.edits(run=run, paths=[str(path.resolve()) for path in files or []])
        counts = _show(take_back(book, run=run, paths=paths), edits, "undoing", as_json=as_json)
    say(f"{plural(counts.get('undone', 0), 'file')} brought back, {counts.get('failed', 0)} failed")
    if counts.get("failed"):
        raise typer.Exit(1)


def _show(
    outcomes: Iterable[Outcome], planned: list[Any] | list[FilePlan], what: str, *, as_json: bool
) -> dict[str, int]:
    """Report each file as it is done; return how many ended in which state."""
    counts: dict[str, int] = {}
    with screen(len(planned), what) as out:
        for outcome in outcomes:
            counts[outcome.state] = counts.get(outcome.state, 0) + 1
            if as_json:
                content: dict[str, Any] = {"path": outcome.path, "state": outcome.state}
                if outcome.error:
                    content["error"] = outcome.error.to_dict()
                out.write(json.dumps(content))
            elif outcome.error:
                out.complain(outcome.error, outcome.path)
            out.advance()
    return counts


def _show_runs(runs: Iterable[Any], *, as_json: bool) -> None:
    for one in runs:
        if as_json:
            write_line(json.dumps({"run": one.run, "files": one.n_files, "undone": one.n_undone}))
        else:
            undone = f", {one.n_undone} brought back" if one.n_undone else ""
            write_line(f"{one.run}  {plural(one.n_files, 'file')}{undone}")
