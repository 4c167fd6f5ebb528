"""``/health``, ``/metrics`` and ``/api/status``: what the service is and how it does."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from earmark.web.describe import problems
from earmark.web.metrics import MEDIA_TYPE, Metrics
from earmark.web.schemas import Health, Status
from earmark.web.state import State, state_of
from earmark.web.status import status_of

router = APIRouter(tags=["service"])

Service = Annotated[State, Depends(state_of)]


@router.get("/health", responses=problems())
async def health() -> Health:
    """Answer, for load balancers and containers."""
    return Health()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Text of Prometheus", "content": {"text/plain": {}}}, **problems()},
)
async def metrics(state: Service) -> Response:
    """Return counters and gauges for Prometheus."""
    return Response(state.part(Metrics).text(), media_type=MEDIA_TYPE)


@router.get("/api/status", response_model=Status, responses=problems())
def status(state: Service) -> dict[str, Any]:
    """Return what a client begins with: labels, limits and what is installed."""
    return status_of(state)
