"""The routes, one subject a file. Each has a ``router``; all of them stand in `ROUTERS`."""

from fastapi import APIRouter

from earmark.web.routes import health, jobs, library, map, playlists, tracks

ROUTERS: list[APIRouter] = [
    health.router,
    tracks.router,
    playlists.router,
    library.router,
    map.router,
    jobs.router,
]
