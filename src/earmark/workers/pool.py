"""A pool of worker processes: tasks, deadlines, deaths."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import process as multiprocessing_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self, TypeVar

from earmark.errors import (
    CancelledError,
    CrashError,
    DeadlineError,
    EarmarkError,
    MemoryLimitError,
)
from earmark.workers.child import BROKEN, LIMIT, READY, work
from earmark.workers.outcome import Done, Failed, Outcome, internal
from earmark.workers.results import check_positive, results

S = TypeVar("S")
V = TypeVar("V")
Deadline = float | Callable[[Any], float]

START_SECONDS = 300.0  # for imports and `setup`; much more than a model on a slow share needs
LOOK_SECONDS = 60.0  # for a deadline function, which may look at the file
START_ATTEMPTS = 3
EXIT_SECONDS = 2.0


class Task(Future[Outcome]):
    """A source that was given to `Pool.submit`. Its result is `Done` or `Failed`; it raises nothing.

    Parameters
    ----------
    pool : Pool
        Where it is.
    source : object
        What the function is applied to.
    message : bytes
        What the worker is sent.
    """

    def __init__(self, pool: Pool, source: Any, message: bytes) -> None:
        super().__init__()
        self.source, self.message = source, message
        self._pool = pool

    def cancel(self) -> bool:
        """End the task: it becomes a `Failed` of `CancelledError`; if a worker is at it, that is killed."""
        return self._pool.cancel(self)

    def withdraw(self) -> bool:
        """End the task as `cancel` does, but only if no worker has begun it."""
        return self._pool.cancel(self, running=False)


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    until: float  # when it must be ready, or have a result
    ready: bool = False
    task: Task | None = None
    limit: float = 0.0  # s that its task may take
    n_done: int = 0


class Pool:
    """Worker processes that stay, and hand back what became of each task.

    Parameters
    ----------
    setup : callable, optional
        Called once in each worker, for what takes long to make (a model). Its result is the first argument of
        every function.
    jobs : int
        Worker processes at most; they are started as tasks come.
    deadline : float or callable, optional
        Seconds that a task may take, or a function from its source to them, which is called in the worker. A
        task that takes longer ends as `DeadlineError`, and its worker is killed.
    memory : int, optional
        Bytes that a worker may allocate for a task, beyond what it has after `setup`. A task that wants
        more ends as `MemoryLimitError` (or as a `CrashError`, where a library does not survive that). Kept on
        Linux; macOS and Windows have no such limit, and there this does nothing.
    max_tasks : int, optional
        Tasks after which a worker is replaced by a new one.

    Raises
    ------
    InputError
        A number that is not positive.
    """

    def __init__(
        self,
        *,
        setup: Callable[[], Any] | None = None,
        jobs: int = 1,
        deadline: Deadline | None = None,
        memory: int | None = None,
        max_tasks: int | None = None,
    ) -> None:
        check_positive(jobs=jobs, deadline=deadline, memory=memory, max_tasks=max_tasks)
        self.jobs, self.deadline, self.max_tasks = jobs, deadline, max_tasks
        self._payload = pickle.dumps((setup, deadline if callable(deadline) else None, memory))
        self._lock = threading.Lock()
        self._pending: deque[Task] = deque()
        self._cancelled: list[Task] = []
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self.error: EarmarkError | None = None  # for which no worker can be started
        self._closed = False
        self._called = False  # from another thread, and not noticed yet
        self._thread: threading.Thread | None = None
        self._wake_receiver, self._wake_sender = multiprocessing.Pipe(duplex=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ from any thread

    def submit(self, function: Callable[..., Any], source: Any) -> Task:
        """Have a worker apply a function to a source, as soon as one is free.

        Parameters
        ----------
        function : callable
            Takes a source, or what `setup` returned and a source; picklable.
        source : object
            Picklable.

        Returns
        -------
        Task
            A `concurrent.futures.Future`, so that asyncio can wait for it.

        Raises
        ------
        EarmarkError
            What `setup` raised, or that no worker can be started, or that the pool is closed.
        """
        try:
            task = Task(self, source, pickle.dumps((function, source)))
        except Exception as error:
            task = Task(self, source, b"")
            task.set_result(Failed(source, internal(error), traceback.format_exc()))
            return task
        with self._lock:
            if self.error is not None:
                raise self.error
            if self._closed:
                raise CancelledError("the pool of workers is closed")
            self._pending.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="earmark-workers", daemon=True)
                self._thread.start()
        self._wake()
        return task

    def map(
        self, function: Callable[..., V], sources: Iterable[S], *, in_order: bool = True
    ) -> Iterator[Done[S, V] | Failed[S]]:
        """Apply a function to every source and yield what became of each.

        Parameters
        ----------
        function : callable
            As of `submit`.
        sources : iterable
            Read as they are needed.
        in_order : bool
            Yield in the order of the sources, or as they are finished.

        Yields
        ------
        Done or Failed
            One for each source. On Ctrl-C or SIGTERM the results that are finished are still yielded, then
            the signal takes its usual course.

        Raises
        ------
        EarmarkError
            As of `submit`.
        """
        return results(self, function, sources, in_order=in_order)

    def cancel(self, task: Task, *, running: bool = True) -> bool:
        """End a task, as `Task.cancel` and `Task.withdraw` say; False if it goes on or has ended."""
        with self._lock:
            pending = task in self._pending
            if task.done() or not (pending or running):
                return False
            if pending:
                self._pending.remove(task)
            else:
                self._cancelled.append(task)
        if pending:
            task.set_result(Failed(task.source, CancelledError("cancelled before it was begun")))
        self._wake()
        return True

    def close(self) -> None:
        """End all workers; tasks that are not done become `Failed`."""
        self._closed = True
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _wake(self) -> None:
        with self._lock, suppress(OSError):
            if not self._called:  # one call is enough, and the pipe holds only so many
                self._called = True
                self._wake_sender.send_bytes(b"")

    # ------------------------------------------------------------ in the thread of the pool

    def _run(self) -> None:
        try:
            while not self._closed:
                self._kill_cancelled()
                self._assign()
                self._receive()
                self._kill_late()
        except EarmarkError as error:
            self.error = error
        except Exception as error:
            self.error = internal(error)
        finally:
            self._end()

    def _assign(self) -> None:
        """Send pending tasks to free workers, and start workers where they are wanted."""
        for worker in [worker for worker in self._workers if worker.ready and worker.task is None]:
            if self.max_tasks is not None and worker.n_done >= self.max_tasks:
                self._workers.remove(worker)
                self._stop(worker)
                continue
            with self._lock:
                task = worker.task = self._pending.popleft() if self._pending else None
            if task is None:
                continue
            worker.limit = self.deadline if isinstance(self.deadline, float | int) else LOOK_SECONDS
            worker.until = time.monotonic() + worker.limit if self.deadline is not None else float("inf")
            with suppress(OSError):  # it died meanwhile, which `_receive` will find out
                worker.pipe.send_bytes(task.message)
        n_busy = sum(worker.task is not None for worker in self._workers)
        while len(self._workers) < min(self.jobs, n_busy + len(self._pending)):
            self._workers.append(self._start())

    def _start(self) -> _Worker:
        # A fresh interpreter on every system: a forked copy of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self._payload), daemon=True)
        process.start()
        theirs.close()  # so that the death of the worker closes the pipe
        return _Worker(process, ours, time.monotonic() + START_SECONDS)

    def _receive(self) -> None:
        """Wait until a worker has sent something or died, a deadline passes, or another thread calls."""
        first = min((worker.until for worker in self._workers), default=float("inf"))
        seconds = max(0.0, first - time.monotonic())
        pipes = [self._wake_receiver, *(worker.pipe for worker in self._workers)]
        readable = wait(pipes, None if seconds == float("inf") else seconds)
        if self._wake_receiver in readable:
            with self._lock:
                self._wake_receiver.recv_bytes()
                self._called = False
        for worker in [worker for worker in self._workers if worker.pipe in readable]:
            try:
                kind, value = _unpickled(worker.pipe.recv_bytes())
            except (EOFError, OSError):
                self._remove_dead(worker)
                continue
            self._take(worker, kind, value)

    def _take(self, worker: _Worker, kind: str, value: Any) -> None:
        """Take in what a worker sent."""
        if kind == BROKEN:
            raise value
        if kind == READY:
            worker.ready, worker.until, self._failed_starts = True, float("inf"), 0
        elif kind == LIMIT:
            worker.limit, worker.until = value, time.monotonic() + value
        else:
            self._finish(worker, value)
            if isinstance(value, Failed) and isinstance(value.error, MemoryLimitError):
                self._workers.remove(worker)  # what failed in it may have left it in any state
                self._stop(worker)

    def _finish(self, worker: _Worker, outcome: Outcome) -> None:
        task, worker.task, worker.until = worker.task, None, float("inf")
        worker.n_done += 1
        if task is not None:
            task.set_result(replace(outcome, source=task.source))

    def _kill_late(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.until <= now]:
            if worker.ready:
                error = DeadlineError(
                    f"it took longer than deadline={worker.limit:g} s, and its process was stopped",
                    hint="Try: a longer --deadline, or leave the file out.",
                )
                self._kill(worker, error)
            else:
                _end_process(worker.process)
                self._remove_dead(worker, f"it was not ready after {START_SECONDS:g} s")

    def _kill_cancelled(self) -> None:
        with self._lock:
            cancelled, self._cancelled = self._cancelled, []
        for worker in [worker for worker in self._workers if worker.task in cancelled]:
            self._kill(worker, CancelledError("cancelled while a worker was at it"))

    def _kill(self, worker: _Worker, error: EarmarkError) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        _end_process(worker.process)
        self._finish(worker, Failed(None, error))

    def _remove_dead(self, worker: _Worker, cause: str = "") -> None:
        """Remove a dead worker; the source that it was working on has failed."""
        self._workers.remove(worker)
        cause = cause or _cause_of_death(worker)
        if worker.task is not None:
            self._finish(worker, Failed(None, CrashError(f"the process working on it died: {cause}")))
            return
        self._failed_starts += not worker.ready
        if self._failed_starts >= START_ATTEMPTS:
            raise CrashError(
                f"worker processes die while they start: {cause}",
                hint="Try: call it below `if __name__ == '__main__':` in a script, or use jobs=1.",
            )

    def _stop(self, worker: _Worker) -> None:
        worker.pipe.close()  # an idle worker exits on EOF
        if worker.task is not None or not worker.ready:
            worker.process.terminate()
        worker.process.join(EXIT_SECONDS)
        if worker.process.is_alive():
            _end_process(worker.process)

    def _end(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.pipe.close()
            if worker.task is not None or not worker.ready:
                worker.process.terminate()
        for worker in workers:
            self._stop(worker)
        with self._lock:
            self._closed = True
            tasks = [worker.task for worker in workers if worker.task is not None] + list(self._pending)
            self._pending.clear()
        error = self.error or CancelledError("the pool of workers was closed")
        for task in tasks:
            task.set_result(Failed(task.source, error))


def _unpickled(message: bytes) -> tuple[str, Any]:
    try:
        kind, value = pickle.loads(message)
    except Exception as error:  # made there, but cannot be rebuilt here
        return "result", Failed(None, internal(error), traceback.format_exc())
    return kind, value


def _end_process(process: BaseProcess) -> None:
    """Kill a process, and wait for its end, unless the system itself cannot end it."""
    process.kill()
    process.join(EXIT_SECONDS)
    if process.is_alive():
        # In a call that no signal interrupts, such as a read from a share that is gone. The interpreter waits
        # at its exit for all children that it knows of, so let it forget this one.
        getattr(multiprocessing_process, "_children", set()).discard(process)


def _cause_of_death(worker: _Worker) -> str:
    worker.pipe.close()
    worker.process.join(EXIT_SECONDS)
    status = worker.process.exitcode
    if status is None:
        _end_process(worker.process)
        return "it closed its pipe"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
