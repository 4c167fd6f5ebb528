"""``/api/jobs``: long work; how far it is, as events of the server."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from earmark.web.describe import problems
from earmark.web.jobs import Job, Jobs
from earmark.web.library_schemas import JOB_EXAMPLE, JobState, JobStates
from earmark.web.maps import map_work
from earmark.web.opened import opened_library
from earmark.web.scans import scan_work
from earmark.web.state import State, state_of

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

Service = Annotated[State, Depends(state_of)]
_LOOK_SECONDS = 0.1
_EVENT_SECONDS = 1.0  # between two events
_BEAT_SECONDS = 15.0  # after which a comment shows that the line still stands


class Order(BaseModel):
    """Which work to do: a scan of the known folders (`retry` what has failed), or the map of the library."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "scan"}]})

    kind: Literal["scan", "map"]
    retry: bool = False


@router.post(
    "",
    status_code=202,
    summary="Start a job",
    response_model=JobState,
    responses={202: {"content": {"application/json": {"example": JOB_EXAMPLE}}}, **problems(404)},
)
def start(service: Service, order: Order, response: Response) -> dict[str, Any]:
    """Start a scan, or the computation of the map; jobs of one kind run one after the other."""
    with opened_library(service):  # refused now, and not in a job that nobody looks at
        pass
    work = scan_work(service, retry=order.retry) if order.kind == "scan" else map_work(service)
    job = service.part(Jobs).start(order.kind, work)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job.to_dict()


@router.get("", summary="All jobs", response_model=JobStates, responses=problems())
def jobs(service: Service) -> dict[str, list[dict[str, Any]]]:
    """Return the jobs of the last day, the latest first."""
    return {"jobs": [job.to_dict() for job in service.part(Jobs).all()]}


@router.get("/{id}", summary="One job", response_model=JobState, responses=problems(404))
def job(service: Service, id: str) -> dict[str, Any]:
    """Return how far a job is, or how it ended."""
    return service.part(Jobs).get(id).to_dict()


@router.delete("/{id}", summary="Cancel a job", response_model=JobState, responses=problems(404))
def cancel(service: Service, id: str) -> dict[str, Any]:
    """Have a job end; nothing that it has stored is lost."""
    return service.part(Jobs).cancel(id).to_dict()


@router.get(
    "/{id}/events",
    summary="How far a job is, as it goes on",
    response_class=StreamingResponse,
    responses={200: {"description": "Events `job`", "content": {"text/event-stream": {}}}, **problems(404)},
)
def events(service: Service, id: str) -> StreamingResponse:
    """Send the job as an event `job` whenever it has changed, at most once a second, until it has ended."""
    stream = job_events(service.part(Jobs).get(id))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


async def job_events(job: Job) -> AsyncIterator[str]:
    """Yield a job as server-sent events: first as it is now, last as it has ended."""
    version, sent = -1, 0.0
    while True:
        now = time.monotonic()
        has_ended, changed = job.has_ended, job.version != version
        if has_ended or (changed and now - sent >= _EVENT_SECONDS):
            version, sent = job.version, now
            yield f"event: job\ndata: {json.dumps(job.to_dict())}\n\n"
            if has_ended:
                return
        elif now - sent >= _BEAT_SECONDS:
            sent = now
            yield ": waiting\n\n"
        await anyio.sleep(_LOOK_SECONDS)
