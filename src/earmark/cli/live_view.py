"""An answer about the last seconds as people read it: a meter and bars, or one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from earmark.cli.render import bar, clock, genre_bars, percent, sound, sound_instead, verdict_words, voice
from earmark.cli.render import mood as mood_words

if TYPE_CHECKING:
    from collections.abc import Collection

    from earmark.live import Answer

_QUIETEST_DB = -60.0
_LOUD_DB = -3.0  # from here on the meter is red: the input may be clipped


def view(
    answer: Answer | None,
    *,
    top: int,
    width: int,
    what: str,
    notice: str = "",
    heads: Collection[str] = ("sound", "voice"),
) -> RenderableType:
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
    heads : collection of str
        Names of the model's heads: what it never gives has no row.
    """
    lines = [_heading(answer, what, notice), _meter(answer, width), Text()]
    if answer is not None and _is_music(answer):
        lines += genre_bars(answer.genres[:top], width)
        lines += [Text()] * (top - len(answer.genres))
    else:
        lines += [Text()] * top
    lines += [Text(), *_facts(answer, width, heads)]
    return Group(*lines)


def _heading(answer: Answer | None, what: str, notice: str) -> Text:
    text = Text("  ").append(what, style="bold")
    if answer is not None:
        text.append(f"  {clock(answer.time)}", style="bright_black")
    if notice:
        return text.append(f"  {notice}", style="yellow")
    if answer is None:
        return text.append("  the first window fills", style="bright_black")
    return text.append_text(verdict_words(answer))


def _meter(answer: Answer | None, width: int) -> Text:
    level = _QUIETEST_DB if answer is None else answer.level_db
    colour = "red" if level > _LOUD_DB else "green"
    text = Text("  ").append("level  ", style="bright_black")
    text.append_text(bar(1 - level / _QUIETEST_DB, width - 22, colour))
    return text.append(f"{max(level, -99):>5.0f} dBFS")


def _facts(answer: Answer | None, width: int, heads: Collection[str]) -> list[Text]:
    rows = {"sound": sound(answer) if answer else "", **_of_music(answer, width)}
    optional = {"sound", "voice"} - set(heads)
    return [
        Text("  ").append(f"{name:<7}", style="bright_black").append(text)
        for name, text in rows.items()
        if name not in optional
    ]


def _of_music(answer: Answer | None, width: int) -> dict[str, str]:
    """The rows that only music fills."""
    if answer is None or not _is_music(answer):
        return dict.fromkeys(("mood", "voice", "tempo", "key"), "")
    unknown = "none" if answer.settled else "settling"
    return {
        "mood": mood_words(answer, width - 9),
        "voice": voice(answer),
        "tempo": f"{answer.tempo:.0f} BPM" if answer.tempo else unknown,
        "key": answer.key or unknown,
    }


def _is_music(answer: Answer) -> bool:
    return answer.verdict in ("music", "unsure")


def line(answer: Answer, top: int) -> str:
    """The same on one line, for what is no terminal."""
    fields = [f"{clock(answer.time):>7}", f"{max(answer.level_db, -99):>4.0f} dBFS", f"{answer.verdict:<9}"]
    if _is_music(answer):
        fields += [f"{score.label} {percent(score.score)}" for score in answer.genres[:top]]
        fields += [f"{answer.tempo:.0f} BPM"] if answer.tempo else []
        fields += [answer.key] if answer.key else []
        fields += [answer.voice.label] if answer.voice else []
    elif instead := sound_instead(answer):
        fields.append(instead)
    return "  ".join(fields)
