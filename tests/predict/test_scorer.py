"""The one inference object: the same scores however the sound is cut, through every door, and in batches."""

from __future__ import annotations

import dataclasses
import functools
import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.errors import BadSamplesError, InputError
from earmark.features import log_mel
from earmark.features.subsonic import without_subsonic
from earmark.models import Head, ModelCard, load_model
from earmark.models.builtin.echo import CARD, Echo
from earmark.predict import (
    WindowScorer,
    WindowScores,
    classify,
    push_together,
    score_source,
    score_spectrogram,
)
from music import band

SR = 22050
GOLDEN = Path(__file__).parents[1] / "golden"


def in_chunks(scorer, y, sizes):
    """Push a sound in chunks of the given sizes, again and again, and join what comes out."""
    pieces, at, i = [], 0, 0
    while at < len(y):
        pieces.append(scorer.push(y[at : at + sizes[i % len(sizes)]]))
        at, i = at + sizes[i % len(sizes)], i + 1
    return WindowScores.concatenate([*pieces, scorer.close()])


def assert_same(scores, expected, atol=1e-6):
    np.testing.assert_allclose(scores.starts, expected.starts, atol=1e-9)
    np.testing.assert_allclose(scores.weights, expected.weights, atol=1e-9)
    np.testing.assert_allclose(scores.levels_db, expected.levels_db, atol=1e-4)
    assert list(scores.heads) == list(expected.heads)
    for name, rows in scores.heads.items():
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, expected[name], atol=atol, err_msg=name)
    np.testing.assert_allclose(scores.embeddings, expected.embeddings, atol=1e-5)


@functools.cache
def music():
    """Ten seconds of music, some silence between."""
    rock, house = band("rock", seconds=5.0), band("house", seconds=5.0, seed=2)
    return np.concatenate([rock.y, np.zeros(5 * SR, np.float32), house.y])


# The same scores through every door


@given(sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=8), hop=st.sampled_from([None, 0.7]))
@settings(max_examples=10, deadline=None)
def test_the_division_into_chunks_changes_no_score(sizes, hop):
    y = music()[: 11 * SR + 77]
    whole = in_chunks(WindowScorer("echo", hop=hop), y, [len(y)])
    sizes = sizes if sum(sizes) > 5_000 else [*sizes, 5_000]  # single samples have a test of their own
    assert_same(in_chunks(WindowScorer("echo", hop=hop), y, sizes), whole)


def test_single_samples_will_do():
    y = sounds.noise(3.2, sr=SR)
    assert_same(in_chunks(WindowScorer("echo"), y, [1]), in_chunks(WindowScorer("echo"), y, [len(y)]))


def test_classify_chunks_and_evaluate_give_the_same_window_scores_with_the_shipped_weights(tmp_path):
    from earmark.data import read_manifest
    from earmark.evaluate.scoring import score_tracks

    model = load_model("earmark-base")
    for label in ("rock", "jazz"):
        (tmp_path / label).mkdir()
        sounds.write(tmp_path / label / "song.wav", music(), SR, "wavfloat")
    path = tmp_path / "rock" / "song.wav"
    whole = score_source(path, model=model).scores
    rng = np.random.default_rng(3)
    for sizes in ([441], [100_000], rng.integers(1, 100_000, 20).tolist()):
        assert_same(in_chunks(WindowScorer(model), music(), sizes), whole)

    prediction = classify(path, model=model)
    loud = whole.take(~whole.silent)
    assert [s.start for s in prediction.segments] == loud.starts.tolist()
    for segment, row, circle in zip(prediction.segments, loud["genres"], loud["quadrant"], strict=True):
        scores = {score.label: score.score for score in segment.genres}
        np.testing.assert_allclose([scores[label] for label in model.card.classes], row, atol=1e-6)
        np.testing.assert_allclose(list(segment.quadrant.scores.values()), circle, atol=1e-6)

    tracks, _ = score_tracks(model, read_manifest(tmp_path), head=model.card.heads[0])
    for track in tracks:
        np.testing.assert_allclose(track.windows, loud["genres"], atol=1e-6)
        np.testing.assert_allclose(track.starts, loud.starts, atol=1e-9)
        np.testing.assert_allclose(track.scores, whole.mean("genres"), atol=1e-6)


def test_a_spectrogram_gives_the_scores_of_its_sound():
    y = sounds.noise(10.0, sr=SR)
    expected = in_chunks(WindowScorer("echo"), y, [len(y)])
    scores = score_spectrogram(Echo(), log_mel(y))
    assert_same(dataclasses.replace(scores, levels_db=expected.levels_db), expected)
    assert len(score_spectrogram(Echo(), log_mel(y[:SR]))) == 0


@pytest.mark.parametrize("name", ["earmark-base", "earmark-lite"])
def test_the_shipped_scores_are_those_of_the_golden_file(name):
    """That of `earmark-lite` is by the code before `WindowScorer`, to 7 digits: nothing has moved by 1e-5."""
    made = runpy.run_path(str(GOLDEN / "make_prediction_shipped.py"))
    expected = json.loads(made["GOLDEN"][name].read_text(encoding="utf-8"))
    scores = made["golden_scores"](made["golden_prediction"](name))
    assert_near(scores, expected, "prediction")
    moved = {**expected, "genres": {**expected["genres"], "jazz": expected["genres"]["jazz"] + 2e-5}}
    with pytest.raises(AssertionError, match="jazz"):
        assert_near(scores, moved, "prediction")


def assert_near(value, expected, name):
    if isinstance(expected, dict):
        assert set(value) == set(expected), name
        for key in expected:
            assert_near(value[key], expected[key], f"{name}.{key}")
    elif isinstance(expected, list):
        assert len(value) == len(expected), name
        for i, pair in enumerate(zip(value, expected, strict=True)):
            assert_near(*pair, f"{name}[{i}]")
    elif isinstance(expected, float):
        assert value == pytest.approx(expected, abs=1e-5), name
    else:
        assert value == expected, name


# Push


def test_windows_come_as_soon_as_they_are_complete():
    scorer, second = WindowScorer("echo", hop=1.0, start=100.0), sounds.noise(1.0, sr=SR)
    counts = [len(scorer.push(second)) for _ in range(6)]
    assert counts == [0, 0, 0, 1, 1, 1]  # a frame reaches half its length beyond its centre
    last = scorer.close()
    assert last.starts[-1] == pytest.approx(103.0, abs=0.03)
    assert scorer.n_windows == sum(counts) + len(last)
    assert scorer.n_samples == 6 * SR


def test_a_large_block_goes_through_the_model_a_few_windows_at_a_time():
    sizes = []

    class Counting(Echo):
        def forward(self, X):
            sizes.append(len(X))
            return super().forward(X)

    scores = WindowScorer(Counting()).push(sounds.noise(100.0, sr=SR))
    assert len(scores) == 33
    assert max(sizes) <= 8


def test_silent_windows_are_there_with_scores_of_0_and_no_weight():
    y = np.concatenate([sounds.noise(6.0, sr=SR), np.zeros(9 * SR, np.float32)])
    scores = in_chunks(WindowScorer("echo"), y, [10_000])
    assert scores.silent.tolist() == [False, False, False, True, True]  # the third holds 0.01 s of the noise
    assert not scores["moods"][3:].any()
    assert not scores.embeddings[3:].any()
    assert scores.levels_db[0] == pytest.approx(-20, abs=0.5)
    assert scores.levels_db[-1] < -150
    np.testing.assert_allclose(scores.mean("genres"), scores["genres"][:3].mean(axis=0), atol=1e-6)
    assert not scores.take(scores.silent).mean("genres").any()


def test_a_scorer_that_jumps_scores_each_stretch_for_itself():
    y = sounds.noise(20.0, sr=SR)
    scorer = WindowScorer("echo")
    pieces = [scorer.push(y[: 7 * SR]), scorer.jump(12.0), scorer.push(y[12 * SR :]), scorer.close()]
    got = WindowScores.concatenate(pieces)
    one = in_chunks(WindowScorer("echo"), y[: 7 * SR], [999_999])
    other = in_chunks(WindowScorer("echo", start=12.0), y[12 * SR :], [999_999])
    assert_same(got, WindowScores.concatenate([one, other]))


def test_what_is_pushed_after_the_end_or_is_no_sound_is_refused():
    with pytest.raises(InputError, match="mono vector of floats"):
        WindowScorer("echo").push(np.zeros((2, 100)))
    with pytest.raises(BadSamplesError):
        WindowScorer("echo").push(np.full(9_000, np.nan, np.float32))
    scorer = WindowScorer("echo")
    assert len(scorer.close()) == 0
    for late in (lambda: scorer.push(np.zeros(10)), scorer.close, lambda: scorer.jump(3.0)):
        with pytest.raises(InputError, match=r"closed.*new WindowScorer"):
            late()
    with pytest.raises(InputError, match="hop=4"):
        WindowScorer("echo", hop=4.0)


def test_what_was_pushed_may_be_overwritten():
    y, buffer = sounds.noise(4.0, sr=SR), np.empty(333, np.float32)
    scorer, pieces = WindowScorer("echo"), []
    for at in range(0, len(y), 333):
        part = buffer[: len(y[at : at + 333])]
        part[:] = y[at : at + 333]
        pieces.append(scorer.push(part))
        buffer[:] = 1.0
    scores = WindowScores.concatenate([*pieces, scorer.close()])
    assert_same(scores, in_chunks(WindowScorer("echo"), y, [len(y)]))


# Several scorers, one call of the model


def test_three_scorers_share_one_call_of_the_model():
    calls = []

    class Counting(Echo):
        def forward(self, X):
            calls.append(len(X))
            return super().forward(X)

    card = dataclasses.replace(CARD, priors={"genres": dict.fromkeys(CARD.classes, 0.1)})
    Counting.card = card
    model = Counting()
    songs = [sounds.noise(3.5 * k, sr=SR, seed=k) for k in (1, 2, 3)]
    songs[1][: 4 * SR] = 0  # its first window is silent
    options = [{}, {"hop": 1.5}, {"prior": {"jazz": 0.6}}]
    alone = [WindowScorer(model, **kw) for kw in options]
    expected = [in_chunks(scorer, y, [len(y)]) for scorer, y in zip(alone, songs, strict=True)]
    assert not np.allclose(
        expected[2]["genres"], in_chunks(WindowScorer(model), songs[2], [99_999])["genres"]
    )

    calls.clear()
    scorers = [WindowScorer(model, **kw) for kw in options]
    first, last = push_together(scorers, songs), push_together(scorers, [None] * 3)
    assert len(calls) == 2  # one for each round
    for scores, pieces in zip(expected, zip(first, last, strict=True), strict=True):
        assert_same(WindowScores.concatenate(pieces), scores)
    assert push_together([], []) == []


def test_scorers_of_different_models_do_not_go_together():
    with pytest.raises(InputError, match="share one model"):
        push_together([WindowScorer("echo"), WindowScorer("dummy")], [None, None])
    with pytest.raises(InputError, match="1 scorers, 2 blocks"):
        push_together([WindowScorer("echo")], [None, None])


# Scores


def scores_of(n=6, *, silent=()):
    y = sounds.noise(3.0 * n, sr=SR)
    for i in silent:
        y[3 * i * SR : 3 * (i + 1) * SR] = 0
    return in_chunks(WindowScorer("echo", hop=3.0), y, [len(y)])


def test_the_mean_counts_every_moment_once():
    scores = in_chunks(WindowScorer("echo"), sounds.noise(10.0, sr=SR), [50_000])
    assert scores.weights.tolist() == pytest.approx([1, 1, 1, (301 - 258) / 129])
    expected = np.average(scores["moods"], axis=0, weights=scores.weights)
    np.testing.assert_allclose(scores.mean("moods"), expected, atol=1e-7)
    np.testing.assert_allclose(
        scores.mean_embedding(), np.average(scores.embeddings, axis=0, weights=scores.weights), atol=1e-6
    )


def test_the_last_seconds_and_a_stretch_are_windows_like_the_others():
    scores = scores_of()
    assert scores.last(3.0).starts.tolist() == [scores.starts[-1]]
    assert scores.last(0.1).starts.tolist() == [scores.starts[-1]]
    assert len(scores.last(100.0)) == len(scores)
    assert len(scores.take(slice(0, 0)).last(3.0)) == 0
    middle = scores.between(6.0, 12.0)
    assert middle.starts.round().tolist() == [6.0, 9.0]
    np.testing.assert_array_equal(middle["genres"], scores["genres"][2:4])
    np.testing.assert_allclose(middle.ends - middle.starts, 3.0)


def test_the_verdict_of_a_moment_is_its_own():
    scores = scores_of(silent=(4, 5))
    assert scores.verdict() == "music"
    assert scores.last(3.0).verdict() == "silence"
    strict = dataclasses.replace(scores, card=dataclasses.replace(CARD, thresholds={"music": 0.99}))
    assert strict.verdict() == "not-music"
    unsure = dataclasses.replace(scores, card=dataclasses.replace(CARD, thresholds={"unsure": 0.99}))
    assert unsure.verdict() == "unsure"
    assert WindowScores.empty(CARD).verdict() == "silence"
    assert WindowScores.empty(CARD, 2).mean("genres").tolist() == [0.0] * 19


def test_scores_join_whatever_was_silent():
    """A model without `forward` answers one head of the three that its card names."""

    class Plain:
        card = ModelCard("plain", (Head("genres", ("a", "b")), Head("moods", ("calm",))), embedding_size=4)

        def predict_proba(self, X):
            return np.tile([0.25, 0.75], (len(X), 1)).astype(np.float32)

    y = np.concatenate([np.zeros(6 * SR, np.float32), sounds.noise(6.0, sr=SR)])
    scores = in_chunks(WindowScorer(Plain()), y, [SR])
    assert list(scores.heads) == ["genres"]
    assert scores.embeddings is None
    np.testing.assert_allclose(scores.mean("genres"), [0.25, 0.75])
    silent = in_chunks(WindowScorer(Plain()), y[: 6 * SR], [SR])
    assert list(silent.heads) == ["genres", "moods"]
    with pytest.raises(InputError, match="no scores"):
        WindowScores.concatenate([])


def test_scores_survive_a_process_border():
    scores = scores_of(2)
    assert_same(pickle.loads(pickle.dumps(scores)), scores)


def test_the_tempo_of_a_part_is_its_own():
    t = np.arange(16 * SR) / SR
    period = np.where(t < 8, 60 / 128, 60 / 96)
    y = sounds.noise(16.0, sr=SR) * np.exp(-30 * (t % period)).astype(np.float32)
    scorer = WindowScorer("echo")
    in_chunks(scorer, y, [99_999])
    assert scorer.track.tempo(0.0, 8.0) == pytest.approx(128, rel=0.04)
    assert scorer.track.tempo(8.0) == pytest.approx(96, rel=0.04)
    assert scorer.track.tempo(50.0) is None


# The latest window, between the others


def test_the_latest_window_is_the_one_that_ends_with_the_frames_so_far():
    y = music()[: 9 * SR]
    scorer, plain = WindowScorer("echo"), WindowScorer("echo")
    S_db = log_mel(y)
    for end in range(0, len(y), 4801):
        scorer.push(y[end : end + 4801])
        latest = scorer.latest_window()
        last = (scorer.n_samples - 1024) // 512  # the last frame that is complete
        if last < 129:
            assert len(latest) == 0
            continue
        assert latest.starts.tolist() == [pytest.approx((last - 129) * 512 / SR)]
        assert scorer.scores(latest, None).weights.tolist() == latest.weights.tolist()
        if latest.weights[0]:
            np.testing.assert_allclose(latest.X[0], S_db[:, last - 129 : last + 1], atol=1e-4)
    # Looking at it changes nothing.
    assert_same(
        WindowScores.concatenate([scorer.jump(20.0), scorer.close()]),
        WindowScores.concatenate([plain.push(y), plain.close()]).take(slice(2, None)),
    )


def test_an_offset_is_taken_out_of_the_latest_window_too():
    y = sounds.tone(4.0, sr=SR, amplitude=0.1) + np.float32(0.2)
    scorer = WindowScorer("echo")
    scorer.push(y)
    latest = scorer.latest_window()
    assert latest.levels_db[0] == pytest.approx(-23.0, abs=0.1)
    clean = log_mel(without_subsonic(y, SR))  # as at the end of a sound
    last = (len(y) - 1024) // 512
    np.testing.assert_allclose(latest.X[0], clean[:, last - 129 : last + 1], atol=1e-3)
    assert log_mel(y)[0].min() > clean[0, :last].max() + 30
