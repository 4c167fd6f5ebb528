"""Counts as bars in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from earmark.cli.render import bar
from earmark.cli.terminal import plural, printable
from earmark.library.stats import TEMPO_STEP
from earmark.vocabulary import QUADRANT_WORDS, genre_colour

if TYPE_CHECKING:
    from earmark.library.stats import Stats

MOST_MOODS = 12  # a model knows fifty, and few of them say much of a library


def stats_bars(stats: Stats, *, width: int) -> RenderableType:
    """Return the counts of a library as headings and bars.

    Parameters
    ----------
    stats : Stats
        What was counted.
    width : int
        Columns of the terminal.
    """
    unsure, other = stats.verdicts.get("unsure", 0), stats.verdicts.get("not-music", 0)
    head = f"{plural(stats.tracks, 'track')}, {stats.hours:.1f} hours"
    counts = [(unsure, "unsure"), (other, "no music"), (stats.failed, "failed")]
    counts.append((stats.older_method, "with tempo and key by an older method"))
    lines: list[RenderableType] = [Text(", ".join([head, *(f"{n} {what}" for n, what in counts if n)]))]
    moods = dict(list(stats.moods.items())[:MOST_MOODS])
    quadrants = {f"{q} {QUADRANT_WORDS.get(q, '')}": n for q, n in stats.quadrants.items()}
    decades = {f"{decade}s": n for decade, n in stats.decades.items()}
    tempos = {f"{bpm} to {bpm + TEMPO_STEP - 1}": n for bpm, n in stats.tempos.items()}
    instruments = dict(list(stats.instruments.items())[:MOST_MOODS])
    groups = {"genre": stats.genres, "mood": moods, "quadrant": quadrants, "voice": stats.voices}
    groups |= {"instrument": instruments, "decade": decades, "BPM": tempos}
    for title, found in groups.items():
        if found:
            lines += [Text(), Text(title, style="bold"), *_bars(found, width, coloured=title == "genre")]
    return Group(*lines)


def _bars(counts: Mapping[str, int], width: int, *, coloured: bool) -> list[Text]:
    room, most = max(map(len, counts)), max(counts.values())
    digits = len(str(most))
    return [
        Text("  ").append(printable(label).ljust(room + 2)).append_text(
            bar(n / most, max(width - room - digits - 7, 10), genre_colour(label) if coloured else "cyan")
        ).append(f" {n:>{digits}}")
        for label, n in counts.items()
    ]  # fmt: skip
