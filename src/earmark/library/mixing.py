"""How well one track follows another: distances of tempo and key as DJs count them.

Keys lie on the Camelot wheel: twelve numbers a fifth apart, A for minor and B for its relative major. It is
the circle of fifths with other names: neighbours share all notes but one, the two keys of a number share all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from earmark.vocabulary import PITCH_CLASSES

_N_NUMBERS = 12
SAME_TEMPO = 0.03  # relative: what a listener takes for one tempo


class TempoStep(NamedTuple):
    """From one tempo to another.

    Parameters
    ----------
    change : float
        By how much the second is faster, relative, once `factor` is taken out; negative if slower.
    factor : float
        1, or 2 or 0.5 where counting every other beat brings the two together.
    """

    change: float
    factor: float


def camelot(key: str | None) -> tuple[int, str] | None:
    """Return the place of a key on the Camelot wheel, such as (8, "A"); None of what is no key.

    Examples
    --------
    >>> camelot("A minor"), camelot("C major"), camelot("E minor"), camelot("Q minor")
    ((8, 'A'), (8, 'B'), (9, 'A'), None)
    """
    pitch, _, mode = (key or "").partition(" ")
    if pitch not in PITCH_CLASSES or mode not in ("minor", "major"):
        return None
    of_minor = (PITCH_CLASSES.index(pitch) - (0 if mode == "minor" else 3)) % 12
    # A minor, pitch class 9, is 8A; seven semitones, a fifth, are one number.
    number = ((of_minor - 9) * 7 + 8 - 1) % _N_NUMBERS + 1
    return number, "A" if mode == "minor" else "B"


def key_distance(first: str | None, second: str | None) -> int | None:
    """Return steps on the Camelot wheel from one key to another, 0 to 7; None if either is not known.

    Around the wheel is a step each, between minor and major another. Up to one step mixes well.

    Examples
    --------
    >>> [key_distance("A minor", other) for other in ("A minor", "C major", "E minor", "D# minor")]
    [0, 1, 1, 6]
    """
    a, b = camelot(first), camelot(second)
    if a is None or b is None:
        return None
    around = abs(a[0] - b[0])
    return min(around, _N_NUMBERS - around) + (a[1] != b[1])


def tempo_step(first: float | None, second: float | None) -> TempoStep | None:
    """Return how one tempo differs from another, half and double counted as the same; None if unknown.

    Examples
    --------
    >>> step = tempo_step(70.0, 147.0)
    >>> round(step.change, 3), step.factor
    (0.05, 2.0)
    """
    if not first or not second or first <= 0 or second <= 0:
        return None
    octaves = max(-1, min(1, round(math.log2(second / first))))
    factor = 2.0**octaves
    return TempoStep(second / first / factor - 1, factor)


def in_words(key: str | None) -> str:
    """Return a key with its place on the wheel: ``A minor (8A)``; "" of what is none."""
    place = camelot(key)
    return f"{key} ({place[0]}{place[1]})" if place else ""
