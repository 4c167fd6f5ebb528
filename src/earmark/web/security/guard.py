"""The middleware that puts checks in front of an application."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from earmark.errors import EarmarkError
from earmark.web.problems import problem_of

# Raises the error for which a request is refused, or returns what it is answered with instead.
Check = Callable[[HTTPConnection], Response | None]

REFUSED = 1008  # close code of a WebSocket: policy


class Guard:
    """ASGI middleware that lets a request or a WebSocket pass if every check does.

    Parameters
    ----------
    app : ASGI application
        What lies behind.
    checks : sequence of callable
        In order.
    """

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app, self._checks = app, checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        response = None if scope["type"] == "lifespan" else self._checked(HTTPConnection(scope))
        if response is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": REFUSED})
        else:
            await response(scope, receive, send)

    def _checked(self, connection: HTTPConnection) -> Response | None:
        try:
            return next(filter(None, (check(connection) for check in self._checks)), None)
        except EarmarkError as error:
            return problem_of(error)
