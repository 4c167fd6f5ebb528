"""Headers that tell a browser what the page may do: only what it brings itself."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.web.security.hosts import host_name

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; font-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "connect-src 'self'{sockets}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), screen-wake-lock=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STARTS = {"http.response.start", "websocket.http.response.start"}


class SafeHeaders:
    """ASGI middleware that adds them to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] in STARTS:
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", policy(scope))
                # The page must be current with its service, and predictions belong to nobody else.
                of_page = not scope["path"].startswith(("/api", "/rest", "/metrics"))
                headers.setdefault("Cache-Control", "no-cache" if of_page else "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


def policy(scope: Scope) -> str:
    """Return the content security policy; WebSockets of the own host are named for older Safari."""
    host = Headers(scope=scope).get("host", "")
    plain = host_name(host) is not None and host.isascii() and not set(host) & set(" ;,'\"")
    return POLICY.format(sockets=f" ws://{host} wss://{host}" if plain else "")
