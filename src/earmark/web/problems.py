"""Errors as problem details (RFC 9457), with the code, message and hint of `earmark.errors`."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.errors import BusyError, EarmarkError, InternalError, TokenError

MEDIA_TYPE = "application/problem+json"

_logger = logging.getLogger("earmark.web")

# A path of this machine: two names or more, after a slash or a drive. Addresses of the service stay.
_PATH = re.compile(r"""(?<![\w/.:])(?:[A-Za-z]:)?[/\\](?!api/|rest/)(?:[^\s/\\'"]+[/\\])+""")
_CODES = {404: "no-route", 405: "method"}
_MESSAGES = {404: "there is nothing at this address", 405: "this address does not take that method"}
_HINTS = {404: "Try: /openapi.json, which lists the routes.", 405: "Try: another method on this address."}


def problem(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response that reports a problem.

    Parameters
    ----------
    status : int
        Status of HTTP.
    code, message, hint : str
        As of `EarmarkError`; folders of this machine are left out of the texts.
    headers : mapping, optional
        Further headers.
    """
    message, hint = without_folders(message), without_folders(hint)
    entries = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        "hint": hint,
    }
    return Response(json.dumps(entries), status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: EarmarkError) -> Response:
    """Return the response that reports an error."""
    if isinstance(error, InternalError):
        return _unexpected(error.message)
    headers = {}
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, TokenError):
        headers["WWW-Authenticate"] = 'Bearer realm="earmark"'
    return problem(error.http_status, error.code, error.message, error.hint, headers)


def without_folders(text: str) -> str:
    """Return a text in which paths of this machine are reduced to their last name.

    Examples
    --------
    >>> without_folders("/home/me/Music/song.mp3 is empty")
    'song.mp3 is empty'
    """
    return _PATH.sub("", text)


def install(app: FastAPI) -> None:
    """Let an application report every error as a problem."""

    @app.exception_handler(EarmarkError)
    async def _earmark(_: Request, error: EarmarkError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return problem(400, "input", _described(error), "Try: /openapi.json, which describes each route.")

    @app.exception_handler(HTTPException)
    async def _refused(_: Request, error: HTTPException) -> Response:
        cause = error.__cause__  # FastAPI's own, of what broke off while it read a body
        if isinstance(cause, EarmarkError):
            return problem_of(cause)
        code = _CODES.get(error.status_code, f"http-{error.status_code}")
        phrase = HTTPStatus(error.status_code).phrase
        message = str(error.detail or phrase)
        message = _MESSAGES.get(error.status_code, message) if message == phrase else message
        return problem(error.status_code, code, message, _HINTS.get(error.status_code, ""), error.headers)


class ReportUnexpected:
    """ASGI middleware: an exception that nobody planned for goes to the log, not to the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer 500 if nothing was answered yet."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            _logger.error("an unexpected error in %s", scope["path"].encode("unicode_escape"), exc_info=error)
            await _unexpected()(scope, receive, send)


def _unexpected(text: str = "") -> Response:
    if text:
        _logger.error("an unexpected error in a worker: %s", text)
    return problem(
        500, "internal", "a fault of the service, which is in its log", "Try: the same with another file."
    )


def _described(error: RequestValidationError) -> str:
    """Say what is wrong with which argument, without what was sent."""
    found = error.errors()[:3]
    places = (".".join(str(place) for place in each["loc"])[:80] for each in found)
    return "; ".join(f"{place}: {each['msg']}"[:200] for place, each in zip(places, found, strict=True))
