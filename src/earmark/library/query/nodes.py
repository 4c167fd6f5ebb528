"""What a query is made of: terms, and how they are joined."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

# What people call the fields -> what they are called here.
TEXTS = {"title": "title", "song": "title", "artist": "artist", "by": "artist", "album": "album"}
TEXTS |= {"path": "path", "file": "path", "folder": "path", "tag": "tag", "tags": "tag", "tag-genre": "tag"}
LABELS = {"genre": "genre", "genres": "genre", "mood": "mood", "moods": "mood", "quadrant": "quadrant"}
LABELS |= {"voice": "voice", "vocals": "voice", "instrument": "instrument", "instruments": "instrument"}
NUMBERS = {"bpm": "bpm", "tempo": "bpm", "year": "year", "score": "score", "confidence": "score"}
NUMBERS |= {"valence": "valence", "arousal": "arousal", "energy": "arousal", "id": "id"}
NUMBERS |= {"duration": "duration", "length": "duration", "key-confidence": "key-confidence"}
NUMBERS |= {"bpm-confidence": "bpm-confidence", "tempo-confidence": "bpm-confidence"}
TIMES = {"added": "added", "analysed": "analysed", "analyzed": "analysed", "scanned": "analysed"}
CHOICES = {
    "verdict": "verdict",
    "state": "state",
    "is": "is",
    "model": "model",
    "format": "ext",
    "ext": "ext",
}
FIELDS: dict[str, str] = {**LABELS, **NUMBERS, "key": "key", **TEXTS, **TIMES, **CHOICES}


@dataclass(frozen=True, slots=True)
class Words:
    """Text that stands in a field as whole words, side by side.

    Parameters
    ----------
    text : str
        One word or several.
    prefix : bool
        Whether the last may go on.
    field : {"", "title", "artist", "album", "path", "tag"}
        "" is any of title, artist, album and path.
    """

    text: str
    prefix: bool = False
    field: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label that is the first of its kind, or likely.

    Parameters
    ----------
    field : {"genre", "mood", "quadrant", "voice", "instrument"}
        Which kind.
    label : str
        As it was typed.
    limit : float or None
        The score has to be at least that, or above it; None is the limit of the field, or the first place.
    above : bool
        Whether the limit itself is too low.
    at : int
        Where it begins in the text, from 1.
    """

    field: str
    label: str
    limit: float | None = None
    above: bool = False
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two limits.

    Parameters
    ----------
    field : str
        One of the values of `NUMBERS` or `TIMES`.
    low, high : float or None
        None is none. Seconds of durations; of `TIMES` seconds ago, or seconds since 1970 by the clock on
        the wall, as if it were UTC.
    is_open : bool
        Whether the limits themselves lie outside.
    is_ago : bool
        Whether the limits of one of the `TIMES` count back from now.
    """

    field: str
    low: float | None = None
    high: float | None = None
    is_open: bool = False
    is_ago: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """One of some keys, as `earmark.features.key.KEYS` spells them."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that is not known: no tempo, no key, no year, no genre."""

    field: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that has one of few values.

    Parameters
    ----------
    field : {"verdict", "state", "is", "model", "ext"}
        Which.
    value : str
        Such as ``"unsure"``, ``"failed"``, ``"vanished"``, ``"earmark-base"``, ``"flac"``.
    at : int
        Where it begins in the text, from 1.
    """

    field: str
    value: str
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """What does not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts; none at all holds always."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts."""

    parts: tuple[Node, ...]


Node = Words | Label | Range | Keys | Missing | Choice | Not | And | Or
