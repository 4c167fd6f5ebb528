"""Tracks of the library as the service answers with them: ids and names, no path."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from earmark.library import Library, Neighbour, Row
from earmark.library.export import flat
from earmark.library.query import Not, parse
from earmark.library.search import count
from earmark.web.opened import error_of, readable

FAILED = parse("is:failed")

_TOP = 3  # genres with their scores
_MOODS = 5  # words


def n_songs(library: Library) -> int:
    """Return how many tracks a library has, without those that failed or have vanished."""
    return count(library, Not(FAILED))


def track_of(row: Row) -> dict[str, Any]:
    """Return a row as a line of a listing; what a brief row lacks is not needed.

    Parameters
    ----------
    row : Row
        Of the library.

    Returns
    -------
    dict
        Ready for JSON.
    """
    known = flat(row)
    scores = row.prediction.genres[:_TOP] if row.prediction and row.genres else ()
    return {
        "id": row.id,
        "title": row.tags.title or os.path.splitext(name_of(row))[0],
        "artist": row.tags.artist,
        "album": row.tags.album,
        "year": row.tags.year,
        "name": name_of(row),
        "start": row.item.start,
        "stop": row.item.stop,
        "duration": known["duration"],
        "verdict": known["verdict"],
        "top": [[score.label, round(score.score, 4)] for score in scores],
        "moods": known["moods"][:_MOODS],
        "quadrant": known["quadrant"],
        "valence": known["valence"],
        "arousal": known["arousal"],
        "bpm": known["tempo"],
        "tempo_confidence": known["tempo_confidence"],
        "key": known["key"],
        "key_confidence": known["key_confidence"],
        "voice": known["voice"],
        "instruments": known["instruments"],
        "genre": known["genre"],
        "corrected": bool(row.corrections.get("genres")),
        "state": state_of(row),
        "added": known["added"],
    }


def detail_of(row: Row) -> dict[str, Any]:
    """Return a row as `track_of` does, with its whole prediction and what went wrong."""
    return {**track_of(row), "prediction": prediction_of(row), "error": error_of(row)}


def neighbour_of(neighbour: Neighbour) -> dict[str, Any]:
    """Return a track that sounds like another, with how much and why."""
    return {
        **track_of(neighbour.row),
        "similarity": round(neighbour.similarity, 4),
        "why": list(neighbour.why),
    }


def failure_of(row: Row) -> dict[str, Any]:
    """Return a track that could not be analysed, with what went wrong."""
    return {"id": row.id, "name": name_of(row), **(error_of(row) or {})}


def prediction_of(row: Row) -> dict[str, Any] | None:
    """Return the prediction of a row as ``earmark.prediction/1``; its source is the name of the file."""
    if row.prediction is None:
        return None
    folder = os.path.dirname(row.path) + os.sep
    warnings = tuple(readable(text.replace(folder, "")) for text in row.prediction.warnings)
    return dataclasses.replace(row.prediction, source=name_of(row), warnings=warnings).to_dict()


def name_of(row: Row) -> str:
    """Return the name of a row's file."""
    return readable(os.path.basename(row.path))


def state_of(row: Row) -> str:
    """Return ``"ok"``, ``"failed"`` or ``"vanished"``."""
    if row.vanished is not None:
        return "vanished"
    return "failed" if row.error else "ok"
