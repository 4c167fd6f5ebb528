"""How many sounds are being sent at the same time: each holds an open file, and maybe a decoder."""

from __future__ import annotations

import threading

from earmark.web.places import Places
from earmark.web.state import State

RETRY_SECONDS = 10.0  # a song is sent in less, unless it is sent as it is played


class Streams:
    """The places of a service for sounds that are being sent; may be used from any thread.

    A client that takes nothing of what is sent loses its place with its connection, after a minute: see
    `earmark.web.serving.protocol`.

    Parameters
    ----------
    state : State
        Its settings name the limit.
    """

    def __init__(self, state: State) -> None:
        self._places = Places(state.settings.streams)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are being sent."""
        return self._places.n_taken

    def take(self, client: str) -> None:
        """Take a place; `give_back` has to follow.

        Raises
        ------
        BusyError
            There is none for this client.
        """
        with self._lock:
            self._places.take(client, "sounds are being sent", retry_after=RETRY_SECONDS)

    def give_back(self, client: str) -> None:
        """Give a place back."""
        with self._lock:
            self._places.give_back(client)
