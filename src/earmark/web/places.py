"""Places that clients share: one client cannot take all of them."""

from __future__ import annotations

from collections import Counter

from earmark.errors import BusyError

FEW = 4  # that a client may hold however many others there are, as long as there are places


class Places:
    """A number of places, of which a client may hold as many as are free besides, and `FEW` in any case.

    So one client alone gets half of them, each of k that want all of them 1 / (k + 1), and one that comes
    later finds some free: the dynamic thresholds of Choudhury and Hahne (1998, "Dynamic queue length
    thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2)).

    Parameters
    ----------
    n : int
        How many there are.

    Examples
    --------
    >>> places = Places(12)
    >>> for _ in range(6):
    ...     places.take("a", "sounds wait")
    >>> places.may_take("a"), places.may_take("b"), places.n_taken
    (False, True, 6)
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._held: Counter[str] = Counter()  # by client
        self.n_taken = 0

    def may_take(self, client: str) -> bool:
        """Return whether a client may have one more."""
        free = self._n - self.n_taken
        return free > 0 and self._held[client] < max(FEW, free)

    def check(self, client: str, what: str, *, retry_after: float = 1.0) -> None:
        """Refuse a client that may not have one more.

        Parameters
        ----------
        client : str
            Its address, as of `client_of`.
        what : str
            What those who hold places do, for the message, such as ``"sounds wait"``.
        retry_after : float
            Seconds until it is worth another try.

        Raises
        ------
        BusyError
            All places are taken, or the client holds as many as it may.
        """
        if self.may_take(client):
            return
        error = BusyError(
            f"{self.n_taken} {what}, {self._held[client]} of them of this client",
            hint="Try: again after Retry-After, and fewer at a time.",
        )
        error.retry_after = retry_after
        raise error

    def take(self, client: str, what: str, *, retry_after: float = 1.0) -> None:
        """Take a place, or refuse as `check` does; `give_back` has to follow."""
        self.check(client, what, retry_after=retry_after)
        self._held[client] += 1
        self.n_taken += 1

    def give_back(self, client: str) -> None:
        """Give a place back."""
        self._held[client] -= 1
        self.n_taken -= 1
        if not self._held[client]:
            del self._held[client]  # or there would be an entry for every client that ever came
