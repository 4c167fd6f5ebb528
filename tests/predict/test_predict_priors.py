"""Priors: scores move as Bayes has it, stay probabilities whatever comes, and say what was believed."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import ECHO, Run, folder, run, song  # noqa: F401 (all but the first two are fixtures)
from test_models_onnx import CARD as TINY
from test_models_onnx import graph

import sounds
from earmark.audio import Clip
from earmark.errors import InputError
from earmark.models import Head, ModelCard, as_batch, load_model, save_bundle
from earmark.models.builtin.dummy import CARD as DUMMY_CARD
from earmark.models.builtin.dummy import Dummy
from earmark.models.builtin.echo import CARD, Echo
from earmark.predict import Prediction, classify, parse_prior, prior_shift
from earmark.vocabulary import GENRES

SR = 22050
LABELS = ("jazz", "pop", "rock")
TRAINED = {"jazz": 0.2, "pop": 0.3, "rock": 0.5}


def clip(seconds=10.0):
    return Clip(sounds.noise(seconds, sr=SR, amplitude=0.1), SR)


def card_of(kind, priors=TRAINED):
    return ModelCard("x", (Head("genres", LABELS, kind),), priors={"genres": priors})


class Believing(Echo):
    """Echo, with a card that says what it believes."""

    card = dataclasses.replace(
        CARD, priors={"genres": dict(zip(GENRES, np.linspace(0.3, 0.02, 19), strict=True))}
    )


def scores_of(prediction):
    return {score.label: score.score for score in prediction.genres}


# Against Bayes

fractions_of_three = st.lists(st.floats(0.02, 0.9), min_size=3, max_size=3)


@given(fractions_of_three, fractions_of_three)
def test_a_softmax_becomes_the_posterior_of_the_other_library(old, new):
    old, new = np.array(old) / sum(old), np.array(new) / sum(new)
    sound = np.linspace(-4, 4, 9)[:, np.newaxis]  # three genres that differ in the mean of a Gaussian
    likelihood = np.exp(-0.5 * (sound - [-1, 0, 1]) ** 2)
    rows, expected = (likelihood * p / (likelihood @ p)[:, np.newaxis] for p in (old, new))
    shift = prior_shift(
        dict(zip(LABELS, new, strict=True)), card_of("softmax", dict(zip(LABELS, old, strict=True)))
    )
    np.testing.assert_allclose(shift.applied(rows), expected, atol=1e-4)  # 1e-6 of p is clipped, times 45


@given(fractions_of_three, fractions_of_three)
def test_several_labels_become_the_posteriors_of_the_other_library(old, new):
    sound = np.linspace(-4, 4, 9)[:, np.newaxis]  # each label moves the mean of a Gaussian of its own
    there, absent = (np.exp(-0.5 * (sound - mean) ** 2) for mean in ([1, 1.5, 0.5], [-1, -0.5, 0]))
    rows, expected = (there * p / (there * p + absent * (1 - p)) for p in (np.array(old), np.array(new)))
    card = card_of("multilabel", dict(zip(LABELS, old, strict=True)))
    shift = prior_shift(dict(zip(LABELS, new, strict=True)), card)
    np.testing.assert_allclose(shift.applied(rows), expected, atol=1e-3)  # 1e-6 of p is clipped, times 440


@pytest.mark.parametrize("kind", ["softmax", "multilabel"])
def test_without_evidence_a_genre_is_as_frequent_as_its_prior(kind):
    shift = prior_shift({"jazz": 0.6}, card_of(kind))
    (row,) = shift.applied(np.array([list(TRAINED.values())]))
    rest = [0.3, 0.5] if kind == "multilabel" else [0.4 * 3 / 8, 0.4 * 5 / 8]
    np.testing.assert_allclose(row, [0.6, *rest], rtol=1e-6)
    assert shift.priors == pytest.approx(dict(zip(LABELS, row, strict=True)))


@pytest.mark.parametrize("kind", ["softmax", "multilabel"])
def test_even_is_the_mean_share_for_every_genre(kind):
    shift = prior_shift("even", card_of(kind, {"jazz": 0.1, "pop": 0.2, "rock": 0.7}))
    np.testing.assert_allclose(shift.applied(np.array([[0.1, 0.2, 0.7]])), 1 / 3, rtol=1e-6)
    assert shift.priors == pytest.approx(dict.fromkeys(LABELS, 1 / 3))


def test_fractions_of_all_genres_of_a_softmax_are_weights():
    counts = prior_shift({"jazz": 0.04, "pop": 0.02, "rock": 0.02}, card_of("softmax"))
    assert counts.priors == pytest.approx({"jazz": 0.5, "pop": 0.25, "rock": 0.25})


@pytest.mark.parametrize("kind", ["softmax", "multilabel"])
def test_what_the_model_believes_already_changes_nothing(kind):
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 50).astype(np.float32)
    applied = prior_shift(TRAINED, card_of(kind)).applied(rows)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied, rows, atol=4e-6)
    assert prior_shift(None, card_of(kind)) is None


@pytest.mark.parametrize("kind", ["softmax", "multilabel"])
@pytest.mark.parametrize("old", [1e-300, 1 - 1e-16, 0.5])
@pytest.mark.parametrize("new", [1e-300, 1 - 1e-16, 0.5])
@pytest.mark.filterwarnings("error")
def test_certain_answers_and_extreme_fractions_stay_probabilities(kind, old, new):
    rest = (1 - old) / 2 or 1e-17
    card = card_of(kind, {"jazz": old, "pop": rest, "rock": rest})
    rows = prior_shift({"jazz": new}, card).applied(np.eye(3, dtype=np.float32)[[0, 1, 2, 0]])
    assert np.isfinite(rows).all() and rows.min() >= 0 and rows.max() <= 1
    if kind == "softmax":
        np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"jaz": 0.1}, "has no genre 'jaz'. Did you mean 'jazz'"),
        ({"Rock": 0.1}, "genre 'Rock'. Did you mean 'rock'"),
        ({"opera": 0.1}, "genre 'opera'. Accepted: jazz, pop, rock"),
        ({3: 0.1}, "genre 3"),
        ({"jazz": 0.0}, "jazz=0.0. Accepted: a fraction above 0 and below 1"),
        ({"jazz": 1}, "jazz=1. Accepted: a fraction"),
        ({"jazz": 40}, "jazz=40. Accepted: a fraction"),
        ({"jazz": float("nan")}, "jazz=nan"),
        ({"jazz": True}, "jazz=True"),
        ({"jazz": "much"}, "jazz='much'"),
        ({}, "prior={}. Accepted: 'even'"),
        ("odd", "prior='odd'. Accepted: 'even'"),
        (0.5, "prior=0.5. Accepted"),
        ({"jazz": 0.5, "rock": 0.5}, "jazz=0.5,rock=0.5: the fractions sum to 1. Accepted: a sum below 1"),
    ],
)
def test_odd_priors_are_explained(prior, message):
    with pytest.raises(InputError) as caught:
        prior_shift(prior, card_of("softmax"))
    assert message in str(caught.value)


def test_a_prior_for_a_card_without_priors_is_refused():
    for prior in ("even", {"jazz": 0.4}):
        with pytest.raises(InputError, match=r"the card of model 'echo' has no priors"):
            classify(clip(), model="echo", prior=prior)
    other = dataclasses.replace(TINY, priors={"quadrant": dict.fromkeys(("Q1", "Q2", "Q3", "Q4"), 0.25)})
    with pytest.raises(InputError, match="has no priors"):
        prior_shift("even", other)


@given(st.dictionaries(st.sampled_from(GENRES), st.floats(0.001, 0.999), min_size=1))
def test_text_parses_to_the_same_mapping(fractions):
    text = " , ".join(f"{label} = {fraction!r}" for label, fraction in fractions.items())
    assert parse_prior(text) == fractions
    assert parse_prior(" even ") == "even"


@pytest.mark.parametrize(
    "text", ["", "jazz", "jazz=", "=0.4", "jazz=0.4,", "jazz=nan", "jazz=0.1,jazz=0.2", "EVEN"]
)
def test_odd_text_is_explained(text):
    with pytest.raises(InputError, match=r"prior=.*jazz=0.4,rock=0.1"):
        parse_prior(text)


@given(st.text())
def test_any_text_is_a_prior_or_an_input_error(text):
    try:
        prior = parse_prior(text)
    except InputError:
        return
    assert prior == "even" or all(np.isfinite(share) for share in prior.values())


# In a prediction


def test_windows_are_shifted_before_their_mean_and_nothing_else_is():
    plain, shifted = (classify(clip(), model=Believing(), prior=prior) for prior in (None, {"jazz": 0.01}))
    shift = prior_shift({"jazz": 0.01}, Believing.card)
    for before, after in zip(plain.segments, shifted.segments, strict=True):
        row = {score.label: score.score for score in before.genres}
        expected = shift.applied(np.array([[row[label] for label in GENRES]]))[0]
        got = {score.label: score.score for score in after.genres}
        np.testing.assert_allclose([got[label] for label in GENRES], expected, atol=1e-6)
    weights = np.array([129, 129, 129, 301 - 258])  # of four windows, the last moved back
    jazz = [next(s.score for s in segment.genres if s.label == "jazz") for segment in shifted.segments]
    assert scores_of(shifted)["jazz"] == pytest.approx(weights @ jazz / weights.sum(), abs=1e-6)
    assert scores_of(shifted)["jazz"] < scores_of(plain)["jazz"] - 0.1
    kept = [label for label in GENRES if label != "jazz"]
    assert [scores_of(shifted)[label] for label in kept] == pytest.approx(
        [scores_of(plain)[label] for label in kept], abs=1e-5
    )
    assert (shifted.moods, shifted.quadrant, shifted.tempo) == (plain.moods, plain.quadrant, plain.tempo)


def test_a_model_that_does_not_listen_answers_the_prior():
    card = dataclasses.replace(DUMMY_CARD, priors={"genres": dict.fromkeys(GENRES, 1 / 19)})
    scores = scores_of(classify(clip(), model=Dummy(card=card), prior={"jazz": 0.4, "rock": 0.1}))
    assert (scores["jazz"], scores["rock"]) == pytest.approx((0.4, 0.1), abs=1e-6)
    assert {round(scores[label], 6) for label in GENRES if label not in ("jazz", "rock")} == {
        round(0.5 / 17, 6)
    }


def test_the_verdict_follows_the_shifted_scores():
    class Doubtful:
        card = dataclasses.replace(card_of("softmax"), thresholds={"unsure": 0.6})

        def predict_proba(self, X):
            as_batch(X, self.card)
            return np.tile([0.3, 0.2, 0.5], (len(X), 1))

    assert classify(clip(), model=Doubtful()).verdict == "unsure"
    prediction = classify(clip(), model=Doubtful(), prior={"jazz": 0.6})
    assert (prediction.verdict, prediction.genres[0].label) == ("music", "jazz")


def test_a_prediction_says_what_was_believed_and_survives_json():
    data = classify(clip(), model=Believing(), prior={"jazz": 0.4}).to_dict()
    assert list(data["prior"]) == list(GENRES)
    assert data["prior"]["jazz"] == 0.4
    assert data["prior"]["rock"] == pytest.approx(Believing.card.priors["genres"]["rock"], rel=1e-5)
    assert Prediction.from_dict(json.loads(json.dumps(data))).to_dict() == data
    assert "prior" not in classify(clip(), model=Believing()).to_dict()
    for wrong in ({"jazz": "x"}, [0.4]):
        with pytest.raises(InputError, match=r"jazz is 'x'|prior is \[0.4\]"):
            Prediction.from_dict({**data, "prior": wrong})


# On the command line


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    card = dataclasses.replace(TINY, priors={"genres": {"low": 0.1, "mid": 0.3, "high": 0.5}})
    target = tmp_path_factory.mktemp("bundles") / "tiny"
    save_bundle(target, card, graph(card))
    return target


def test_the_command_shifts_as_the_library_does(run: Run, song, bundle):  # noqa: F811
    for text, prior in (("even", "even"), ("high=0.05,low=0.9", {"high": 0.05, "low": 0.9})):
        expected = classify(str(song), model=load_model(bundle), prior=prior).to_dict()
        (line,) = run("classify", song, "--model", bundle, "--json", "--prior", text).lines()
        assert line == expected
    (line,) = run("classify", song, "--model", bundle, "--json").lines()
    assert "prior" not in line and line["genres"] != expected["genres"]


def test_workers_have_the_same_prior(run: Run, folder, bundle):  # noqa: F811
    one, two = (
        run("classify", folder, "--model", bundle, "--json", "--prior", "even", "--jobs", n).lines()
        for n in (1, 2)
    )
    assert one == two and [line["prior"] for line in one] == [dict.fromkeys(("low", "mid", "high"), 0.3)] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lo=0.4", "error: prior: the model has no genre 'lo'. Did you mean 'low'?"),
        ("low", "error: prior='low': 'low' is no fraction of a genre. Accepted: 'even'"),
        ("low=40", "error: prior: low=40.0. Accepted: a fraction above 0 and below 1"),
    ],
)
def test_a_bad_prior_is_one_line(run: Run, song, bundle, text, message):  # noqa: F811
    outcome = run("classify", song, "--model", bundle, "--prior", text)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(message)


def test_a_prior_for_a_model_without_one_is_one_line(run: Run, song):  # noqa: F811
    outcome = run("classify", song, *ECHO, "--json", "--prior", "even")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "has no priors. Try: no prior" in outcome.err


def test_the_card_is_shown_with_its_priors(run: Run, bundle):  # noqa: F811
    printed = run("models", bundle).out
    assert "class priors genres: high 50 %, mid 30 %, low 10 %" in " ".join(printed.split())
    assert json.loads(run("models", bundle, "--json").out)["priors"]["genres"]["mid"] == 0.3
