"""From one token to one term: labels, numbers, times, keys and words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from earmark.errors import InputError
from earmark.library.keys import keys_of
from earmark.library.query.nodes import (
    FIELDS,
    LABELS,
    And,
    Choice,
    Keys,
    Label,
    Missing,
    Node,
    Not,
    Or,
    Range,
    Words,
)
from earmark.library.query.tokens import Token, misplaced, nearest
from earmark.predict import VERDICTS

CHOICES = {
    "verdict": VERDICTS,
    "state": ("done", "failed"),
    "is": ("vanished", "corrected", "failed", "done", *VERDICTS),
}
_ACCEPTED = {
    "bpm": "120, 90..110, >120",
    "year": "1970, 1970s, 1970..1979, <1980",
    "score": "0.8, 80%, 0.5..0.8, >0.8",
    "valence": "0.8, 0.5..0.8, >0.8",
    "arousal": "0.8, 0.5..0.8, >0.8",
    "bpm-confidence": "0.8, 80%, 0.5..0.8, >0.8",
    "key-confidence": "0.8, 80%, 0.5..0.8, >0.8",
    "duration": "300, 5m, 4:30, 1h30m, 3m..5m, >5m",
    "id": "7, 7..20, 7,9,12",
    "added": "7d, 2w, 3m, 1y, 2026-05-01, 2026-05..2026-07, <7d",
    "analysed": "7d, 2w, 3m, 1y, 2026-05-01, 2026-05..2026-07, <7d",
}
_MISSABLE = ("bpm", "year", "score", "valence", "arousal", "duration", "bpm-confidence", "key-confidence")
_LIMITED = re.compile(r"([^<>]+)(>=|<=|>|<)(.+)", re.DOTALL)
_LEAST, _MOST = 0.05, 1.0  # scores below are not kept
_MOST_LISTED = 50
_DECIMALS = 12


class Span(NamedTuple):
    """What a value stands for: from `low` to `high`, and alone `slack` more on either side."""

    low: float
    high: float
    slack: float = 0.0


_One = Callable[[Token, str], Node]
_SpanOf = Callable[[str], Span | None]


def has_letters(text: str) -> bool:
    """Whether there is a letter or digit to search for."""
    return any(character.isalnum() for character in text)


def node_of(token: Token) -> Node:
    """Return the term of a word or of a field with its value.

    Raises
    ------
    InputError
        A field that is not known, or a value that it does not take.
    """
    if token.kind == "word":
        return _words(token, "")
    name = FIELDS.get(token.name.lower())
    if name is None:
        near = nearest(token.name, FIELDS)
        raise misplaced(
            f"unknown field {token.name!r}", token.at, f'{near} Text with a colon goes in quotes: "a:b".'
        )
    return _reader_of(name, token)(token, name)


def _reader_of(name: str, token: Token) -> _One:
    """Return what reads the values of a field."""
    if name in LABELS.values():
        return lambda token, name: _alternatives(token, name, _label)
    if name in ("added", "analysed"):
        span = _age if _AGE.match(token.text.lstrip(".")) else _date
        return lambda token, name: _between(token, name, span)
    if name in _ACCEPTED:
        return _number
    if token.operator not in (":", "="):
        raise misplaced(f"{name} with {token.operator!r}", token.at, f"Accepted: {name}:VALUE.")
    readers: dict[str, _One] = {"key": _keys}
    readers |= dict.fromkeys(("title", "artist", "album", "path", "tag"), _words)
    return readers.get(name, lambda token, name: _alternatives(token, name, _choice))


def _alternatives(token: Token, name: str, one: _One) -> Node:
    """Return the term of a value, or alternatives of those between commas."""
    texts = [token.text] if token.is_quoted else [part for part in token.text.split(",") if part]
    if not texts or len(texts) > _MOST_LISTED:
        raise _wrong(token, name, f"Accepted: 1 to {_MOST_LISTED} values.")
    parts = [one(token._replace(text=text), name) for text in texts]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _words(token: Token, name: str) -> Node:
    if not has_letters(token.text):
        raise misplaced(
            f"{token.text!r} has no letter or digit", token.value_at or token.at, "Accepted: words."
        )
    return Words(token.text, token.prefix, name)


def _keys(token: Token, name: str) -> Node:
    if token.text.lower() == "none":
        return Missing(name)
    found: set[str] = set()
    for text in token.text.split(","):
        if not (keys := keys_of(text)):
            raise _wrong(token, name, "Accepted: Am, A minor, F#, Gb, 8A, minor, none.")
        found.update(keys)
    return Keys(tuple(sorted(found)))


def _choice(token: Token, name: str) -> Node:
    value = token.text.strip().lower().lstrip(".") if name != "model" else token.text.strip()
    accepted = CHOICES.get(name, ())
    if accepted:
        value = value.replace("_", "-").replace(" ", "-").replace("notmusic", "not-music")
        if value not in accepted:
            raise _wrong(token, name, nearest(value, accepted))
    if not value:
        raise _wrong(token, name, f"Accepted: {name}:VALUE.")
    if name == "is" and value in VERDICTS:
        name = "verdict"
    if name == "is" and value in CHOICES["state"]:
        name = "state"
    return Choice(name, value, token.value_at)


# ---------------------------------------------------------------- labels


def _label(token: Token, name: str) -> Node:
    label, operator, limit = token.text, "", ""
    if token.is_quoted:
        if found := re.fullmatch(r"(>=|<=|>|<)(.+)", token.tail):
            operator, limit = found[1], found[2]
    elif found := _LIMITED.fullmatch(token.text):
        label, operator, limit = found[1], found[2], found[3]
    label = label.strip()
    if token.operator not in (":", "=") or (token.tail and not operator) or not has_letters(label):
        raise _wrong(token, name, f"Accepted: {name}:LABEL, {name}:LABEL>0.3.")
    if label.lower() == "none" and not operator:
        return Missing(name)
    label += "*" if token.prefix and not operator else ""
    if not operator:
        return Label(name, label, at=token.value_at)
    value = _unit(limit + ("*" if token.prefix else "")) if "," not in limit else None
    if value is None or not _LEAST <= value.low <= _MOST:
        hint = f"Accepted: a limit from {_LEAST:g} to {_MOST:g}; lower scores are not kept."
        raise _wrong(token, name, hint)
    limit_of = round(value.low, _DECIMALS)
    if operator in (">", ">="):
        return Label(name, label, limit_of, operator == ">", token.value_at)
    return And((Not(Missing(name)), Not(Label(name, label, limit_of, operator == "<=", token.value_at))))


# ---------------------------------------------------------------- numbers and times


def _number(token: Token, name: str) -> Node:
    if token.text.lower() == "none" and token.operator == ":" and name in _MISSABLE:
        return Missing(name)
    spans = {"year": _year, "duration": _duration, "bpm": _decimal, "id": _whole}
    if name == "id" and "," in token.text:
        return _alternatives(token, name, lambda one, _: _between(one, name, _whole))
    return _between(token, name, spans.get(name, _unit))


def _between(token: Token, name: str, span: _SpanOf) -> Node:
    """Return the range of a value, of two with .. between, or of a comparison."""
    is_ago, operator = span is _age, token.operator
    text = token.text + ("*" if token.prefix else "") + token.tail
    low_text, dots, high_text = text.partition("..")
    if not dots and name not in ("added", "analysed"):
        low_text, dots, high_text = re.sub(r"[-–]", "..", text, count=1).partition("..")
    low_text, high_text = low_text.strip(), high_text.strip(" .")
    low, high = (_rounded(span(one)) for one in (low_text, high_text))
    is_wrong = (low_text and low is None) or (high_text and high is None) or not (low or high)
    if is_wrong or (dots and operator not in (":", "=")):
        raise _wrong(token, name, f"Accepted: {_ACCEPTED[name]}.")
    if dots:
        ends = (low.low if low else None, high.high if high else None)
        if low and high and low.low > high.high:
            ends = (high.low, low.high)
        return Range(name, *ends, is_ago=is_ago)
    assert low is not None
    if operator in (">", ">="):
        is_open = operator == ">"
        return Range(name, low.high if is_open else low.low, None, is_open, is_ago)
    if operator in ("<", "<="):
        is_open = operator == "<"
        return Range(name, None, low.low if is_open else low.high, is_open, is_ago)
    if is_ago:  # "added:7d" is what came in these days
        return Range(name, None, low.high, is_ago=True)
    if low.slack:
        begin, end = max(low.low - low.slack, 0.0), low.high + low.slack
        return Range(name, round(begin, _DECIMALS), round(end, _DECIMALS))
    return Range(name, low.low, low.high)


def _rounded(span: Span | None) -> Span | None:
    """Return a span that text with so many decimals gives again."""
    return span and Span(round(span.low, _DECIMALS), round(span.high, _DECIMALS), span.slack)


_NUMBER = re.compile(r"(\d{1,15})(?:[.,](\d{1,12}))?")
_DECADE = re.compile(r"(\d{2}|\d{3}0)'?s", re.IGNORECASE)
_AGE = re.compile(r"(\d{1,11}(?:\.\d{1,12})?)([smhdwy])(?=\.\.|\Z)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{2}(?:\.\d{1,6})?)")
_UNITS = re.compile(
    r"(?:(\d{1,9}(?:\.\d{1,6})?)h)?(?:(\d{1,9}(?:\.\d{1,6})?)m(?:in)?)?(?:(\d{1,15}(?:\.\d{1,12})?)s(?:ec)?)?"
)
_DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d))?)?)?)?")
_LONGEST_AGO = 1e10  # s, 317 years
_SECONDS = {"s": 1.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "m": 30.44 * 86400, "y": 365.25 * 86400}


def _decimal(text: str) -> Span | None:
    """Return a number, which alone stands for all that are rounded to it."""
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    value = float(f"{found[1]}.{found[2] or 0}")
    return Span(value, value, 0.5 * 10.0 ** -len(found[2] or ""))


def _unit(text: str) -> Span | None:
    """Return a number from 0 to 1, or per cent; a whole number is not rounded to."""
    found = _decimal(text.removesuffix("%").strip())
    if not found:
        return None
    scale = 0.01 if text.endswith("%") else 1.0
    return Span(found.low * scale, found.high * scale, min(found.slack * scale, 0.05))


def _whole(text: str) -> Span | None:
    return Span(float(text), float(text)) if re.fullmatch(r"\d{1,15}", text) else None


def _year(text: str) -> Span | None:
    if found := _DECADE.fullmatch(text):
        begin = int(found[1])
        begin += 0 if begin > 99 else (1900 if begin >= 30 else 2000)
        return Span(begin, begin + 9)
    return _whole(text) if len(text) <= 4 else None


def _duration(text: str) -> Span | None:
    """Return seconds, from ``300``, ``5m``, ``1h30m`` or ``4:30``; alone, to half of the last unit."""
    if found := _CLOCK.fullmatch(text):
        value = 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3])
        return Span(value, value, 0.5)
    text = text.lower().replace(" ", "")
    if text.isdigit():
        text += "s"
    elif (found := _NUMBER.fullmatch(text)) is not None:
        text = f"{found[1]}.{found[2]}s"
    found = _UNITS.fullmatch(text)
    if not found or not text:
        return None
    units = [(found[i + 1], size) for i, size in enumerate((3600.0, 60.0, 1.0)) if found[i + 1]]
    value = sum(float(number) * size for number, size in units)
    last, size = units[-1]
    return Span(value, value, 0.5 * size * 10.0 ** -len(last.partition(".")[2]))


def _age(text: str) -> Span | None:
    found = _AGE.fullmatch(text)
    if not found:
        return None
    value = float(found[1]) * _SECONDS[found[2].lower()]
    return Span(value, value) if value <= _LONGEST_AGO else None


def _date(text: str) -> Span | None:
    """Return the first and the last moment of a year, month, day, minute or second."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    numbers = [int(number) for number in found.groups() if number is not None]
    try:
        year, month, day, hour, minute, second = (numbers + [0, 1, 1, 0, 0, 0][len(numbers) :])[:6]
        begin = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        match len(numbers):
            case 1:
                end = begin.replace(year=begin.year + 1)
            case 2:
                end = (begin + timedelta(days=32)).replace(day=1)
            case 3:
                end = begin + timedelta(days=1)
            case 5:
                end = begin + timedelta(minutes=1)
            case _:
                end = begin
    except (ValueError, OverflowError):
        return None
    return Span(begin.timestamp(), end.timestamp())


def _wrong(token: Token, name: str, hint: str) -> InputError:
    text = token.text + ("*" if token.prefix else "") + token.tail
    return misplaced(f"{name}{token.operator}{text!r} is not accepted", token.value_at, hint)
