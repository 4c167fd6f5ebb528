"""A library as a map: what sounds alike lies together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.plot.figures import FAINT
from earmark.plot.scatter import tracks_figure

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
    with tracks_figure(tracks, title) as (figure, ax):
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_aspect("equal", adjustable="datalim")
        below = f"the two main axes of the embeddings: {explained:.0%} of their variance"
        ax.set_xlabel(below, color=FAINT, fontsize=9)
    return figure
