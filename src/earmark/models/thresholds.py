"""The thresholds of a card: numbers, and by label the score from which a label counts as present.

``labels`` has a number by label, for every head that has the label; or by the name of a head a dictionary by
label, for that head alone, since a mood and an instrument may have one word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from earmark.errors import InputError

LABELS = "labels"


def label_thresholds(thresholds: Mapping[str, Any], head: str, classes: tuple[str, ...]) -> dict[str, float]:
    """Return the thresholds of the classes of a head, as far as they are stated.

    Parameters
    ----------
    thresholds : mapping
        Of a card.
    head : str
        Name of the head.
    classes : tuple of str
        Its classes.

    Examples
    --------
    >>> thresholds = {"labels": {"calm": 0.4, "drums": 0.5, "instruments": {"drums": 0.3}}}
    >>> label_thresholds(thresholds, "instruments", ("piano", "drums"))
    {'drums': 0.3}
    >>> label_thresholds(thresholds, "moods", ("calm", "tense"))
    {'calm': 0.4}
    """
    stated = thresholds.get(LABELS, {})
    numbers = {label: value for label, value in stated.items() if not isinstance(value, Mapping)}
    of_head = stated.get(head)
    numbers |= of_head if isinstance(of_head, Mapping) else {}
    return {label: numbers[label] for label in classes if label in numbers}


def is_by_head(thresholds: Mapping[str, Any]) -> bool:
    """Whether a threshold of a label is stated for one head alone."""
    return any(isinstance(value, Mapping) for value in thresholds.get(LABELS, {}).values())


def check_thresholds(thresholds: Mapping[str, Any], heads: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse what is no number, and labels that their head does not have.

    Parameters
    ----------
    thresholds : mapping
        Of a card.
    heads : mapping of str to tuple of str
        The classes of its heads.

    Raises
    ------
    InputError
        Names what is wrong.
    """
    labels = thresholds.get(LABELS, {})
    if not isinstance(labels, Mapping):
        raise InputError(f"thresholds: labels={labels!r:.80}", hint="Accepted: a dictionary by label.")
    numbers = {name: value for name, value in thresholds.items() if name != LABELS}
    for name, value in labels.items():
        if not isinstance(value, Mapping):
            numbers[name] = value
            continue
        if set(value) - set(heads.get(name, ())):
            raise InputError(
                f"thresholds: labels of {name!r}: {', '.join(map(str, value)):.80}",
                hint="Accepted: the name of a head of the card, with labels of its own.",
            )
        numbers |= {f"{name}: {label}": number for label, number in value.items()}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"thresholds: {name}={value!r}", hint="Accepted: a finite number.")
