"""A plan as lines that show what would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from earmark.library.tags.fields import EVIDENCE
from earmark.library.tags.plan import Change, FilePlan

Sign = Literal["file", "-", "+", "=", "!", ""]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a preview.

    Parameters
    ----------
    sign : str
        ``"file"`` for the name of a file, ``"-"`` and ``"+"`` for values that go and come, ``"="`` for a
        field that stays, ``"!"`` for a file that cannot be changed.
    text : str
        All of it, sign included.
    """

    sign: Sign
    text: str


def preview(plans: Iterable[FilePlan], *, evidence: bool = False) -> Iterator[Line]:
    """Lines of a plan, files in which nothing happens left out.

    Parameters
    ----------
    plans : iterable of FilePlan
    evidence : bool
        Whether the evidence is shown as well.
    """
    for plan in plans:
        changes = [c for c in plan.changes if evidence or not c.field.startswith(EVIDENCE)]
        if not (changes or plan.kept or plan.error):
            continue
        yield Line("file", plan.path)
        if plan.error:
            yield Line("!", f"  ! {plan.error['message']}. {plan.error['hint']}".rstrip())
        for change in changes:
            yield from _lines(change)
        for kept in plan.kept:
            yield Line("=", f"  = {kept.field}: {_joined(kept.old)} (predicted: {_joined(kept.new)})")


def _lines(change: Change) -> Iterator[Line]:
    if change.old:
        yield Line("-", f"  - {change.field}: {_joined(change.old)}")
    if change.new:
        yield Line("+", f"  + {change.field}: {_joined(change.new)}")


def _joined(values: Iterable[str]) -> str:
    return " | ".join(values)


def totals(plans: Iterable[FilePlan]) -> dict[str, int]:
    """Count the files that would change, that have values of their own, that stay as they are, and errors."""
    found = Counter({"changes": 0, "kept": 0, "same": 0, "errors": 0})
    for plan in plans:
        kind = "errors" if plan.error else "changes" if plan.changes else "kept" if plan.kept else "same"
        found[kind] += 1
    return dict(found)
