"""The name by which a request calls this service: foreign ones come from DNS rebinding."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from earmark.errors import HostError


class KnownHosts:
    """Refuses a Host header that names another machine.

    A page of evil.example may point its own name at this machine; its scripts then count as of the same
    origin as the service. What gives them away is the name in the Host header. An address cannot be pointed
    elsewhere, so the one at which the connection arrived is always known.

    Parameters
    ----------
    hosts : iterable of str
        Names and addresses without ports; IPv6 without brackets.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)

    def __call__(self, connection: HTTPConnection) -> None:
        """Refuse a name that is not known.

        Raises
        ------
        HostError
            It is not.
        """
        given = connection.headers.getlist("host")
        name = host_name(given[0]) if len(given) == 1 else None
        arrived = (connection.scope.get("server") or ("",))[0]
        if name is None or not (name in self._hosts or name == arrived):
            raise HostError(
                f"host {given[0] if given else ''!r:.60} is not this service",
                # Its own names are none of the business of a page that got here by another.
                hint="Try: the address that earmark serve has printed, or its option --allow NAME.",
            )


def host_name(netloc: str) -> str | None:
    """Return the name in ``name:port``, in lower case and without brackets; None if that is none."""
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts.hostname if parts.netloc == netloc and "@" not in netloc else None
