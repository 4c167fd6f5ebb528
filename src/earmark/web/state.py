"""What the routes of one service share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.requests import HTTPConnection

from earmark.library import Library
from earmark.models import Model
from earmark.web.settings import Settings


@dataclass
class State:
    """Model, library and settings of a service; on ``app.state.earmark``.

    Parameters
    ----------
    model : Model
        Predicts everything that is not asked of another model.
    library : Path or None
        File of the library; None without one.
    settings : Settings
        Limits and access.
    """

    model: Model
    library: Path | None
    settings: Settings

    def open_library(self, *, read_only: bool = True) -> Library:
        """Open the library; SQLite's connections stay in their thread, so each request has its own."""
        return Library(self.library, create=False, read_only=read_only)


def state_of(connection: HTTPConnection) -> State:
    """Return the state of the service that a request or a WebSocket came to; a FastAPI dependency."""
    app: FastAPI = connection.app
    state: State = app.state.earmark
    return state
