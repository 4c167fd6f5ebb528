"""Whose task is next: clients take turns, so that the many tasks of one do not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

Turn = asyncio.Future[None]


class Turns:
    """Lets in a number of tasks at once; of those that wait, one of each client in turn.

    Parameters
    ----------
    n : int
        How many may be in.

    Attributes
    ----------
    n_in : int
        How many are.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self.n_in = 0
        self._waiting: OrderedDict[str, deque[Turn]] = OrderedDict()  # by client, whose turn is next first

    def join(self, client: str) -> Turn:
        """Return what is done as soon as a task of a client may begin; `leave` has to follow."""
        turn: Turn = asyncio.get_running_loop().create_future()
        if self.n_in < self._n:
            self.n_in += 1
            turn.set_result(None)
        else:
            self._waiting.setdefault(client, deque()).append(turn)
        return turn

    def leave(self, client: str, turn: Turn) -> None:
        """End a task that was let in, or one that still waits."""
        if turn.done() and not turn.cancelled():
            self.n_in -= 1
            self._admit()
            return
        waiting = self._waiting[client]
        waiting.remove(turn)
        if not waiting:
            del self._waiting[client]

    def _admit(self) -> None:
        """Let in who is next; its client goes to the end of the row."""
        if not self._waiting:
            return
        client, turns = self._waiting.popitem(last=False)
        self.n_in += 1
        turns.popleft().set_result(None)
        if turns:
            self._waiting[client] = turns
