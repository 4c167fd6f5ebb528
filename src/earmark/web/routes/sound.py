"""``/api/classify``, ``/api/spectrogram``, ``/api/similar``: what is in a sound that the client sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from earmark.errors import InputError
from earmark.predict import parse_prior, prior_shift
from earmark.web.describe import OF_SOUND, PREDICTION_EXAMPLE, SOUND_BODY, example, problems
from earmark.web.likeness import need_library, tracks_like, with_similar
from earmark.web.models_in_use import model_source
from earmark.web.schemas import Picture, Prediction
from earmark.web.scoring import Scoring
from earmark.web.state import State, state_of
from earmark.web.upload import received
from earmark.web.work import Classification, Drawing, Sound, classify_sound, draw_sound

router = APIRouter(prefix="/api", tags=["sound"])

PARTS = ("picture", "similar", "embedding")

Uploaded = Annotated[Sound, Depends(received)]
Service = Annotated[State, Depends(state_of)]


@router.post(
    "/classify",
    response_class=Response,
    responses=example(Prediction, PREDICTION_EXAMPLE, "What was predicted") | problems(404, *OF_SOUND),
    openapi_extra=SOUND_BODY,
)
async def classify(  # noqa: PLR0917  (FastAPI calls it by names)
    request: Request,
    state: Service,
    sound: Uploaded,
    include: Annotated[str, Query(description="Comma-separated: picture, similar, embedding.")] = "",
    prior: Annotated[str, Query(description="Genre frequencies: even, or jazz=0.4,rock=0.1.")] = "",
    model: Annotated[str, Query(description="A model of /api/models, or one that was trained here.")] = "",
) -> Response:
    """Predict genre, mood, tempo and key of a sound."""
    wanted = _wanted(include)
    source = model_source(state, model)
    task = Classification(
        sound,
        model=source,
        prior=parse_prior(prior) if prior else None,
        embedding="embedding" in wanted,
        picture="picture" in wanted,
        row="similar" in wanted and state.library is not None,
    )
    if task.prior is not None and source is None:
        prior_shift(task.prior, state.model.card)  # refused before the sound is decoded
    done = await state.part(Scoring).run(classify_sound, task, request)
    body = done.body
    if done.row is not None:
        body = await run_in_threadpool(with_similar, state, body, done.row)
    return Response(body, media_type="application/json")


@router.post(
    "/spectrogram",
    response_class=Response,
    responses={
        200: {
            "model": Picture,
            "description": "Peaks and log-mel columns, or a picture file",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(501, *OF_SOUND),
    },
    openapi_extra=SOUND_BODY,
)
async def spectrogram(
    request: Request,
    state: Service,
    sound: Uploaded,
    columns: Annotated[int, Query(ge=1, le=4000, description="Columns of the log-mel at most.")] = 1000,
    kind: Annotated[
        Literal["json", "png"], Query(alias="format", description="png needs matplotlib on the service.")
    ] = "json",
) -> Response:
    """Draw a sound: waveform and log-mel."""
    task = Drawing(sound, n_columns=columns, png=kind == "png")
    done = await state.part(Scoring).run(draw_sound, task, request)
    return Response(done.body, media_type="image/png" if task.png else "application/json")


@router.post("/similar", responses=problems(404, *OF_SOUND), openapi_extra=SOUND_BODY)
async def similar(
    request: Request,
    state: Service,
    sound: Uploaded,
    n: Annotated[int, Query(ge=1, le=200, description="How many, at most.")] = 10,
    other_artists: bool = False,
) -> dict[str, list[dict[str, Any]]]:
    """Find the tracks of the library that sound most like a sound, and in words why."""
    need_library(state)
    done = await state.part(Scoring).run(classify_sound, Classification(sound, row=True), request)
    assert done.row is not None
    return {"tracks": await run_in_threadpool(tracks_like, state, done.row, n, other_artists)}


def _wanted(include: str) -> set[str]:
    wanted = {part.strip() for part in include.split(",")} - {""}
    if unknown := wanted - set(PARTS):
        raise InputError(f"include={min(unknown)!r:.40}", hint=f"Accepted: {', '.join(PARTS)}.")
    return wanted
