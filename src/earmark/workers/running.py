"""The shorthand: one function over some sources, in worker processes or here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from earmark.workers.outcome import Done, Failed, attempt
from earmark.workers.pool import Deadline, Pool
from earmark.workers.results import check_positive

S = TypeVar("S")
V = TypeVar("V")


def run(
    function: Callable[..., V],
    sources: Iterable[S],
    *,
    jobs: int = 1,
    setup: Callable[[], Any] | None = None,
    in_order: bool = True,
    deadline: Deadline | None = None,
    memory: int | None = None,
) -> Iterator[Done[S, V] | Failed[S]]:
    """Apply a function to every source, in parallel, and yield what became of each.

    Parameters
    ----------
    function : callable
        Takes a source, or what `setup` returned and a source. It must be picklable, as must the sources, if
        worker processes are used.
    sources : iterable
        Paths or other things. Read as they are needed.
    jobs : int
        Worker processes. One, without a deadline and a limit of memory, means here, in this process:
        simplest to debug, but a crash ends all, and a source that hangs stops all. Only another process can
        be killed.
    setup, deadline, memory
        As of `Pool`.
    in_order : bool
        As of `Pool.map`.

    Yields
    ------
    Done or Failed
        As of `Pool.map`.

    Raises
    ------
    InputError
        A number that is not positive.
    EarmarkError
        What `setup` raises, or that no worker can be started.
    """
    check_positive(jobs=jobs, deadline=deadline, memory=memory)
    if jobs == 1 and deadline is None and memory is None:
        return _run_here(function, sources, setup)
    pool = Pool(setup=setup, jobs=jobs, deadline=deadline, memory=memory)
    return _run_in(pool, function, sources, in_order=in_order)


def _run_here(
    function: Callable[..., V], sources: Iterable[S], setup: Callable[[], Any] | None
) -> Iterator[Done[S, V] | Failed[S]]:
    made = () if setup is None else (setup(),)
    for source in sources:
        yield attempt(function, made, source)


def _run_in(
    pool: Pool, function: Callable[..., V], sources: Iterable[S], *, in_order: bool
) -> Iterator[Done[S, V] | Failed[S]]:
    with pool:
        yield from pool.map(function, sources, in_order=in_order)
