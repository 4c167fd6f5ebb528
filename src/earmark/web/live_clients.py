"""All live sessions of a service: who is there, and the workers that score what is due of several at once."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from earmark.errors import EarmarkError, InternalError
from earmark.live import HOP, Answer, answer_together
from earmark.models import Model
from earmark.predict import Prediction
from earmark.web.live_client import LiveClient, Work
from earmark.web.live_messages import Hello
from earmark.web.models_in_use import model_source
from earmark.web.places import Places
from earmark.web.state import State
from earmark.web.work import Models

KEPT_SECONDS = 60.0  # after its line broke
RETRY_SECONDS = 5.0  # until somebody may have left
_TOGETHER = 8  # sessions a turn: as many windows as the network takes at once without leaving the cache
_WORKERS = 2  # at most; the network leaves the interpreter to the other one
_LATE_SECONDS = 0.15  # a block of 100 ms that came just before its turn is no delay
_SLOWER, _FASTER = 0.02, 0.005  # s a turn

_logger = logging.getLogger("earmark.web")


@dataclass(eq=False)
class Line:
    """One connection; a client has at most one at a time."""

    client: LiveClient
    is_cut: asyncio.Event
    address: str  # of `client_of`: who holds the place


@dataclass(frozen=True, slots=True)
class _Left:
    """A session whose line broke: when it is forgotten, and whose it was."""

    timer: asyncio.TimerHandle
    address: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn gave one client."""

    answers: list[Answer]
    final: Prediction | None = None
    error: EarmarkError | None = None


class LiveClients:
    """The live sessions of a service; ``state.part(LiveClients)``.

    Parameters
    ----------
    state : State
        Of the service: its model, and how many may listen at a time.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._places = Places(state.settings.live)  # of those with a line: the others make room
        self._known: dict[str, LiveClient] = {}
        self._lines: dict[str, Line] = {}
        self._left: dict[str, _Left] = {}  # the oldest first
        self._models, self._loading = Models(state.model), asyncio.Lock()
        self._n_workers = min(_WORKERS, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self._n_workers, thread_name_prefix="earmark-live")
        self._workers: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._pace = Pace()

    def __len__(self) -> int:
        """How many are connected."""
        return len(self._lines)

    async def model(self, name: str) -> Model:
        """Return the model that a client has named; "" is the service's own.

        Raises
        ------
        ModelError
            There is none, or it cannot be loaded.
        """
        source = model_source(self._state, name)
        async with self._loading:
            return await asyncio.to_thread(self._models.get, source)

    def connect(self, hello: Hello, model: Model, address: str) -> Line:
        """Return the line of a new client, or of the one that the client comes back to.

        Raises
        ------
        BusyError
            As many as may listen do, or as many of this address.
        InputError
            A sample that the client cannot go on with.
        """
        client = self._known.get(hello.session or "")
        if client is not None and (client.session.model is not model or client.error):
            client = None
        before = self._lines.get(client.id) if client is not None else None
        has_place = before is not None and before.address == address
        if not has_place:
            self._places.check(address, "are listening", retry_after=RETRY_SECONDS)
        if client is not None:
            client.resume(hello)
        else:
            self._make_room()
            client = LiveClient(model, hello)
            self._known[client.id] = client
        if (left := self._left.pop(client.id, None)) is not None:
            left.timer.cancel()
        if not has_place:
            self._places.take(address, "are listening")
        if before is not None:
            before.is_cut.set()
            if not has_place:
                self._places.give_back(before.address)
        line = self._lines[client.id] = Line(client, asyncio.Event(), address)
        self._start_workers()
        return line

    def disconnect(self, line: Line) -> None:
        """Keep the client of a line that broke for a while, and forget one that is done."""
        client = line.client
        if self._lines.get(client.id) is not line:  # it has come back by another
            return
        del self._lines[client.id]
        self._places.give_back(line.address)
        if client.is_delivered or client.error:
            self._known.pop(client.id, None)
        else:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(KEPT_SECONDS, self._forget, client.id)
            self._left[client.id] = _Left(timer, line.address)

    def wake_for(self, client: LiveClient) -> None:
        """Let the workers look for what is due, if something of this client is or will be."""
        if client.wait(time.monotonic(), self._pace.longer) is not None:
            self._wake.set()

    async def close(self) -> None:
        """Stop the workers and forget all."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for left in self._left.values():
            left.timer.cancel()
        for line in self._lines.values():
            line.is_cut.set()
        self._known.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _make_room(self) -> None:
        """Forget sessions whose line broke, first of whoever has left most behind, until there is room."""
        while len(self._known) >= self._state.settings.live and self._left:
            n_left = Counter(left.address for left in self._left.values())
            most = max(n_left.values())
            key = next(key for key, left in self._left.items() if n_left[left.address] == most)
            self._left[key].timer.cancel()
            self._forget(key)

    def _forget(self, key: str) -> None:
        self._left.pop(key, None)
        self._known.pop(key, None)

    # The workers

    def _start_workers(self) -> None:
        if not self._workers:
            self._workers = [asyncio.create_task(self._work()) for _ in range(self._n_workers)]

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            some, wait = self._due()
            if not some:
                self._wake.clear()
                timer = loop.call_later(wait, self._wake.set) if wait is not None else None
                await self._wake.wait()
                if timer is not None:
                    timer.cancel()
                continue
            for client in some:
                client.is_busy = True
            self._pace.note(some[0].lateness)
            works = [client.take() for client in some]
            try:
                turns = await loop.run_in_executor(self._threads, _advance, some, works)
            finally:
                for client in some:
                    client.is_busy = False
            for client, turn in zip(some, turns, strict=True):
                if turn.error is not None:
                    client.fail(turn.error)
                else:
                    client.give(turn.answers, turn.final, time.monotonic())

    def _due(self) -> tuple[list[LiveClient], float | None]:
        """Return those of one model that wait longest, and after how many seconds another one is due."""
        now = time.monotonic()
        longer = self._pace.longer
        waits = [(one, wait) for one in self._known.values() if (wait := one.wait(now, longer)) is not None]
        due = sorted((one for one, wait in waits if not wait), key=lambda one: -one.lateness)
        some = [one for one in due if one.session.model is due[0].session.model][:_TOGETHER]
        return some, min((wait for _, wait in waits), default=None)


class Pace:
    """How much rarer answers come when many listen, so that each is as fresh as before: down to half as many.

    Examples
    --------
    >>> pace = Pace()
    >>> for _ in range(100):
    ...     pace.note(lateness=0.6)
    >>> pace.longer
    0.25
    """

    def __init__(self) -> None:
        self.longer = 0.0  # s of sound beyond a hop

    def note(self, lateness: float) -> None:
        """Take note of how many seconds of sound the one that waited longest had beyond a hop."""
        step = _SLOWER if lateness - self.longer > _LATE_SECONDS else -_FASTER
        self.longer = min(max(0.0, self.longer + step), HOP)


def _advance(clients: Sequence[LiveClient], works: Sequence[Work]) -> list[_Turn]:
    """Score what is to be done of each client, with one call of the model; in a worker's thread."""
    try:
        for client, work in zip(clients, works, strict=True):
            client.change(work)
        sessions = [client.session for client in clients]
        answers = answer_together(sessions, [work.y for work in works], every=False)
    except Exception as error:  # a fault that ends these sessions, not the service
        return [_Turn([], error=_reported(error)) for _ in clients]
    return [
        _ended(client, each) if work.is_last else _Turn(each)
        for client, work, each in zip(clients, works, answers, strict=True)
    ]


def _ended(client: LiveClient, answers: list[Answer]) -> _Turn:
    try:
        return _Turn(answers, client.session.final())
    except Exception as error:
        return _Turn([], error=_reported(error))


def _reported(error: Exception) -> EarmarkError:
    if isinstance(error, EarmarkError):
        return error
    _logger.exception("live sessions failed", exc_info=error)
    return InternalError("a fault of the service ended the session")
