"""Tracks of a library as points in the colours of their genres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from earmark.plot.figures import FAINT, drawable, style
from earmark.vocabulary import genre_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@contextmanager
def tracks_figure(tracks: Sequence[tuple[float, float, str]], title: str) -> Iterator[tuple[Figure, Axes]]:
    """Open a figure of points, smaller the more there are, with a legend of the genres by frequency.

    Parameters
    ----------
    tracks : sequence of (float, float, str)
        Coordinates and genre of each.
    title : str
        Heading; how many tracks there are stands beside it.

    Yields
    ------
    (matplotlib.figure.Figure, matplotlib.axes.Axes)
        To draw axes on while the style of earmark's pictures is set.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    with style() as figure_of:
        figure = figure_of(9, 7.6)
        ax = figure.add_axes((0.08, 0.08, 0.7, 0.82))  # on its right is room for the legend
        _scatter(ax, tracks)
        figure.text(0.08, 0.945, drawable(title), fontsize=15, weight="bold", parse_math=False)
        figure.text(0.78, 0.945, f"{len(tracks):,} tracks", fontsize=9, color=FAINT, ha="right")
        yield figure, ax


def _scatter(ax: Axes, tracks: Sequence[tuple[float, float, str]]) -> None:
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
