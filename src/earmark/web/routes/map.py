"""``/api/map``: where each track is on the map of the library."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from earmark.web.describe import problems
from earmark.web.library_schemas import Map
from earmark.web.maps import map_of
from earmark.web.opened import opened_library
from earmark.web.state import State, state_of

router = APIRouter(prefix="/api/map", tags=["library"])


@router.get("", summary="The map of the library", response_model=Map, responses=problems(404))
def layout(service: Annotated[State, Depends(state_of)]) -> dict[str, Any]:
    """Return places from -1 to 1, near ones of tracks that sound alike, and the genre of each."""
    with opened_library(service) as library:
        return map_of(library)
