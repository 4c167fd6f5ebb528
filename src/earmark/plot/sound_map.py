"""A library as a map: what sounds alike lies together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.plot.figures import FAINT, style
from earmark.plot.scatter import head, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def map_figure(
    tracks: Sequence[tuple[float, float, str]], *, explained: float, title: str = "Map by sound"
) -> Figure:
    """Tracks on a plane by their embeddings, in the colours of their genres.

    Parameters
    ----------
    tracks : sequence of (float, float, str)
        Coordinates, as of `earmark.library.stats.sound_map`, and genre of each.
    explained : float
        Fraction of the variance that the plane shows; it stands below.
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
        scatter(ax, tracks)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_aspect("equal", adjustable="datalim")
        below = f"the two main axes of the embeddings: {explained:.0%} of their variance"
        ax.set_xlabel(below, color=FAINT, fontsize=9)
        head(figure, title, len(tracks))
    return figure
