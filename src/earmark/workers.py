"""One function over many files in worker processes, where no file can spoil the rest.

Each worker takes one file at a time over its own pipe, so that when a process dies (a decoder that
crashes, the system that runs out of memory) it is known which file it was holding: that file becomes
a `Failed`, a new worker takes the place, and the others never notice.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from earmark.errors import CrashError, EarmarkError, InputError, InternalError

S = TypeVar("S")
V = TypeVar("V")

# Libraries that would start a thread per core in every worker read these when they are loaded.
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
POLL_SECONDS = 0.2  # how late a signal may be noticed
RUN_AHEAD = 32  # results a worker may be ahead of a slow file, so that waiting results stay few
START_ATTEMPTS = 3


@dataclass(frozen=True)
class Done(Generic[S, V]):
    """A source and what the function made of it."""

    source: S
    value: V


@dataclass(frozen=True)
class Failed(Generic[S]):
    """A source that could not be done, and why.

    Parameters
    ----------
    source : object
        As it was given.
    error : EarmarkError
        What went wrong. Exceptions of other kinds arrive as `InternalError`, a dead worker as `CrashError`.
    trace : str
        Traceback of an unplanned exception, for whoever wants to mend it.
    """

    source: S
    error: EarmarkError
    trace: str = ""


def default_jobs(n_sources: int | None = None) -> int:
    """Worker processes that this machine has cores for, and no more than there are sources.

    Parameters
    ----------
    n_sources : int, optional
        Number of files to be done, if known.

    Returns
    -------
    int
        At least one.
    """
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, n_cores if n_sources is None else min(n_cores, n_sources))


def run(
    function: Callable[..., V],
    sources: Iterable[S],
    *,
    jobs: int = 1,
    setup: Callable[[], Any] | None = None,
    in_order: bool = True,
) -> Iterator[Done[S, V] | Failed[S]]:
    """Apply a function to every source, in parallel, and yield what became of each.

    Parameters
    ----------
    function : callable
        Takes a source, or what `setup` returned and a source. With more than one job it must be picklable.
    sources : iterable
        Paths or other picklable things. Read as they are needed.
    jobs : int
        Worker processes. One means here, in this process: simplest to debug, but then a crash ends all.
    setup : callable, optional
        Called once in each worker, for what is dear to make (a model). Its result is the first argument of
        `function`.
    in_order : bool
        Yield in the order of the sources, or as they are finished.

    Yields
    ------
    Done or Failed
        One for each source. On Ctrl-C or SIGTERM the results that are finished are still yielded, then
        the signal takes its usual course (`KeyboardInterrupt`).

    Raises
    ------
    InputError
        If `jobs` is not a positive number.
    EarmarkError
        If `setup` raises it, or no worker can be started.
    """
    if jobs < 1:
        raise InputError(f"jobs={jobs!r} is not a number of processes", hint="Accepted: 1 or more.")
    if jobs == 1:
        return _run_here(function, sources, setup)
    return _Pool(function, setup, jobs, sources).results(in_order=in_order)


# ---------------------------------------------------------------- in this process


def _run_here(
    function: Callable[..., V], sources: Iterable[S], setup: Callable[[], Any] | None
) -> Iterator[Done[S, V] | Failed[S]]:
    made = () if setup is None else (setup(),)
    for source in sources:
        yield _attempt(function, made, source)


def _attempt(function: Callable[..., V], made: tuple[Any, ...], source: S) -> Done[S, V] | Failed[S]:
    try:
        return Done(source, function(*made, source))
    except EarmarkError as error:
        return Failed(source, error)
    except Exception as error:
        return Failed(source, _internal(error), traceback.format_exc())


def _internal(error: BaseException) -> InternalError:
    text = " ".join(str(error).split())
    return InternalError(f"{type(error).__name__}: {text}" if text else type(error).__name__)


# ---------------------------------------------------------------- in worker processes


def _work(pipe: Connection, payload: bytes) -> None:
    """Life of a worker: make ready, then answer one source at a time until the pipe closes."""
    # The parent decides when to stop; a Ctrl-C reaches the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in THREAD_LIMITS:
        os.environ[name] = "1"
    try:
        function, setup = pickle.loads(payload)
        made = () if setup is None else (setup(),)
    except EarmarkError as error:
        pipe.send(error)
        return
    except Exception as error:
        pipe.send(_internal(error))
        return
    pipe.send(None)
    try:
        while True:
            source = pipe.recv()
            pipe.send_bytes(_pickled(_attempt(function, made, source)))
    except (EOFError, OSError):
        return  # the parent is gone or wants no more


def _pickled(result: Done[S, V] | Failed[S]) -> bytes:
    try:
        return pickle.dumps(result)
    except Exception as error:  # a result that cannot travel is the function's fault
        return pickle.dumps(Failed(result.source, _internal(error), traceback.format_exc()))


@dataclass(eq=False)
class _Worker(Generic[S]):
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: tuple[int, S] | None = None  # number and source that it is holding


class _Pool(Generic[S, V]):
    """Workers, what they hold, and the results that wait for their turn."""

    def __init__(
        self, function: Callable[..., V], setup: Callable[[], Any] | None, jobs: int, sources: Iterable[S]
    ) -> None:
        self.payload = pickle.dumps((function, setup))
        self.jobs = jobs
        self.n_ahead = RUN_AHEAD * jobs
        self.sources = enumerate(sources)
        self.more = True
        self.pending: deque[tuple[int, S]] = deque()  # read from the sources, not yet given to a worker
        self.workers: list[_Worker[S]] = []
        self.finished: dict[int, Done[S, V] | Failed[S]] = {}
        self.turn = 0  # number of the next result in order
        self.failed_starts = 0
        self.stopped_by: int | None = None  # the signal that came

    def results(self, *, in_order: bool) -> Iterator[Done[S, V] | Failed[S]]:
        with self.signals_noted():
            try:
                while self.stopped_by is None and self.feed():
                    for worker in self.speaking():
                        self.hear(worker)
                    yield from self.due(in_order)
                yield from self.due(in_order=False)
            finally:
                self.close()
        if self.stopped_by is not None:
            signal.raise_signal(self.stopped_by)

    def feed(self) -> bool:
        """Give every free worker a source, start workers where they are wanted; False when all is done."""
        while self.more and len(self.pending) + self.n_busy < self.jobs and len(self.finished) < self.n_ahead:
            item = next(self.sources, None)
            if item is None:
                self.more = False
            else:
                self.pending.append(item)
        for worker in self.workers:
            while self.pending and worker.ready and worker.task is None:
                self.give(worker)
        while len(self.workers) < min(self.jobs, self.n_busy + len(self.pending)):
            self.workers.append(self.started())
        return self.more or bool(self.pending) or self.n_busy > 0

    @property
    def n_busy(self) -> int:
        return sum(worker.task is not None for worker in self.workers)

    def give(self, worker: _Worker[S]) -> None:
        number, source = self.pending.popleft()
        try:
            message = pickle.dumps(source)
        except Exception as error:
            self.finished[number] = Failed(source, _internal(error), traceback.format_exc())
            return
        worker.task = number, source
        with suppress(OSError):  # it died meanwhile, which `hear` will find out
            worker.pipe.send_bytes(message)

    def started(self) -> _Worker[S]:
        # A fresh interpreter on every system: a forked copy of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.payload), daemon=True)
        process.start()
        theirs.close()  # so that the death of the worker closes the pipe
        return _Worker(process, ours)

    def speaking(self) -> list[_Worker[S]]:
        """Return the workers from which there is something to hear, after waiting for a moment."""
        pipes = wait([worker.pipe for worker in self.workers], POLL_SECONDS)
        return [worker for worker in self.workers if worker.pipe in pipes]

    def hear(self, worker: _Worker[S]) -> None:
        """Take in that a worker is ready, has a result, or died."""
        try:
            message = _unpickled(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            self.bury(worker)
            return
        if not worker.ready:
            if message is not None:
                raise message
            worker.ready, self.failed_starts = True, 0
        elif worker.task is not None:
            number, source = worker.task
            self.finished[number] = replace(message, source=source)
            worker.task = None

    def bury(self, worker: _Worker[S]) -> None:
        """Take a dead worker out and blame the source that it was holding."""
        self.workers.remove(worker)
        cause = _cause_of_death(worker)
        if worker.task is not None:
            number, source = worker.task
            self.finished[number] = Failed(source, CrashError(f"the process working on it died: {cause}"))
            return
        self.failed_starts += not worker.ready
        if self.failed_starts >= START_ATTEMPTS:
            raise CrashError(
                f"worker processes die while they start: {cause}",
                hint="In a script, call it below `if __name__ == '__main__':`, or use jobs=1.",
            )

    def due(self, in_order: bool) -> Iterator[Done[S, V] | Failed[S]]:
        """Hand out finished results: all, by number, or only those whose turn it is."""
        if in_order:
            while self.turn in self.finished:
                self.turn += 1
                yield self.finished.pop(self.turn - 1)
        else:
            for number in sorted(self.finished):
                yield self.finished.pop(number)

    @contextmanager
    def signals_noted(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM set `stopped_by` instead of breaking off anywhere."""

        def note(signum: int, _: object) -> None:
            self.stopped_by = signum

        before = {}
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    before[signum] = signal.signal(signum, note)
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def close(self) -> None:
        for worker in self.workers:
            worker.pipe.close()  # an idle worker goes home by itself
            if worker.task is not None or not worker.ready:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(2)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self.workers.clear()


def _unpickled(message: bytes) -> Any:
    try:
        return pickle.loads(message)
    except Exception as error:  # made there, but cannot be rebuilt here
        return Failed(None, _internal(error), traceback.format_exc())


def _cause_of_death(worker: _Worker[Any]) -> str:
    worker.pipe.close()
    worker.process.join(2)
    status = worker.process.exitcode
    if status is None:
        worker.process.kill()
        return "it closed its pipe"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
