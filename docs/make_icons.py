"""Draw the icons of the page, a sheet with a folded corner and four bars, as PNG in the sizes of browsers.

The shapes are those of ``icons/icon.svg``, on its grid of 32.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

ICONS = Path(__file__).parents[1] / "src" / "earmark" / "web" / "page" / "icons"
SHEET, EAR, BAR, PAPER = "#24564f", "#e8b04a", "#fbfaf4", "#f6f5ef"
BARS = ((10.0, 17.0, 22.0), (14.5, 14.0, 25.0), (19.0, 16.0, 23.0), (23.5, 18.0, 21.0))  # x, top, bottom
HALF = 1.1  # of the width of a bar


def icon(path: Path, size: int, *, margin: float, ground: str | None) -> None:
    """Draw one icon of `size` pixels; `margin` is left free around the grid, for masks that cut corners."""
    figure = Figure(figsize=(1, 1), dpi=size, facecolor=ground or "none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-margin, 32 + margin), ylim=(32 + margin, -margin))
    axes.axis("off")
    axes.add_patch(Polygon([(5, 4), (20, 4), (28, 12), (28, 28), (5, 28)], color=SHEET, lw=0))
    axes.add_patch(Polygon([(20, 4), (20, 12), (28, 12)], color=EAR, lw=0))
    for x, top, bottom in BARS:
        corners = [(x - HALF, top), (x + HALF, top), (x + HALF, bottom), (x - HALF, bottom)]
        axes.add_patch(Polygon(corners, color=BAR, lw=0))
        for y in (top, bottom):
            axes.add_patch(Circle((x, y), HALF, color=BAR, lw=0))
    figure.savefig(path, dpi=size, facecolor=figure.get_facecolor(), pil_kwargs={"optimize": True})


def main() -> None:
    """Write all of them."""
    for size in (192, 512):
        icon(ICONS / f"icon-{size}.png", size, margin=0, ground=None)
    icon(ICONS / "mask-512.png", 512, margin=8, ground=PAPER)
    icon(ICONS / "touch-180.png", 180, margin=4, ground=PAPER)


if __name__ == "__main__":
    main()
