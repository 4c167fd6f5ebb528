"""``/api/playlists``: playlists as files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from earmark.web.describe import problems
from earmark.web.opened import opened_library
from earmark.web.playlists import MEDIA_TYPES, Wanted, playlist_file
from earmark.web.state import State, state_of

router = APIRouter(prefix="/api/playlists", tags=["library"])


@router.post(
    "",
    summary="Make a playlist",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": {kind: {} for kind in MEDIA_TYPES.values()}},
        **problems(404),
    },
)
def playlists(service: Annotated[State, Depends(state_of)], wanted: Wanted) -> Response:
    """Return a playlist as M3U8, XSPF or JSON; its paths begin at the folder that was scanned."""
    with opened_library(service) as library:
        made = playlist_file(library, wanted)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name, safe='')}",
        "Earmark-Left-Out": str(made.n_left_out),
    }
    return Response(made.content, headers=headers, media_type=made.media_type)
