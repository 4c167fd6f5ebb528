"""Reads the entries of a JSON object, each of the kind that is accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from earmark.errors import InputError


def entry(data: Mapping[str, Any], key: str, kind: type, *, optional: bool = False) -> Any:
    """An entry of the kind that is accepted; a float may be an int, but is finite."""
    value: Any = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and kind is float:
        value = float(value) if abs(value) < 1e300 else math.inf
    fits = isinstance(value, kind)
    if isinstance(value, float):
        fits = fits and math.isfinite(value)
    if fits or (value is None and optional and key in data):
        return value
    found = f"{data[key]!r:.60}" if key in data else "missing"
    raise InputError(f"{key} is {found}", hint=f"Accepted: {kind.__name__}{' or null' if optional else ''}.")


def items(data: Mapping[str, Any], key: str, kind: type) -> tuple[Any, ...]:
    """The entries of a list, all of one kind."""
    name = f"an entry of {key}"
    return tuple(entry({name: item}, name, kind) for item in entry(data, key, list))


def one_of(data: Mapping[str, Any], key: str, accepted: tuple[str, ...]) -> str:
    """A text that is one of those accepted."""
    value = str(entry(data, key, str))
    if value not in accepted:
        raise InputError(f"{key} is {value!r:.60}", hint=f"Accepted: {', '.join(accepted)}.")
    return value
