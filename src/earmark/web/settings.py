"""Everything about a service that its operator may set."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """Limits and access of a service.

    Parameters
    ----------
    token : str or None
        What a client has to show; None lets everybody in who reaches the port.
    hosts : tuple of str
        Names and addresses that a Host header may hold, without the port. The address at which a connection
        arrived counts as well: a browser that a foreign name (DNS rebinding) has sent here gives that name.
    max_bytes : int
        Size of an upload.
    max_json : int
        Size of any other body.
    max_seconds : float
        Length of a sound.
    jobs : int
        Worker processes that decode and predict.
    queue : int
        Sounds that may wait for a worker; one more is refused with 429. One client may have as many of them,
        and of `uploads`, as it leaves free for others: half if it is alone, and four in any case.
    uploads : int
        Bodies that may arrive at the same time.
    deadline : float
        Seconds that a worker may take for one sound; less for small files: see `earmark.web.scoring`.
    idle_seconds : float
        Longest pause of a sender within a body.
    least_rate : float
        Bytes per second that a body has to come to on average, once `idle_seconds` have passed.
    requests_per_second : float
        What one client may send on average; it may save up ten seconds of it. 0 is no limit.
    connections : int
        Open connections; of more, those that send nothing are closed first.
    watch_seconds : float
        How often each connection is looked at: one without a whole request since the last time is closed.
    live : int
        Live sessions at the same time; of one client, as many as of `queue`.
    streams : int
        Sounds of the library that are sent at the same time; of one client, as many as of `queue`.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = LOOPBACK
    max_bytes: int = 500_000_000
    max_json: int = 1_000_000
    max_seconds: float = 7200.0
    jobs: int = 2
    queue: int = 64
    uploads: int = 128
    deadline: float = 300.0
    idle_seconds: float = 20.0
    least_rate: float = 4_000.0
    requests_per_second: float = 50.0
    connections: int = 2_000
    watch_seconds: float = 10.0
    live: int = 50
    streams: int = 64
