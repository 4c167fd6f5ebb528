"""The Camelot wheel and tempos, as DJs count them."""

from __future__ import annotations

import pytest

from earmark.library.mixing import camelot, key_distance, tempo_step
from earmark.vocabulary import PITCH_CLASSES

# As printed on the wheel.
MINOR = ("G#", "D#", "A#", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MAJOR = ("B", "F#", "C#", "G#", "D#", "A#", "F", "C", "G", "D", "A", "E")
KEYS = [f"{pitch} {mode}" for pitch in PITCH_CLASSES for mode in ("minor", "major")]


def test_every_key_has_the_place_that_is_printed_on_the_wheel() -> None:
    for mode, letter, wheel in (("minor", "A", MINOR), ("major", "B", MAJOR)):
        assert {pitch: camelot(f"{pitch} {mode}") for pitch in wheel} == {
            pitch: (number, letter) for number, pitch in enumerate(wheel, 1)
        }


@pytest.mark.parametrize("key", [None, "", "H minor", "A", "A dorian", "minor A"])
def test_what_is_no_key_has_no_place(key: str | None) -> None:
    assert (
        camelot(key) is None and key_distance(key, "A minor") is None and key_distance("A minor", key) is None
    )


def test_key_distance_is_a_metric() -> None:
    distance = {(a, b): key_distance(a, b) for a in KEYS for b in KEYS}
    assert all(steps is not None for steps in distance.values())
    for a in KEYS:
        for b in KEYS:
            assert distance[a, b] == distance[b, a] and (distance[a, b] == 0) == (a == b)
            for c in KEYS[::5]:
                assert distance[a, b] <= distance[a, c] + distance[c, b]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("first", "second", "factor", "change"),
    [
        (120, 120, 1, 0),
        (120, 126, 1, 0.05),
        (60, 120, 2, 0),
        (120, 60, 0.5, 0),
        (90, 171, 2, -0.05),
        (30, 240, 2, 3),
    ],
)
def test_half_and_double_tempo_count_as_the_same(
    first: float, second: float, factor: float, change: float
) -> None:
    step = tempo_step(first, second)
    assert step is not None and (step.factor, step.change) == (factor, pytest.approx(change))


@pytest.mark.parametrize("tempo", [None, 0.0, -3.0])
def test_an_unknown_tempo_has_no_step(tempo: float | None) -> None:
    assert tempo_step(tempo, 120) is None and tempo_step(120, tempo) is None
