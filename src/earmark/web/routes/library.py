"""``/api/library``: what the library is made of, and what could not be analysed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from earmark.library.stats import stats as stats_of
from earmark.web.describe import problems
from earmark.web.library_schemas import Counts, Failures
from earmark.web.opened import opened_library
from earmark.web.state import State, state_of
from earmark.web.tracks import failure_of

router = APIRouter(prefix="/api/library", tags=["library"])

Service = Annotated[State, Depends(state_of)]


@router.get("/stats", summary="Counts of the library", response_model=Counts, responses=problems(404))
def stats(service: Service, q: Annotated[str, Query(max_length=2000)] = "") -> dict[str, Any]:
    """Return counts by genre, mood, quadrant, decade and tempo of the tracks that a query means."""
    with opened_library(service) as library:
        return stats_of(library, q).to_dict()


@router.get(
    "/errors", summary="Tracks that could not be analysed", response_model=Failures, responses=problems(404)
)
def errors(
    service: Service,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Return the tracks that failed, with what went wrong and what to try."""
    with opened_library(service) as library:
        ids = library.search("is:failed")
        rows = library.rows(ids[offset : offset + limit], brief=True)
        return {"total": len(ids), "errors": [failure_of(row) for row in rows]}
