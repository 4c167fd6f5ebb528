"""A plan as a file that can be read, edited and kept: JSON, a line for each file.

The first line is ``{"schema": "earmark.tagplan/1", ...}``; each other line is a file with its SHA-256, so
that a file that changed since is left alone, and its changes, field by field.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from earmark import __version__
from earmark.errors import InputError
from earmark.library.tags.fields import EVIDENCE, MOST_CHARACTERS
from earmark.library.tags.plan import LISTS, PLANNED, Change, FilePlan, PlanOptions
from earmark.storage import atomic_file

SCHEMA = "earmark.tagplan/1"
_EVIDENCE_NAME = re.compile(rf"{EVIDENCE}[A-Z][A-Z0-9_]{{0,30}}")


def write_plan(
    path: str | os.PathLike[str], plans: Iterable[FilePlan], options: PlanOptions
) -> list[FilePlan]:
    """Write a plan, whole or not at all.

    Returns
    -------
    list of FilePlan
        What was written.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    settings = {name: getattr(options, name) for name in PlanOptions.__slots__}
    settings |= {"fields": list(options.fields), "vocabulary": dict(options.vocabulary)}
    written = []
    with atomic_file(path) as file:
        file.write(_line({"schema": SCHEMA, "version": __version__, "options": settings}))
        for plan in plans:
            file.write(_line(_to_dict(plan)))
            written.append(plan)
    return written


def _line(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _to_dict(plan: FilePlan) -> dict[str, Any]:
    """A file of a plan for JSON; bytes of a path that are no UTF-8 stand apart, in base64."""
    raw = os.fsencode(plan.path)
    content: dict[str, Any] = {"path": raw.decode("utf-8", "replace")}
    if content["path"].encode() != raw:
        content["path_bytes"] = base64.b64encode(raw).decode()
    if plan.error is not None:
        return content | {"error": dict(plan.error)}
    for name, changes in (("changes", plan.changes), ("kept", plan.kept)):
        content[name] = [{"field": c.field, "old": list(c.old), "new": list(c.new)} for c in changes]
    return content | {"sha256": plan.sha256, "size": plan.size}


def read_plan(path: str | os.PathLike[str]) -> list[FilePlan]:
    """Read a plan.

    Raises
    ------
    InputError
        It is no plan, one of a newer earmark, or damaged; the line is named.
    """
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{name} cannot be read ({reason})", hint="Try: earmark tag plan -o PLAN.") from None
    found: list[FilePlan] = []
    for number, line in enumerate(lines, 1):
        try:
            content = json.loads(line)
            if number == 1:
                _check_schema(name, content)
            elif line:
                found.append(_from_dict(content))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{name}, line {number}: {type(error).__name__} {error}", hint="Try: plan again."
            ) from None
    if not lines:
        raise InputError(f"{name} is empty", hint="Try: earmark tag plan -o PLAN.")
    return found


def _check_schema(name: str, content: Any) -> None:
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{name} has schema={schema!r}", hint=f"Accepted: {SCHEMA}.")


def _from_dict(content: dict[str, Any]) -> FilePlan:
    path = str(content["path"])
    if "path_bytes" in content:
        path = os.fsdecode(base64.b64decode(content["path_bytes"], validate=True))
    if "error" in content:
        return FilePlan(path, error={k: str(content["error"][k]) for k in ("code", "message", "hint")})
    changes, kept = (tuple(map(_change, content.get(name, []))) for name in ("changes", "kept"))
    if not isinstance(content["sha256"], str) or len(content["sha256"]) != 64:
        raise ValueError("sha256 is not 64 hex digits")
    return FilePlan(path, content["sha256"], int(content["size"]), changes, kept)


def _change(content: dict[str, Any]) -> Change:
    name = content["field"]
    if name not in (*PLANNED, "comment") and not (isinstance(name, str) and _EVIDENCE_NAME.fullmatch(name)):
        raise ValueError(f"field={name!r}")
    old, new = (tuple(content[key]) for key in ("old", "new"))
    if not all(isinstance(value, str) and len(value) <= MOST_CHARACTERS for value in (*old, *new)):
        raise ValueError(f"a value of {name} that is no text")
    if name not in LISTS and len(new) > 1:
        raise ValueError(f"{name} with several values")
    if name == "bpm" and not all(value.isdecimal() and 0 < int(value) < 1000 for value in new):
        raise ValueError(f"bpm={new[0]!r}")
    return Change(name, old, new)
