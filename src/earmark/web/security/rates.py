"""How many requests a client may send: a bucket of tokens for each address."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import HTTPConnection

from earmark.errors import BusyError

SAVED_SECONDS = 10.0
MOST_CLIENTS = 10_000


class RequestRates:
    """Refuses a client that sends more than so many requests per second, after ten seconds' worth of them.

    Parameters
    ----------
    rate : float
        Requests per second; 0 is no limit.
    clock : callable
        Seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when

    def __call__(self, connection: HTTPConnection) -> None:
        """Take one from the client's bucket.

        Raises
        ------
        BusyError
            It is empty.
        """
        if not self._rate:
            return
        client, now, most = client_of(connection), self._clock(), self._rate * SAVED_SECONDS
        left, before = self._buckets.pop(client, (most, now))
        left = min(most, left + (now - before) * self._rate)
        self._buckets[client] = (max(0.0, left - 1), now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)  # seen longest ago
        if left < 1:
            error = BusyError(f"more than {self._rate:g} requests per second", hint="Try: fewer at a time.")
            error.retry_after = (1 - left) / self._rate
            raise error


def client_of(connection: HTTPConnection) -> str:
    """Return the address of a client; of IPv6 the network, of which one client has many addresses."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6 and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
