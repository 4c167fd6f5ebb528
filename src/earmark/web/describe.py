"""Pieces of the OpenAPI document that several routes have: bodies of sound, problems, examples."""

from __future__ import annotations

from typing import Any

from earmark.web.schemas import Problem

PROBLEM_TEXTS = {
    400: "An argument out of range",
    401: "No token, or a wrong one",
    403: "A page of another site",
    404: "There is no such thing",
    408: "The body arrives too slowly",
    410: "The file is no longer there",
    413: "Too many bytes, or too long a sound",
    415: "Not a sound, or a format that no decoder here knows",
    421: "Not a name of this service",
    422: "The sound could not be read",
    429: "Too much at once: see the header Retry-After",
    500: "A fault of the service",
    501: "An optional package is not installed on the service",
    503: "Cancelled",
    504: "It took too long",
    507: "The service has no room",
}
GENERAL = (400, 401, 403, 421, 429, 500)
OF_SOUND = (408, 413, 415, 422, 503, 504, 507)

SOUND_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A sound file of any format that earmark reads: the bytes alone, or a field `file`.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}

PREDICTION_EXAMPLE: dict[str, Any] = {
    "schema": "earmark.prediction/1",
    "source": "song.mp3",
    "start": 0.0,
    "duration": 3.0,
    "model": {"name": "earmark-base", "sha256": "5d1f…"},
    "verdict": "music",
    "sound": {"label": "music", "scores": {"music": 0.98, "speech": 0.01, "noise": 0.01, "silence": 0.0}},
    "genres": [{"label": "rock", "score": 0.81}, {"label": "metal", "score": 0.34}],
    "moods": [{"label": "energetic", "score": 0.77}],
    "quadrant": {"label": "Q2", "scores": {"Q1": 0.2, "Q2": 0.6, "Q3": 0.1, "Q4": 0.1}},
    "valence": 0.3,
    "arousal": 0.8,
    "voice": {
        "label": "sung",
        "scores": {"instrumental": 0.04, "sung": 0.91, "rapped": 0.03, "spoken": 0.02},
    },
    "instruments": [
        {"label": "guitar", "score": 0.93, "present": True},
        {"label": "piano", "score": 0.08, "present": False},
    ],
    "tempo": 121.0,
    "key": "A minor",
    "parts": [],
    "segments": [{"start": 0.0, "end": 3.0, "genres": [{"label": "rock", "score": 0.81}], "quadrant": None}],
    "warnings": [],
    "coverage": "full",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of error responses: of every route, and of `statuses`.

    Parameters
    ----------
    statuses : int
        Further ones, such as those of `OF_SOUND`.
    """
    return {
        status: {
            "description": PROBLEM_TEXTS[status],
            "model": Problem,
            "content": {"application/problem+json": {}},
        }
        for status in sorted({*GENERAL, *statuses})
    }


def example(model: Any, value: dict[str, Any], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of a successful response, with an example."""
    return {
        200: {"model": model, "description": description, "content": {"application/json": {"example": value}}}
    }
