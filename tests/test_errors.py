"""Errors are part of the interface: a drawn tree, codes, statuses, and hints of one form."""

from __future__ import annotations

import ast
import itertools
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import earmark
from earmark import errors
from earmark.errors import EarmarkError

ROOT = Path(earmark.__file__).parent

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EarmarkError)]


def drawn() -> dict[str, tuple[str, str]]:
    """Name of each error in the drawing, with its parent and the text beside it."""
    found: dict[str, tuple[str, str]] = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([│ ├└─]*)(\w+Error)\b(.*)$", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            found[match[2]] = (parents[depth - 1] if depth else "", match[3])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_is_drawn_as_it_is_defined(kind: type[EarmarkError]) -> None:
    parent, text = drawn()[kind.__name__]
    base = kind.__mro__[1]
    if kind is not EarmarkError:
        assert base.__name__ == parent
        assert (f"exit {kind.exit_code}" in text) == (kind.exit_code != base.exit_code)
        assert bool(re.search(rf"\b{kind.http_status}\b", text)) == (kind.http_status != base.http_status)
    assert kind.__doc__ and 400 <= kind.http_status < 600


def test_every_drawn_error_exists_and_codes_are_unique() -> None:
    assert set(drawn()) == {kind.__name__ for kind in KINDS}
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_on_the_way_to_another_process_or_to_json(kind: type[EarmarkError]) -> None:
    error = kind("x=3", hint="Accepted: 1 or 2.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and again.to_dict() == error.to_dict()
    assert error.to_dict() == {"code": kind.code, "message": "x=3", "hint": "Accepted: 1 or 2."}
    assert str(error) == "x=3. Accepted: 1 or 2." and str(kind("x=3")) == "x=3"
    assert kind("x=3").to_dict()["hint"] == ""


def texts(value: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """Every text that an expression can be, with {} for values; "{}" for what only running it shows."""
    match value:
        case ast.Constant():
            return [str(value.value)]
        case ast.JoinedStr():
            parts = [texts(part, {}) for part in value.values]
            return ["".join(each) for each in itertools.product(*parts)]
        case ast.IfExp():
            return texts(value.body, assigned) + texts(value.orelse, assigned)
        case ast.BinOp(op=ast.Add()):
            sides = texts(value.left, assigned), texts(value.right, assigned)
            return ["".join(each) for each in itertools.product(*sides)]
        case ast.Name(id=name) if name in assigned:
            return [text for each in assigned[name] for text in texts(each, {})]
    return ["{}"]


def hints() -> Iterator[tuple[str, str]]:
    """Yield the place of each hint in the source and every text that it can be, with {} for values."""
    for path in sorted(ROOT.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        assigned: dict[str, list[ast.expr]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append(node.value)
        for node in nodes:
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                for text in texts(keyword.value, assigned) if keyword.arg == "hint" else ():
                    if text not in ("", "{}"):
                        yield f"{path.relative_to(ROOT)}:{keyword.value.lineno}", text


def test_hints_have_one_form() -> None:
    """``Accepted: ...`` or ``Try: ...``, with a full stop; ``Did you mean 'C'?`` may go before."""
    form = re.compile(r"(\{\})?(Accepted|Try): .*\.", re.DOTALL)
    assert [(place, text) for place, text in hints() if text and not form.fullmatch(text)] == []


def test_the_lint_of_hints_can_fail() -> None:
    choice = ast.parse("'Try: a.' if x else f'See {b}' + c", mode="eval").body
    assert texts(choice, {"c": [ast.Constant(".")]}) == ["Try: a.", "See {}."]
    found = dict(hints())
    assert len(found) > 200 and any(text.startswith("Try: ") for text in found.values())
