"""What a client of the service begins with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import earmark
from earmark.library.layout import layout_path
from earmark.models import ModelCard
from earmark.web.opened import opened_library
from earmark.web.state import State
from earmark.web.tracks import n_songs

TEACH_NEEDS = ("sklearn", "onnx")
PICTURE_NEEDS = ("matplotlib",)


def status_of(state: State) -> dict[str, Any]:
    """Return version, model, labels, library, limits and what is installed.

    Raises
    ------
    InputError, OutputError
        The library cannot be read.
    """
    card, settings = state.model.card, state.settings
    return {
        "version": earmark.__version__,
        "model": {"name": card.name, "sha256": card.sha256, "window": card.window, "hop": card.hop},
        "labels": labels_of(card),
        "library": _library_of(state),
        "limits": {"bytes": settings.max_bytes, "seconds": settings.max_seconds, "live": settings.live},
        "can": {
            "teach": _installed(TEACH_NEEDS) and card.embedding_size > 0,
            "map": state.library is not None,
            "png": _installed(PICTURE_NEEDS),
        },
    }


def labels_of(card: ModelCard) -> dict[str, Any]:
    """Return what a model can predict, and from which score on a label counts as present."""
    classes = {head.name: list(head.classes) for head in card.heads}
    thresholds = dict(card.thresholds)
    return {
        "genres": list(card.heads[0].classes),
        **{name: classes.get(name, []) for name in ("moods", "voice", "instruments", "sound")},
        "marks": card.label_thresholds(card.heads[0].name),
        "unsure": thresholds.get("unsure"),
    }


def _library_of(state: State) -> dict[str, Any] | None:
    if state.library is None:
        return None
    with opened_library(state) as library:
        return {"tracks": n_songs(library), "map": layout_path(library).is_file()}


def _installed(names: tuple[str, ...]) -> bool:
    return all(find_spec(name) is not None for name in names)
