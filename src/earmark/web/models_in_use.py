"""The models that a client may name: those of this installation, and those that were trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from earmark.errors import UnknownModelError, suggestion
from earmark.models import ModelCard, ModelInfo, list_models, load_model
from earmark.web.state import State

WEIGHTS = "model.onnx"


def model_source(state: State, name: str) -> str | None:
    """Return from what workers load a model that a client has named; None for the service's own.

    Parameters
    ----------
    state : State
        Of the service.
    name : str
        "" is the service's own. Never a path: a client may not choose files.

    Raises
    ------
    UnknownModelError
        With the names that there are.
    """
    if name in ("", state.model.card.name):
        return None
    if name in state.bundles:
        return str(state.bundles[name])
    known = [info.name for info in list_models()]
    if name in known:
        return name
    near = suggestion(name, known)
    raise UnknownModelError(f"there is no model {name!r:.80}", hint=f"{near}Accepted: {', '.join(known)}.")


def entries(state: State) -> list[dict[str, Any]]:
    """Return what `/api/models` lists: the model in use first."""
    infos = {info.name: info for info in list_models()}
    own = state.model.card
    listed = [_entry(own, infos.get(own.name), state)]
    listed += [_entry(info.card, info, state) for info in infos.values() if info.name != own.name]
    return listed


def card_of(state: State, name: str) -> ModelCard:
    """Return the card of a model that a client has named.

    Raises
    ------
    UnknownModelError, ModelError
        There is none, or it cannot be loaded.
    """
    source = model_source(state, name)
    if source is None:
        return state.model.card
    known = next((info.card for info in list_models() if info.name == source), None)
    return known or load_model(source).card


def _entry(card: ModelCard | None, info: ModelInfo | None, state: State) -> dict[str, Any]:
    name = card.name if card else info.name if info else ""
    return {
        "name": name,
        "summary": (card and card.summary) or (info.summary if info else ""),
        "licence": card.licence if card else "",
        "bytes": _n_bytes(info),
        "in_use": card is state.model.card or name == state.model.card.name,
    }


def _n_bytes(info: ModelInfo | None) -> int | None:
    if info is None or info.origin != "bundle":
        return None
    try:
        return (Path(info.location) / WEIGHTS).stat().st_size
    except OSError:
        return None
