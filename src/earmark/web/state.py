"""What the routes of one service share."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from fastapi import FastAPI
from fastapi.requests import HTTPConnection

from earmark.library import Library
from earmark.models import Model
from earmark.web.settings import Settings

P = TypeVar("P")


@dataclass
class State:
    """Model, library and settings of a service; on ``app.state.earmark``.

    Parameters
    ----------
    model : Model
        Predicts everything that is not asked of another model.
    library_file : Path or None
        Where the library is, or will be once a scan has made it; None without one.
    settings : Settings
        Limits and access.
    model_source : str or Model
        From which worker processes load the same model: its name, its folder or itself.
    bundles : dict of str to Path
        Folders of the models that were trained here, by their ids.
    """

    model: Model
    library_file: Path | None
    settings: Settings
    model_source: str | Model
    bundles: dict[str, Path] = field(default_factory=dict)
    _parts: dict[Any, Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def library(self) -> Path | None:
        """File of the library; None as long as there is none."""
        return self.library_file if self.library_file and self.library_file.is_file() else None

    def open_library(self, *, read_only: bool = True) -> Library:
        """Open the library; SQLite's connections stay in their thread, so each request has its own."""
        return Library(self.library, create=False, read_only=read_only)

    def part(self, kind: Callable[[State], P]) -> P:
        """Return the one object of a kind that this service has, made when it is first wanted.

        Parameters
        ----------
        kind : class
            Made as ``kind(state)``. If it has a method ``close``, plain or a coroutine, that is called when
            the service ends.
        """
        with self._lock:
            if kind not in self._parts:
                self._parts[kind] = kind(self)
            return cast(P, self._parts[kind])

    async def close(self) -> None:
        """Close all parts, the youngest first."""
        with self._lock:
            parts = list(self._parts.values())
            self._parts.clear()
        for part in reversed(parts):
            if hasattr(part, "close"):
                done = part.close()
                if inspect.isawaitable(done):
                    await done


def state_of(connection: HTTPConnection) -> State:
    """Return the state of the service that a request or a WebSocket came to; a FastAPI dependency."""
    app: FastAPI = connection.app
    state: State = app.state.earmark
    return state
