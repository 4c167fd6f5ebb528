"""SQLite's write-ahead log, for files that several may open, or make, at once."""

from __future__ import annotations

import sqlite3
import time

_PAUSE = 0.01  # s


def use_write_ahead_log(connection: sqlite3.Connection, seconds: float) -> None:
    """Have a file keep a write-ahead log, with which readers never wait for writers.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    seconds : float
        How long to wait for another connection: SQLite waits for most locks, but not for the one that this
        change needs, which another who makes the same file may hold.

    Raises
    ------
    sqlite3.OperationalError
        The file is still locked then, or cannot be written.
    """
    until = time.monotonic() + seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # a database in memory has none, whatever is set
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
