"""One inference path: the same answer through every door, and a verdict that knows silence."""

from __future__ import annotations

import dataclasses
import io
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import AudioStream, Clip, load
from earmark.errors import (
    AudioNotFoundError,
    ContractError,
    EarmarkError,
    InputError,
    TooLongError,
    TooShortError,
    UnknownModelError,
)
from earmark.features import FeatureSpec, log_mel
from earmark.models import Head, ModelCard, ModelOutput, as_batch
from earmark.models.builtin.echo import CARD, Echo
from earmark.models.windows import cut_windows
from earmark.predict import Prediction, Quadrant, WindowScorer, classify, error_dict
from earmark.vocabulary import GENRES, QUADRANTS

SR = 22050


def clip(seconds=10.0, *, level_db=-20.0, seed=0):
    """White noise of a given RMS level in dBFS."""
    return Clip(sounds.noise(seconds, sr=SR, amplitude=10 ** (level_db / 20), seed=seed), SR)


def joined(*clips):
    return Clip(np.concatenate([c.y for c in clips]), SR)


def sounding(prediction):
    """A prediction without the name of its source, to compare doors."""
    return dataclasses.replace(prediction, source=None)


# Doors


@pytest.mark.parametrize("fmt", ["wav16", "flac", "mp3", "m4a"])
def test_every_door_gives_the_same_answer(tmp_path, monkeypatch, fmt):
    y = sounds.noise(7.0, channels=2) + sounds.tone(7.0, channels=2)
    path = Path(sounds.write(tmp_path / f"song{sounds.suffix(fmt)}", y, 44100, fmt))
    data = path.read_bytes()
    by_path = classify(path, model="echo", embedding=True)
    assert by_path.source == str(path)
    assert by_path.duration == pytest.approx(7.0, abs=0.06)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    doors = {"text": str(path), "bytes": data, "file": io.BytesIO(data), "-": "-", "clip": load(path)}
    for door, source in doors.items():
        prediction = classify(source, model=Echo(), embedding=True)
        assert sounding(prediction) == sounding(by_path), door
    with path.open("rb") as file:
        assert sounding(classify(file, model="echo", embedding=True)) == sounding(by_path)


def test_sources_have_the_name_that_they_were_given():
    assert classify(clip(), model="echo").source is None
    assert classify(dataclasses.replace(clip(), path="a.mp3"), model="echo").source == "a.mp3"


def test_a_missing_file_and_a_missing_model_are_their_own_errors(tmp_path):
    with pytest.raises(AudioNotFoundError):
        classify(tmp_path / "none.mp3", model="echo")
    with pytest.raises(UnknownModelError, match="Did you mean 'echo'"):
        classify(clip(), model="ecko")
    with pytest.raises(InputError, match="model is a int"):
        classify(clip(), model=3)


# Windows and their mean


def test_scores_are_the_mean_over_windows_in_which_every_moment_counts_once():
    source = clip(10.0)
    starts, X = cut_windows(log_mel(source), CARD)
    assert starts == [0, 129, 258, 301]
    rows = Echo().forward(X)
    weights = np.array([129, 129, 129, 301 - 258]) / 129
    prediction = classify(source, model="echo", embedding=True)
    expected = weights @ rows.heads["genres"] / weights.sum()
    scores = {s.label: s.score for s in prediction.genres}
    np.testing.assert_allclose([scores[label] for label in GENRES], expected, atol=1e-5)
    np.testing.assert_allclose(prediction.embedding, weights @ rows.embedding / weights.sum(), atol=1e-5)
    quadrant = weights @ rows.heads["quadrant"] / weights.sum()
    np.testing.assert_allclose(list(prediction.quadrant.scores.values()), quadrant, atol=1e-5)
    assert prediction.quadrant.label == QUADRANTS[quadrant.argmax()]
    segment = {s.label: s.score for s in prediction.segments[3].genres}
    np.testing.assert_allclose([segment[label] for label in GENRES], rows.heads["genres"][3], atol=1e-5)


@given(seconds=st.floats(3.0, 60.0))
@settings(max_examples=25, deadline=None)
def test_segments_cover_the_sound_whatever_its_length(seconds):
    source = clip(seconds)
    prediction = classify(source, model="echo")
    assert prediction.duration == source.duration
    assert prediction.segments[0].start == 0
    reached = 0.0
    for segment in prediction.segments:
        assert segment.start <= reached + 1e-9
        reached = max(reached, segment.end)
        assert {score.label for score in segment.genres} == set(GENRES)
    assert seconds - 512 / SR <= reached <= source.duration


def test_batches_make_no_difference(monkeypatch):
    source = clip(70.0)  # 24 windows: more than one batch
    expected = classify(source, model="echo", embedding=True)
    monkeypatch.setattr(sys.modules["earmark.predict.scorer"], "BATCH", 3)
    prediction = classify(source, model="echo", embedding=True)
    assert len(prediction.segments) == 24
    np.testing.assert_allclose(
        [s.score for s in prediction.genres], [s.score for s in expected.genres], atol=1e-6
    )
    assert [s.start for s in prediction.segments] == [s.start for s in expected.segments]


def test_labels_come_highest_first_and_equal_ones_in_the_order_of_the_card():
    scores = [s.score for s in classify(clip(), model="echo").genres]
    assert scores == sorted(scores, reverse=True)
    assert [s.label for s in classify(clip(), model="dummy").genres] == list(GENRES)


def test_a_model_brings_its_own_front_end():
    card = dataclasses.replace(
        CARD, spec=FeatureSpec(sr=16000, n_fft=1024, hop_length=160, n_mels=64), window=1.0, hop=0.5
    )

    class Other(Echo):
        pass

    Other.card = card
    source = Clip(sounds.noise(3.0, sr=16000), 16000)
    prediction = classify(source, model=Other())
    assert [s.start for s in prediction.segments] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert prediction.segments[-1].end == 3.0


# Verdicts


def test_silence_has_every_label_and_nothing_else():
    prediction = classify(Clip(np.zeros(10 * SR, np.float32), SR), model="echo", embedding=True)
    assert prediction.verdict == "silence"
    assert [(s.label, s.score) for s in prediction.genres] == [(label, 0.0) for label in GENRES]
    assert [s.score for s in prediction.moods] == [0.0] * 6
    assert (prediction.quadrant, prediction.tempo, prediction.key) == (None, None, None)
    assert prediction.segments == ()
    assert prediction.embedding == ()


@pytest.mark.parametrize(("level_db", "verdict"), [(-60.2, "silence"), (-59.8, "music")])
def test_silence_is_below_60_db_rms(level_db, verdict):
    assert classify(clip(level_db=level_db), model="echo").verdict == verdict


def test_the_card_may_say_where_silence_ends():
    assert classify(clip(level_db=-20), model=Thresholds(silence_db=-10)).verdict == "silence"


def test_silent_windows_have_no_say():
    music, silence = clip(6.0), Clip(np.zeros(30 * SR, np.float32), SR)
    alone, padded = classify(music, model="echo"), classify(joined(music, silence), model="echo")
    assert padded.verdict == "music"
    assert padded.segments[-1].end < 9.1
    for a, b in zip(alone.segments, padded.segments, strict=False):
        np.testing.assert_allclose([s.score for s in a.genres], [s.score for s in b.genres], atol=0.01)


class Thresholds(Echo):
    def __init__(self, **thresholds):
        self.card = dataclasses.replace(CARD, thresholds=thresholds)


@pytest.mark.parametrize(
    ("thresholds", "verdict"),
    [
        ({}, "music"),
        ({"unsure": 0.99}, "unsure"),
        ({"music": 0.99}, "not-music"),
        ({"music": 0.99, "unsure": 0.99}, "not-music"),
        ({"unsure": 0.01, "music": 0.01}, "music"),
    ],
)
def test_the_verdict_follows_the_thresholds_of_the_card(thresholds, verdict):
    assert classify(clip(), model=Thresholds(**thresholds)).verdict == verdict


@pytest.mark.parametrize("name", ["white noise", "pink noise", "brown noise", "steps of noise", "crackle"])
def test_what_is_not_music_has_no_tempo_no_key_and_no_genre(name):
    """With the shipped weights: a reader is not told the tempo of noise."""
    n, rng = 8 * SR, np.random.default_rng(4)
    white = rng.standard_normal(n)
    falling = np.fft.rfft(white) / np.maximum(np.arange(n // 2 + 1), 20)
    y = {
        "white noise": white,
        "pink noise": np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(n // 2 + 1), 20))),
        "brown noise": np.fft.irfft(falling),
        "steps of noise": white * np.repeat(rng.uniform(0.2, 1, 40), n // 40),
        "crackle": white * (rng.random(n) < 0.002),
    }[name]
    prediction = classify(Clip((0.1 * y / y.std()).astype(np.float32), SR))
    assert prediction.verdict == "not-music"
    assert (prediction.tempo, prediction.key, prediction.best_genre) == (None, None, None)
    assert (prediction.to_dict()["tempo"], prediction.to_dict()["key"]) == (None, None)
    assert prediction.genres[0].score > 0  # the scores themselves stay


# Models


class Plain:
    """A card and predict_proba, nothing more."""

    card = ModelCard("plain", (Head("genres", ("a", "b"), "softmax"), Head("moods", ("calm",))))

    def predict_proba(self, X):
        as_batch(X, self.card)
        return np.tile([0.25, 0.75], (len(X), 1))


def test_a_plain_object_will_do():
    prediction = classify(clip(), model=Plain(), embedding=True)
    assert [s.label for s in prediction.genres] == ["b", "a"]
    assert [s.score for s in prediction.genres] == pytest.approx([0.75, 0.25])
    assert (prediction.moods, prediction.quadrant, prediction.embedding) == ((), None, ())
    assert prediction.verdict == "music"


def test_a_model_that_answers_nonsense_is_stopped():
    class Broken(Echo):
        def forward(self, X):
            return ModelOutput({"genres": np.full((len(X), 19), np.nan)})

    with pytest.raises(ContractError, match="NaN"):
        classify(clip(), model=Broken())


def test_the_tempo_and_the_key_of_a_struck_chord():
    prediction = golden()["golden_prediction"]()
    assert prediction.tempo == pytest.approx(120, rel=0.04)
    assert prediction.key == "A minor"


def test_valence_and_arousal_are_the_halves_of_russells_circle():
    prediction = classify(clip(), model="echo")
    p = prediction.quadrant.scores
    assert prediction.valence == prediction.quadrant.valence == pytest.approx(p["Q1"] + p["Q4"])
    assert prediction.arousal == prediction.quadrant.arousal == pytest.approx(p["Q1"] + p["Q2"])
    assert prediction.valence != pytest.approx(prediction.arousal, abs=1e-3)


@pytest.mark.parametrize(
    ("label", "valence", "arousal"), [("Q1", 1, 1), ("Q2", 0, 1), ("Q3", 0, 0), ("Q4", 1, 0)]
)
def test_a_sure_quadrant_is_a_corner(label, valence, arousal):
    sure = Quadrant(label, {name: float(name == label) for name in QUADRANTS})
    assert (sure.valence, sure.arousal) == (valence, arousal)


def test_valence_and_arousal_stay_within_0_and_1():
    over = Quadrant("Q1", {"Q1": 0.6000001, "Q2": 0.4, "Q3": 0.0, "Q4": 0.4})  # float32 rounds sums up
    assert (over.valence, over.arousal) == (1.0, 1.0)


def test_without_the_four_quadrants_there_is_neither_valence_nor_arousal():
    plain = classify(clip(), model=Plain())
    silent = classify(Clip(np.zeros(10 * SR, np.float32), SR), model="echo")
    other = dataclasses.replace(plain, quadrant=Quadrant("calm", {"calm": 0.7, "wild": 0.3}))
    for prediction in (plain, silent, other):
        assert (prediction.valence, prediction.arousal) == (None, None)
        data = prediction.to_dict()
        assert (data["valence"], data["arousal"]) == (None, None)


def test_the_json_adds_up_as_a_reader_adds():
    scores = {"Q1": 0.33335, "Q2": 0.16665, "Q3": 0.16665, "Q4": 0.33335}
    prediction = dataclasses.replace(classify(clip(), model="echo"), quadrant=Quadrant("Q1", scores))
    data = prediction.to_dict()
    told = data["quadrant"]["scores"]
    assert data["valence"] == round(told["Q1"] + told["Q4"], 4)
    assert data["arousal"] == round(told["Q1"] + told["Q2"], 4)
    assert Prediction.from_dict(data).to_dict() == data
    older = {key: value for key, value in data.items() if key not in ("valence", "arousal")}
    assert Prediction.from_dict(older).to_dict() == data  # JSON of before there were these keys


# Excerpts


def test_excerpts_are_spread_over_the_sound():
    source = joined(*(clip(10.0, level_db=level) for level in (-40, -35, -30, -25, -20, -15)))
    prediction = classify(source, model="echo", excerpts=(3, 10.0))
    starts = [s.start for s in prediction.segments]
    assert [starts[i] for i in (0, 4, 8)] == pytest.approx([5.0, 25.0, 45.0])
    assert len(starts) == 12
    assert prediction.segments[-1].end == pytest.approx(55.0, abs=0.03)
    assert prediction.duration == 60.0
    assert prediction.coverage == "3x10"
    alone = classify(Clip(source.y[5 * SR : 15 * SR], SR), model="echo")
    np.testing.assert_allclose(
        [s.score for s in prediction.segments[0].genres],
        [s.score for s in alone.segments[0].genres],
        atol=1e-6,
    )


def test_excerpts_of_a_short_sound_are_all_of_it():
    source = clip(20.0)
    assert classify(source, model="echo", excerpts=(3, 10.0)) == classify(source, model="echo")


@pytest.mark.parametrize(
    "excerpts", [(0, 10), (3, 2), (3,), (-1, 10), (3, float("inf")), (3, float("nan")), (2.5, 10), "3x10", 3]
)
def test_odd_excerpts_are_refused(excerpts):
    with pytest.raises(InputError, match=r"excerpts=.*\(3, 10.0\)"):
        classify(clip(), model="echo", excerpts=excerpts)


def test_a_part_is_classified_as_if_it_were_all_but_for_its_times():
    source = joined(*(clip(10.0, level_db=level, seed=i) for i, level in enumerate((-40, -30, -20))))
    part = classify(source, model="echo", start=10.0, duration=10.0, embedding=True)
    alone = classify(Clip(source.y[10 * SR : 20 * SR], SR), model="echo", embedding=True)
    assert (part.start, part.duration, part.coverage) == (10.0, 10.0, "part")
    assert [s.start for s in part.segments] == pytest.approx([s.start + 10 for s in alone.segments])
    assert part.segments[-1].end == pytest.approx(20.0, abs=0.03)
    assert (part.genres, part.moods, part.embedding) == (alone.genres, alone.moods, alone.embedding)
    assert (part.tempo, part.key, part.verdict) == (alone.tempo, alone.key, alone.verdict)
    assert part.to_dict()["start"] == 10.0
    within = classify(source, model="echo", start=15.0, excerpts=(2, 4.0))
    assert [s.start for s in within.segments][::2] == pytest.approx([16.75, 24.25])
    assert within.duration == 15.0


def test_a_source_that_is_too_long_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = Path(sounds.write(tmp_path / "long.wav", sounds.noise(20.0, sr=8000), 8000, "wav16"))
    for source in (path, path.read_bytes(), clip(20.0)):
        with (
            monkeypatch.context() as patched,
            pytest.raises(TooLongError, match="max_duration=15 s") as error,
        ):
            patched.setattr(AudioStream, "blocks", lambda *_, **__: pytest.fail("decoded"))
            classify(source, model="echo", max_duration=15.0)
        assert (error.value.code, error.value.exit_code) == ("too-long", 1)
    assert classify(path, model="echo", max_duration=20.0).duration == 20.0
    assert classify(path, model="echo", max_duration=5.0, start=3.0, duration=5.0).duration == 5.0


def test_a_source_of_unknown_length_is_refused_as_soon_as_it_is_too_long(monkeypatch):
    pushed = []
    blocks = AudioStream.blocks

    def counted(stream, **options):
        stream.info = dataclasses.replace(stream.info, duration=None)
        for y in blocks(stream, **options):
            pushed.append(len(y))
            yield y

    monkeypatch.setattr(AudioStream, "blocks", counted)
    monkeypatch.setattr(
        sys.modules["earmark.predict.classify"], "_span", lambda stream, start, duration: None
    )
    with pytest.raises(TooLongError, match="max_duration=15 s"):
        classify(clip(120.0), model="echo", max_duration=15.0)
    assert sum(pushed) < 30 * SR


def lying_header(kind: str, path: Path) -> Path:
    """Write sound whose header claims another length than there is."""
    y = sounds.noise(20.0, sr=22050)
    whole = sounds.encode(y, 22050, "wav16" if kind == "cut WAV" else "mp3")
    if kind == "joined MP3":  # 40 s, the header of the first half claims 20
        path.write_bytes(whole + sounds.encode(y, 22050, "mp3"))
    else:
        path.write_bytes(whole[: len(whole) // 4])  # 5 s, the header claims 20
    return path


def test_a_header_that_lies_short_lets_no_long_file_through(tmp_path, monkeypatch):
    path = lying_header("joined MP3", tmp_path / "joined.mp3")
    pushed = []
    push = WindowScorer.push
    monkeypatch.setattr(WindowScorer, "push", lambda self, y: pushed.append(len(y)) or push(self, y))
    for excerpts in (None, (3, 4.0)):
        with pytest.raises(TooLongError, match="max_duration=25 s"):
            classify(path, model="echo", max_duration=25.0, excerpts=excerpts)
        assert sum(pushed) <= 25 * SR
    assert classify(path, model="echo", max_duration=45.0).duration > 39


@pytest.mark.parametrize("kind", ["cut MP3", "cut WAV"])
def test_a_header_that_lies_long_gets_no_short_file_refused(kind, tmp_path):
    path = lying_header(kind, tmp_path / "cut.sound")
    for source in (path, path.read_bytes()):
        assert classify(source, model="echo", max_duration=15.0).duration == pytest.approx(5.0, abs=0.2)
    with pytest.raises(TooLongError, match="max_duration=4 s"):
        classify(path, model="echo", max_duration=4.0)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_an_odd_limit_is_refused(limit):
    with pytest.raises(InputError, match="max_duration"):
        classify(clip(), model="echo", max_duration=limit)


# Short sounds


@pytest.mark.parametrize("seconds", [0.5, 0.8, 1.0, 2.9])
def test_sound_shorter_than_a_window_is_repeated_to_fill_one(seconds):
    source = clip(seconds)
    prediction = classify(source, model="echo", embedding=True)
    filled = classify(Clip(np.resize(source.y, 3 * SR), SR), model="echo", embedding=True)
    assert prediction.verdict == "music"
    assert prediction.duration == source.duration
    assert [(s.start, s.end) for s in prediction.segments] == [(0.0, source.duration)]
    expected = {score.label: score.score for score in filled.genres}
    for label, score in [(score.label, score.score) for score in prediction.genres]:
        assert score == pytest.approx(expected[label], abs=2e-3)  # two frames at the end differ
    assert prediction.warnings == (
        f"lasts {seconds:.2f} s, less than one window of 3 s: repeated to fill it",
    )
    assert classify(clip(3.0), model="echo").warnings == ()


def test_a_short_silence_is_silence():
    assert classify(Clip(np.zeros(SR, np.float32), SR), model="echo").verdict == "silence"


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.49])
def test_sound_shorter_than_half_a_second_is_refused_with_both_lengths(seconds):
    with pytest.raises(TooShortError, match=f"lasts {seconds:.2f} s, less than 0.5 s.*windows of 3 s"):
        classify(clip(seconds), model="echo")


def test_what_is_missing_of_a_file_is_reported(tmp_path):
    data = sounds.encode(sounds.noise(30.0), 44100, "wav16")
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    prediction = classify(tmp_path / "cut.wav", model="echo")
    assert prediction.duration == pytest.approx(15.0, abs=0.01)
    assert len(prediction.segments) == 5
    assert any("truncated" in warning for warning in prediction.warnings)
    assert json.loads(prediction.to_json())["warnings"] == list(prediction.warnings)


# JSON


def golden():
    return runpy.run_path(str(Path(__file__).parents[1] / "golden" / "make_prediction_echo.py"))


def same(value, expected):
    """Equal in structure and order of keys, numbers to the rounding of float32 on another machine."""
    if isinstance(expected, dict):
        return list(value) == list(expected) and all(same(value[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(expected, float):
        return value == pytest.approx(expected, abs=2e-3)
    return value == expected


def test_the_json_is_that_of_the_golden_file():
    made = golden()
    expected = json.loads(made["GOLDEN"].read_text(encoding="utf-8"))
    assert same(json.loads(made["golden_prediction"]().to_json()), expected)
    assert not same({**expected, "verdict": "silence"}, expected)


def test_a_prediction_survives_json():
    data = golden()["golden_prediction"]().to_dict()
    text = json.dumps(data)
    assert Prediction.from_dict(json.loads(text)).to_dict() == data
    assert Prediction.from_dict({**data, "added": "later"}).to_dict() == data


def test_json_is_one_line_and_survives_any_file_name():
    name = "Bj\u00f6rk\n\udcff.mp3"
    line = classify(dataclasses.replace(clip(), path=name), model="echo").to_json()
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["source"] == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "earmark.prediction/2"}, "schema='earmark.prediction/2'"),
        ({"verdict": "noise"}, "verdict is 'noise'.*not-music"),
        ({"duration": "3"}, "duration is '3'"),
        ({"duration": float("nan")}, "duration is nan"),
        ({"duration": 10**400}, "duration is 1000"),
        ({"duration": True}, "duration is True"),
        ({"genres": {"rock": 1}}, "genres is"),
        ({"genres": [{"label": "rock"}]}, "score is missing"),
        ({"genres": ["rock"]}, "genres is"),
        ({"model": None}, "model is None"),
        ({"model": {"name": "x"}}, "sha256 is missing"),
        ({"quadrant": {"label": "Q5", "scores": {"Q1": 1.0}}}, "label is 'Q5'"),
        ({"tempo": "fast"}, "tempo is 'fast'"),
        ({"key": 3}, "key is 3"),
        ({"segments": [{"start": 0.0}]}, "end is missing"),
        ({"segments": [1]}, "entry of segments is 1"),
        ({"warnings": [1]}, "entry of warnings is 1"),
        ({"warnings": None}, "warnings is None"),
        ({"embedding": ["x"]}, "entry of embedding is 'x'"),
        ({"embedding": 1.0}, "embedding is 1.0"),
    ],
)
def test_a_dictionary_that_is_no_prediction_is_explained(change, message):
    data = golden()["golden_prediction"]().to_dict()
    with pytest.raises(InputError, match=message):
        Prediction.from_dict({**data, **change})


def test_a_missing_entry_is_named():
    data = golden()["golden_prediction"]().to_dict()
    for key in (
        "source",
        "duration",
        "model",
        "verdict",
        "genres",
        "moods",
        "quadrant",
        "tempo",
        "key",
        "segments",
    ):
        with pytest.raises(InputError, match=key):
            Prediction.from_dict({k: v for k, v in data.items() if k != key})
    with pytest.raises(InputError, match="schema=None"):
        Prediction.from_dict([data])


def test_an_error_has_a_schema_too():
    try:
        classify("no such file.mp3", model="echo")
    except EarmarkError as error:
        data = error_dict("no such file.mp3", error)
    assert data == {
        "schema": "earmark.error/1",
        "source": "no such file.mp3",
        "error": {"code": "not-found", "message": data["error"]["message"], "hint": data["error"]["hint"]},
    }
    assert "no such file.mp3" in data["error"]["message"]
    assert data["error"]["hint"] and data["error"]["hint"] not in data["error"]["message"]
    assert error_dict(b"bytes", InputError("x"))["source"] is None


@pytest.mark.shared
def test_recordings_get_an_answer(shared):
    for path in sorted((shared / "data" / "gtzan" / "clips").rglob("*.*"))[::60]:
        prediction = classify(path, model="echo")
        assert prediction.verdict == "music"
        assert 25 < prediction.duration < 31
        assert Prediction.from_dict(json.loads(prediction.to_json())).to_dict() == prediction.to_dict()
