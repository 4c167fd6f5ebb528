"""Bodies of requests: how large they may become and how slowly they may arrive, while they arrive."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.errors import SlowError, TooLargeError
from earmark.web.settings import Settings

KEY = "earmark.body"


class Body:
    """The limits of one body, and how much of it has arrived.

    Parameters
    ----------
    scope, receive
        Of the request.
    settings : Settings
        Limits.
    """

    def __init__(self, scope: Scope, receive: Receive, settings: Settings) -> None:
        self._receive, self._settings = receive, settings
        self._limit = settings.max_json
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        self._claimed = int(length) if length.isascii() and length.isdigit() else 0
        self._expected = bool(self._claimed) or "transfer-encoding" in headers
        self._n_bytes = 0
        self._began: float | None = None
        self._complete = False

    @property
    def is_received(self) -> bool:
        """Whether all of it is here, or there is none."""
        return self._complete or not self._expected

    def allow(self, n_bytes: int) -> None:
        """Set another limit than that of JSON, for a route that streams its body.

        Raises
        ------
        TooLargeError
            It claims to be larger.
        """
        self._limit = n_bytes
        self._check(self._claimed)

    async def receive(self) -> Message:
        """Receive a message of the request, within the limits.

        Raises
        ------
        TooLargeError, SlowError
            The body breaks them.
        """
        if self._complete:  # what comes now is the end of the connection, whenever that is
            return await self._receive()
        self._check(self._claimed)
        now = time.monotonic()
        self._began = self._began or now
        try:
            message = await asyncio.wait_for(self._receive(), self._settings.idle_seconds)
        except TimeoutError:
            raise self._slow(f"nothing came for {self._settings.idle_seconds:g} s") from None
        self._n_bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        self._check(self._n_bytes)
        seconds = time.monotonic() - self._began
        if seconds > self._settings.idle_seconds and self._n_bytes < seconds * self._settings.least_rate:
            raise self._slow(f"{self._n_bytes:,} bytes came in {seconds:.0f} s")
        return message

    def _check(self, n_bytes: int) -> None:
        if n_bytes > self._limit:
            raise TooLargeError(
                f"the body has more than {self._limit:,} bytes",
                hint="Try: a shorter or compressed recording, or earmark classify, which has no such limit.",
            )

    def _slow(self, what: str) -> SlowError:
        rate = self._settings.least_rate
        return SlowError(f"the body arrives too slowly: {what}", hint=f"Accepted: {rate:,.0f} bytes per s.")


class LimitBodies:
    """ASGI middleware that puts the limits of `Body` on every request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the limits around `receive`."""
        if scope["type"] == "http":
            body = scope[KEY] = Body(scope, receive, self._settings)
            receive, send = body.receive, partial(self._answer, body, send)
        await self._app(scope, receive, send)

    @staticmethod
    async def _answer(body: Body, send: Send, message: Message) -> None:
        """Send; a client whose body is not wanted is signalled to stop."""
        if message["type"] == "http.response.start" and not body.is_received:
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)


def body_of(connection: HTTPConnection) -> Body:
    """Return the limits of a request."""
    return cast(Body, connection.scope[KEY])
