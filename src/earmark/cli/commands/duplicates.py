"""``earmark duplicates``: the same recording in several files of the library."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from earmark.cli.options import FilterOption, JsonOption, LibraryOption
from earmark.cli.seeds import matching, opened
from earmark.cli.terminal import console, plural, printable, say, write_line

if TYPE_CHECKING:
    from rich.text import Text

    from earmark.library import Copies


def duplicates(
    *, filter_: FilterOption = None, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """List the recordings that are there in several files, the best file first.

    Nothing is deleted. Found by the coded sound, then by fingerprints of the middle 20 s of each track.
    """
    from earmark.cli.progress import resumable_progress
    from earmark.library import find_duplicates

    with opened(library) as catalogue, resumable_progress() as progress:
        groups = find_duplicates(catalogue, among=matching(catalogue, filter_), progress=progress)
    if as_json:
        found = [group.to_dict() for group in groups]
        write_line(json.dumps({"schema": "earmark.duplicates/1", "groups": found}))
        return
    for group in groups:
        console().print(_lines(group), soft_wrap=True)
    spare = sum(group.spare_bytes for group in groups) / 1e6
    say(f"{plural(len(groups), 'recording')} in several files; all but the best take {spare:,.1f} MB")


def _lines(group: Copies) -> Text:
    from rich.text import Text

    from earmark.cli.render import clock
    from earmark.library.duplicates import quality

    text = Text(printable(group.rows[0].name), style="bold")
    text.append("  the same sound" if group.exact else "  the same recording", style="bright_black")
    for row in group.rows:
        found = quality(row)
        kind = "lossless" if found.lossless else "lossy"
        facts = f"\n  {row.id:>6}  {kind:<8} {found.bitrate:>5} kbit/s  {clock(found.duration):>7}  "
        text.append(facts, style="").append(printable(row.path))
    return text.append("\n")
