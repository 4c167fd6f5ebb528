"""What became of a source: done, or failed and why."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from earmark.errors import EarmarkError, InternalError, MemoryLimitError

S = TypeVar("S")
V = TypeVar("V")


@dataclass(frozen=True)
class Done(Generic[S, V]):
    """A source and what the function made of it."""

    source: S
    value: V


@dataclass(frozen=True)
class Failed(Generic[S]):
    """A source that could not be processed, and why.

    Parameters
    ----------
    source : object
        As it was given.
    error : EarmarkError
        What went wrong. A dead worker is a `CrashError`, one that took too long a `DeadlineError`, one that
        wanted too much memory a `MemoryLimitError`; exceptions of other kinds arrive as `InternalError`.
    trace : str
        Traceback of an unplanned exception, for whoever wants to mend it.
    """

    source: S
    error: EarmarkError
    trace: str = ""


Outcome = Done[Any, Any] | Failed[Any]


def attempt(function: Callable[..., V], made: tuple[Any, ...], source: S) -> Done[S, V] | Failed[S]:
    """Apply a function to what `setup` made and a source; whatever it raises becomes a `Failed`."""
    try:
        return Done(source, function(*made, source))
    except EarmarkError as error:
        return Failed(source, error)
    except MemoryError as error:
        return Failed(source, out_of_memory(str(error)), traceback.format_exc())
    except Exception as error:
        return Failed(source, internal(error), traceback.format_exc())


def internal(error: BaseException) -> InternalError:
    """Return an unplanned exception as an error of ours, on one line."""
    text = " ".join(str(error).split())
    return InternalError(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def out_of_memory(text: str) -> MemoryLimitError:
    """Return the error of a source that wanted more memory than it may have."""
    return MemoryLimitError(
        f"it needs more memory than a worker may use{f' ({text})' if text else ''}",
        hint="Try: fewer --jobs, or a part of the file.",
    )
