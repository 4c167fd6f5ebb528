"""What a client may send over ``WS /api/live``, checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.live import HOP

LARGEST_MESSAGE = 1_000_000  # bytes: 10 s at 48 kHz, as much as a client holds while the line is down
_LARGEST_TEXT = 4_000
_LARGEST_INDEX = 2**53  # the largest whole number that every client counts exactly
_LOWEST_RATE, _HIGHEST_RATE = 8_000, 192_000
_SLOWEST_HOP = 60.0
_TYPES = "Accepted: binary frames, and texts of type hello, skip, rate and end."


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: a new session, or one to go on with.

    Parameters
    ----------
    rate : int
        Of the samples, in Hz.
    session : str or None
        Id of a session to go on with.
    index : int
        First sample that the client can send.
    hop : float
        Seconds between answers; not below `HOP`.
    """

    rate: int
    session: str | None
    index: int
    hop: float


@dataclass(frozen=True, slots=True)
class Skip:
    """Samples before `index` were dropped."""

    index: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What follows has another rate, and its index begins at 0."""

    rate: int


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows."""


Message = Hello | Skip | Rate | End


def parsed(text: str) -> Message:
    """Return what a text message means.

    Raises
    ------
    InputError
        Not JSON of a known type, or an entry out of range.
    """
    if len(text) > _LARGEST_TEXT:
        raise InputError(f"a text of {len(text)} characters", hint=_TYPES)
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise InputError(f"{text!r:.60} is no JSON object", hint=_TYPES)
    match entries.get("type"):
        case "hello":
            return _hello(entries)
        case "skip":
            return Skip(_whole(entries, "index", 0, _LARGEST_INDEX))
        case "rate":
            return Rate(_whole(entries, "rate", _LOWEST_RATE, _HIGHEST_RATE))
        case "end":
            return End()
    raise InputError(f"type={entries.get('type')!r:.60}", hint=_TYPES)


def samples(data: bytes) -> npt.NDArray[np.int16]:
    """Return the samples of a binary message [shape=(n,)].

    Raises
    ------
    InputError
        Half a sample, or too many.
    """
    if len(data) > LARGEST_MESSAGE or len(data) % 2:
        raise InputError(
            f"a message of {len(data)} bytes",
            hint=f"Accepted: 16-bit samples, low byte first, at most {LARGEST_MESSAGE:,} bytes a message.",
        )
    return np.frombuffer(data, "<i2")


def _hello(entries: dict[str, Any]) -> Hello:
    session = entries.get("session")
    if not (session is None or isinstance(session, str)):
        raise InputError(f"session={session!r:.60}", hint="Accepted: the id of a session, or null.")
    hop = entries.get("hop", HOP)
    if isinstance(hop, bool) or not isinstance(hop, int | float) or not 0 < hop <= _SLOWEST_HOP:
        raise InputError(f"hop={hop!r:.60}", hint=f"Accepted: seconds, at most {_SLOWEST_HOP:g}.")
    wanted = entries.get("format", "s16le")
    if wanted != "s16le":
        raise InputError(f"format={wanted!r:.60}", hint="Accepted: 's16le'.")
    return Hello(
        rate=_whole(entries, "rate", _LOWEST_RATE, _HIGHEST_RATE),
        session=session,
        index=_whole({"index": 0, **entries}, "index", 0, _LARGEST_INDEX),
        hop=max(float(hop), HOP),
    )


def _whole(entries: dict[str, Any], name: str, low: int, high: int) -> int:
    value = entries.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name}={value!r:.60}", hint=f"Accepted: a whole number, {low:,} to {high:,}.")
    return value
