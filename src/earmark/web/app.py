"""`create_app`: a service made of its arguments."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

import earmark
from earmark.models import Model
from earmark.predict.scorer import opened
from earmark.vocabulary import DEFAULT_MODEL
from earmark.web import problems, security
from earmark.web.metrics import Count
from earmark.web.routes import ROUTERS
from earmark.web.settings import Settings
from earmark.web.state import State

PAGE = Path(__file__).parent / "page"
DESCRIPTION = (
    "Genre, mood, tempo and key of music, from the sound alone. Errors are problem details (RFC 9457) with a "
    "`code`, a `message` and a `hint`."
)


def create_app(
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    library: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before: that one must be picklable, since sound
        is decoded and scored in worker processes.
    library : path, optional
        File of a library; without one, and until there is one, the routes of the library answer 404.
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
    path = None if library is None else Path(library)
    source = os.fspath(model) if isinstance(model, str | os.PathLike) else model
    state = State(opened(model), path, settings or Settings(), source)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await state.close()

    app = FastAPI(
        title="earmark",
        version=earmark.__version__,
        description=DESCRIPTION,
        docs_url=None,  # its page would load scripts of another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.earmark = state
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    if (PAGE / "index.html").is_file():
        _serve_page(app)
    _protect(app, state)
    return app


def _serve_page(app: FastAPI) -> None:
    """Answer with the files of the page where no route lies; a wrong method on a route stays 405."""
    files = GZipMiddleware(StaticFiles(directory=PAGE, html=True), minimum_size=1000)
    nothing = app.router.default

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await (files if scope["type"] == "http" else nothing)(scope, receive, send)

    app.router.default = page


def _protect(app: FastAPI, state: State) -> None:
    """Put the middlewares around the routes; what is added last is outermost."""
    settings = state.settings
    checks: list[security.guard.Check] = [
        security.KnownHosts(settings.hosts),
        security.same_origin,
        security.RequestRates(settings.requests_per_second),
    ]
    if settings.token:
        checks.append(security.Tokens(settings.token, open_to_all()))
    app.add_middleware(problems.ReportUnexpected)
    app.add_middleware(security.LimitBodies, settings=settings)
    app.add_middleware(security.Guard, checks=checks)
    app.add_middleware(security.SafeHeaders)
    app.add_middleware(Count, state=state)


def open_to_all() -> frozenset[str]:
    """First parts of the addresses that need no token: what lies in the page's folder, and the health."""
    names = {entry.name for entry in PAGE.iterdir()} if PAGE.is_dir() else set()
    return frozenset(names | {"", "health"})
