"""One client of the service: what it sent that is not scored yet, and what it is to be sent."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import EarmarkError, InputError
from earmark.live import Answer, Session
from earmark.models import Model
from earmark.predict import Prediction
from earmark.web.live_messages import End, Hello, Rate

# Seconds of sound that wait at most: then nothing is read from the line until some of it is scored.
MOST_QUEUED = 20.0
_AT_ONCE = 5.0  # s of sound that one turn takes
_LONGEST_SKIP = 3600.0  # s
_PIECE = 65_536  # bytes that are joined at least
_MOST_CHANGES = 20  # of the rate, or gaps, that wait at most
_FULL_SCALE = np.float32(1 / 32768)

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class _Drop:
    n: int


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done in one turn: drops and changes of rate, then samples, then perhaps the end."""

    changes: list[_Drop | Rate]
    y: npt.NDArray[np.float32]
    is_last: bool


class LiveClient:
    """A session and its queue. All of it belongs to the event loop but the session while `is_busy`.

    Parameters
    ----------
    model : Model
        Predicts.
    hello : Hello
        With which it came.

    Attributes
    ----------
    id : str
        By which a client comes back; nobody can guess it.
    next_index : int
        Sample of the current stream that is wanted next.
    rate : int
        Of the current stream, in Hz.
    stream : int
        Number of the current stream.
    is_busy : bool
        Whether a worker has it.
    queued_seconds : float
        Of sound that waits.
    """

    def __init__(self, model: Model, hello: Hello) -> None:
        self.id = secrets.token_urlsafe(18)
        self.session = Session(model, rate=hello.rate, hop=hello.hop, first=hello.index)
        self.hop = self.session.hop
        self.next_index, self.rate, self.stream = hello.index, hello.rate, 0
        self.is_busy = False
        self.queued_seconds = 0.0
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.has_news = asyncio.Event()
        self.answer: Answer | None = None  # the newest; one that was not sent in time is not sent at all
        self.final: Prediction | None = None
        self.error: EarmarkError | None = None
        self.is_delivered = False  # the final
        self._has_ended = False
        self._queued_rate = hello.rate  # of what is first in the queue
        self._queue: deque[bytearray | _Drop | Rate | End] = deque()  # bytes of samples, or what lies between
        self._n_changes = 0  # in the queue that are no samples
        self._rates = AnswerRate(self.hop)

    # What the client sent

    def resume(self, hello: Hello) -> None:
        """Go on after the line broke; a client that no longer has `next_index` skips."""
        self.answer = None
        if self._has_ended:
            self.has_news.set()
            return
        if hello.rate != self.rate:
            self.change_rate(hello.rate)

    def push(self, y: Samples) -> None:
        """Take samples."""
        if self._has_ended or not len(y):
            return
        # Joined, or a client that sends single samples would fill the memory with pieces.
        if not self._queue or not isinstance(last := self._queue[-1], bytearray) or len(last) > _PIECE:
            self._queue.append(last := bytearray())
        last += y.tobytes()
        self.next_index += len(y)
        self.queued_seconds += len(y) / self.rate
        if self.queued_seconds > MOST_QUEUED:
            self.has_room.clear()

    def skip_to(self, index: int) -> None:
        """Take note that the samples before `index` were dropped."""
        n = index - self.next_index
        if not 0 <= n <= _LONGEST_SKIP * self.rate:
            raise InputError(
                f"index={index}, the next sample is {self.next_index}",
                hint=f"Accepted: that one, or a later one by at most {_LONGEST_SKIP:.0f} s.",
            )
        if n:
            self._change(_Drop(n))
            self.next_index = index

    def change_rate(self, rate: int) -> None:
        """Begin another stream."""
        self._change(Rate(rate))
        self.rate, self.next_index, self.stream = rate, 0, self.stream + 1

    def end(self) -> None:
        """Take note that nothing follows."""
        if not self._has_ended:
            self._has_ended = True
            self._change(End())

    def _change(self, change: _Drop | Rate | End) -> None:
        self._queue.append(change)
        self._n_changes += 1
        if self._n_changes >= _MOST_CHANGES:
            self.has_room.clear()

    # When it is its turn

    def wait(self, now: float, longer: float = 0.0) -> float | None:
        """Return the seconds until its turn; None while there is nothing to do.

        Parameters
        ----------
        now : float
            Time of the clock.
        longer : float
            Seconds of sound to wait for beyond those that the next answer needs.
        """
        if self.is_busy or not self._queue or self.error or self.final:
            return None
        if self._n_changes:
            return 0.0
        return self._rates.wait(now) if self.queued_seconds >= self.session.wanted + longer else None

    @property
    def lateness(self) -> float:
        """Seconds of sound that came since its turn was due."""
        return self.queued_seconds - self.session.wanted

    def take(self) -> Work:
        """Return what is to be done in this turn, a few seconds of sound at most."""
        changes: list[_Drop | Rate] = []
        while self._queue and isinstance(item := self._queue[0], _Drop | Rate):
            changes.append(item)
            self._queue.popleft()
            if isinstance(item, Rate):
                self._queued_rate = item.rate
        pieces, seconds = bytearray(), 0.0
        while self._queue and isinstance(piece := self._queue[0], bytearray) and seconds < _AT_ONCE:
            pieces += piece
            seconds += len(piece) / 2 / self._queued_rate
            self._queue.popleft()
        self.queued_seconds = max(0.0, self.queued_seconds - seconds)
        is_last = len(self._queue) == 1 and isinstance(self._queue[0], End)
        if is_last:
            self._queue.clear()
        self._n_changes -= len(changes) + is_last
        return Work(changes, np.frombuffer(pieces, "<i2") * _FULL_SCALE, is_last)

    def change(self, work: Work) -> None:
        """Do what comes before the samples of a turn; in a worker's thread."""
        for change in work.changes:
            if isinstance(change, Rate):
                self.session.change_rate(change.rate)
            else:
                self.session.skip(change.n)

    # What it is to be sent

    def give(self, answers: list[Answer], final: Prediction | None, now: float) -> None:
        """Take the results of a turn."""
        if answers:
            self.answer = answers[-1]
            self._rates.count(now)
        self.final = final
        if self.queued_seconds < MOST_QUEUED / 2:
            self.has_room.set()
        if answers or final:
            self.has_news.set()

    def fail(self, error: EarmarkError) -> None:
        """End it with an error."""
        self.error = error
        self._queue.clear()
        self.has_room.set()
        self.has_news.set()


class AnswerRate:
    """At most one answer each `hop` seconds on average, whatever the client sends; two may come together.

    Parameters
    ----------
    hop : float
        In seconds.
    """

    def __init__(self, hop: float) -> None:
        self._hop = hop
        self._full_at = 0.0  # time at which the allowance is whole again

    def wait(self, now: float) -> float:
        """Return the seconds until the next answer is allowed."""
        return max(0.0, self._full_at - self._hop - now)

    def count(self, now: float) -> None:
        """Take note of an answer."""
        self._full_at = max(self._full_at, now) + self._hop
