"""``/api/tracks``: the tracks of the library, searched, alike, played and corrected."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from earmark.library import similar
from earmark.library.query import And, parse
from earmark.library.search import count
from earmark.web.audio_files import open_track
from earmark.web.describe import OF_SOUND, example, problems
from earmark.web.labels import correct_genre
from earmark.web.library_schemas import TRACK_EXAMPLE, Detail, Ids, Listing, Neighbours, Track
from earmark.web.opened import opened_library
from earmark.web.ranges import FileContent, content_response, tag_of
from earmark.web.scoring import Scoring
from earmark.web.state import State, state_of
from earmark.web.streams import Streams
from earmark.web.tracks import FAILED, detail_of, n_songs, name_of, neighbour_of, track_of
from earmark.web.work import Drawing, Sound, draw_sound

router = APIRouter(prefix="/api/tracks", tags=["library"])

Service = Annotated[State, Depends(state_of)]
Q = Annotated[str, Query(max_length=2000, description="A query, such as `genre:jazz bpm:90..110`.")]
Sort = Annotated[
    str,
    Query(
        max_length=20,
        description="id, added, title, artist, album, year, bpm, bpm-confidence, key, score; - reverses.",
    ),
]
AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"audio/*": {}}},
    206: {"description": "A part of it", "content": {"audio/*": {}}},
    416: {"description": "The file has no such part"},
}

Id = Annotated[int, Path(ge=0, lt=2**63)]
N = Annotated[int, Query(ge=1, le=200, description="How many, at most.")]


@router.get("", summary="Search the library", response_model=Listing, responses=problems(404))
def tracks(
    service: Service,
    q: Q = "",
    sort: Sort = "id",
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Return the tracks that a query means, some at a time, and how many there are."""
    with opened_library(service) as library:
        rows = library.rows(library.search(q, sort=sort, limit=limit, offset=offset), brief=True)
        return {
            "total": count(library, q),
            "failed": count(library, And((parse(q), FAILED))),
            "of": n_songs(library),
            "tracks": [track_of(row) for row in rows],
        }


@router.get("/ids", summary="Search the library for ids alone", response_model=Ids, responses=problems(404))
def ids(service: Service, q: Q = "", sort: Sort = "id") -> dict[str, list[int]]:
    """Return the ids of all tracks that a query means."""
    with opened_library(service) as library:
        return {"ids": library.search(q, sort=sort)}


@router.get(
    "/{id}",
    summary="One track",
    response_model=Detail,
    response_model_exclude_unset=True,
    responses=problems(404, 410, *OF_SOUND),
)
async def track(
    request: Request,
    service: Service,
    id: Id,
    include: Annotated[Literal["", "picture"], Query(description="picture: waveform and log-mel.")] = "",
) -> dict[str, Any]:
    """Return a track with its whole prediction, and its picture if that is wanted."""
    detail, drawing = await run_in_threadpool(_detail, service, id, with_drawing=include == "picture")
    if drawing is not None:
        drawn = await service.part(Scoring).run(draw_sound, drawing, request)
        detail["picture"] = json.loads(drawn.body)
    return detail


def _detail(service: State, id: int, *, with_drawing: bool) -> tuple[dict[str, Any], Drawing | None]:
    """Return a track, and how to draw its part of its file if that may be read."""
    with opened_library(service) as library:
        row = library.get(id)
        drawing = None
        if with_drawing:
            file, _ = open_track(library, row)
            file.close()
            sound, item = Sound(row.path, name_of(row), service.settings.max_seconds), row.item
            length = None if item.stop is None else item.stop - item.start
            drawing = Drawing(sound, start=item.start, duration=length)
        return detail_of(row), drawing


@router.get(
    "/{id}/similar", summary="Tracks that sound like one", response_model=Neighbours, responses=problems(404)
)
def alike(
    service: Service, id: Id, n: N = 10, other_artists: bool = False, q: Q = ""
) -> dict[str, list[dict[str, Any]]]:
    """Return the tracks that sound most like one, the most similar first, and in words why."""
    with opened_library(service) as library:
        among = library.search(q) if q.strip() else None
        found = similar(library, [library.get(id)], n=n, other_artists=other_artists, among=among)
        return {"tracks": [neighbour_of(neighbour) for neighbour in found]}


@router.get(
    "/{id}/audio",
    summary="The sound of a track",
    response_class=Response,
    responses={**AUDIO, **problems(404, 410)},
)
@router.head("/{id}/audio", include_in_schema=False)
def audio(service: Service, request: Request, id: Id) -> Response:
    """Return the file of a track, or the part of it that a `Range` header means.

    Where a track is a part of its file, `start` and `stop` of `/api/tracks/{id}` say which.
    """
    with opened_library(service) as library:
        row = library.get(id)
        file, kind = open_track(library, row)
    content, tag = FileContent(file), tag_of(file)
    streams = service.part(Streams)
    return content_response(content, request, streams, tag=tag, media_type=kind, name=name_of(row))


@router.put(
    "/{id}/label",
    summary="Correct the genre of a track",
    responses={**example(Track, TRACK_EXAMPLE, "The track as it is now"), **problems(404, 507)},
)
def label(
    service: Service, id: Id, genre: Annotated[str | None, Body(embed=True, max_length=100)]
) -> dict[str, Any]:
    """Note what the genre of a track is, whatever the model says; null takes the correction back."""
    with opened_library(service, read_only=False) as library:
        return track_of(correct_genre(library, id, genre))
