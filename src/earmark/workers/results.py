"""Results of many tasks as they come, or in the order of their sources, until a signal comes."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from earmark.errors import EarmarkError, InputError
from earmark.workers.outcome import Outcome

POLL_SECONDS = 0.2  # how late a signal may be noticed
RUN_AHEAD = 32  # results that may wait for a slow source, for each worker


class Submits(Protocol):
    """What a `Pool` is here."""

    jobs: int
    error: EarmarkError | None

    def submit(self, function: Callable[..., Any], source: Any) -> Future[Outcome]:
        """Begin a task."""


def results(
    pool: Submits, function: Callable[..., Any], sources: Iterable[Any], *, in_order: bool
) -> Iterator[Any]:
    """Yield what becomes of each source, as `Pool.map` says."""
    open_tasks: dict[int, Future[Outcome]] = {}
    finished: queue.SimpleQueue[int] = queue.SimpleQueue()
    waiting: dict[int, Outcome] = {}
    numbered, turn, more = enumerate(sources), 0, True
    with _signals_noted() as signals:
        try:
            while not signals and (more or open_tasks):
                # Twice as many as workers, so that none waits for whoever takes the results.
                while more and len(open_tasks) < 2 * pool.jobs and len(waiting) < RUN_AHEAD * pool.jobs:
                    number, source = next(numbered, (-1, None))
                    more = number >= 0
                    if more:
                        open_tasks[number] = pool.submit(function, source)
                        open_tasks[number].add_done_callback(lambda _, n=number: finished.put(n))  # type: ignore[misc]
                for number in _taken(finished) if open_tasks else ():
                    waiting[number] = open_tasks.pop(number).result()
                if pool.error is not None:
                    raise pool.error
                for number in _run_of(waiting, turn) if in_order else sorted(waiting):
                    turn += 1
                    yield waiting.pop(number)
            for number in sorted(waiting):
                yield waiting.pop(number)
        finally:
            for task in open_tasks.values():
                task.cancel()
    if signals:
        signal.raise_signal(signals[0])


def check_positive(**numbers: Any) -> None:
    """Refuse numbers that are not positive; None and functions pass.

    Raises
    ------
    InputError
        With the name and the value.
    """
    for name, value in numbers.items():
        if value is not None and not callable(value) and not value > 0:
            raise InputError(f"{name}={value!r}", hint="Accepted: a positive number.")


def _taken(finished: queue.SimpleQueue[int]) -> Iterator[int]:
    """Yield what is in the queue, after waiting for a moment for the first."""
    with suppress(queue.Empty):
        yield finished.get(timeout=POLL_SECONDS)
        while True:
            yield finished.get_nowait()


def _run_of(waiting: dict[int, Outcome], turn: int) -> list[int]:
    """Return the numbers from `turn` on up to the first that is not there."""
    end = turn
    while end in waiting:
        end += 1
    return list(range(turn, end))


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM be noted in a list instead of breaking off anywhere."""
    noted: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(signum) is not signal.SIG_IGN:
                before[signum] = signal.signal(signum, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
