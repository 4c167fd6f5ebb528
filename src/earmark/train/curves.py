"""The picture of a run: its figures by step, and how well each class is recalled in each part."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.estimators.base import requires_extra
from earmark.evaluate import metrics
from earmark.train.scores import Answers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"train": "#9aa7bb", "valid": "#f29a1f", "test": "#35608c"}
_LINES = ("#35608c", "#e5453b", "#2eb872", "#8e5bd0", "#f29a1f", "#5f7488")


def figure_class() -> type[Figure]:
    """Matplotlib's figure, without pyplot's windows; MissingExtraError without matplotlib."""
    with requires_extra():
        from matplotlib.figure import Figure
    return Figure


def draw_curves(
    steps: Sequence[Mapping[str, Any]], scored: Mapping[str, Answers | None], classes: Sequence[str]
) -> bytes:
    """Picture of a run as PNG.

    Parameters
    ----------
    steps : sequence of mapping
        Events of the log: ``step`` and figures such as ``loss``. Of a step that was repeated after an
        interruption the last counts.
    scored : mapping of str to Answers or None
        Answers on the tracks of each part.
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
    """Value at each step, by figure."""
    curves: dict[str, dict[int, float]] = {}
    for event in steps:
        for name, value in event.items():
            if name not in ("time", "event", "step", "of") and isinstance(value, int | float):
                curves.setdefault(name, {})[int(event["step"])] = float(value)
    return curves


def _draw_steps(ax: Axes, curves: Mapping[str, Mapping[int, float]]) -> None:
    """Losses on the left axis, shares on the right."""
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


def _draw_recalls(ax: Axes, scored: Mapping[str, Answers | None], classes: Sequence[str]) -> None:
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
    ax.set_xlabel("share of tracks answered right")
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
