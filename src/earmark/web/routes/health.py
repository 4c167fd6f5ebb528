"""``/health``: whether the service answers."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["service"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Answer, for load balancers and containers."""
    return {"status": "ok"}
