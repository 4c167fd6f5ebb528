"""How a clause of the contract judges, and what a broken one becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from earmark.errors import ContractError

Case = TypeVar("Case")
Found = TypeVar("Found")


def judged(who: str, clause: str, judge: Callable[[Case], Found], case: Case, *, page: str) -> Found:
    """Return what a clause finds.

    Parameters
    ----------
    who : str
        Whom it judges, such as ``"model 'echo'"``.
    clause : str
        Its name.
    judge : callable
        The clause.
    case : object
        What it takes.
    page : str
        Page of the documentation that describes the contract.

    Raises
    ------
    ContractError
        Whatever the clause raises, with its name.
    """
    try:
        return judge(case)
    except Exception as error:  # a model may fail in any way
        reason = error.message if isinstance(error, ContractError) else f"{type(error).__name__}: {error}"
        raise ContractError(
            f"{who} breaks the clause {clause!r}: {reason}",
            hint=f"Try: {page}, which describes the contract.",
        ) from error


def require(holds: bool, message: str) -> None:
    """Raise `ContractError` unless something holds."""
    if not holds:
        raise ContractError(message)
