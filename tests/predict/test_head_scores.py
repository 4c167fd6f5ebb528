"""Voice, instruments and affect: heads that a model may have, to a prediction, to JSON and back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import sounds
from earmark.audio import Clip
from earmark.cli.render import instruments, voice
from earmark.contract import check_model
from earmark.errors import ContractError, InputError
from earmark.evaluate.labels import choose_head
from earmark.models import Head, ModelCard, load_model
from earmark.models.builtin.echo import SOUNDS
from earmark.predict import Affect, Instrument, Prediction, Quadrant, Voice, classify, score_source
from voiced import AFFECT, CARD, INSTRUMENTS, PLAYED, VOICE, VOICES, Voiced, save_voiced

SR = 22050
NOISE = Clip(0.1 * sounds.noise(7.0, sr=SR), SR)
SILENCE = Clip(np.zeros(7 * SR, np.float32), SR)


def test_the_voice_is_the_likeliest_with_the_probability_of_each():
    prediction = classify(NOISE, model=Voiced())
    assert isinstance(prediction.voice, Voice)
    assert prediction.voice.label == "sung"
    assert prediction.voice.scores == pytest.approx(dict(zip(VOICES, VOICE, strict=True)))


def test_silent_windows_count_for_nothing():
    padded = Clip(np.concatenate([NOISE.y, np.zeros(60 * SR, np.float32)]), SR)
    prediction = classify(padded, model=Voiced())
    assert prediction.voice.scores["sung"] == pytest.approx(0.85)
    assert (prediction.valence, prediction.arousal) == pytest.approx(AFFECT)


def test_an_instrument_is_present_from_the_threshold_of_its_head_on():
    played = classify(NOISE, model=Voiced()).instruments
    assert [one.label for one in played] == ["calm", "drums", "guitar", "strings", "piano"]
    assert [one.score for one in played] == pytest.approx(sorted(PLAYED, reverse=True))
    # Of the head calm 0.95, guitar 0.85 and piano 0.2; 0.5 for the others.
    assert {one.label for one in played if one.present} == {"drums", "piano"}


def test_a_threshold_by_label_alone_is_for_every_head_that_has_it():
    card = dataclasses.replace(CARD, thresholds={"labels": {"calm": 0.9, "guitar": 0.8}})
    assert card.label_thresholds("instruments") == {"guitar": 0.8, "calm": 0.9}
    assert card.label_thresholds("moods") == {"calm": 0.9}
    assert CARD.label_thresholds("moods") == {"calm": 0.3}
    assert CARD.label_thresholds("instruments")["calm"] == 0.95
    assert CARD.label_thresholds("none") == {}
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_cards_that_older_versions_cannot_read_say_so():
    plain = dataclasses.replace(CARD, heads=CARD.heads[:-1], thresholds={"labels": {"calm": 0.9}})
    by_head = dataclasses.replace(plain, thresholds={"labels": {"moods": {"calm": 0.9}}})
    amounts = dataclasses.replace(plain, heads=CARD.heads)
    assert [card.to_dict()["schema"] for card in (plain, by_head, amounts)] == [
        "earmark.card/1",
        "earmark.card/2",
        "earmark.card/2",
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"drums": {"snare": 0.4}}, "labels of 'drums': snare"),
        ({"instruments": {"snare": 0.4}}, "labels of 'instruments': snare"),
        ({"instruments": {"drums": "loud"}}, "instruments: drums='loud'"),
        ([0.5], r"labels=\[0.5\]"),
    ],
)
def test_thresholds_of_no_label_of_the_head_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(CARD, thresholds={"labels": labels})


def test_valence_and_arousal_are_amounts_where_a_model_gives_them():
    prediction = classify(NOISE, model=Voiced())
    assert prediction.affect == Affect(prediction.valence, prediction.arousal)
    assert (prediction.valence, prediction.arousal) == pytest.approx(AFFECT)
    assert prediction.quadrant.valence != pytest.approx(prediction.valence, abs=0.01)
    data = prediction.to_dict()
    assert (data["valence"], data["arousal"]) == (0.8123, 0.16)
    assert Prediction.from_dict(json.loads(json.dumps(data))).valence == 0.8123


def test_a_head_of_probabilities_named_affect_gives_no_amounts():
    heads = tuple(dataclasses.replace(h, kind="multilabel") if h.name == "affect" else h for h in CARD.heads)
    prediction = classify(NOISE, model=Voiced(heads=heads))
    assert prediction.affect is None
    assert prediction.valence == prediction.quadrant.valence


def test_a_prediction_with_all_heads_survives_json():
    data = classify(NOISE, model=Voiced()).to_dict()
    assert data["voice"] == {"label": "sung", "scores": dict(zip(VOICES, VOICE, strict=True))}
    assert data["instruments"][1] == {"label": "drums", "score": 0.9, "present": True}
    again = Prediction.from_dict(json.loads(json.dumps(data)))
    assert again.to_dict() == data
    assert again.instruments[1] == Instrument("drums", 0.9, present=True)
    assert isinstance(again.voice, Voice)
    assert again.affect == Affect(0.8123, 0.16)


def test_json_of_before_there_were_these_heads_is_read():
    data = classify(NOISE, model="echo").to_dict()
    assert (data["voice"], data["instruments"]) == (None, [])
    older = {key: value for key, value in data.items() if key not in ("voice", "instruments")}
    again = Prediction.from_dict(older)
    assert (again.voice, again.instruments, again.affect) == (None, (), None)
    assert again.to_dict() == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voice": "sung"}, "voice is 'sung'"),
        ({"voice": {"label": "sung", "scores": {"spoken": 1.0}}}, "label is 'sung'"),
        ({"instruments": [{"label": "drums", "score": 0.5}]}, "present is missing"),
        ({"instruments": None}, "instruments is None"),
        ({"valence": "high"}, "valence is 'high'"),
    ],
)
def test_odd_entries_are_explained(change, message):
    data = classify(NOISE, model=Voiced()).to_dict()
    with pytest.raises(InputError, match=message):
        Prediction.from_dict({**data, **change})


def test_silence_has_no_voice_no_instrument_and_no_affect():
    prediction = classify(SILENCE, model=Voiced())
    assert (prediction.voice, prediction.affect, prediction.valence) == (None, None, None)
    assert [(one.label, one.score, one.present) for one in prediction.instruments] == [
        (label, 0.0, False) for label in INSTRUMENTS
    ]


def test_what_is_not_music_has_no_voice_and_no_instrument_that_is_present():
    prediction = classify(NOISE, model=Voiced(thresholds={"music": 0.99}))
    assert prediction.verdict == "not-music"
    assert prediction.voice is None
    assert prediction.instruments[0].score > 0
    assert not any(one.present for one in prediction.instruments)
    assert prediction.valence == pytest.approx(AFFECT[0])  # as the quadrant, which such sound has


@pytest.mark.parametrize("music", [0.0, 0.99])
def test_the_kind_of_sound_is_given_of_all_but_silence(music):
    prediction = classify(NOISE, model=Voiced(thresholds={"music": music}))
    assert prediction.verdict == ("not-music" if music else "music")
    assert prediction.sound.label == max(prediction.sound.scores, key=prediction.sound.scores.get)
    assert prediction.sound.scores == pytest.approx(
        dict(zip(SOUNDS, score_source(NOISE, model="echo").scores.mean("sound"), strict=True)), abs=1e-6
    )
    assert Prediction.from_dict(prediction.to_dict()).sound.label == prediction.sound.label
    assert classify(SILENCE, model=Voiced()).to_dict()["sound"] is None
    older = {key: value for key, value in prediction.to_dict().items() if key != "sound"}
    assert Prediction.from_dict(older).sound is None


def test_the_text_names_voice_and_what_is_present():
    prediction = classify(NOISE, model=Voiced())
    assert voice(prediction) == "sung 85 %"
    assert instruments(prediction, 40) == "drums, piano"
    assert instruments(prediction, 8) == "drums"
    none = classify(NOISE, model="echo")
    assert (voice(none), instruments(none, 40)) == ("", "")


# Kinds of heads


def test_a_model_with_amounts_keeps_the_contract(tmp_path):
    assert "probabilities" in check_model(Voiced()).clauses
    bundle = load_model(save_voiced(tmp_path / "voiced"))
    assert check_model(bundle).model == "voiced"
    prediction = classify(NOISE, model=bundle)
    assert (prediction.voice.label, prediction.valence) == ("sung", pytest.approx(AFFECT[0]))


@pytest.mark.parametrize("amounts", [(1.2, 0.5), (-0.1, 0.5)])
def test_an_amount_outside_0_to_1_breaks_the_contract(amounts):
    with pytest.raises(ContractError, match=r"clause 'probabilities'.*affect lies in"):
        check_model(Voiced(affect=amounts))


def test_amounts_need_not_sum_to_one_and_have_no_priors():
    with pytest.raises(InputError, match="priors for 'affect', whose classes are amounts"):
        dataclasses.replace(CARD, priors={"affect": {"valence": 0.5, "arousal": 0.5}})


def test_the_first_head_is_one_of_probabilities():
    with pytest.raises(InputError, match="first head, 'affect', is of kind 'amount'"):
        ModelCard("amounts", (Head("affect", ("valence", "arousal"), "amount"),))
    with pytest.raises(InputError, match="'softmax', 'multilabel' or 'amount'"):
        Head("affect", ("valence",), "number")


def test_amounts_are_not_evaluated_as_probabilities_but_voice_and_instruments_are():
    assert choose_head(CARD, ["guitar", "drums"]).name == "instruments"
    assert choose_head(CARD, ["valence", "arousal"]).name == "genres"
    assert choose_head(CARD, [], wanted="voice").name == "voice"
    with pytest.raises(InputError, match="no head 'affect'"):
        choose_head(CARD, [], wanted="affect")


def test_a_quadrant_is_no_voice():
    assert Quadrant("Q1", {"Q1": 1.0}) != Voice("Q1", {"Q1": 1.0})
