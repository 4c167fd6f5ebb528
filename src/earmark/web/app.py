"""`create_app`: a service made of its arguments."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI

import earmark
from earmark.models import Model
from earmark.predict.scorer import opened
from earmark.vocabulary import DEFAULT_MODEL
from earmark.web.routes import ROUTERS
from earmark.web.settings import Settings
from earmark.web.state import State


def create_app(
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    library: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before.
    library : path, optional
        File of a library; without one, the routes of the library answer 404.
    settings : Settings, optional
        Limits and access.

    Returns
    -------
    fastapi.FastAPI
        An ASGI application.

    Raises
    ------
    ModelError
        The model could not be loaded.
    """
    app = FastAPI(title="earmark", version=earmark.__version__)
    path = None if library is None else Path(library)
    app.state.earmark = State(opened(model), path, settings or Settings())
    for router in ROUTERS:
        app.include_router(router)
    return app
