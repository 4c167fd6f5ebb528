"""What of a session is remembered for a while only."""

from __future__ import annotations

import doctest
import sys

import numpy as np
from feature_sounds import A_CADENCE, C_CADENCE, clicks, notes
from test_features_rhythm import drums

from earmark.features import FeatureSpec, log_mel, magnitudes
from earmark.live import clock, recent, session
from earmark.live.clock import StreamClock
from earmark.live.recent import RecentTrack, SteadyVerdict


def test_the_tempo_of_the_last_minute() -> None:
    track = RecentTrack(FeatureSpec())
    assert track.recent_tempo() is None
    for bpm in (90.0, 125.0):
        for piece in np.array_split(log_mel(clicks(bpm, 61)), 200, axis=1):
            track.pulse.push(piece)
        assert abs(track.recent_tempo() / bpm - 1) < 0.01
    for _ in range(20):
        track.pulse.push(log_mel(clicks(125.0, 30)))
        track.forget()
    assert FeatureSpec().n_frames(30) <= len(track.onsets) < FeatureSpec().n_frames(110)
    assert abs(track.recent_tempo() / 125 - 1) < 0.01


def test_what_is_expected_is_the_mean_of_the_last_half_minute() -> None:
    track = RecentTrack(FeatureSpec())
    track.pulse.push(log_mel(drums(88.0, 30.0)))
    for _ in range(20):
        slow = track.recent_tempo(70.0)
    assert abs(slow / 88 - 1) < 0.01
    assert abs(track.recent_tempo(190.0) / 88 - 1) < 0.01  # one window of another kind changes little
    for _ in range(15):
        fast = track.recent_tempo(190.0)
    assert abs(fast / 176 - 1) < 0.01
    assert track.recent_tempo() == fast  # silence says nothing


def test_the_key_of_the_last_half_minute() -> None:
    track = RecentTrack(FeatureSpec())
    assert track.recent_key() is None
    for chords, key in ((C_CADENCE, "C major"), (A_CADENCE, "A minor")):
        S = magnitudes(np.tile(notes(*chords, seconds=1.0), 9))
        for piece in np.array_split(S.T**2, 50):
            track.tonal.push(piece)
        assert track.recent_key() == key


def test_a_verdict_changes_once_two_answers_agree_and_silence_at_once() -> None:
    steady = SteadyVerdict()
    given = ["silence", "unsure", "music", "unsure", "music", "music", "not-music", "silence", "music"]
    shown = ["silence", "unsure", "unsure", "unsure", "unsure", "music", "music", "silence", "music"]
    assert [steady.after(one) for one in given] == shown


def test_the_clock_knows_the_stream_before_the_current_one() -> None:
    streams = StreamClock(48000, first=100)
    streams.begin(44100, at=2.0)
    streams.begin(16000, at=3.0, first=7)
    assert streams.place(3.5) == (2, 8007) and streams.place(2.5) == (1, 22050)
    assert streams.place(1.0) == (1, -44100)  # long forgotten


def test_the_examples_hold() -> None:
    for module in (clock, recent, session, sys.modules["earmark.live.listen"]):
        done = doctest.testmod(module)
        assert done.attempted and not done.failed
