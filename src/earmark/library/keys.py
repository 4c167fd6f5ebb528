"""Keys in every spelling: Am, A minor, a-moll, Gb, F♯m, 8A (Camelot), 1m (Open Key)."""

from __future__ import annotations

import re

from earmark.features.key import KEYS
from earmark.library.mixing import camelot
from earmark.vocabulary import PITCH_CLASSES

_MAJOR, _MINOR = ("", "maj", "major", "M", "dur"), ("m", "min", "minor", "mi", "moll")
_NOTE = re.compile(r"([A-Ha-h])[\s_-]*(sharp|flat|is|es|s|#|♯|b|♭)?[\s_-]*([A-Za-z]*)", re.ASCII)
_WHEEL = re.compile(r"0?([1-9]|1[0-2])\s*([abdm])", re.IGNORECASE)
_STEPS = {"": 0, "sharp": 1, "is": 1, "#": 1, "♯": 1, "flat": -1, "es": -1, "s": -1, "b": -1, "♭": -1}
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "H": 11}


def keys_of(text: str) -> tuple[str, ...]:
    """Return the keys that a text means, as `earmark.features.key.KEYS` spells them; () if none.

    Parameters
    ----------
    text : str
        A key, or ``"major"`` or ``"minor"`` for twelve of them.

    Examples
    --------
    >>> keys_of("Gbm"), keys_of("8A"), keys_of("b-moll"), keys_of("nothing")
    (('F# minor',), ('A minor',), ('A# minor',), ())
    """
    text = text.strip()
    mode = _mode(text)
    if text and mode:
        return tuple(key for key in KEYS if key.endswith(mode))
    key = parse_key(text)
    return (key,) if key else ()


def parse_key(text: str) -> str | None:
    """Return the key that a text names, as `earmark.features.key.KEYS` spells it; None if it names none.

    Parameters
    ----------
    text : str
        English or German names of notes, or a place on the Camelot or Open Key wheel. With ``dur`` and
        ``moll`` a B is the German one, B flat.
    """
    text = text.strip()
    if found := _WHEEL.fullmatch(text):
        return _on_wheel(int(found[1]), found[2].lower())
    note = _NOTE.fullmatch(text)
    mode = _mode(note[3]) if note else ""
    if not note or not mode:
        return None
    letter, accidental = note[1].upper(), note[2] or ""
    is_german = note[3].lower() in ("dur", "moll")
    if accidental in ("is", "es", "s") and not is_german:
        return None
    semitone = _SEMITONES[letter] + _STEPS[accidental]
    if is_german and letter == "B" and not accidental:
        semitone -= 1
    return f"{PITCH_CLASSES[semitone % 12]} {mode}"


def _on_wheel(number: int, letter: str) -> str:
    """Return the key of a Camelot (A, B) or Open Key (m, d) place."""
    if letter in "dm":
        number = (number + 6) % 12 + 1
        letter = "a" if letter == "m" else "b"
    return next(key for key in KEYS if camelot(key) == (number, letter.upper()))


def _mode(text: str) -> str:
    if text in _MAJOR or text.lower() in _MAJOR[1:3] + _MAJOR[4:]:
        return "major"
    return "minor" if text == "m" or text.lower() in _MINOR[1:] else ""
