"""The token: a client shows it once by an address, then as a cookie; a program in a header."""

from __future__ import annotations

import hmac
from collections.abc import Container

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from earmark.errors import TokenError

COOKIE = "earmark_token"
COOKIE_SECONDS = 365 * 24 * 3600
SUBSONIC = "rest"  # whose clients show it in their own way: see `earmark.web.subsonic`


class Tokens:
    """Lets in who shows the token.

    Parameters
    ----------
    token : str
        The secret.
    open_to_all : container of str
        First parts of addresses that need none: the page itself, which holds nothing of anybody.
    """

    def __init__(self, token: str, open_to_all: Container[str]) -> None:
        self._token, self._open = token, open_to_all

    def __call__(self, connection: HTTPConnection) -> Response | None:
        """Check a request.

        Returns
        -------
        Response or None
            A redirection that sets the cookie, for ``/?token=``.

        Raises
        ------
        TokenError
            No token, or a wrong one.
        """
        path = connection.scope["path"]
        if path == "/" and "token" in connection.query_params:
            return self._entered(connection)
        first = path.lstrip("/").split("/")[0]
        if first in self._open or first == SUBSONIC or self._is_shown(connection):
            return None
        raise TokenError(
            "a token is needed", hint="Try: the address or the QR code that earmark serve has printed."
        )

    def _entered(self, connection: HTTPConnection) -> Response:
        """Take the token out of the address, so that it stays in no history and no log."""
        response = RedirectResponse("/", 303)
        token = connection.query_params["token"]
        if self._is_right(token):
            secure = connection.scope["scheme"] == "https"
            response.set_cookie(
                COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure
            )
        return response

    def _is_shown(self, connection: HTTPConnection) -> bool:
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        shown = [bearer.strip() if scheme.lower() == "bearer" else "", connection.cookies.get(COOKIE, "")]
        return any([self._is_right(token) for token in shown])

    def _is_right(self, token: str) -> bool:
        # Of bytes, and in the same time wherever they differ.
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())
