"""What of a session is remembered for a while only."""

from __future__ import annotations

import doctest
import sys

import numpy as np

from earmark.features import FeatureSpec
from earmark.live import clock, recent, session
from earmark.live.clock import StreamClock
from earmark.live.recent import RecentTrack, SteadyVerdict


def pulses(bpm: float, seconds: float) -> np.ndarray:
    """An onset envelope."""
    frames = np.zeros(FeatureSpec().n_frames(seconds), np.float32)
    frames[np.arange(0, len(frames), 60 / bpm * 22050 / 512).astype(int)] = 1
    return frames


def test_the_tempo_of_the_last_minute() -> None:
    track = RecentTrack(FeatureSpec())
    assert track.recent_tempo() is None
    for bpm in (90.0, 125.0):
        for piece in np.array_split(pulses(bpm, 61), 200):
            track.push(piece)
        assert abs(track.recent_tempo() / bpm - 1) < 0.01
    track.forget()
    assert len(track.onsets) == FeatureSpec().n_frames(30)
    assert abs(track.recent_tempo() / 125 - 1) < 0.01


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
