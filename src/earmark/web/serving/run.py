"""Sockets and the server itself."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

import uvicorn
from fastapi import FastAPI

from earmark.errors import InputError, OutputError
from earmark.web.scoring import Scoring
from earmark.web.serving.certificate import Certificate
from earmark.web.serving.protocol import Room, WatchedProtocol
from earmark.web.state import State

BACKLOG = 2048  # connections that wait to be accepted; the system may allow fewer
GRACE_SECONDS = 5  # for answers that are being sent when the service is stopped
PING_SECONDS = 20.0
HANDSHAKE_SECONDS = 10.0  # that a client may take for TLS; asyncio itself waits 60
MOST_FILES = 16_384


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket, before anything else is done.

    Parameters
    ----------
    host : str
        Name or address; ``"0.0.0.0"`` and ``"::"`` are all of this machine.
    port : int
        0 is any that is free.

    Raises
    ------
    InputError
        There is no such name or address here.
    OutputError
        The port is taken, or needs rights that this user lacks.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise InputError(
            f"host={host!r:.80} is not known here", hint="Accepted: an address of this machine."
        ) from error
    family, kind, number, _, address = found[0]
    bound = socket.socket(family, kind, number)
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)  # so that it is known now if it cannot
    except OSError as error:
        bound.close()
        raise _cannot_bind(host, port, error) from error
    return bound


class Service:
    """A service on a socket, until it is stopped.

    Parameters
    ----------
    app : FastAPI
        Made by `create_app`.
    bound : socket
        Made by `bind`; closed at the end.
    certificate : Certificate, optional
        For HTTPS.
    on_ready : callable
        Called once requests are answered.
    """

    def __init__(
        self,
        app: FastAPI,
        bound: socket.socket,
        *,
        certificate: Certificate | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket, self._on_ready = bound, on_ready
        self._state: State = app.state.earmark
        settings = self._state.settings
        room = Room(_room_for(settings.connections))
        protocol = partial(WatchedProtocol, room=room, watch_seconds=settings.watch_seconds)
        config = uvicorn.Config(
            app,
            http=protocol,  # type: ignore[arg-type]  # made with the arguments of the class
            ssl_certfile=certificate.certificate if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
            log_config=None,
            access_log=False,  # that one has queries in it, and so tokens: see `earmark.web.metrics`
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_max_size=1_048_576,
            backlog=BACKLOG,
            lifespan="on",
        )
        # It notes the addresses of WebSockets, queries included, and what a scanner of ports sends.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._server = _Server(config, self._ready)

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or `stop`; answers that are on their way are finished."""
        self._server.run([self._socket])

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True

    def _ready(self) -> None:
        self._state.part(Scoring).warm()
        self._on_ready()


class _Server(uvicorn.Server):
    """uvicorn, which ends in peace on a signal instead of raising it again."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with _short_handshakes() if self.config.is_ssl else nullcontext():
            await super().startup(sockets)
        if not self.should_exit:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _short_handshakes() -> Iterator[None]:
    """Let servers that are created within it end a TLS handshake early: uvicorn has no setting for that.

    Until its handshake is over, a connection is not known to `Room`, which watches the others.
    """
    loop = asyncio.get_running_loop()
    create = loop.create_server
    loop.create_server = partial(create, ssl_handshake_timeout=HANDSHAKE_SECONDS)  # type: ignore[method-assign]
    try:
        yield
    finally:
        loop.create_server = create  # type: ignore[method-assign]


def _room_for(connections: int) -> int:
    """Raise the limit of open files, and return how many connections fit into it beside the rest."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(MOST_FILES, hard) if hard > 0 else MOST_FILES
        if 0 < soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        if soft > 0:
            return min(connections, max(16, soft // 2))
    return connections


def _cannot_bind(host: str, port: int, error: OSError) -> OutputError | InputError:
    match error.errno:
        case errno.EADDRINUSE:
            hint = "Try: --port with another number, or 0 for any that is free."
            return OutputError(f"port {port} of {host} is taken", hint=hint)
        case errno.EACCES | errno.EPERM:
            hint = "Try: --port with a number from 1024 on."
            return OutputError(f"port {port} of {host} needs rights that this user lacks", hint=hint)
        case errno.EADDRNOTAVAIL:
            return InputError(
                f"host={host!r:.80} is no address of this machine",
                hint="Accepted: 127.0.0.1, 0.0.0.0 for all, or one of this machine.",
            )
    return OutputError(
        f"port {port} of {host} cannot be opened: {error.strerror}", hint="Try: another --port."
    )
