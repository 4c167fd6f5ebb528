"""From a tree to text that is read as the same tree."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

from earmark.library.query.nodes import And, Choice, Keys, Label, Missing, Node, Not, Or, Range, Words
from earmark.library.query.tokens import JOINERS, quoted


def format_query(node: Node) -> str:
    """Return the text of a tree that `parse` gave.

    Examples
    --------
    >>> from earmark.library.query import parse
    >>> format_query(parse("tempo:90-110 NOT genres:jazz"))
    'bpm:90..110 -genre:"jazz"'
    """
    match node:
        case And(parts):
            texts = [
                f"({format_query(part)})" if isinstance(part, Or) else format_query(part) for part in parts
            ]
            return " ".join(texts)
        case Or(parts):
            return " or ".join(format_query(part) for part in parts)
        case Not(part):
            return f"-{_bracketed(part, And, Or, Not)}"
        case _:
            return _term(node)


def _bracketed(node: Node, *kinds: type[Node]) -> str:
    text = format_query(node)
    return f"({text})" if isinstance(node, kinds) else text


def _term(node: Words | Label | Range | Keys | Missing | Choice) -> str:
    match node:
        case Words(text, prefix, field):
            is_plain = re.fullmatch(r"[A-Za-z0-9]+", text) and text not in JOINERS
            name = f"{field}:" if field else ""
            return f"{name}{text if is_plain else quoted(text)}{'*' if prefix else ''}"
        case Label(field, label, limit, above):
            tail = "" if limit is None else f"{'>' if above else '>='}{_number(limit)}"
            return f"{field}:{quoted(label)}{tail}"
        case Range():
            return _range(node)
        case Keys(keys):
            return "key:" + ",".join(key.replace(" major", "maj").replace(" minor", "m") for key in keys)
        case Missing(field):
            return f"{field}:none"
        case Choice(field, value):
            return f"{field}:{quoted(value)}"


def _range(node: Range) -> str:
    def text(value: float) -> str:
        if node.is_ago:
            return f"{_number(value)}s"
        if node.field in ("added", "analysed"):
            return (datetime(1970, 1, 1) + timedelta(seconds=value)).isoformat()
        return _number(value)

    if node.low is not None and node.high is not None:
        return f"{node.field}:{text(node.low)}..{text(node.high)}"
    equal = "" if node.is_open else "="
    if node.low is not None:
        return f"{node.field}>{equal}{text(node.low)}"
    return f"{node.field}<{equal}{text(node.high or 0.0)}"


def _number(value: float) -> str:
    """Return a number without an exponent, exactly."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
