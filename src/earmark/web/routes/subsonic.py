"""``/rest``: OpenSubsonic, see `earmark.web.subsonic`."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from earmark.errors import BusyError, EarmarkError
from earmark.web.opened import opened_library
from earmark.web.ranges import content_response
from earmark.web.state import State, state_of
from earmark.web.streams import Streams
from earmark.web.subsonic.answer import GENERIC, Fault, answer, failure
from earmark.web.subsonic.methods import OF_LIBRARY, PLAIN, PUBLIC, Streamed, fault_of
from earmark.web.subsonic.parameters import Parameters, check_access

router = APIRouter(prefix="/rest", tags=["opensubsonic"])

_FORM = "application/x-www-form-urlencoded"


@router.api_route("/{method}", methods=["GET", "POST", "HEAD"], include_in_schema=False)
async def rest(service: Annotated[State, Depends(state_of)], request: Request, method: str) -> Response:
    """Answer a method of OpenSubsonic, with or without ``.view`` at its end."""
    values = dict(request.query_params)
    if request.headers.get("content-type", "").startswith(_FORM):
        values |= {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(
        _answered, service, request, method.removesuffix(".view"), Parameters(values)
    )


def _answered(service: State, request: Request, method: str, parameters: Parameters) -> Response:
    try:
        if method not in PUBLIC:
            check_access(parameters, service.settings.token)
        if method in PLAIN:
            return answer(PLAIN[method](), parameters.format)
        if method not in OF_LIBRARY:
            fault = Fault(GENERIC, "this method is not supported")
            return failure(fault, parameters.format, status=404)
        with opened_library(service) as library:
            found = OF_LIBRARY[method](library, parameters)
        if isinstance(found, Streamed):
            streams = service.part(Streams)
            return content_response(
                found.content, request, streams, tag=found.tag, media_type=found.media_type, name=found.name
            )
    except Fault as fault:
        return failure(fault, parameters.format)
    except EarmarkError as error:
        return _refused(error, parameters.format)
    return answer(found, parameters.format)


def _refused(error: EarmarkError, format: str) -> Response:
    """Return the fault of an error; of too much at once with the status and the header that proxies know."""
    if not isinstance(error, BusyError):
        return failure(fault_of(error), format)
    response = failure(fault_of(error), format, status=error.http_status)
    response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response
