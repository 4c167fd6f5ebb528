"""From tokens to a tree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from earmark.errors import InputError
from earmark.library.query.nodes import FIELDS, LABELS, TEXTS, And, Node, Not, Or
from earmark.library.query.terms import has_letters, node_of
from earmark.library.query.tokens import Token, clean, misplaced, quoted, tokens

MOST_CHARACTERS, MOST_TERMS, MOST_DEPTH = 4000, 200, 40  # far beyond what people type; SQLite has limits too


def parse(text: str) -> Node:
    """Read a query.

    Parameters
    ----------
    text : str
        Nothing at all is every track.

    Returns
    -------
    Node
        ``And``, ``Or`` and ``Not`` of terms; an ``And`` within an ``And`` is one.

    Raises
    ------
    InputError
        What cannot be understood, with the place in the text and what is accepted.

    Examples
    --------
    >>> parse("blue moon*")
    And(parts=(Words(text='blue', prefix=False, field=''), Words(text='moon', prefix=True, field='')))
    """
    text = clean(text)
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"a query of {len(text):,} characters", hint=f"Accepted: up to {MOST_CHARACTERS:,} characters."
        )
    found = tokens(text)
    if len(found) > MOST_TERMS:
        raise InputError(f"a query of {len(found)} terms", hint=f"Accepted: up to {MOST_TERMS}.")
    return _Parser(found, len(text)).whole()


def from_arguments(arguments: Sequence[str]) -> str:
    """Join the arguments of a command to a query; what a shell took for one argument stays one value.

    ``artist:"miles davis"`` reaches a program without its quotes: they are put back, unless the argument
    holds more than that one term.

    Examples
    --------
    >>> from_arguments(["artist:miles davis", "genre:jazz", "bpm:90..110 or bpm:180..220"])
    'artist:"miles davis" genre:jazz bpm:90..110 or bpm:180..220'
    """
    return " ".join(_requoted(argument) for argument in arguments)


def _requoted(argument: str) -> str:
    found = re.fullmatch(r"([-!]?)([A-Za-z-]+):(\S.*\s\S.*)", argument, re.DOTALL)
    if not found or FIELDS.get(found[2].lower()) not in {*TEXTS.values(), *LABELS.values()}:
        return argument
    rest = found[3]
    if re.search(r'["()|]|(?:^|\s)(?:-\S|(?:or|OR|NOT)\s|[A-Za-z-]+(?::|[<>]=?)\S)', rest):
        return argument
    return f"{found[1]}{found[2]}:{quoted(rest)}"


class _Parser:
    def __init__(self, tokens: list[Token], end: int) -> None:
        self._tokens, self._place, self._end = tokens, 0, end

    def whole(self) -> Node:
        if not self._tokens:
            return And()
        node = self._either(0)
        if (token := self._peek()) is not None:  # only a bracket ends an alternative early
            raise misplaced("')' without '('", token.at, "Accepted: brackets in pairs.")
        return node

    def _peek(self) -> Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _either(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while (token := self._peek()) and token.kind == "or":
            self._place += 1
            parts.append(self._all(depth))
        return _joined(Or, parts)

    def _all(self, depth: int) -> Node:
        parts: list[Node] = []
        begin = self._peek()
        silent = False
        while (token := self._peek()) and token.kind not in ("or", ")"):
            if token.kind == "and":
                self._place += 1
            elif token.kind == "word" and not token.is_quoted and not has_letters(token.text):
                self._place += 1  # as in "Simon & Garfunkel"
                silent = True
            else:
                parts.append(self._one(depth))
        if not parts:
            self._complain(begin, silent=silent)
        return _joined(And, parts)

    def _complain(self, begin: Token | None, *, silent: bool) -> None:
        at = begin.at if begin else self._end + 1
        if silent and begin:
            raise misplaced(f"{begin.text!r} has no letter or digit", at, "Accepted: words, or field:value.")
        what = f"nothing before {begin.text!r}" if begin else "nothing after the last word"
        raise misplaced(what, at, "Accepted: a term on either side of or, and between brackets.")

    def _one(self, depth: int) -> Node:
        token = self._tokens[self._place]
        if depth >= MOST_DEPTH:
            raise misplaced("too many brackets", token.at, f"Accepted: up to {MOST_DEPTH}.")
        self._place += 1
        if token.kind == "not":
            following = self._peek()
            if following is None or following.kind in ("or", "and", ")"):
                raise misplaced(f"nothing after {token.text!r}", token.at, "Accepted: -TERM or NOT TERM.")
            return Not(self._one(depth + 1))
        if token.kind == "(":
            node = self._either(depth + 1)
            if self._peek() is None:
                raise misplaced("'(' that is not closed", token.at, "Accepted: brackets in pairs.")
            self._place += 1
            return node
        return node_of(token)


def _joined(kind: type[And] | type[Or], parts: Sequence[Node]) -> Node:
    """Return parts joined; a single one is itself, and what is joined alike within is taken up."""
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))
