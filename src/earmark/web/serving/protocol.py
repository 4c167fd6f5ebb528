"""Connections that do nothing: none of them may keep others out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LINGER_SECONDS = 5.0  # for what a client is still sending that was answered already
STUCK_LOOKS = 6  # after so many looks at a client that takes nothing of its answer, it is gone


class Room:
    """The connections of a service, as many as it may have. WebSockets have a limit of their own.

    Parameters
    ----------
    most : int
        How many may be open at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # In order, so that the oldest is found at once: 10,000 may come in one second.
        self._new: dict[WatchedProtocol, None] = {}  # have sent no request yet
        self._resting: dict[WatchedProtocol, None] = {}  # between two requests
        self._busy: set[WatchedProtocol] = set()

    def enter(self, connection: WatchedProtocol) -> None:
        """Let a connection in; if there are too many, end the oldest of those that do nothing."""
        self._new[connection] = None
        while len(self._new) + len(self._resting) + len(self._busy) > self._most:
            oldest = next(iter(self._new if self._new else self._resting))
            self.leave(oldest)
            oldest.abort()

    def begin(self, connection: WatchedProtocol) -> None:
        """Note that a connection has sent a request."""
        self.leave(connection)
        self._busy.add(connection)

    def rest(self, connection: WatchedProtocol) -> None:
        """Note that a request was answered."""
        self.leave(connection)
        self._resting[connection] = None

    def leave(self, connection: WatchedProtocol) -> None:
        """Forget a connection."""
        self._new.pop(connection, None)
        self._resting.pop(connection, None)
        self._busy.discard(connection)


class WatchedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, with a watch over connections that send nothing, or endlessly, or take nothing.

    uvicorn itself waits for the first request without limit, and goes on reading a body that was refused.

    Parameters
    ----------
    room : Room
        What the connections of one service share.
    watch_seconds : float
        How often a connection is looked at.
    options
        Those of uvicorn.
    """

    def __init__(self, *, room: Room, watch_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._room, self._watch_seconds = room, watch_seconds
        self._seen: object = None  # the request at the last look
        self._unsent, self._n_stuck = 0, 0
        self._watch: asyncio.TimerHandle | None = None
        self._lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and make room if there are too many."""
        super().connection_made(transport)
        self.transport = _Transport(transport, self._close)  # type: ignore[assignment]
        self._watch = self.loop.call_later(self._watch_seconds, self._look)
        self._room.enter(self)

    def data_received(self, data: bytes) -> None:
        """Take what comes, unless nobody wants it any more."""
        if not self._lingers:
            super().data_received(data)
            if self._is_busy:
                self._room.begin(self)

    def on_response_complete(self) -> None:
        """End a request."""
        self._room.rest(self)
        super().on_response_complete()

    def eof_received(self) -> None:
        """End what lingers: the client has sent everything."""
        if self._lingers:
            self._bare.close()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to the protocol of WebSockets, as it came."""
        self._room.leave(self)
        self.transport = self._bare
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._room.leave(self)
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End the connection now."""
        self._bare.abort()

    @property
    def _bare(self) -> asyncio.Transport:
        return self.transport.bare if isinstance(self.transport, _Transport) else self.transport

    def _close(self) -> None:
        """Close the connection, but not in the face of a client that is still sending.

        What arrives on a socket that is closed makes the system reset it, and the client may then never see
        the answer that says why its upload was refused.
        """
        bare = self._bare
        if self._lingers or bare.is_closing():
            return
        if not self._has_begun or self._received_all:
            bare.close()
            return
        self._lingers = True
        if bare.can_write_eof():
            bare.write_eof()
        bare.resume_reading()
        self.loop.call_later(LINGER_SECONDS, bare.close)

    @property
    def _received_all(self) -> bool:
        return not self.cycle.more_body

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
            self.abort()
            return
        self._seen = self.cycle
        self._watch = self.loop.call_later(self._watch_seconds, self._look)

    def _is_stuck(self) -> bool:
        """Whether what is to be sent has not become less for some time."""
        unsent = self.transport.get_write_buffer_size()
        self._n_stuck = self._n_stuck + 1 if unsent and unsent == self._unsent else 0
        self._unsent = unsent
        return self._n_stuck >= STUCK_LOOKS


class _Transport:
    """A transport that is closed in another way."""

    def __init__(self, bare: asyncio.Transport, close: Callable[[], None]) -> None:
        self.bare, self.close = bare, close

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)
