"""A prediction as people read it: bars, a coloured strip of the song, a line in a list."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.text import Text

from earmark.cli.terminal import has_colours, printable
from earmark.plot import leading_genres
from earmark.vocabulary import QUADRANT_WORDS, genre_colour

if TYPE_CHECKING:
    from earmark.live import Answer
    from earmark.predict import Part, Prediction, Score, Segment

# The words for verdicts that are not plainly music.
VERDICTS = {
    "unsure": ("yellow", "unsure: no genre stands out"),
    "not-music": ("magenta", "not music"),
    "silence": ("bright_black", "silence: nothing to hear"),
}
UNSURE_MARK = "?"  # behind a score, in lists
LEGEND_SIZE = 6
MOOD_WORDS = 4
LIKELY = 0.4  # mood words above this are shown; few ever reach more, for a word means less than a genre


def card(prediction: Prediction, terminal: Console, *, top: int, timeline: bool = False) -> RenderableType:
    """Everything about one file.

    Parameters
    ----------
    prediction : Prediction
        Of the file.
    terminal : Console
        How wide, and whether it has colours.
    top : int
        Number of genres.
    timeline : bool
        Whether to list the segments too.

    Returns
    -------
    rich renderable
    """
    width = min(terminal.width, 100)
    lines: list[RenderableType] = [heading(prediction)]
    lines += [Text(f"  ! {printable(warning)}", style="yellow") for warning in prediction.warnings]
    if prediction.verdict == "not-music":  # which has neither key nor genre to speak of
        kinds = sorted(
            (prediction.sound.scores if prediction.sound else {}).items(), key=lambda kind: -kind[1]
        )
        lines += [Text(), *bars(kinds[:top], width, lambda _: "magenta")] if kinds else []
    elif prediction.verdict != "silence":
        lines += [Text(), *genre_bars(prediction.genres[:top], width), Text()]
        lines += [*_facts(prediction, width - 9), Text()]
        lines += strip_with_legend(prediction, terminal, width)
        lines += part_lines(prediction, terminal, width)
    if timeline:
        lines += [Text(), *_segment_lines(prediction.segments)]
    return Group(*lines, Text())


def heading(prediction: Prediction) -> Text:
    """Name, duration and, unless it is plainly music, the verdict."""
    text = Text("  ")
    text.append(name_of(prediction.source), style="bold")
    text.append(f"  {clock(prediction.duration)}", style="bright_black")
    if prediction.verdict in VERDICTS:
        text.append_text(verdict_words(prediction))
    return text


def verdict_words(prediction: Prediction | Answer) -> Text:
    """What a verdict that is not plainly music means, and what it is instead of music."""
    style, words = VERDICTS.get(prediction.verdict, ("", ""))
    return Text(f"  {words}{': ' * bool(sound_instead(prediction))}{sound_instead(prediction)}", style=style)


def sound_instead(prediction: Prediction | Answer) -> str:
    """What is not music sounds like, with its probability; "" of music and where nothing else is likelier."""
    is_other = prediction.verdict == "not-music" and prediction.sound and prediction.sound.label != "music"
    return sound(prediction) if is_other else ""


def name_of(source: str | None) -> str:
    """Name of a source to show."""
    return {"-": "standard input", None: "sound"}.get(source) or printable(os.path.basename(str(source)))


def clock(seconds: float) -> str:
    """Time as people read it: ``0:08``, ``3:05``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def genre_bars(genres: Sequence[Score], width: int) -> list[Text]:
    """One bar for each genre, in its colour."""
    return bars([(genre.label, genre.score) for genre in genres], width, genre_colour)


def bars(scores: Sequence[tuple[str, float]], width: int, colour: Callable[[str], str]) -> list[Text]:
    """One bar for each label with its score."""
    room = max([len(label) for label, _ in scores], default=0)
    return [
        Text("  ").append(label.ljust(room + 2)).append_text(bar(score, width - room - 13, colour(label)))
        .append(f"{percent(score):>6}")
        for label, score in scores
    ]  # fmt: skip


def bar(score: float, width: int, colour: str) -> Text:
    """Bar of a score from 0 to 1, to half a character."""
    halves = round(max(0.0, min(score, 1.0)) * 2 * width)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return Text(filled, style=colour).append("─" * (width - len(filled)), style="bright_black dim")


def percent(score: float) -> str:
    """Score as people read it; what is not quite nothing is not called 0 %."""
    return f"{100 * score:.0f} %" if score >= 0.005 or score == 0 else "<1 %"


def _facts(prediction: Prediction, width: int) -> list[Text]:
    rows = [
        ("mood", mood(prediction, width)),
        ("", circle(prediction)),
        ("voice", voice(prediction)),
        ("plays", instruments(prediction, width)),
        ("tempo", tempo(prediction)),
        ("key", prediction.key or ""),
    ]
    return [Text("  ").append(f"{name:<7}", style="bright_black").append(text) for name, text in rows if text]


def mood(prediction: Prediction | Part | Answer, width: int) -> str:
    """Quadrant in words, then as many mood words as are likely and have room."""
    words = [score for score in prediction.moods if score.score >= LIKELY]
    parts = [f"{score.label} {percent(score.score)}" for score in words[:MOOD_WORDS]]
    if prediction.quadrant:
        label = prediction.quadrant.label
        likely = prediction.quadrant.scores.get(label, 0.0)
        parts.insert(0, f"{QUADRANT_WORDS.get(label, label)} {percent(likely)}")
    while len(parts) > 1 and len(" · ".join(parts)) > width:
        parts.pop()
    return " · ".join(parts)


def circle(prediction: Prediction) -> str:
    """Place on Russell's circle, from 0 to 1 on both axes."""
    axes = [("valence", prediction.valence), ("arousal", prediction.arousal)]
    return "  ".join(f"{name} {value:.2f}" for name, value in axes if value is not None)


def voice(prediction: Prediction | Answer) -> str:
    """Kind of voice with its probability."""
    found = prediction.voice
    return f"{found.label} {percent(found.scores[found.label])}" if found else ""


def sound(prediction: Prediction | Answer) -> str:
    """Kind of sound with its probability."""
    found = prediction.sound
    return f"{found.label} {percent(found.scores[found.label])}" if found else ""


def instruments(prediction: Prediction, width: int) -> str:
    """Instruments that are present, as many as have room, the most likely first."""
    names = [one.label for one in prediction.instruments if one.present]
    while len(names) > 1 and len(", ".join(names)) > width:
        names.pop()
    return ", ".join(names)


def tempo(prediction: Prediction | Part) -> str:
    """Tempo in whole beats per minute."""
    return f"{prediction.tempo:.0f} BPM" if prediction.tempo else ""


def strip_with_legend(prediction: Prediction, terminal: Console, width: int) -> list[Text]:
    """The song as a strip in the colours of its genres, from start to end, and what they mean."""
    if not prediction.segments:
        return []
    end = clock(prediction.duration)
    text = Text("  ").append("0:00 ", style="bright_black")
    text.append_text(strip(prediction, width - len(end) - 9, colours=has_colours(terminal)))
    text.append(f" {end}", style="bright_black")
    return [text, legend(prediction, colours=has_colours(terminal))]


def strip(prediction: Prediction, width: int, *, colours: bool) -> Text:
    """Best genre at `width` places along the song; without colours, its letter in the legend."""
    names = leading_genres(prediction.segments, LEGEND_SIZE)
    step = prediction.duration / max(width, 1)
    text = Text()
    for i in range(width):
        label = _best_between(prediction.segments, i * step, (i + 1) * step)
        if label is None:
            text.append("·", style="bright_black")
        elif colours:
            text.append("█", style=genre_colour(label))
        else:
            text.append(chr(ord("A") + names.index(label)) if label in names else "*")
    return text


def _best_between(segments: Sequence[Segment], start: float, end: float) -> str | None:
    """First genre of the segment that covers most of a place, which in an hour is longer than an excerpt."""

    def covered(segment: Segment) -> float:
        return min(end, segment.end) - max(start, segment.start)

    scored = [segment for segment in segments if segment.genres and covered(segment) > 0]
    return max(scored, key=covered).genres[0].label if scored else None


def legend(prediction: Prediction, *, colours: bool) -> Text:
    """Which colour is which genre, and for what fraction of the segments it is the best."""
    best = [segment.genres[0].label for segment in prediction.segments if segment.genres]
    text = Text("    ")
    for i, label in enumerate(leading_genres(prediction.segments, LEGEND_SIZE)):
        if label not in best:
            break
        mark = Text("■", style=genre_colour(label)) if colours else Text(chr(ord("A") + i))
        text.append("   ").append_text(mark).append(f" {label} {percent(best.count(label) / len(best))}")
    return text


def part_lines(prediction: Prediction, terminal: Console, width: int) -> list[Text]:
    """The parts of a mixed file, each with its genre, tempo and mood; nothing for a file of one part."""
    parts = prediction.parts
    if len(parts) < 2:
        return []
    rows = [Text()]
    room = max(len(part.genres[0].label) for part in parts)
    clocks = [(clock(part.start), clock(part.end)) for part in parts]
    digits = max(len(end) for _, end in clocks)
    for part, (start, end) in zip(parts, clocks, strict=True):
        best = part.genres[0]
        text = Text("  ").append(f"{start:>{digits}} - {end:>{digits}}  ", style="bright_black")
        if has_colours(terminal):
            text.append("■ ", style=genre_colour(best.label))
        text.append(f"{best.label.ljust(room)}{percent(best.score):>6}{tempo(part):>9}   ")
        rows.append(text.append(mood(part, width - text.cell_len)))
    return rows


def _segment_lines(segments: Sequence[Segment]) -> list[Text]:
    lines = []
    for segment in segments:
        text = Text("  ").append(f"{segment.start:8.1f} {segment.end:8.1f} s  ", style="bright_black")
        for genre in segment.genres[:3]:
            text.append("■ ", style=genre_colour(genre.label))
            text.append(f"{genre.label} {percent(genre.score)}  ")
        lines.append(text)
    return lines


# ---------------------------------------------------------------- one line a file


def row(prediction: Prediction, terminal: Console) -> Text:
    """A file as one line of a list: genre, bar, tempo, key, strip if there is room, name.

    A question mark behind the score says that no genre stands out.
    """
    text = Text("  ")
    if prediction.verdict in ("silence", "not-music"):
        style, _ = VERDICTS[prediction.verdict]
        text.append(f"{prediction.verdict:<12}{sound_instead(prediction)}".ljust(45), style=style)
    else:
        best = prediction.genres[0]
        text.append(f"{best.label[:11]:<12}", style=genre_colour(best.label))
        text.append_text(bar(best.score, 6, genre_colour(best.label)))
        is_unsure = prediction.verdict == "unsure"
        mark = UNSURE_MARK if is_unsure else " "
        text.append(f"{percent(best.score):>6}{mark}", style="bright_black" if is_unsure else "")
        text.append(f"{tempo(prediction):>8}  {prediction.key or '':<10}")
    if terminal.width >= 110:
        text.append_text(strip(prediction, 24, colours=has_colours(terminal))).append("  ")
    text.append("! " if prediction.warnings else "", style="yellow")
    name = "standard input" if prediction.source == "-" else printable(str(prediction.source))
    return text.append(shortened(name, terminal.width - text.cell_len) if terminal.is_terminal else name)


def shortened(path: str, width: int) -> str:
    """End of a path that fits into some columns: the name matters more than the folders."""
    if cell_len(path) <= width:
        return path
    while path and cell_len(path) > width - 1:
        path = path[1:]
    return "…" + path
