"""Which page made a request: only the service's own may."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from earmark.errors import OriginError

OWN = {"same-origin", "none"}  # values of Sec-Fetch-Site; none: the person typed the address
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def same_origin(connection: HTTPConnection) -> None:
    """Refuse what a page of another site sends.

    Programs send neither Origin nor Sec-Fetch-Site; a browser sends the first with everything but plain
    reading, the second with everything, and no script can change them. A link from elsewhere may lead to the
    page, so navigation by GET passes.

    Raises
    ------
    OriginError
        Another origin, or one that is not known (``null``).
    """
    headers = connection.headers
    for origin in headers.getlist("origin"):
        if not _is_own(origin, headers.get("host", ""), connection.scope["scheme"]):
            raise _refused(f"origin {origin!r:.80}")
    site = headers.get("sec-fetch-site", "none")
    reads = connection.scope["type"] == "http" and connection.scope["method"] in ("GET", "HEAD")
    visits = reads and headers.get("sec-fetch-mode") == "navigate"
    if site not in OWN and not visits:
        raise _refused(f"a request from another site (Sec-Fetch-Site: {site!r:.20})")


def _is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether an origin is the host that the request was sent to, on the same port."""
    try:
        page, service = urlsplit(origin), urlsplit(f"//{host}")
        if page.scheme not in ("http", "https") or page.hostname is None:
            return False
        ports = page.port or PORTS[page.scheme], service.port or PORTS.get(scheme, 80)
    except ValueError:
        return False
    # Behind a proxy that ends TLS the page is https and the service http, each on the port of its scheme.
    same_port = ports[0] == ports[1] or (page.port is None and service.port is None)
    return page.hostname == service.hostname and same_port


def _refused(what: str) -> OriginError:
    return OriginError(f"{what} is refused", hint="Accepted: the page of this service, and programs.")
