"""``/api/teach``: a model of one's own words, from clips."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from earmark.train.boxes import BoxClip
from earmark.web.describe import OF_SOUND, SOUND_BODY, problems
from earmark.web.jobs import Jobs
from earmark.web.library_schemas import JobState, SentClip
from earmark.web.scoring import Scoring
from earmark.web.state import State, state_of
from earmark.web.teach.embed import embed_clip
from earmark.web.teach.keeping import Clips, Trained
from earmark.web.teach.training import TeachRequest, boxes_of, teach_work
from earmark.web.upload import received
from earmark.web.work import Sound

router = APIRouter(prefix="/api/teach", tags=["teach"])

Service = Annotated[State, Depends(state_of)]


def has_room(state: Service) -> None:
    """Refuse a clip before it is sent where none can be kept."""
    state.part(Clips).check_room()


@router.post(
    "/clips",
    summary="Send a clip",
    dependencies=[Depends(has_room)],
    response_model=SentClip,
    responses=problems(*OF_SOUND),
    openapi_extra=SOUND_BODY,
)
async def clips(
    request: Request, state: Service, sound: Annotated[Sound, Depends(received)]
) -> dict[str, Any]:
    """Keep the embeddings of a clip in memory, for an hour, and nothing else of it."""
    found = await state.part(Scoring).run(embed_clip, sound, request)
    id = state.part(Clips).add(BoxClip(found.vectors, found.recording))
    return {"clip": id, "seconds": round(found.seconds, 3), "picture": found.picture}


@router.post(
    "",
    status_code=202,
    summary="Train on boxes of clips",
    response_model=JobState,
    responses=problems(404, 501),
)
def teach(state: Service, wanted: TeachRequest, response: Response) -> dict[str, Any]:
    """Train a model as a job of kind `teach`; its result has an honest estimate of the accuracy."""
    work = teach_work(state, boxes_of(state, wanted), wanted.name)
    job = state.part(Jobs).start("teach", work)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job.to_dict()


@router.get(
    "/{model}/bundle",
    summary="The trained model as a file",
    response_class=Response,
    responses={200: {"description": "The bundle", "content": {"application/zip": {}}}, **problems(404)},
)
def bundle(state: Service, model: str) -> Response:
    """Return the bundle, which `earmark classify --model` takes."""
    found = state.part(Trained).get(model)
    return FileResponse(found.path, media_type="application/zip", filename=found.name)
