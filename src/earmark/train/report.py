"""The page of a run: what was learned from what, how well, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from earmark.evaluate import metrics
from earmark.report import (
    Bar,
    Html,
    Section,
    bar_chart,
    facts,
    figure,
    fold,
    matrix_chart,
    notice,
    page,
    save_page,
    table,
)
from earmark.train.job import Job
from earmark.train.run_folder import RunFolder
from earmark.train.scores import Answers

if TYPE_CHECKING:
    from earmark.train.pipeline import Run

LEAKY = "leaky: windows of one track are in training and test, so no figure here means anything"
SHOWN = 50  # tracks that were left out, before the list is cut


def run_report(run: Run, job: Job, scored: Mapping[str, Answers | None], folder: RunFolder) -> None:
    """Write ``report.html``.

    Parameters
    ----------
    run : Run
        What came of it.
    job : Job
        What it was made from.
    scored : mapping of str to TrackScores or None
        Answers on each part.
    folder : RunFolder
        Where to; its ``curves.png`` goes into the page.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    sections = [
        Section("Figures", _figures(run, scored)),
        Section(
            "Curves", [figure((folder.path / "curves.png").read_bytes(), alt="figures by step and class")]
        ),
        Section("Data", _data(run, job)),
        Section("Parameters", _parameters(job)),
    ]
    if run.skipped:
        sections.append(Section("Left out", _left_out(run)))
    subtitle = f"{job.request.model} on {job.facts()['data']['name']}"
    save_page(page(f"Training of {job.name}", sections, subtitle=subtitle), folder.path / "report.html")


def _figures(run: Run, scored: Mapping[str, Answers | None]) -> list[Html | str]:
    tested = scored["test"]
    parts: list[Html | str] = [notice(LEAKY)] if run.leaky else []
    if tested is None:
        return [*parts, "There is no test part: this model has no figure."]
    parts.append(
        facts(
            {found.name: found.text for found in run.figures},
            notes={found.name: found.interval or "no interval" for found in run.figures},
        )
    )
    told = tested.by_track
    n_windows, untaught = len(tested.by_window.truth), "that it did not learn from"
    heard = f"{len(tested)} tracks ({n_windows} windows) {untaught}"
    if run.leaky:
        heard = f"{n_windows} windows {untaught}, of {len(tested)} tracks of which it knows others"
    parts.append(f"On {heard}; the intervals (95 %) resample groups.")
    recalls = metrics.recalls(told.truth, told.scores)
    bars = [
        Bar(label, float(recall), note=f"{n} tracks" + (" leaky" if run.leaky else ""))
        for label, recall, n in zip(run.card.classes, recalls, told.truth.sum(axis=0), strict=True)
        if np.isfinite(recall)
    ]
    counts = metrics.confusion(told.truth, told.scores)
    confused = matrix_chart(counts, run.card.classes, run.card.classes, corner="true / answered")
    return [*parts, bar_chart(bars), confused]


def _data(run: Run, job: Job) -> list[Html | str]:
    counts = {name: job.counts(name) for name in job.pairs}
    rows = [[label, *(counts[part][label] for part in counts)] for label in job.manifest.classes]
    rows.append(["all windows", *(len(pairs) for pairs in job.pairs.values())])
    split, manifest = job.split, job.manifest
    return [
        table(["tracks of", *counts], rows),
        f"Split {split.protocol}, digest {split.digest}; data set {manifest.digest}, {len(manifest)} tracks "
        f"in {len(set(manifest.groups.tolist()))} groups. {run.balance[:1].upper()}{run.balance[1:]}.",
        *(notice(warning) for warning in run.warnings),
    ]


def _parameters(job: Job) -> list[Html | str]:
    facts_of_run = job.facts()
    rows = [[name, repr(value)] for name, value in facts_of_run["params"].items()]
    features = facts_of_run["features"]
    rows += [["input", f"{features['input']}, window {features['window']:g} s, hop {features['hop']:g} s"]]
    rows += [["augment", ", ".join(job.request.augment) or "none"]]
    # As text, so that all values stand in one line below each other; most families have the seed already.
    more = [name for name in ("seed", "threads") if name not in facts_of_run["params"]]
    rows += [[name, str(facts_of_run[name])] for name in more]
    return [table(["parameter", "value"], rows)]


def _left_out(run: Run) -> list[Html | str]:
    rows = [[skipped.path, skipped.reason] for skipped in run.skipped]
    listed = table(["what", "why"], rows[:SHOWN])
    more = [f"and {len(rows) - SHOWN} more, in log.jsonl"] if len(rows) > SHOWN else []
    return [fold(f"{len(rows)} left out", listed, *more)]
