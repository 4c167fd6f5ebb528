"""What the routes of the library, of jobs and of Teach answer with, as the OpenAPI document describes it.

As `earmark.web.schemas`, these classes only describe: no listing is checked track by track on its way out.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from earmark.web.schemas import Picture, Prediction


class _Entries(BaseModel):
    model_config = ConfigDict(extra="allow")  # keys may be added


class Track(_Entries):
    """A track of the library."""

    id: int
    title: str
    artist: str
    album: str
    year: int | None
    name: str = Field(description="Name of the file; no answer has its path.")
    start: float = Field(description="Where in the file the track begins, in seconds.")
    stop: float | None = Field(description="Where it ends; null is the end of the file.")
    duration: float | None
    verdict: str | None
    top: list[tuple[str, float]] = Field(description="The three likeliest genres with their scores.")
    moods: list[str]
    quadrant: str | None
    valence: float | None
    arousal: float | None
    bpm: float | None
    tempo_confidence: float | None = Field(description="Probability; null where it is not known.")
    key: str | None
    key_confidence: float | None
    voice: str | None = Field(description="instrumental, sung, rapped or spoken; null where it is not known.")
    instruments: list[str] = Field(description="Those that are present.")
    genre: str | None = Field(description="As corrected, else the likeliest.")
    corrected: bool
    state: Literal["ok", "failed", "vanished"]
    added: str | None


class Listing(_Entries):
    """Some of the tracks that a query means."""

    total: int = Field(description="How many the query means.")
    failed: int = Field(description="How many of these could not be analysed.")
    of: int = Field(description="How many the library has, without those that failed.")
    tracks: list[Track]


class Ids(_Entries):
    """Ids of tracks."""

    ids: list[int]


class Detail(Track):
    """A track with all that was predicted."""

    prediction: Prediction | None
    error: dict[str, str] | None
    picture: Picture | None = None


class Neighbour(Track):
    """A track that sounds like another."""

    similarity: float = Field(ge=-1, le=1)
    why: list[str]


class Neighbours(_Entries):
    """The tracks that sound most like one, the most similar first."""

    tracks: list[Neighbour]


class Failure(_Entries):
    """A track that could not be analysed."""

    id: int
    name: str
    code: str
    message: str
    hint: str


class Failures(_Entries):
    """Some of the tracks that could not be analysed."""

    total: int
    errors: list[Failure]


class Map(_Entries):
    """Places of tracks: near ones sound alike."""

    schema_: Literal["earmark.map/1"] = Field(alias="schema")
    method: Literal["t-SNE", "PCA"]
    made: str
    stale: bool = Field(description="Whether tracks have changed since.")
    ids: list[int]
    x: list[float]
    y: list[float]
    genres: list[str]
    genre: list[int] = Field(description="Of each track, its place in `genres`.")


class Counts(_Entries):
    """What the library is made of."""

    schema_: Literal["earmark.stats/1"] = Field(alias="schema")
    tracks: int
    failed: int
    hours: float
    genres: dict[str, int]
    moods: dict[str, int]
    voices: dict[str, int]
    instruments: dict[str, int]
    older_method: int = Field(description="Tracks with tempo and key by an older method than the service's.")


class JobState(_Entries):
    """How far a job is, or how it ended."""

    id: str
    kind: Literal["scan", "map", "teach"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    rate: float | None = Field(description="Steps per second.")
    eta: float | None = Field(description="Seconds left.")
    text: str
    result: dict[str, Any] | None
    error: dict[str, str] | None
    created: str


class JobStates(_Entries):
    """Jobs, the latest first."""

    jobs: list[JobState]


class SentClip(_Entries):
    """A clip that is kept for an hour."""

    clip: str
    seconds: float
    picture: Picture


TRACK_EXAMPLE: dict[str, Any] = {
    "id": 12,
    "title": "Blue Scorpion",
    "artist": "Kevin MacLeod",
    "album": "",
    "year": 2016,
    "name": "Blue Scorpion.mp3",
    "start": 0.0,
    "stop": None,
    "duration": 143.2,
    "verdict": "music",
    "top": [["electronic", 0.83], ["soundtrack", 0.31], ["pop", 0.12]],
    "moods": ["energetic"],
    "quadrant": "Q2",
    "valence": 0.41,
    "arousal": 0.87,
    "bpm": 130.1,
    "tempo_confidence": 0.9312,
    "key": "B minor",
    "key_confidence": 0.7045,
    "voice": "instrumental",
    "instruments": ["synthesizer", "drums"],
    "genre": "electronic",
    "corrected": False,
    "state": "ok",
    "added": "2026-03-01T12:00:00+00:00",
}
JOB_EXAMPLE: dict[str, Any] = {
    "id": "c2Nhbi1qb2Ix",
    "kind": "scan",
    "state": "running",
    "done": 120,
    "total": 5000,
    "rate": 24.5,
    "eta": 199.2,
    "text": "Analysing what is new",
    "result": None,
    "error": None,
    "created": "2026-03-01T12:00:00+00:00",
}
