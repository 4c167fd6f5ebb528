"""``/api/models``: what is installed, and the cards."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from earmark.web.describe import problems
from earmark.web.models_in_use import card_of, entries
from earmark.web.schemas import ModelList
from earmark.web.state import State, state_of

router = APIRouter(prefix="/api", tags=["models"])

Service = Annotated[State, Depends(state_of)]


@router.get("/models", response_model=ModelList, responses=problems())
def models(state: Service) -> Any:
    """List the models that predictions can be made with."""
    return {"models": entries(state)}


@router.get("/models/{name}", responses=problems(404))
def card(state: Service, name: str) -> dict[str, Any]:
    """Return the card of a model: its labels, its training data, its metrics and its limits."""
    return card_of(state, name).to_dict()
