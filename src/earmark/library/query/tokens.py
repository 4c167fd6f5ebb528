"""From text to tokens, and the errors of what is no query."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from earmark.errors import InputError
from earmark.library.query.nodes import FIELDS


def misplaced(what: str, at: int, hint: str) -> InputError:
    """Return the error of something in a query that cannot be understood."""
    return InputError(f"query: {what} at character {at}", hint=hint)


def nearest(word: str, known: Iterable[str], *, n: int = 3) -> str:
    """Return the hint that names the nearest of some words, or all if none is near."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word.lower(), words, n=n, cutoff=0.55)
    return f"Try: {', '.join(near)}." if near else f"Accepted: {', '.join(words)}."


def clean(text: str) -> str:
    """Return text that SQLite takes: no NUL, no lone surrogate."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def quoted(text: str) -> str:
    """Return text in quotes, as a query has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Token(NamedTuple):
    """A piece of the text: what it is, what it says, where it begins (from 1).

    Parameters
    ----------
    kind : {"(", ")", "or", "and", "not", "word", "term"}
        What it is.
    text : str
        The word, or the value of a term, without quotes and asterisk.
    at, value_at : int
        Where it and its value begin.
    name, operator : str
        Of a term: its field as it was typed, and what stands between field and value.
    prefix, is_quoted : bool
        Whether an asterisk follows, and whether it stood in quotes.
    tail : str
        What follows the quotes at once and begins with < or >.
    """

    kind: str
    text: str
    at: int
    name: str = ""
    operator: str = ""
    value_at: int = 0
    prefix: bool = False
    is_quoted: bool = False
    tail: str = ""


class _Value(NamedTuple):
    text: str
    prefix: bool
    is_quoted: bool
    tail: str
    end: int


_SPACE = re.compile(r"\s*")
_TERM = re.compile(r"([A-Za-z][A-Za-z_-]*)(<=|>=|:<=|:>=|:<|:>|:|=|<|>)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(\*?)((?:[<>][^\s()"|]*)?)', re.DOTALL)
_BARE = re.compile(r'[^\s()"|]+')
_NEGATABLE = re.compile(r'[\w("]')
_SIGNS = {"(": "(", ")": ")", "|": "or", "-": "not", "!": "not"}
JOINERS = {"or": "or", "OR": "or", "and": "and", "AND": "and", "NOT": "not"}


def tokens(text: str) -> list[Token]:
    """Divide a query into brackets, joiners, words and terms.

    Raises
    ------
    InputError
        A quote that is not closed, or a field without a value.
    """
    found: list[Token] = []
    place = _after_space(text, 0)
    while place < len(text):
        token, place = _token(text, place)
        found.append(token)
        place = _after_space(text, place)
    return found


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _token(text: str, place: int) -> tuple[Token, int]:
    sign = text[place]
    if sign in "()|" or (sign in "-!" and _NEGATABLE.match(text, place + 1)):
        return Token(_SIGNS[sign], sign, place + 1), place + 1
    if found := _TERM.match(text, place):
        value = _value(text, found.end())
        if value is None and found[1].lower() in FIELDS:
            raise misplaced(f"{found[0]!r} without a value", place + 1, f"Accepted: {found[1]}:VALUE.")
        if value is not None and not value.text.startswith("//"):  # an address is text
            operator = found[2].lstrip(":") or ":"
            where = (place + 1, found[1], operator, found.end() + 1)
            return Token("term", value.text, *where, value.prefix, value.is_quoted, value.tail), value.end
    value = _value(text, place)
    if value is None:  # no character is left out by both
        raise misplaced(f"{text[place]!r}", place + 1, 'Accepted: words, field:value, "text in quotes".')
    kind = "word" if value.is_quoted or value.prefix else JOINERS.get(value.text, "word")
    return Token(kind, value.text, place + 1, prefix=value.prefix, is_quoted=value.is_quoted), value.end


def _value(text: str, place: int) -> _Value | None:
    """Return the quoted or bare text that begins at a place; None if there is none."""
    if text.startswith('"', place):
        found = _QUOTED.match(text, place)
        if not found:
            raise misplaced("a quote that is not closed", place + 1, 'Accepted: "text in quotes".')
        return _Value(re.sub(r'\\(["\\])', r"\1", found[1]), bool(found[2]), True, found[3], found.end())
    bare = _BARE.match(text, place)
    if not bare:
        return None
    stem = bare[0].rstrip("*")
    return _Value(stem, stem != bare[0], False, "", bare.end())
