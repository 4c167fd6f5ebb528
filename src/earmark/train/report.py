"""What a run shows: the balance of its classes, a picture of its curves, and the page ``report.html``."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.estimators import TrainableModel
from earmark.estimators.base import requires_extra
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
from earmark.train.plan import Job
from earmark.train.run_folder import Run, RunFolder
from earmark.train.scores import PartScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EVEN = 1.5  # classes whose sizes differ by less are called balanced
LEAKY = "leaky: windows of one track are in training and test, so no metric here means anything"
SHOWN = 50  # tracks that were left out, before the list is cut
COLOURS = {"train": "#9aa7bb", "valid": "#f29a1f", "test": "#35608c"}
_LINES = ("#35608c", "#e5453b", "#2eb872", "#8e5bd0", "#f29a1f", "#5f7488")


def describe_balance(model: TrainableModel, counts: Mapping[str, int]) -> str:
    """How even the classes are, and whether the family weights rare ones.

    Parameters
    ----------
    model : TrainableModel
        Of the family.
    counts : mapping of str to int
        Training tracks of each class.
    """
    sizes = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    present = [n for _, n in sizes if n]
    ratio = max(present) / min(present) if present else 1.0
    if ratio < EVEN:
        return f"classes are about even, {sizes[-1][1]} to {sizes[0][1]} tracks each"
    how = "rare classes have a higher weight" if model.balances else "classes are not weighted"
    return (
        f"{sizes[0][0]} has {ratio:.1f} times as many tracks as {sizes[-1][0]} "
        f"({sizes[0][1]} and {sizes[-1][1]}); {how}"
    )


# ---------------------------------------------------------------- the picture


def figure_class() -> type[Figure]:
    """Matplotlib's figure, without pyplot's windows; MissingExtraError without matplotlib."""
    with requires_extra():
        from matplotlib.figure import Figure
    return Figure


def draw_curves(
    steps: Sequence[Mapping[str, Any]], scored: Mapping[str, PartScores | None], classes: Sequence[str]
) -> bytes:
    """Picture of a run as PNG.

    Parameters
    ----------
    steps : sequence of mapping
        Events of the log: ``step`` and numbers such as ``loss``. Of a step that was repeated after an
        interruption the last counts.
    scored : mapping of str to PartScores or None
        Scores of the tracks of each part.
    classes : sequence of str
        In the order of the columns.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    figure_of = figure_class()
    curves = by_step(steps)
    long_enough = any(len(points) > 1 for points in curves.values())
    height = max(3.2, 0.9 + 0.32 * len(classes))
    figure = figure_of(figsize=(11 if long_enough else 6.5, height), layout="constrained")
    axes = figure.subplots(1, 2 if long_enough else 1, squeeze=False)[0]
    if long_enough:
        _draw_steps(axes[0], curves)
    _draw_recalls(axes[-1], scored, classes)
    out = io.BytesIO()
    # Without the date and version that matplotlib would write, the same run gives the same bytes.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks becomes a box
        figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def by_step(steps: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Value at each step, by name."""
    curves: dict[str, dict[int, float]] = {}
    for event in steps:
        for name, value in event.items():
            if name not in ("time", "event", "step", "of") and isinstance(value, int | float):
                curves.setdefault(name, {})[int(event["step"])] = float(value)
    return curves


def _draw_steps(ax: Axes, curves: Mapping[str, Mapping[int, float]]) -> None:
    """Losses on the left axis, fractions on the right."""
    shown = {name: points for name, points in curves.items() if name != "learning_rate"} or curves
    losses = {name: points for name, points in shown.items() if "loss" in name} or shown
    others = {name: points for name, points in shown.items() if name not in losses}
    for colour, (name, points) in zip(_LINES, losses.items(), strict=False):
        ax.plot(*_points(points), color=colour, label=name, linewidth=1.5)
    ax.set_xlabel("step")
    ax.locator_params(axis="x", integer=True)
    ax.set_title("By step", loc="left", fontsize=10, weight="bold")
    _bare(ax)
    lines, names = ax.get_legend_handles_labels()
    if others:
        right = ax.twinx()
        for colour, (name, points) in zip(_LINES[len(losses) :], others.items(), strict=False):
            right.plot(*_points(points), color=colour, label=f"{name} (right)", linewidth=1.5, linestyle="--")
        _bare(right)
        more = right.get_legend_handles_labels()
        lines, names = lines + more[0], names + more[1]
    ax.legend(lines, names, fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.2, 1.0), ncols=3)


def _points(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    steps = sorted(points)
    return steps, [points[step] for step in steps]


def _draw_recalls(ax: Axes, scored: Mapping[str, PartScores | None], classes: Sequence[str]) -> None:
    known = {name: scores for name, scores in scored.items() if scores is not None}
    thickness = 0.8 / max(1, len(known))
    for i, (name, scores) in enumerate(known.items()):
        recalls = metrics.recalls(scores.by_track.truth, scores.by_track.scores)
        places = np.arange(len(classes)) + (i - (len(known) - 1) / 2) * thickness
        for place in places[recalls == 0]:  # none right is not the same as none there
            ax.text(0.005, place, "0", va="center", fontsize=6, color=COLOURS[name])
        ax.barh(
            places,
            np.nan_to_num(recalls),
            thickness * 0.9,
            color=COLOURS[name],
            label=f"{name}, {len(scores)} tracks",
        )
    ax.set_yticks(range(len(classes)), [_drawable(label) for label in classes], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xlabel("recall (fraction of the tracks)")
    ax.set_title("By class", loc="left", fontsize=10, weight="bold")
    ax.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.3, 1.0), ncols=3)
    _bare(ax)


def _drawable(label: str) -> str:
    """A label as matplotlib can draw it: a dollar sign would begin a formula."""
    return label.encode("utf-8", "replace").decode().replace("$", r"\$")


def _bare(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=8, colors="#5b6472")


# ---------------------------------------------------------------- the page


def write_report(
    run: Run,
    job: Job,
    scored: Mapping[str, PartScores | None],
    folder: RunFolder,
    *,
    more: Sequence[Section] = (),
) -> None:
    """Write ``report.html``.

    Parameters
    ----------
    run : Run
        Result of the training.
    job : Job
        Settings and data.
    scored : mapping of str to PartScores or None
        Scores of each part.
    folder : RunFolder
        Folder of the run; its ``curves.png`` goes into the page.
    more : sequence of Section
        What else is known of the data.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    sections = [
        Section("Metrics", _metrics(run, scored["test"])),
        Section("Curves", [figure(folder.curves.read_bytes(), alt="loss by step, recall by class")]),
        Section("Data", _data(run, job)),
        *more,
        Section("Parameters", _parameters(job)),
    ]
    if run.skipped:
        sections.append(Section("Left out", _left_out(run)))
    subtitle = f"{job.settings.model} on {job.data_name}"
    save_page(page(f"Training of {job.name}", sections, subtitle=subtitle), folder.report)


def _metrics(run: Run, tested: PartScores | None) -> list[Html | str]:
    parts: list[Html | str] = [notice(LEAKY)] if run.leaky else []
    if tested is None:
        return [*parts, "There is no test part, so nothing was measured."]
    parts.append(
        facts(
            {found.name: found.text for found in run.metrics},
            notes={found.name: found.interval or "no interval" for found in run.metrics},
        )
    )
    n_windows = len(tested.by_window.truth)
    what = f"{len(tested)} tracks ({n_windows} windows) that it was not trained on"
    if run.leaky:
        what = f"{n_windows} windows of {len(tested)} tracks; it was trained on other windows of these tracks"
    parts.append(f"Measured on {what}. The intervals (95 %) resample groups.")
    truth, scores = tested.by_track.truth, tested.by_track.scores
    bars = [
        Bar(label, float(recall), note=f"{n} tracks" + (" leaky" if run.leaky else ""))
        for label, recall, n in zip(
            run.card.classes, metrics.recalls(truth, scores), truth.sum(axis=0), strict=True
        )
        if np.isfinite(recall)
    ]
    counts = metrics.confusion(truth, scores)
    confusion = matrix_chart(counts, run.card.classes, run.card.classes, corner="true / predicted")
    return [*parts, bar_chart(bars), confusion]


def _data(run: Run, job: Job) -> list[Html | str]:
    counts = {name: job.counts(name) for name in job.pairs}
    rows = [[label, *(counts[part][label] for part in counts)] for label in job.manifest.classes]
    rows.append(["all windows", *(len(pairs) for pairs in job.pairs.values())])
    split, manifest = job.split, job.manifest
    return [
        table(["tracks of", *counts], rows),
        f"Split {split.protocol} ({run.split_reason}), digest {split.digest}; data set {manifest.digest}, "
        f"{len(manifest)} tracks in {len(set(manifest.groups.tolist()))} groups. "
        f"{run.balance[:1].upper()}{run.balance[1:]}.",
        *(notice(note, kind="note") for note in manifest.notes),
        *(notice(warning) for warning in run.warnings),
    ]


def _parameters(job: Job) -> list[Html | str]:
    params, recipe, settings = job.model().get_params(), job.features.recipe, job.settings
    rows = [[name, repr(value)] for name, value in params.items()]
    rows += [["input", f"{recipe.input}, window {recipe.window:g} s, hop {recipe.hop:g} s"]]
    rows += [["augment", ", ".join(settings.augment) or "none"]]
    # As text, so that all values stand in one line below each other; most families have the seed already.
    more = {"seed": settings.seed, "threads": settings.threads}
    rows += [[name, str(value)] for name, value in more.items() if name not in params]
    return [table(["parameter", "value"], rows)]


def _left_out(run: Run) -> list[Html | str]:
    rows = [[skipped.path, skipped.code, skipped.text] for skipped in run.skipped]
    listed = table(["file", "code", "reason"], rows[:SHOWN])
    more = [f"and {len(rows) - SHOWN} more, in log.jsonl"] if len(rows) > SHOWN else []
    return [fold(f"{len(rows)} left out", listed, *more)]
