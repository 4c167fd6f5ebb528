"""Connections that do nothing: none of them may keep others out."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SOCKET = (3, 0.0)  # usefulness of a WebSocket
STUCK_LOOKS = 6  # after so many looks at a client that takes nothing of its answer, it is gone


class WatchedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, with a watch over connections that send nothing, or endlessly, or take nothing.

    uvicorn itself waits for the first request without limit, and goes on reading a body that was refused.

    Parameters
    ----------
    connections : int
        How many may be open at the same time.
    watch_seconds : float
        How often a connection is looked at.
    options
        Those of uvicorn.
    """

    def __init__(self, *, connections: int, watch_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._most, self._watch_seconds = connections, watch_seconds
        self._since = time.monotonic()
        self._seen: object = None  # the request at the last look
        self._unsent, self._n_stuck = 0, 0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and make room if there are too many."""
        super().connection_made(transport)
        self._watch = self.loop.call_later(self._watch_seconds, self._look)
        if len(self.connections) > self._most:
            least = min(self.connections, key=lambda other: getattr(other, "usefulness", SOCKET))
            least.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    @property
    def usefulness(self) -> tuple[int, float]:
        """Which connection goes first: those without a request yet, then those between two, the oldest."""
        return 1 + self._is_busy if self._has_begun else 0, self._since

    @property
    def _has_begun(self) -> bool:
        return getattr(self, "cycle", None) is not None

    @property
    def _is_busy(self) -> bool:
        return self._has_begun and not self.cycle.response_complete

    def _look(self) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # it has ended, or become a WebSocket, which is watched by pings
        if (not self._is_busy and self._seen is self.cycle) or self._is_stuck():
            self.transport.abort()
            return
        self._seen = self.cycle
        self._watch = self.loop.call_later(self._watch_seconds, self._look)

    def _is_stuck(self) -> bool:
        """Whether what is to be sent has not become less for some time."""
        unsent = self.transport.get_write_buffer_size()
        self._n_stuck = self._n_stuck + 1 if unsent and unsent == self._unsent else 0
        self._unsent = unsent
        return self._n_stuck >= STUCK_LOOKS
