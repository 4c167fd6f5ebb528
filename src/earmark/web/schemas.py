"""What the service answers with, as its OpenAPI document describes it.

The bodies themselves come from `to_dict` of the values. These classes only describe them: a prediction of two
hours of sound is not checked number by number on its way out.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Entries(BaseModel):
    model_config = ConfigDict(extra="allow")  # keys may be added


class Problem(_Entries):
    """An error: problem details of RFC 9457, with what `EarmarkError` knows."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable name of the kind of error.")
    message: str = Field(description="What was wrong.")
    hint: str = Field(description="What is accepted, or what to try; may be empty.")


class Score(_Entries):
    """A label and its probability."""

    label: str
    score: float = Field(ge=0, le=1)


class Quadrant(_Entries):
    """The most likely quadrant of Russell's circle, and the probability of each."""

    label: str
    scores: dict[str, float]


class Voice(_Entries):
    """Whether there is singing, rap, speech or no voice, most likely, and the probability of each."""

    label: str
    scores: dict[str, float]


class SoundClass(_Entries):
    """What kind of sound it is, most likely, such as music or speech, and the probability of each."""

    label: str
    scores: dict[str, float]


class Instrument(Score):
    """An instrument, its probability, and whether that is enough to count as present."""

    present: bool


class ModelId(_Entries):
    """Which model was used."""

    name: str
    sha256: str


class Segment(_Entries):
    """The scores of one window."""

    start: float
    end: float
    genres: list[Score]
    quadrant: Quadrant | None = None


class Part(Segment):
    """A stretch in which one genre leads."""

    moods: list[Score]
    tempo: float | None


class Tempo(_Entries):
    """A tempo in beats per minute, and how probable it is that people count this one."""

    tempo: float
    score: float


class Peaks(_Entries):
    """Least and greatest sample of each n-th part of the sound."""

    n: int
    min: list[float]
    max: list[float]


class LogMel(_Entries):
    """A log-mel spectrogram of bytes: 0 is the first of `db`, 255 the second."""

    columns: int
    bands: int
    fmin: float
    fmax: float
    db: tuple[float, float]
    data: str = Field(description="Base64 of one byte a value, column by column, the lowest band first.")


class Picture(_Entries):
    """Waveform and spectrogram of a sound of any length, in a fixed size."""

    schema_: Literal["earmark.picture/1"] = Field(alias="schema")
    duration: float
    peaks: Peaks
    log_mel: LogMel


class Prediction(_Entries):
    """Everything that was predicted for one sound; the same as of ``earmark classify --json``."""

    schema_: Literal["earmark.prediction/1"] = Field(alias="schema")
    source: str | None = Field(description="Name of the file.")
    start: float
    duration: float
    model: ModelId
    verdict: Literal["music", "unsure", "not-music", "silence"]
    sound: SoundClass | None = Field(description="Null for silence, and from a model without this head.")
    genres: list[Score] = Field(description="Every label, highest first.")
    moods: list[Score]
    quadrant: Quadrant | None
    valence: float | None = Field(description="How pleasant, from 0 to 1.")
    arousal: float | None = Field(description="How energetic, from 0 to 1.")
    voice: Voice | None = Field(description="Null from a model without this head.")
    instruments: list[Instrument] = Field(description="Every instrument that the model knows, highest first.")
    tempo: float | None
    tempo_confidence: float | None = Field(description="Probability that people count this tempo.")
    tempo_candidates: list[Tempo] = Field(description="The tempo and the next most probable.")
    key: str | None
    key_confidence: float | None = Field(description="Probability that the key is right.")
    parts: list[Part]
    segments: list[Segment]
    warnings: list[str]
    coverage: str
    embedding: list[float] | None = None
    prior: dict[str, float] | None = None
    picture: Picture | None = None
    similar: list[dict[str, Any]] | None = Field(
        None, description="Null where the library cannot be compared; a warning says why. Absent without one."
    )


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"] = "ok"


class ModelInUse(BaseModel):
    """What a client must know of the model."""

    name: str
    sha256: str
    window: float = Field(description="Seconds that one score is about.")
    hop: float


class Labels(BaseModel):
    """What the model can predict, and the scores from which a label counts as present."""

    genres: list[str]
    moods: list[str]
    voice: list[str]
    instruments: list[str]
    sound: list[str]
    marks: dict[str, float] = Field(description="Of genres.")
    unsure: float | None


class LibrarySize(BaseModel):
    """How much the library holds."""

    tracks: int = Field(description="Without those that failed.")
    map: bool = Field(description="Whether the map was ever computed.")


class Limits(BaseModel):
    """What the service takes."""

    bytes: int
    seconds: float
    live: int


class Abilities(BaseModel):
    """What is installed."""

    teach: bool
    map: bool
    png: bool


class Status(BaseModel):
    """What a client of the service begins with."""

    version: str
    model: ModelInUse
    labels: Labels
    library: LibrarySize | None
    limits: Limits
    can: Abilities


class ModelEntry(BaseModel):
    """A model that is installed."""

    name: str
    summary: str
    licence: str
    bytes: int | None = Field(description="Size of the weights; null where there are none.")
    in_use: bool


class ModelList(BaseModel):
    """The models of this installation."""

    models: list[ModelEntry]
