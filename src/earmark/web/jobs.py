"""Long work of a service, one at a time of each kind: how far it is, its end, and its cancellation.

A job is a function that is given a `Progress`. What it returns is the job's result; an error that it raises
is the job's error. Jobs are kept in memory for a day.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread

from earmark.errors import AbsentError, BusyError, CancelledError, EarmarkError, InternalError
from earmark.web.state import State

KEPT_SECONDS = 86_400.0
_MOST_WAITING = 3  # of a kind
_MOST_KEPT = 200
_CLOSE_SECONDS = 30.0
_STEADY_SECONDS = 2.0  # after which a rate means something

_logger = logging.getLogger("earmark.web")

# What a stage is called on the page.
TEXTS = {
    "looking": "Looking through the folders",
    "scanning": "Analysing what is new",
    "map": "Placing the tracks",
    "evaluating": "Evaluating each recording by a model trained without it",
    "training": "Training",
}
QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"


class Job:
    """Work that was ordered; also the `Progress` that its function reports to.

    Parameters
    ----------
    kind : str
        Jobs of one kind run one after the other.
    work : callable
        Takes the job, and returns its result, ready for JSON.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self, kind: str, work: Callable[[Job], dict[str, Any]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.id, self.kind, self.work = secrets.token_urlsafe(9), kind, work
        self.created, self.ended = clock(), 0.0
        self.state, self.text = QUEUED, ""
        self.done, self.total = 0, 0
        self.result: dict[str, Any] | None = None
        self.error: EarmarkError | None = None
        self.version = 0  # grows with every change
        self._cancelled = threading.Event()
        self._on_cancel: Callable[[], object] | None = None
        self._began = 0.0  # of the stage

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
        """Take how far the work is.

        Raises
        ------
        CancelledError
            The job was cancelled: the work is to end.
        """
        self.check()
        if stage != self.text or not self._began:
            self.text, self._began = stage, time.monotonic()
        self.done, self.total = done, total
        self.version += 1

    def check(self) -> None:
        """Raise `CancelledError` if the job was cancelled."""
        if self._cancelled.is_set():
            raise CancelledError("the job was cancelled", hint="Try: start it again; it goes on from there.")

    def cancel(self) -> None:
        """Have the work end at its next report, or at once where it has named a way."""
        self._cancelled.set()
        if self._on_cancel is not None:
            self._on_cancel()

    def when_cancelled(self, act: Callable[[], object]) -> None:
        """Name what ends the work at once; called from another thread."""
        self._on_cancel = act
        if self._cancelled.is_set():
            act()

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in (DONE, FAILED, CANCELLED)

    def set_state(self, state: str) -> None:
        """Note what has become of it."""
        self.state = state
        self.version += 1

    def to_dict(self) -> dict[str, Any]:
        """Return the job, ready for JSON."""
        rate = self._rate()
        left = self.total - self.done
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total or None,
            "rate": None if rate is None else round(rate, 2),
            "eta": round(left / rate, 1) if rate and self.state == RUNNING and left >= 0 else None,
            "text": TEXTS.get(self.text, self.text),
            "result": self.result,
            "error": self.error.to_dict() if self.error else None,
            "created": datetime.fromtimestamp(self.created, UTC).isoformat(timespec="seconds"),
        }

    def _rate(self) -> float | None:
        """Return steps per second of the present stage; None where that means nothing yet."""
        seconds = time.monotonic() - self._began
        if self.state != RUNNING or not (self._began and self.total and self.done):
            return None
        return self.done / seconds if seconds >= _STEADY_SECONDS else None


class Jobs:
    """The jobs of a service.

    Parameters
    ----------
    state : State
        Of the service.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, state: State | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, deque[Job]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(self, kind: str, work: Callable[[Job], dict[str, Any]]) -> Job:
        """Order some work; it begins when the jobs of its kind before it have ended.

        Raises
        ------
        BusyError
            Too many jobs of that kind wait already, or the service is ending.
        """
        job = Job(kind, work, clock=self._clock)
        with self._lock:
            self._forget()
            waiting = self._waiting.setdefault(kind, deque())
            if len(waiting) >= _MOST_WAITING or self._closed:
                raise _full(kind, len(waiting))
            self._jobs[job.id] = job
            waiting.append(job)
            if kind not in self._threads:
                self._threads[kind] = threading.Thread(
                    target=self._run, args=(kind,), name=f"earmark-{kind}", daemon=True
                )
                self._threads[kind].start()
        return job

    def get(self, id: str) -> Job:
        """Return a job.

        Raises
        ------
        AbsentError
            There is none of that id, or it ended more than a day ago.
        """
        with self._lock:
            self._forget()
            if id in self._jobs:
                return self._jobs[id]
        raise AbsentError(f"there is no job {id[:40]!r}", hint="Try: GET /api/jobs, which lists them.")

    def all(self) -> list[Job]:
        """Return all jobs, the latest first."""
        with self._lock:
            self._forget()
            return list(self._jobs.values())[::-1]

    def cancel(self, id: str) -> Job:
        """Cancel a job; one that has ended stays as it is."""
        job = self.get(id)
        with self._lock:
            waiting = self._waiting[job.kind]
            if job in waiting:
                waiting.remove(job)
                self._end(job, CANCELLED)
        if not job.has_ended:
            job.cancel()
        return job

    async def close(self) -> None:
        """Cancel all, and wait for what runs to end."""
        with self._lock:
            self._closed = True
            jobs, threads = list(self._jobs)[::-1], list(self._threads.values())
        for id in jobs:
            with suppress(AbsentError):
                self.cancel(id)
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join, _CLOSE_SECONDS)

    # ------------------------------------------------------------ in the thread of a kind

    def _run(self, kind: str) -> None:
        while True:
            with self._lock:
                if not self._waiting[kind]:
                    del self._threads[kind]
                    return
                job = self._waiting[kind].popleft()
                job.set_state(RUNNING)
            self._work(job)

    def _work(self, job: Job) -> None:
        state = FAILED
        try:
            job.result = job.work(job)
            state = DONE
        except CancelledError:
            state = CANCELLED
        except EarmarkError as error:
            job.error = error
        except Exception as error:
            _logger.error("an unexpected error in a job of kind %s", job.kind, exc_info=error)
            job.error = InternalError("a fault of the service, which is in its log")
        with self._lock:
            self._end(job, state)

    def _end(self, job: Job, state: str) -> None:
        job.ended = self._clock()
        job.set_state(state)

    def _forget(self) -> None:
        """Drop jobs that ended a day ago, and the oldest where there are too many."""
        ended = [job for job in self._jobs.values() if job.has_ended]
        old = self._clock() - KEPT_SECONDS
        for i, job in enumerate(ended):
            if job.ended < old or i < len(ended) - _MOST_KEPT:
                del self._jobs[job.id]


def _full(kind: str, n: int) -> BusyError:
    error = BusyError(f"{n} jobs of kind {kind!r} wait already", hint="Try: again when one has ended.")
    error.retry_after = 10.0
    return error
