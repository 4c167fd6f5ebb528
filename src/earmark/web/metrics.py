"""What the service counts, for Prometheus; and its access log, without queries and tokens."""

from __future__ import annotations

import logging
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.web.scoring import Scoring
from earmark.web.state import State
from earmark.web.streams import Streams

MEDIA_TYPE = "text/plain; version=0.0.4"
BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)
OTHER = "other"  # the page's files, and addresses that nothing lies at
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}

_logger = logging.getLogger("earmark.access")


class Metrics:
    """Counters and gauges of one service, in a registry of its own.

    Parameters
    ----------
    state : State
        Whose queue and sound are counted.
    """

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        scoring = state.part(Scoring)
        labels = ("route", "method", "status")
        self._requests = self._made(Counter, "earmark_requests", "Requests.", labels)
        self._seconds = self._made(
            Histogram, "earmark_request_seconds", "Time of an answer.", ("route",), buckets=BUCKETS
        )
        self.sockets = self._made(Gauge, "earmark_websockets", "Open WebSockets.")
        streams = self._made(Gauge, "earmark_streams", "Sounds of the library that are being sent.")
        streams.set_function(lambda: len(state.part(Streams)))
        waiting = self._made(Gauge, "earmark_queue_waiting", "Sounds that no worker has begun.")
        waiting.set_function(lambda: scoring.n_waiting)
        running = self._made(Gauge, "earmark_queue_running", "Sounds that workers are at.")
        running.set_function(lambda: scoring.n_open - scoring.n_waiting)
        sound = self._made(Gauge, "earmark_sound_seconds_total", "Seconds of sound processed.")
        sound.set_function(lambda: scoring.seconds_of_sound)

    def _made(self, kind: Any, name: str, text: str, labels: tuple[str, ...] = (), **options: Any) -> Any:
        return kind(name, text, labels, registry=self.registry, **options)

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self.registry)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Count:
    """ASGI middleware that counts every request and writes it to the access log."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""
        metrics = self._state.part(Metrics)
        if scope["type"] == "websocket":
            with metrics.sockets.track_inprogress():
                return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, began = 499, time.monotonic()  # 499: the client had gone before there was an answer

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.monotonic() - began
            method = scope["method"] if scope["method"] in METHODS else OTHER
            metrics.count(_route(scope), method, status, seconds)
            _logger.info("%s", access_line(scope, status, seconds))


def access_line(scope: Scope, status: int, seconds: float) -> str:
    """Return the line of a request: client, method, path, status, time; nothing of its query or headers."""
    client = (scope.get("client") or ("-",))[0]
    path = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    shown = path.partition(b"?")[0][:200].decode("ascii", "backslashreplace")
    printable = shown if shown.isprintable() else ascii(shown)
    return f'{client} "{scope["method"]:.10} {printable}" {status} {1000 * seconds:.0f} ms'


def _route(scope: Scope) -> str:
    """Return the pattern of the route: addresses themselves would be without number."""
    return getattr(scope.get("route"), "path", "") or OTHER
