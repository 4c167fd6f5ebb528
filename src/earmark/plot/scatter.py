"""Tracks of a library as points in the colours of their genres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.plot.figures import FAINT, drawable
from earmark.vocabulary import genre_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scatter(ax: Axes, tracks: Sequence[tuple[float, float, str]]) -> None:
    """Draw points, smaller the more there are, with a legend of the genres, the most frequent first.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where, with room for the legend on its right.
    tracks : sequence of (float, float, str)
        Coordinates and genre of each.
    """
    size = float(np.clip(4000 / max(1, len(tracks)), 3, 40))
    counts = Counter(genre for *_, genre in tracks)
    for genre in sorted(counts, key=lambda name: (-counts[name], name)):
        points = np.array([track[:2] for track in tracks if track[2] == genre])
        label = f"{drawable(genre)} ({len(points):,})"
        ax.scatter(
            points[:, 0],
            points[:, 1],
            s=size,
            color=genre_colour(genre),
            alpha=0.65,
            linewidths=0,
            label=label,
        )
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8, markerscale=1.5)


def head(figure: Figure, title: str, n: int) -> None:
    """Write the title, and how many tracks there are."""
    figure.text(0.08, 0.945, drawable(title), fontsize=15, weight="bold", parse_math=False)
    figure.text(0.78, 0.945, f"{n:,} tracks", fontsize=9, color=FAINT, ha="right")
