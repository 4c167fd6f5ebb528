"""What is kept for an hour: embeddings of clips in memory, bundles in a temporary folder."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from earmark.errors import AbsentError, BusyError, OutputError
from earmark.models.bundle import ARCHIVE_SUFFIX
from earmark.storage import cannot_write
from earmark.train.boxes import BoxClip
from earmark.web.state import State

KEPT_SECONDS = 3600.0
_LOOK_SECONDS = 300.0
MOST_CLIPS, MOST_BUNDLES = 5000, 20

V = TypeVar("V")


class Hour(Generic[V]):
    """Values by ids that nobody can guess, each for an hour since it was last used.

    Parameters
    ----------
    most : int
        How many.
    drop : callable
        Called with the id and the value of what goes.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        most: int,
        *,
        drop: Callable[[str, V], object] = lambda id, value: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self._drop, self._clock = most, drop, clock
        self._values: dict[str, tuple[float, V]] = {}  # the longest unused first
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        with self._lock:
            self.forget()
            return len(self._values)

    def add(self, value: V) -> str:
        """Keep a value, and return its id; there must be room."""
        id = secrets.token_urlsafe(12)
        with self._lock:
            self._values[id] = self._clock(), value
            self._look_again()
        return id

    def get(self, id: str) -> V | None:
        """Return the value of an id, which is kept for another hour; None if there is none."""
        with self._lock:
            self.forget()
            found = self._values.pop(id, None)
            if found is None:
                return None
            self._values[id] = self._clock(), found[1]
            return found[1]

    def forget(self, *, room: int = 0) -> None:
        """Drop what is older than an hour, and so many more that there is `room`."""
        with self._lock:
            old = self._clock() - KEPT_SECONDS
            for id, (used, _) in list(self._values.items()):
                if used >= old and len(self._values) + room <= self.most:
                    return
                if used < old or room:
                    _, value = self._values.pop(id)
                    self._drop(id, value)

    def close(self) -> None:
        """Drop all."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self.forget(room=self.most)

    def _look_again(self) -> None:
        """See to it that what nobody uses goes, even if nothing else happens."""
        if self._timer is None and self._values:
            self._timer = threading.Timer(_LOOK_SECONDS, self._looked)
            self._timer.daemon = True
            self._timer.start()

    def _looked(self) -> None:
        with self._lock:
            self._timer = None
            self.forget()
            self._look_again()


class Clips:
    """Embeddings of the clips that clients have sent.

    Parameters
    ----------
    state : State
        Of the service.
    """

    def __init__(self, state: State | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Hour[BoxClip] = Hour(MOST_CLIPS, clock=clock)

    def check_room(self) -> None:
        """Refuse one more clip where there is no room: those of others stay.

        Raises
        ------
        BusyError
            With the time after which some may have gone.
        """
        if len(self._kept) >= self._kept.most:
            error = BusyError(f"{self._kept.most} clips are kept already", hint="Try: again in an hour.")
            error.retry_after = KEPT_SECONDS / 4
            raise error

    def add(self, clip: BoxClip) -> str:
        """Keep a clip for an hour, and return its id."""
        self.check_room()
        return self._kept.add(clip)

    def of(self, ids: Sequence[str]) -> list[BoxClip]:
        """Return clips by their ids.

        Raises
        ------
        AbsentError
            One is not there, or no longer.
        """
        found = [self._kept.get(id) for id in dict.fromkeys(ids)]
        missing = sum(clip is None for clip in found)
        if missing:
            raise AbsentError(
                f"{missing} of {len(found)} clips are no longer kept",
                hint="Try: send them again; clips are kept for an hour.",
            )
        return [clip for clip in found if clip is not None]

    def close(self) -> None:
        """Drop all."""
        self._kept.close()


class Bundle(NamedTuple):
    """A bundle that was trained here: its file, and the name under which it is handed out."""

    path: Path
    name: str


class Trained:
    """The bundles that were trained in this service; the oldest goes where there are too many.

    Parameters
    ----------
    state : State
        Whose `bundles` the other routes look into.
    """

    def __init__(self, state: State, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._folder = tempfile.TemporaryDirectory(prefix="earmark-trained-", ignore_cleanup_errors=True)
        self._kept: Hour[Bundle] = Hour(MOST_BUNDLES, drop=self._drop, clock=clock)

    def add(self, content: bytes, name: str) -> str:
        """Keep a bundle for an hour, and return its id.

        Raises
        ------
        OutputError
            There is no room on the disk.
        """
        self._kept.forget(room=1)
        path = Path(self._folder.name) / f"{secrets.token_hex(8)}{ARCHIVE_SUFFIX}"
        try:
            path.write_bytes(content)
        except OSError as error:
            raise OutputError(f"the bundle cannot be kept: {error.strerror}") from cannot_write(path, error)
        id = self._kept.add(Bundle(path, f"{name}{ARCHIVE_SUFFIX}"))
        self._state.bundles[id] = path
        return id

    def get(self, id: str) -> Bundle:
        """Return a bundle.

        Raises
        ------
        AbsentError
            There is none, or no longer.
        """
        found = self._kept.get(id)
        if found is None:
            raise AbsentError(
                "there is no such model", hint="Try: train it again; models are kept for an hour."
            )
        return found

    def close(self) -> None:
        """Remove all."""
        self._kept.close()
        self._folder.cleanup()

    def _drop(self, id: str, bundle: Bundle) -> None:
        self._state.bundles.pop(id, None)
        with suppress(OSError):
            bundle.path.unlink()
