"""The contract suite passes good models, and for each clause catches a model that breaks that one alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from earmark.contract import check_model
from earmark.contract.clauses import CLAUSES
from earmark.errors import ContractError
from earmark.models import ModelOutput, as_batch, list_models, load_model
from earmark.models.builtin.echo import CARD, Echo

PLAIN_CARD = dataclasses.replace(CARD, name="plain", embedding_size=0)


class Plain:
    """As little as a model may be: nothing inherited, no forward, no embedding."""

    card = PLAIN_CARD

    def predict_proba(self, X):
        return Echo().predict_proba(as_batch(X, self.card))


HERE = [info.name for info in list_models() if info.origin != "plugin"]


@pytest.mark.parametrize("model", [Plain(), *map(load_model, HERE)], ids=["plain", *HERE])
def test_good_models_pass_every_clause(model):
    report = check_model(model)
    assert report.model == model.card.name
    assert list(report.clauses) == list(BROKEN)
    assert "keeps the contract" in str(report)


def test_speed_is_stated_by_the_clock_that_is_passed_in():
    ticks = iter(np.arange(0.0, 100.0, 0.5))  # every batch of 16 seems to take half a second
    report = check_model(Echo(), clock=lambda: float(next(ticks)))
    assert report.windows_per_second == 32
    assert report.realtime == 96
    assert report.size_bytes == 0


class Changed(Echo):
    """Echo with one thing done to the answer."""

    def forward(self, X):
        output = super().forward(X)
        return ModelOutput(self.change(output.heads, X), output.embedding)

    def change(self, heads, X):
        return heads


class NotACard(Echo):
    card = {"name": "dictionary"}  # noqa: RUF012


class CardWithNaN(Echo):
    card = dataclasses.replace(CARD, metrics=({"name": "accuracy", "value": float("nan")},))


class LacksAHead(Changed):
    def change(self, heads, X):
        return {name: rows for name, rows in heads.items() if name != "moods"}


class LacksAColumn(Changed):
    def change(self, heads, X):
        return heads | {"genres": heads["genres"][:, 1:]}


class LacksItsEmbedding(Echo):
    def forward(self, X):
        return ModelOutput(super().forward(X).heads, None)


class AnswersAList(Plain):
    def predict_proba(self, X):
        return super().predict_proba(X).tolist()


class AnswersIntegers(Plain):
    def predict_proba(self, X):
        return (super().predict_proba(X) > 0.5).astype(int)


class AnswersNaN(Changed):
    def change(self, heads, X):
        return heads | {"moods": heads["moods"] * np.nan}


class AnswersLogits(Changed):
    def change(self, heads, X):
        return heads | {"genres": heads["genres"] * 20 - 10}


class SoftmaxThatDoesNotSumToOne(Changed):
    def change(self, heads, X):
        return heads | {"quadrant": heads["quadrant"] * 0.9}


class TwoVoices(Echo):
    def predict_proba(self, X):
        return super().predict_proba(X) ** 2


class TwoVoicesInEmbedding(Echo):
    def embed(self, X):
        return 2 * super().embed(X)


class Moody(Echo):
    """Answers a little differently each time, as a network with its dropout on does."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, X):
        output = super().forward(X)
        noise = self.rng.uniform(0.999999, 1, output.heads["genres"].shape)
        return ModelOutput(output.heads | {"genres": output.heads["genres"] * noise}, output.embedding)


class LooksAtItsNeighbours(Changed):
    """Scales by a statistic of the batch, as a network with its batch norm in training mode does."""

    def change(self, heads, X):
        return heads | {"genres": heads["genres"] / max(1.0, float(heads["genres"].sum() / 19))}


class RemembersByShape(Echo):
    """Gives a batch the answer of the last batch of its shape."""

    def __init__(self):
        self.answers = {}

    def forward(self, X):
        if len(X) == 1:
            return super().forward(X)
        return self.answers.setdefault(X.shape, super().forward(X))


class WritesToItsInput(Echo):
    def forward(self, X):
        output = super().forward(X)
        X[:, 0, 0] += 1e-3
        return output


class MindsTheLayout(Plain):
    def predict_proba(self, X):
        rows = super().predict_proba(X)
        return rows / 2 if X.dtype == np.float64 else rows


class DividesByTheSpread(Changed):
    """Standardises each window, and divides by zero on silence."""

    def change(self, heads, X):
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = X.std(axis=(1, 2)) / X.std(axis=(1, 2))
        return heads | {"moods": heads["moods"] * spread[:, np.newaxis]}


class CrashesOnNothing(Plain):
    def predict_proba(self, X):
        rows = super().predict_proba(X)
        rows.max()
        return rows


class SwallowsNaN(Plain):
    def predict_proba(self, X):
        return super().predict_proba(np.nan_to_num(X) if np.issubdtype(X.dtype, np.floating) else X)


class RaisesSomethingElseOnNaN(Plain):
    def predict_proba(self, X):
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and not np.isfinite(X).all():
            raise FloatingPointError("NaN")
        return super().predict_proba(X)


class TakesAnyLength(Plain):
    def predict_proba(self, X):
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.ndim == 3 and X.shape[2] < 130:
            X = np.pad(X, ((0, 0), (0, 0), (0, 130 - X.shape[2])))
        return super().predict_proba(X)


class TakesIntegers(Plain):
    def predict_proba(self, X):
        if isinstance(X, np.ndarray) and X.dtype == np.uint8:
            X = X.astype(np.float32)
        return super().predict_proba(X)


class TakesFewWindows(Echo):
    """Runs out of memory on a batch of usual size."""

    def forward(self, X):
        if len(X) > 8:
            raise MemoryError
        return super().forward(X)


class HasWeightsButNoSave(Echo):
    card = dataclasses.replace(CARD, sha256="0" * 64)


class SavesNothing(Echo):
    def save(self, folder):
        pass


BROKEN = {
    "card": [NotACard, CardWithNaN],
    "shapes": [LacksAHead, LacksAColumn, LacksItsEmbedding, AnswersAList, AnswersIntegers],
    "finite": [AnswersNaN],
    "probabilities": [AnswersLogits, SoftmaxThatDoesNotSumToOne],
    "consistent": [TwoVoices, TwoVoicesInEmbedding],
    "deterministic": [Moody],
    "alone": [LooksAtItsNeighbours],
    "shuffled": [RemembersByShape],
    "input unchanged": [WritesToItsInput],
    "layouts": [MindsTheLayout],
    "extremes": [DividesByTheSpread],
    "no windows": [CrashesOnNothing],
    "bad values": [SwallowsNaN, RaisesSomethingElseOnNaN],
    "bad shapes": [TakesAnyLength],
    "bad types": [TakesIntegers],
    "save and load": [HasWeightsButNoSave, SavesNothing],
    "size and speed": [TakesFewWindows],
}


def test_every_clause_has_a_model_that_breaks_it():
    assert list(BROKEN) == ["card", *CLAUSES, "size and speed"]
    assert all(BROKEN.values())


@pytest.mark.parametrize(
    ("clause", "broken"), [(clause, model) for clause, models in BROKEN.items() for model in models]
)
def test_broken_models_are_caught(clause, broken):
    with pytest.raises(ContractError, match=f"breaks the clause '{clause}'") as caught:
        check_model(broken())
    assert caught.value.hint
