"""The tempo to expect of music, from a head of a model to a prediction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_features_rhythm import drums

from earmark.audio import Clip
from earmark.models import Head, ModelCard, ModelOutput, load_model
from earmark.models.builtin.echo import CARD as ECHO
from earmark.models.builtin.echo import Echo
from earmark.predict import WindowScores, classify
from earmark.predict.expected_tempo import expected_tempo

SR = 22050
CARD = dataclasses.replace(ECHO, name="paced", heads=(*ECHO.heads, Head("pace", ("pace",), "amount")))


class Paced(Echo):
    """`echo` that says the same pace of everything."""

    def __init__(self, pace: float) -> None:
        self.card, self.pace = CARD, pace

    def forward(self, X: np.ndarray) -> ModelOutput:
        output = super().forward(X)
        heads = {**output.heads, "pace": np.full((len(X), 1), self.pace, np.float32)}
        return ModelOutput(heads, output.embedding)


def scores(paces: list[float], weights: list[float], card: ModelCard = CARD) -> WindowScores:
    n = len(paces)
    heads = {"pace": np.array(paces, np.float32)[:, None]}
    return WindowScores(card, np.arange(n) * 3.0, np.array(weights), np.zeros(n), heads)


@pytest.mark.parametrize(
    ("pace", "bpm"), [(0.5, 110.0), (0.75, 220.0), (0.25, 55.0), (0.0, 27.5), (1.0, 440.0)]
)
def test_a_quarter_is_an_octave(pace: float, bpm: float) -> None:
    assert expected_tempo(scores([pace], [1.0])) == pytest.approx(bpm)


def test_silent_windows_do_not_count() -> None:
    assert expected_tempo(scores([0.5, 0.0], [1.0, 0.0])) == pytest.approx(110.0)
    assert expected_tempo(scores([0.0], [0.0])) is None


@pytest.mark.parametrize(
    "head", [Head("pace", ("pace",), "multilabel"), Head("pace", ("slow", "fast"), "amount")]
)
def test_another_head_of_that_name_says_nothing_of_tempo(head: Head) -> None:
    card = dataclasses.replace(CARD, heads=(*ECHO.heads, head))
    assert expected_tempo(scores([0.5], [1.0], card)) is None


def test_a_model_without_the_head_expects_nothing() -> None:
    plain = dataclasses.replace(CARD, heads=ECHO.heads)
    assert expected_tempo(scores([0.5], [1.0], plain)) is None


@pytest.mark.parametrize(("pace", "bpm"), [(0.34, 88.0), (0.7, 176.0)])
def test_what_a_model_expects_decides_between_a_tempo_and_its_double(pace: float, bpm: float) -> None:
    prediction = classify(Clip(drums(88.0, 20.0).astype(np.float32), SR), model=Paced(pace))
    assert prediction.tempo == pytest.approx(bpm, rel=0.005)


def test_the_default_model_has_the_head() -> None:
    head = load_model("earmark-base").card.head("pace")
    assert head is not None and head.kind == "amount"
