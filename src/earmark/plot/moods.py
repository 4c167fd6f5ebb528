"""A library on the plane of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.plot.figures import FAINT
from earmark.plot.scatter import tracks_figure
from earmark.vocabulary import QUADRANT_WORDS

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
    with tracks_figure(tracks, title) as (figure, ax):
        _draw_axes_of_mood(ax)
    return figure


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
