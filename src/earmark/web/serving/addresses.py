"""Under which names and addresses this machine can be reached."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

# Reserved for documentation (RFC 5737, RFC 3849). A datagram socket that is connected to one sends nothing,
# but the system chooses the address from which it would.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


@dataclass(frozen=True)
class Access:
    """How a service is reached.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Port.
    secure : bool
        Whether by HTTPS.
    token : str or None
        What has to be shown once.
    """

    host: str
    port: int
    secure: bool = False
    token: str | None = None

    @property
    def url(self) -> str:
        """Address of the page, with the token if there is one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?token={quote(self.token, safe='')}" if self.token else ""
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/{query}"


def lan_addresses() -> list[str]:
    """Return the addresses by which others may reach this machine, the likeliest first. Nothing is sent."""
    found: list[str] = []
    for family, elsewhere in ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            found.append(probe.getsockname()[0])
    with suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    return [address for address in dict.fromkeys(found) if _is_of_lan(address)]


def machine_names() -> list[str]:
    """Return the names of this machine, that of its own network (mDNS) among them."""
    name = socket.gethostname().lower()
    short = name.split(".")[0]
    return [each for each in dict.fromkeys((name, short, f"{short}.local")) if each.isascii() and each]


def _is_of_lan(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a scope: fe80::1%eth0
        return False
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast)
