"""The parts of a source: where its genres change, and what each part is."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from feature_sounds import clicks
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import FeatureSpec, log_mel
from earmark.models import load_model
from earmark.predict import Prediction, WindowScores
from earmark.predict.frame_track import FrameTrack
from earmark.predict.parts import PENALTY, SHORTEST, _Begins, _changes, spans

CARD = load_model("echo").card
GENRES = CARD.heads[0].classes
A, B = 0, 1  # two genres of echo's card


def scores_of(genres: list[int | None], *, noise: float = 0.0, step: float = 3.0) -> WindowScores:
    """Windows that are sure of a genre each; None is a silent one."""
    rng = np.random.default_rng(0)
    empty = WindowScores.empty(CARD, len(genres))
    rows = np.zeros((len(genres), len(GENRES)))
    for row, genre in zip(rows, genres, strict=True):
        if genre is not None:
            row[genre] = 0.8
    rows = np.clip(rows + noise * rng.standard_normal(rows.shape), 0, 1).astype(np.float32)
    weights = np.array([0.0 if genre is None else 1.0 for genre in genres])
    heads = {**empty.heads, CARD.heads[0].name: rows}
    return WindowScores(CARD, np.arange(len(genres)) * step, weights, np.zeros(len(genres)), heads, None)


def found(scores: WindowScores) -> list[tuple[float, float, int]]:
    end = float(scores.starts[-1]) + CARD.window
    return [
        (round(span.start, 6), round(span.end, 6), int(span.scores.mean(CARD.heads[0].name).argmax()))
        for span in spans(scores, end=end)
    ]


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_change_of_genre_is_found_where_it_is(noise: float) -> None:
    places = found(scores_of([A] * 5 + [B] * 4 + [A] * 6, noise=noise))
    assert [genre for _, _, genre in places] == [A, B, A]
    times = [start for start, _, _ in places] + [places[-1][1]]
    assert times == pytest.approx([0, 15, 27, 45], abs=2 * noise * CARD.window)


def test_one_window_that_differs_is_no_part() -> None:
    assert found(scores_of([A, A, A, B, A, A, A])) == [(0, 21, A)]


def test_a_piece_of_one_genre_is_one_part_however_long() -> None:
    assert found(scores_of([A] * 1200, noise=0.15)) == [(0, 3600, A)]


def test_no_part_is_made_of_less_than_two_windows() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        scores = scores_of(rng.integers(0, 3, 40).tolist())
        assert all(len(span.scores) * CARD.hop >= SHORTEST for span in spans(scores, end=120.0))
        places = found(scores)
        assert all(a[1] == b[0] and a[2] != b[2] for a, b in itertools.pairwise(places))


def plain_changes(rows: np.ndarray, seconds: np.ndarray) -> list[int]:
    """The dynamic programme as it is written down, over every begin of every part."""
    n, times = len(rows), np.concatenate([[0.0], np.cumsum(seconds)])
    best, previous = [0.0] + [np.inf] * n, [0] * (n + 1)
    for stop in range(1, n + 1):
        for begin in range(stop):
            if times[stop] - times[begin] < SHORTEST - 1e-6:
                continue
            part, weights = rows[begin:stop], seconds[begin:stop, np.newaxis]
            spread = (weights * (part - (weights * part).sum(axis=0) / weights.sum()) ** 2).sum()
            if best[begin] + spread + PENALTY < best[stop]:
                best[stop], previous[stop] = best[begin] + spread + PENALTY, begin
    changes, stop = [], previous[n]
    while stop > 0:
        changes.insert(0, stop)
        stop = previous[stop]
    return changes


@given(
    st.integers(1, 60),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.05, 0.2, 0.5]),
    st.sampled_from([0.5, 3.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_what_is_pruned_changes_nothing(n: int, length: int, noise: float, hop: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = np.repeat(rng.dirichlet(np.full(5, 0.3), size=n // length + 1), length, axis=0)[:n]
    rows = means + noise * rng.standard_normal((n, 5)) + 1e-6 * rng.standard_normal((n, 5))  # no ties
    seconds = hop * rng.uniform(0.2, 1.0, n)  # the last window of a source, and those between silences
    assert _changes(rows, seconds) == plain_changes(rows, seconds)


def test_begins_that_cannot_win_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    most = []
    cheapest = _Begins.cheapest
    monkeypatch.setattr(
        _Begins, "cheapest", lambda self, stop: most.append(len(self)) or cheapest(self, stop)
    )
    found(scores_of(([A] * 20 + [B] * 20) * 50, noise=0.05))
    assert len(most) > 1900 and max(most) < 200


def test_a_change_within_a_window_is_placed_within_it() -> None:
    scores = scores_of([A] * 4 + [B] * 4)
    mixed = scores.heads[CARD.heads[0].name]
    mixed[4] = 0.75 * mixed[0] + 0.25 * mixed[7]  # three quarters of it sound like what comes before
    (_, end, _), (start, _, _) = found(scores)
    assert end == start == pytest.approx(12 + 0.75 * CARD.window, abs=0.3)


def test_silence_between_two_parts_belongs_to_neither() -> None:
    assert found(scores_of([A] * 4 + [None] * 3 + [B] * 4)) == [(0, 12, A), (21, 33, B)]
    assert found(scores_of([None, None])) == []


def test_a_sound_of_one_window_has_one_part() -> None:
    assert found(scores_of([B])) == [(0, 3, B)]


def test_parts_survive_json_and_old_json_has_none() -> None:
    from earmark.demo import demo_clip
    from earmark.predict import classify

    prediction = classify(demo_clip("house", seconds=7), model="echo")
    assert len(prediction.parts) >= 1
    again = Prediction.from_dict(json.loads(prediction.to_json()))
    assert again.to_json() == prediction.to_json() and len(again.parts) == len(prediction.parts)
    entries = prediction.to_dict()
    del entries["parts"]
    assert Prediction.from_dict(entries).parts == ()


def test_excerpts_and_silence_have_no_parts() -> None:
    from earmark import Clip
    from earmark.demo import demo_clip
    from earmark.predict import classify

    assert classify(Clip(np.zeros(90000, np.float32), 22050), model="echo").parts == ()
    assert classify(demo_clip("house", seconds=12), model="echo", excerpts=(2, 3.0)).parts == ()


def test_the_tempo_of_the_only_part_is_that_of_the_whole_and_follows_new_onsets() -> None:
    track, found = FrameTrack(FeatureSpec()), []
    frames_per_second = track.spec.sr / track.spec.hop_length
    for bpm in (100, 130):
        begin = len(track.onsets) / frames_per_second
        track.pulse.push(log_mel(clicks(bpm, 20.0)))
        found.append(track.tempo())
        assert track.tempo(0.0, len(track.onsets) / frames_per_second) == found[-1]
        assert track.tempo(begin, begin + 20.0) == pytest.approx(bpm, rel=0.005)
    assert found[0] == pytest.approx(100, rel=0.005)
