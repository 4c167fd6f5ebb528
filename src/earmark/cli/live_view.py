"""An answer about the last seconds as people read it: a meter and bars, or one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from earmark.cli.render import VERDICTS, bar, clock, genre_bars, percent
from earmark.cli.render import mood as mood_words

if TYPE_CHECKING:
    from earmark.live import Answer

_QUIETEST_DB = -60.0
_LOUD_DB = -3.0  # from here on the meter is red: the input may be clipped


def view(answer: Answer | None, *, top: int, width: int, what: str, notice: str = "") -> RenderableType:
    """Everything about the last seconds, always of the same height.

    Parameters
    ----------
    answer : Answer or None
        None before the first.
    top : int
        Number of genres.
    width : int
        Columns.
    what : str
        Name of the input.
    notice : str
        What happened to it.
    """
    lines = [_heading(answer, what, notice), _meter(answer, width), Text()]
    shows = answer is not None and answer.verdict in ("music", "unsure")
    if answer is not None and shows:
        lines += genre_bars(answer.genres[:top], width)
        lines += [Text()] * (top - len(answer.genres))
    else:
        lines += [Text()] * top
    lines += [Text(), *_facts(answer if shows else None, width)]
    return Group(*lines)


def _heading(answer: Answer | None, what: str, notice: str) -> Text:
    text = Text("  ").append(what, style="bold")
    if answer is not None:
        text.append(f"  {clock(answer.time)}", style="bright_black")
    if notice:
        return text.append(f"  {notice}", style="yellow")
    if answer is None:
        return text.append("  the first window fills", style="bright_black")
    style, words = VERDICTS.get(answer.verdict, ("", ""))
    return text.append(f"  {words}", style=style)


def _meter(answer: Answer | None, width: int) -> Text:
    level = _QUIETEST_DB if answer is None else answer.level_db
    colour = "red" if level > _LOUD_DB else "green"
    text = Text("  ").append("level  ", style="bright_black")
    text.append_text(bar(1 - level / _QUIETEST_DB, width - 22, colour))
    return text.append(f"{max(level, -99):>5.0f} dBFS")


def _facts(answer: Answer | None, width: int) -> list[Text]:
    tempo = key = mood = ""
    if answer is not None:
        mood = mood_words(answer, width - 9)
        tempo = f"{answer.tempo:.0f} BPM" if answer.tempo else "none" if answer.settled else "settling"
        key = answer.key or ("none" if answer.settled else "settling")
    return [
        Text("  ").append(f"{name:<7}", style="bright_black").append(text)
        for name, text in (("mood", mood), ("tempo", tempo), ("key", key))
    ]


def line(answer: Answer, top: int) -> str:
    """The same on one line, for what is no terminal."""
    fields = [f"{clock(answer.time):>7}", f"{max(answer.level_db, -99):>4.0f} dBFS", f"{answer.verdict:<9}"]
    if answer.verdict in ("music", "unsure"):
        fields += [f"{score.label} {percent(score.score)}" for score in answer.genres[:top]]
        fields += [f"{answer.tempo:.0f} BPM"] if answer.tempo else []
        fields += [answer.key] if answer.key else []
        fields += [answer.voice.label] if answer.voice else []
    return "  ".join(fields)
