"""Everything about a service that its operator may set."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """Limits and access of a service.

    Parameters
    ----------
    token : str or None
        What a client has to show; None lets everybody in who reaches the port.
    hosts : tuple of str
        Names and addresses that a Host header may hold, without the port.
    max_bytes : int
        Size of an upload.
    max_seconds : float
        Length of a sound.
    jobs : int
        Worker processes that decode and predict.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    max_bytes: int = 500_000_000
    max_seconds: float = 7200.0
    jobs: int = 2
