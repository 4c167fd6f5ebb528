"""Smart playlists, as ``earmark playlist --refresh`` and ``earmark scan --playlists`` write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earmark.cli.terminal import plural, say

if TYPE_CHECKING:
    from earmark.library import Library


def refresh_playlists(library: Library, path: Path) -> None:
    """Write the playlists that a file states, and report how many tracks each has."""
    from earmark.library.smart import refresh

    for made in refresh(library, path):
        left = f", {made.left_out} left out that it cannot name" if made.left_out else ""
        say(f"{made.path}: {plural(made.n_tracks, 'track')}{left}")
