"""Sound through a model with several front ends: the same inputs and scores through every door."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import several
import sounds
from earmark import workers
from earmark.audio import Clip
from earmark.errors import InputError
from earmark.features import log_mel
from earmark.features.subsonic import without_subsonic
from earmark.live import Session
from earmark.models.windows import sound_windows
from earmark.predict import Prediction, WindowScorer, WindowScores, classify, score_spectrogram
from earmark.predict.scorer import model_output
from music import band
from several import CARD

SR, ENDS = 22050, CARD.front_ends


@functools.cache
def music() -> np.ndarray:
    """Music and some silence [shape=(n,)]."""
    rock, house = band("rock", seconds=5.0), band("house", seconds=5.0, seed=2)
    return np.concatenate([rock.y, np.zeros(5 * SR, np.float32), house.y])[: 14 * SR + 77]


def in_chunks(scorer: WindowScorer, y: np.ndarray, sizes: list[int]) -> tuple[WindowScores, np.ndarray]:
    """Push a sound in chunks; the scores of all windows, and the inputs of those that are not silent."""
    pending, at, i = [], 0, 0
    while at < len(y):
        pending.append(scorer.windows(y[at : at + sizes[i % len(sizes)]]))
        at, i = at + sizes[i % len(sizes)], i + 1
    pending.append(scorer.last_windows())
    scores = [scorer.scores(one, model_output(scorer.model, one.X)) for one in pending]
    return WindowScores.concatenate(scores), np.concatenate([one.X for one in pending])


def assert_same(one: WindowScores, other: WindowScores, atol: float = 1e-6) -> None:
    np.testing.assert_array_equal(one.starts, other.starts)
    np.testing.assert_array_equal(one.weights, other.weights)
    for name, rows in one.heads.items():
        np.testing.assert_allclose(rows, other[name], atol=atol)


@functools.cache
def whole() -> tuple[WindowScores, np.ndarray]:
    return in_chunks(WindowScorer(several.model()), music(), [len(music())])


def test_the_inputs_are_those_of_the_whole_sound() -> None:
    scores, X = whole()
    starts, expected = sound_windows(without_subsonic(music(), SR), CARD)
    np.testing.assert_allclose(scores.starts, np.array(starts) * 512 / SR)
    assert scores.silent.any()
    np.testing.assert_allclose(X, expected[~scores.silent], atol=2e-3)


@given(sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=8).filter(lambda s: sum(s) > 5_000))
@settings(max_examples=10, deadline=None)
def test_the_division_into_chunks_changes_nothing(sizes: list[int]) -> None:
    scores, X = in_chunks(WindowScorer(several.model()), music(), sizes)
    np.testing.assert_array_equal(X, whole()[1])
    assert_same(scores, whole()[0])


def test_sound_that_is_shorter_than_a_window_is_repeated() -> None:
    y = sounds.noise(1.3, sr=SR)
    scorer = WindowScorer(several.model())
    scores, X = in_chunks(scorer, y, [1000])
    assert scorer.repeated
    assert len(scores) == 1
    filled = np.resize(y, CARD.window_length)
    np.testing.assert_allclose(X, sound_windows(without_subsonic(filled, SR), CARD)[1], atol=2e-3)


def test_after_a_jump_windows_begin_anew() -> None:
    y, scorer = music(), WindowScorer(several.model())
    pieces = [scorer.push(y[: 4 * SR]), scorer.jump(9.0), scorer.push(y[9 * SR :]), scorer.close()]
    one = in_chunks(WindowScorer(several.model()), y[: 4 * SR], [99_999])[0]
    other = in_chunks(WindowScorer(several.model(), start=9.0), y[9 * SR :], [99_999])[0]
    assert_same(WindowScores.concatenate(pieces), WindowScores.concatenate([one, other]))


def test_the_latest_window_ends_with_the_last_frames_that_are_there() -> None:
    y, scorer = music(), WindowScorer(several.model())
    for end in range(0, 5 * SR, 4801):
        scorer.push(y[end : end + 4801])
        latest = scorer.latest_window()
        assert (len(latest) > 0) == (scorer.n_samples >= CARD.first_length)
        if not len(latest):
            continue
        start = round(latest.starts[0] * SR / 512)
        sound = without_subsonic(y[: scorer.n_samples], SR)  # as at the end of a sound
        if latest.weights[0]:
            parts = [log_mel(sound, one.spec)[:, one.first(start) :][:, : one.n_frames] for one in ENDS]
            joined = np.concatenate([part.ravel() for part in parts])
            np.testing.assert_allclose(latest.X[0], joined, atol=2e-3)
        last = ENDS[2].first(start + 1) + ENDS[2].n_frames - 1  # of a window one frame later
        assert last * 352 + 2048 > scorer.n_samples


def test_log_mels_of_one_front_end_do_not_do() -> None:
    with pytest.raises(InputError, match="1 spectrograms; model 'several' has 3 front ends"):
        score_spectrogram(several.model(), np.zeros((128, 300), np.float32))


# Other doors


def assert_close(one: Prediction, other: Prediction, atol: float = 1e-6) -> None:
    assert (one.verdict, one.key, one.coverage) == (other.verdict, other.key, other.coverage)
    for name in ("genres", "moods"):
        mine = {score.label: score.score for score in getattr(one, name)}
        assert mine == pytest.approx({s.label: s.score for s in getattr(other, name)}, abs=atol)
    assert [s.start for s in one.segments] == pytest.approx([s.start for s in other.segments])


@pytest.mark.parametrize("sizes", [[4410], [333, 20_000, 7]])
def test_a_live_session_ends_with_what_classify_gives(sizes: list[int]) -> None:
    y, session = music(), Session(several.model())
    answers, at, i = [], 0, 0
    while at < len(y):
        answers += session.push(y[at : at + sizes[i % len(sizes)]])
        at, i = at + sizes[i % len(sizes)], i + 1
    assert answers[0].time == pytest.approx(129 * 512 / SR, abs=512 / SR)
    assert len(answers) == 1 + (len(y) - CARD.first_length) // round(0.25 * SR)
    assert_close(session.final(), classify(Clip(y, SR), model=several.model()))


def _classified(model: object, style: str) -> Prediction:
    return classify(band(style, seconds=4.0), model=model)


def test_worker_processes_score_alike() -> None:
    task = functools.partial(_classified, several.model())
    done = list(workers.run(task, ["rock", "house"], jobs=2))
    for result in done:
        assert isinstance(result, workers.Done), result
        assert_close(result.value, task(result.source))


def test_another_hop_is_taken() -> None:
    scorer = WindowScorer(several.model(), hop=0.7)
    scores, X = in_chunks(scorer, music()[: 6 * SR], [10_000])
    card = dataclasses.replace(CARD, hop=0.7)
    y = without_subsonic(music()[: 6 * SR], SR)
    starts, expected = sound_windows(y, card)
    np.testing.assert_allclose(scores.starts, np.array(starts) * 512 / SR)
    np.testing.assert_allclose(X, expected[~scores.silent], atol=2e-3)
