"""The bounded queue in front of the worker processes that decode and predict.

Windows of several uploads are not put into one call of the model: see ``docs/service.md``. From 2 windows a
call on the network takes the same time for each, one sound has more than that, and a call for several would
have to be made where all of them are, in one process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from fastapi import Request

from earmark.errors import CancelledError, EarmarkError, InternalError, ModelError
from earmark.models import Model
from earmark.models.registry import registered
from earmark.web.places import Places
from earmark.web.security.rates import client_of
from earmark.web.state import State
from earmark.web.turns import Turn, Turns
from earmark.web.work import Models
from earmark.workers import Done, Failed, Pool, Task, default_memory

V = TypeVar("V")

# A worker that is at a task for so long is stopped when nobody waits for it any more. Before, it is let
# finish: a new process, with the model loaded anew, takes longer.
KILL_SECONDS = 3.0
# The least deadline, and for how many bytes there is a second more. Two hours of speech at 6 kbit/s have 73 s
# then, of MP3 at 128 kbit/s the whole 300 s; one core of a small machine takes 36 s for either.
LEAST_SECONDS = 60.0
BYTES_PER_SECOND = 400_000
# A worker grows from 165 to 260 MB in 10,000 sounds, most of them damaged (benchmarks/fuzz_service.py).
MOST_TASKS = 1000
HELD = "sounds wait or are processed"  # what those do that have a place
LONGEST_WAIT = 60.0  # s that Retry-After names
IN_HAND = 1  # tasks that the pool has beside those at work, so that no worker waits for the next

_logger = logging.getLogger("earmark.web")


class Scoring:
    """Runs functions of `earmark.web.work` in worker processes, and refuses what it cannot take.

    Parameters
    ----------
    state : State
        Model and settings.

    Attributes
    ----------
    seconds_of_sound : float
        How much was processed.
    """

    def __init__(self, state: State) -> None:
        settings = state.settings
        self._turns = Turns(settings.jobs + IN_HAND)
        self.jobs = settings.jobs
        self._places = Places(settings.queue + settings.jobs)
        self._state = state
        self._pool: Pool | None = None
        self._closed = False
        self.seconds_of_sound = 0.0
        self._mean_seconds = 0.5  # that a task takes, lately

    @property
    def n_open(self) -> int:
        """Tasks that wait or run."""
        return self._places.n_taken

    @property
    def n_waiting(self) -> int:
        """Tasks that no worker has begun."""
        return max(0, self.n_open - self.jobs)

    def check_room(self, request: Request) -> None:
        """Refuse one more task of a client where there is no room for it.

        Raises
        ------
        BusyError
            With the time after which some of those that wait will be done.
        """
        self._places.check(client_of(request), HELD, retry_after=self._wait)

    @property
    def _wait(self) -> float:
        """Seconds in which half of the tasks that wait will be done."""
        return min(LONGEST_WAIT, max(1.0, self.n_waiting * self._mean_seconds / self.jobs / 2))

    async def run(self, function: Callable[[Models, Any], V], task: Any, request: Request) -> V:
        """Have a worker do a task, and wait for it. Of the tasks that wait, each client has one in turn.

        Parameters
        ----------
        function : callable
            Of `earmark.web.work`.
        task : object
            Its second argument.
        request : Request
            Whose client may go away, and the task with it; its body has been received.

        Raises
        ------
        BusyError
            Too many tasks wait, or too many of this client.
        EarmarkError
            What became of the task: errors of the sound, a crash, the deadline, the limit of memory.
        """
        client = client_of(request)
        self._places.take(client, HELD, retry_after=self._wait)
        turn = self._turns.join(client)
        leave = partial(self._leave, client, turn)
        try:
            if not turn.done():
                await _unless_gone(turn, request)
            running = self._submit(function, task)
        except BaseException:
            leave()
            raise
        outcome = await self._outcome(running, request, leave)
        if isinstance(outcome, Failed):
            if isinstance(outcome.error, InternalError):
                _logger.error("an unexpected error in a worker: %s", outcome.trace or outcome.error.message)
            raise outcome.error
        self.seconds_of_sound += getattr(outcome.value, "seconds", 0.0)
        return cast(V, outcome.value)

    def warm(self) -> None:
        """Start the workers, so that the first request need not wait for that."""
        for _ in range(self.jobs):
            self._submit(_nothing, None)

    def close(self) -> None:
        """Stop the workers."""
        self._closed = True
        if self._pool is not None:
            self._pool.close()

    async def _outcome(
        self, running: Task, request: Request, leave: Callable[[], None]
    ) -> Done[Any, Any] | Failed[Any]:
        """Wait for what becomes of a task; call `leave` when the pool is done with it."""
        loop, began = asyncio.get_running_loop(), time.monotonic()
        done: asyncio.Future[Done[Any, Any] | Failed[Any]] = loop.create_future()
        running.add_done_callback(partial(_pass_on, loop, done))
        try:
            return await _unless_gone(done, request)
        finally:
            if running.done():
                self._note_time(time.monotonic() - began)
                leave()
            else:
                _abandon(loop, running, leave)

    def _submit(self, function: Callable[[Models, Any], V], task: Any) -> Task:
        if self._closed:
            raise CancelledError("the service ends")
        self._pool = self._pool or _new_pool(self._state)
        try:
            return self._pool.submit(function, task)
        except EarmarkError:
            # No worker could be started. What was in the way may have gone by the next request.
            self._pool.close()
            self._pool = None
            raise

    def _leave(self, client: str, turn: Turn) -> None:
        self._places.give_back(client)
        self._turns.leave(client, turn)

    def _note_time(self, seconds: float) -> None:
        """Note how long a task was in the pool, where it may have waited for one before it."""
        busy = max(1.0, self._turns.n_in / self.jobs)
        self._mean_seconds += 0.1 * (seconds / busy - self._mean_seconds)


def _new_pool(state: State) -> Pool:
    settings, memory = state.settings, default_memory()
    return Pool(
        setup=partial(Models, _portable(state.model_source, state.model)),
        jobs=settings.jobs,
        deadline=partial(deadline_of, settings.deadline),
        memory=memory and memory // settings.jobs,
        max_tasks=MOST_TASKS,
    )


def _abandon(loop: asyncio.AbstractEventLoop, running: Task, leave: Callable[[], None]) -> None:
    """Take a task that nobody waits for out of the queue; if it has begun, it may finish soon."""
    running.withdraw()
    if running.done():
        leave()
        return
    running.add_done_callback(lambda _: _soon(loop, leave))
    loop.call_later(KILL_SECONDS, running.cancel)


async def _unless_gone(done: asyncio.Future[V], request: Request) -> V:
    """Wait for a result; raise `CancelledError` if the client goes away before it is there."""
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((done, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    if not done.done():
        raise CancelledError("the client has gone")
    return done.result()


async def _gone(request: Request) -> None:
    """Wait until the client has closed its connection; nothing else comes after the body."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _pass_on(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], task: Any) -> None:
    """Hand a result from the thread of the pool to the loop."""

    def hand() -> None:
        if not done.done():
            done.set_result(task.result())

    _soon(loop, hand)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():  # the service may have ended meanwhile
        loop.call_soon_threadsafe(call)


def deadline_of(most: float, task: Any) -> float:
    """Return how many seconds a task may take: a small file that is much sound gets no more than its size."""
    sound = getattr(task, "sound", None)
    if sound is None:
        return most
    try:
        n_bytes = os.stat(sound.path).st_size
    except OSError:  # its client has gone
        n_bytes = 0
    return min(most, LEAST_SECONDS + n_bytes / BYTES_PER_SECOND)


def _nothing(_: Models, task: object) -> None:
    """Do nothing, in a worker that has begun for it."""


def _portable(source: str | Model, model: Model) -> str | Model:
    """Return from what a worker process can load the same model.

    A name that was registered in this process means nothing in another, so that the model itself travels.

    Raises
    ------
    ModelError
        It cannot.
    """
    if isinstance(source, str) and source not in registered():
        return source
    try:
        pickle.dumps(model)
    except Exception as error:
        raise ModelError(
            f"the model {model.card.name!r} cannot be sent to worker processes: {error}",
            hint="Accepted: a name, the folder of a bundle, or an object that pickle can write.",
        ) from error
    return model
