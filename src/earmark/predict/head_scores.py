"""What the heads of a model amount to over some windows: as values, as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from earmark.models import Head
from earmark.predict.entries import entry, items, one_of
from earmark.predict.window_scores import WindowScores
from earmark.vocabulary import QUADRANTS

PRESENT = 0.5  # score from which an instrument counts as present, unless the card states another
AXES = ("valence", "arousal")  # the classes of the head "affect"


@dataclass(frozen=True, slots=True)
class Score:
    """A label and its probability, from 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Instrument(Score):
    """An instrument, the probability that it plays, and whether that is enough to count as present.

    It is if the probability, the mean over the windows that are not silent, reaches the threshold of the
    model's card for this label, or 0.5 where the card has none; and never in what is not music.
    """

    present: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The most likely of labels that exclude each other, and the probability of each."""

    label: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Quadrant(Choice):
    """The most likely quadrant of Russell's circle, and the probability of each."""

    @property
    def valence(self) -> float | None:
        """How pleasant the music feels, from 0 to 1: P(Q1) + P(Q4).

        The quadrants are those of Russell's circle (1980, "A circumplex model of affect", Journal of
        Personality and Social Psychology 39(6)), whose axes are valence and arousal. So this is the sum of
        calibrated probabilities of quadrants: how likely the music lies on that half of the circle, not
        how far from its middle. None for quadrants that are not Q1 to Q4.
        """
        return self._half("Q1", "Q4")

    @property
    def arousal(self) -> float | None:
        """How energetic the music feels, from 0 to 1: P(Q1) + P(Q2), as `valence` is made."""
        return self._half("Q1", "Q2")

    def _half(self, *quadrants: str) -> float | None:
        if set(self.scores) != set(QUADRANTS):
            return None
        return min(1.0, sum(self.scores[quadrant] for quadrant in quadrants))  # 1 + 1e-7, in float32


@dataclass(frozen=True, slots=True)
class Voice(Choice):
    """What is done with the voice, most likely, such as ``"sung"``, and the probability of each.

    ``"instrumental"`` is no voice at all.
    """


@dataclass(frozen=True, slots=True)
class SoundClass(Choice):
    """What kind of sound it is, most likely, and the probability of each.

    Such as ``"music"``, ``"speech"`` or ``"noise"``; whether it counts as music is for the verdict to say.
    """


@dataclass(frozen=True, slots=True)
class Affect:
    """How pleasant and how energetic the music feels: amounts from 0 to 1, no probabilities.

    0.8 is more pleasant than 0.6, not more certainly pleasant. The middle, 0.5, is neither.
    """

    valence: float
    arousal: float


_Likeliest = TypeVar("_Likeliest", Quadrant, Voice, SoundClass)

# ---------------------------------------------------------------- from the scores of windows


def ranked(head: Head, values: np.ndarray) -> tuple[Score, ...]:
    """Return every class with its score, highest first; equal ones in the order of the card."""
    order = np.argsort(-values, kind="stable").tolist()
    scores = values.tolist()
    return tuple(Score(head.classes[i], scores[i]) for i in order)


def moods_of(scores: WindowScores) -> tuple[Score, ...]:
    """Return the mean scores of the mood words, highest first; none from a model without them."""
    head = scores.card.head("moods")
    return ranked(head, scores.mean("moods")) if head and "moods" in scores.heads else ()


def instruments_of(scores: WindowScores, *, is_music: bool) -> tuple[Instrument, ...]:
    """Return the mean scores of the instruments, highest first; none from a model without them."""
    head = scores.card.head("instruments")
    if head is None or head.name not in scores.heads:
        return ()
    limits = scores.card.label_thresholds(head.name)
    return tuple(
        Instrument(one.label, one.score, is_music and one.score >= limits.get(one.label, PRESENT))
        for one in ranked(head, scores.mean(head.name))
    )


def quadrant_of(scores: WindowScores) -> Quadrant | None:
    """Return the mean scores of the quadrants; None from a model without them."""
    head = scores.card.head("quadrant")
    return likeliest(Quadrant, head, scores.mean("quadrant")) if "quadrant" in scores.heads else None


def voice_of(scores: WindowScores) -> Voice | None:
    """Return the mean scores of the kinds of voice; None from a model without them."""
    head = scores.card.head("voice")
    return likeliest(Voice, head, scores.mean("voice")) if "voice" in scores.heads else None


def sound_of(scores: WindowScores) -> SoundClass | None:
    """Return the mean scores of the kinds of sound; None from a model without them."""
    head = scores.card.head("sound")
    return likeliest(SoundClass, head, scores.mean("sound")) if "sound" in scores.heads else None


def affect_of(scores: WindowScores) -> Affect | None:
    """Return the mean valence and arousal; None from a model that does not give them as amounts."""
    head = scores.card.head("affect")
    if head is None or head.kind != "amount" or "affect" not in scores.heads or {*AXES} - {*head.classes}:
        return None
    amounts = dict(zip(head.classes, scores.mean("affect").clip(0.0, 1.0).tolist(), strict=True))
    return Affect(*(amounts[axis] for axis in AXES))


def likeliest(kind: type[_Likeliest], head: Head | None, values: np.ndarray) -> _Likeliest | None:
    """Return the class of the highest score, with the scores of all; None where there are none."""
    if head is None or not len(values):
        return None
    scores = dict(zip(head.classes, values.tolist(), strict=True))
    return kind(max(scores, key=scores.__getitem__), scores)


def axes_of(affect: Affect | None, quadrant: Quadrant | None) -> tuple[float | None, float | None]:
    """Return valence and arousal: the amounts where there are some, else the sums of the quadrants'."""
    source = affect or quadrant
    return (source.valence, source.arousal) if source else (None, None)


# ---------------------------------------------------------------- to JSON


def rounded(value: float | None) -> float | None:
    """Return a value with 4 decimals, as JSON gives it."""
    return None if value is None else round(value, 4)


def plain(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return scores, ready for JSON."""
    return [{"label": s.label, "score": round(s.score, 4)} for s in scores]


def plain_instruments(instruments: Sequence[Instrument]) -> list[dict[str, Any]]:
    """Return instruments, ready for JSON."""
    return [{"label": one.label, "score": round(one.score, 4), "present": one.present} for one in instruments]


def plain_choice(choice: Choice | None) -> dict[str, Any] | None:
    """Return a quadrant, or the kind of voice or sound, ready for JSON."""
    if choice is None:
        return None
    scores = {label: round(score, 4) for label, score in choice.scores.items()}
    return {"label": choice.label, "scores": scores}


def plain_axes(affect: Affect | None, quadrant: Quadrant | None) -> dict[str, float | None]:
    """Return valence and arousal, ready for JSON.

    Without amounts they are of the rounded scores of the quadrants, so that whoever reads the JSON comes to
    the same sums.
    """
    if affect is None and quadrant is not None:
        scores = {label: round(score, 4) for label, score in quadrant.scores.items()}
        quadrant = Quadrant(quadrant.label, scores)
    return {axis: rounded(value) for axis, value in zip(AXES, axes_of(affect, quadrant), strict=True)}


# ---------------------------------------------------------------- from JSON


def read_scores(data: Mapping[str, Any], key: str) -> tuple[Score, ...]:
    """Return what `plain` gave."""
    return tuple(Score(entry(s, "label", str), entry(s, "score", float)) for s in items(data, key, dict))


def read_instruments(data: Mapping[str, Any], key: str) -> tuple[Instrument, ...]:
    """Return what `plain_instruments` gave."""
    return tuple(
        Instrument(entry(s, "label", str), entry(s, "score", float), entry(s, "present", bool))
        for s in items(data, key, dict)
    )


def read_choice(kind: type[_Likeliest], data: Mapping[str, Any], key: str) -> _Likeliest | None:
    """Return what `plain_choice` gave."""
    found = entry(data, key, dict, optional=True)
    if found is None:
        return None
    scores = entry(found, "scores", dict)
    return kind(
        one_of(found, "label", tuple(scores)), {label: entry(scores, label, float) for label in scores}
    )


def read_affect(data: Mapping[str, Any], quadrant: Quadrant | None) -> Affect | None:
    """Return the amounts of JSON; None where its valence and arousal are but the sums of the quadrants'."""
    valence, arousal = (entry(data, axis, float, optional=True) for axis in AXES)
    of_quadrants = tuple(plain_axes(None, quadrant).values())
    if valence is None or arousal is None or (valence, arousal) == of_quadrants:
        return None
    return Affect(valence, arousal)
