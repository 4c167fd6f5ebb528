"""A library on the plane of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.plot.figures import FAINT, drawable, style
from earmark.vocabulary import QUADRANT_WORDS, genre_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def mood_figure(tracks: Sequence[tuple[float, float, str]], *, title: str = "Moods") -> Figure:
    """Valence and arousal of many tracks as points in the colours of their genres.

    Parameters
    ----------
    tracks : sequence of (float, float, str)
        Valence and arousal, 0 to 1, and genre of each.
    title : str
        Heading.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    with style() as figure_of:
        figure = figure_of(9, 7.6)
        ax = figure.add_axes((0.08, 0.08, 0.7, 0.82))
        genres = sorted({genre for *_, genre in tracks}, key=lambda name: (-_count(tracks, name), name))
        size = float(np.clip(4000 / max(1, len(tracks)), 3, 40))
        for genre in genres:
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
        _draw_axes_of_mood(ax)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8, markerscale=1.5)
        figure.text(0.08, 0.945, drawable(title), fontsize=15, weight="bold", parse_math=False)
        figure.text(0.78, 0.945, f"{len(tracks):,} tracks", fontsize=9, color=FAINT, ha="right")
    return figure


def _count(tracks: Sequence[tuple[float, float, str]], genre: str) -> int:
    return sum(track[2] == genre for track in tracks)


def _draw_axes_of_mood(ax: Axes) -> None:
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.axhline(0.5, color="#c4cad4", linewidth=0.8, zorder=0)
    ax.axvline(0.5, color="#c4cad4", linewidth=0.8, zorder=0)
    ax.set_xlabel("valence")
    ax.set_ylabel("arousal")
    for words, x, y in zip(
        QUADRANT_WORDS.values(), (0.99, 0.01, 0.01, 0.99), (0.99, 0.99, 0.01, 0.01), strict=True
    ):
        ax.text(
            x,
            y,
            words,
            fontsize=9,
            color=FAINT,
            ha="right" if x > 0.5 else "left",
            va="top" if y > 0.5 else "bottom",
        )
