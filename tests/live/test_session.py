"""Live sessions: the answers of any division into chunks, and at the end what `classify` gives."""

from __future__ import annotations

import dataclasses
import functools
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import earmark
import sounds
from earmark.audio import Clip
from earmark.errors import InputError, TooShortError
from earmark.features import log_mel
from earmark.live import Answer, Session, answer_together
from earmark.models import load_model
from earmark.models.builtin.echo import CARD, Echo
from earmark.predict import Prediction, classify
from earmark.vocabulary import DEFAULT_MODEL
from music import band
from voiced import AFFECT, Voiced

SR = 22050
RATES = (8000, 16000, 22050, 44100, 48000)


@functools.cache
def music(sr: int = SR, seconds: float = 13.0) -> np.ndarray:
    """Music of the demo band, as 16 bits keep it, at a rate [shape=(n,)]."""
    y = np.concatenate([band("rock", seconds=8.0).y, band("house", seconds=8.0, seed=2).y])
    if sr != SR:
        import soxr

        y = soxr.resample(y, SR, sr)
    y = np.round(np.clip(y[: round(seconds * sr)], -1, 1) * 32767).astype(np.int16)
    return (y / 32768).astype(np.float32)


def listened(
    session: Session, y: np.ndarray, sizes: list[int], *, every: bool = True
) -> tuple[list[Answer], Prediction]:
    """Push a sound in chunks of the given sizes, again and again."""
    answers, at, i = [], 0, 0
    while at < len(y):
        answers += session.push(y[at : at + sizes[i % len(sizes)]], every=every)
        at, i = at + sizes[i % len(sizes)], i + 1
    return answers, session.final()


def assert_close(one: Prediction, other: Prediction, atol: float = 0.001) -> None:
    """Scores, verdict, tempo and key of two predictions agree."""
    assert (one.verdict, one.key, one.coverage) == (other.verdict, other.key, other.coverage)
    assert one.duration == pytest.approx(other.duration, abs=1e-3)
    assert (one.tempo or 0) == pytest.approx(other.tempo or 0, rel=1e-3)
    for name in ("genres", "moods"):
        mine = {score.label: score.score for score in getattr(one, name)}
        assert mine == pytest.approx({s.label: s.score for s in getattr(other, name)}, abs=atol)
    assert one.quadrant.scores == pytest.approx(other.quadrant.scores, abs=atol)
    assert [s.start for s in one.segments] == pytest.approx([s.start for s in other.segments])
    assert [s.end for s in one.segments] == pytest.approx([s.end for s in other.segments], abs=1e-3)


# The final is what classify gives


@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 9000),
    sr=st.sampled_from(RATES),
)
@settings(max_examples=8, deadline=None)
def test_the_final_is_what_classify_gives_whatever_the_chunks_and_the_rate(sizes: list[int], sr: int) -> None:
    y = music(sr)
    answers, final = listened(Session("echo", rate=sr), y, sizes)
    assert_close(final, classify(Clip(y, sr), model="echo"), atol=1e-6)
    assert len(answers) > 30


@pytest.mark.parametrize("seconds", [0.6, 2.9, 3.0, 9.1])
def test_the_final_with_the_shipped_weights(seconds: float) -> None:
    y = music(44100)[: round(seconds * 44100)]
    _, final = listened(Session(rate=44100), y, [4410], every=False)
    expected = classify(Clip(y, 44100))
    assert_close(final, expected)
    assert final.warnings == expected.warnings and final.parts == expected.parts


def test_a_session_that_is_too_short() -> None:
    session = Session("echo")
    session.push(music()[:9000])
    with pytest.raises(TooShortError, match=r"0\.41 s of sound"):
        session.final()
    with pytest.raises(InputError, match="over"):
        session.push(music()[:9000])


def test_silence() -> None:
    answers, final = listened(Session("echo"), np.zeros(10 * SR, np.float32), [SR])
    assert final.verdict == "silence" and {answer.verdict for answer in answers} == {"silence"}
    assert answers[-1].quadrant is None and answers[-1].tempo is None and answers[-1].level_db == -200
    assert answers[-1].settled


def test_listen_gives_the_answers_and_what_classify_gives_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    sounds.write(path, music(44100), 44100, "flac")
    *answers, final = earmark.listen(path, model="echo", hop=0.5)
    assert final == classify(path, model="echo")
    assert [answer.time for answer in answers] == pytest.approx(np.arange(3.0, 13.0, 0.5), abs=0.05)
    with pytest.raises(TooShortError):
        list(earmark.listen(Clip(music()[:500], SR), model="echo"))


# Answers


@given(sizes=st.lists(st.integers(1, 50_000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 9000))
@settings(max_examples=5, deadline=None)
def test_the_chunks_change_no_answer(sizes: list[int]) -> None:
    y = music(48000)
    answers, _ = listened(Session("echo", rate=48000), y, sizes)
    expected, _ = listened(Session("echo", rate=48000), y, [len(y)])
    assert [answer.to_dict() for answer in answers] == [answer.to_dict() for answer in expected]


def test_an_answer_is_of_the_window_that_ends_at_its_index() -> None:
    y = music(44100)
    answers, _ = listened(Session("echo", rate=44100), y, [4410])
    times = np.array([answer.time for answer in answers])
    assert times[0] == pytest.approx(129 * 512 / SR)
    np.testing.assert_allclose(np.diff(times), 0.25, atol=0.024)  # to a frame
    import soxr

    S_db = log_mel(soxr.resample(y, 44100, SR))
    for answer in answers[::7]:
        last = round(answer.time * SR / 512)
        output = Echo().forward(S_db[np.newaxis, :, last - 129 : last + 1])
        scores = {score.label: score.score for score in answer.genres}
        expected = dict(zip(CARD.classes, output.heads["genres"][0].tolist(), strict=True))
        assert scores == pytest.approx(expected, abs=1e-4)
        assert answer.index == pytest.approx(answer.time * 44100, abs=1)


def test_tempo_and_key_settle_after_8_s_and_agree_with_the_final() -> None:
    clip = band("house", seconds=20.0)
    answers, final = listened(Session("echo"), clip.y, [2205])
    early = [answer for answer in answers if answer.time < 7.9]
    late = [answer for answer in answers if answer.time > 8.1]
    assert not any(answer.settled or answer.tempo or answer.key for answer in early)
    assert all(answer.settled for answer in late)
    assert late[-1].key == final.key and late[-1].tempo == pytest.approx(final.tempo, rel=0.01)


def test_whoever_is_behind_gets_the_latest_answer_only() -> None:
    y = music()
    session = Session("echo")
    assert len(session.push(y[: 9 * SR], every=False)) == 1
    (answer,) = session.push(y[9 * SR : 10 * SR], every=False)
    assert answer.time == pytest.approx(10 - 0.05, abs=0.03)
    assert 0 < session.wanted <= 0.25
    session.push(y[10 * SR :], every=False)
    assert_close(session.final(), classify(Clip(y, SR), model="echo"), atol=1e-6)


def test_a_longer_window_is_the_mean_of_those_in_it() -> None:
    y = music()
    plain, _ = listened(Session("echo", hop=0.5), y, [SR])
    answers, _ = listened(Session("echo", hop=0.5, window=4.0), y, [SR])
    for i in range(2, len(plain)):
        mean = np.mean([dict_of(plain[j])["rock"] for j in (i - 2, i - 1, i)])
        assert dict_of(answers[i])["rock"] == pytest.approx(mean, abs=1e-6)


def dict_of(answer: Answer) -> dict[str, float]:
    return {score.label: score.score for score in answer.genres}


def test_level_is_that_of_what_came_since_the_answer_before() -> None:
    y = np.concatenate([sounds.tone(5, sr=SR, amplitude=0.5), sounds.tone(5, sr=SR, amplitude=0.05)])
    answers, _ = listened(Session("echo"), y, [1000])
    levels = [answer.level_db for answer in answers]
    assert levels[0] == pytest.approx(-9.0, abs=0.1) and levels[-1] == pytest.approx(-29.0, abs=0.1)


def test_one_odd_window_does_not_change_the_verdict() -> None:
    class Odd(Echo):
        """Not music in every third window."""

        n = 0

        def forward(self, X):
            output = super().forward(X)
            for row in output.heads["sound"]:
                Odd.n += 1
                row[0] = 0.0 if Odd.n % 3 == 0 else 0.9
            return output

    answers, _ = listened(Session(Odd()), sounds.noise(6, sr=SR, amplitude=0.2), [SR])
    assert Odd.n > 9 and {answer.verdict for answer in answers} == {"music"}


def test_json_of_an_answer() -> None:
    answers, _ = listened(Session("echo"), music(), [SR])
    entries = answers[-1].to_dict()
    assert entries["schema"] == "earmark.answer/1" and len(entries["genres"]) == len(CARD.classes)
    assert entries["valence"] == pytest.approx(
        entries["quadrant"]["scores"]["Q1"] + entries["quadrant"]["scores"]["Q4"], abs=1e-4
    )
    assert answers[-1].to_json().startswith('{"schema": "earmark.answer/1"')


# Another rate, dropped samples


def test_answers_and_the_final_have_voice_and_affect_of_a_model_that_gives_them() -> None:
    session = Session(Voiced())
    answer = session.push(music(seconds=5.0))[-1]
    assert answer.voice is not None and answer.voice.label == "sung"
    assert (answer.valence, answer.arousal) == pytest.approx(AFFECT)
    assert answer.to_dict()["voice"]["scores"]["sung"] == 0.85
    assert (answer.to_dict()["valence"], answer.to_dict()["arousal"]) == (0.8123, 0.16)
    quiet = session.push(np.zeros(8 * SR, np.float32))[-1]
    assert (quiet.verdict, quiet.voice, quiet.valence) == ("silence", None, None)
    whole = Clip(np.concatenate([music(seconds=5.0), np.zeros(8 * SR, np.float32)]), SR)
    final, expected = session.final(), classify(whole, model=Voiced())
    assert (final.voice, final.affect) == (expected.voice, expected.affect)
    assert final.instruments == expected.instruments
    assert final.instruments[1].present
    without = Session("echo").push(music(seconds=5.0))[-1]
    assert (without.voice, without.affect, without.to_dict()["voice"]) == (None, None, None)


def test_answers_and_the_final_have_the_kind_of_sound() -> None:
    for model, verdict in (("echo", "music"), (Voiced(thresholds={"music": 0.99}), "not-music")):
        session = Session(model)
        answer = session.push(music(seconds=5.0))[-1]
        assert answer.verdict == verdict and answer.sound is not None
        assert answer.sound.scores == pytest.approx(
            classify(Clip(music(seconds=5.0)[-3 * SR :], SR), model=model).sound.scores, abs=0.02
        )
        assert answer.to_dict()["sound"]["label"] == answer.sound.label
        assert session.final().sound == classify(Clip(music(seconds=5.0), SR), model=model).sound
    assert Session("echo").push(np.zeros(5 * SR, np.float32))[-1].to_dict()["sound"] is None


def test_another_rate_begins_another_stream_of_the_same_sound() -> None:
    low, high = music(16000), music(48000)
    session = Session("echo", rate=16000)
    answers = session.push(low[: 6 * 16000])
    session.change_rate(48000)
    assert (session.stream, session.rate) == (1, 48000)
    late = session.push(high[6 * 48000 :])
    assert {answer.stream for answer in answers} == {0} and late[-1].stream == 1
    assert all(answer.stream == int(answer.time > 6.0) for answer in late)
    second = [answer for answer in late if answer.stream == 1]
    assert second[0].index == pytest.approx((second[0].time - 6.0) * 48000, abs=4)
    final = session.final()
    assert final.duration == pytest.approx(13.0, abs=1e-3)
    expected = {score.label: score.score for score in classify(Clip(high, 48000), model="echo").genres}
    found = {score.label: score.score for score in final.genres}
    bass = CARD.classes[:12]  # bands that 16 kHz has too
    assert [found[label] for label in bass] == pytest.approx([expected[label] for label in bass], abs=0.01)


def test_samples_that_were_dropped_are_a_gap_in_time() -> None:
    y = music(44100)
    session = Session("echo", rate=44100)
    session.push(y[: 5 * 44100])
    session.skip(2 * 44100)
    assert session.seconds == pytest.approx(7.0, abs=1e-3)
    answers = session.push(y[7 * 44100 :])
    assert answers[0].time == pytest.approx(10.0, abs=0.03)  # a window after the gap
    assert answers[0].index == pytest.approx(answers[0].time * 44100, abs=2)
    final = session.final()
    assert final.duration == pytest.approx(13.0, abs=1e-3)
    assert final.warnings == ("2.0 s of sound were dropped",)
    assert [round(segment.start, 1) for segment in final.segments] == [0.0, 2.0, 7.0, 10.0]


def test_a_short_gap_is_silence() -> None:
    y = music().copy()
    session = Session("echo")
    session.push(y[: 5 * SR])
    session.skip(2000)
    session.push(y[5 * SR + 2000 :])
    final = session.final()
    y[5 * SR : 5 * SR + 2000] = 0
    assert_close(final, classify(Clip(y, SR), model="echo"), atol=1e-6)
    assert final.warnings == ("0.1 s of sound were dropped",)


# Several at once, and for hours


def test_sessions_together_give_what_each_gives_alone() -> None:
    model = Counting()
    parts = [music(44100), music(16000)[16000:], music(SR)[: 5 * SR], np.zeros(9 * SR, np.float32)]
    rates = [44100, 16000, SR, SR]
    together = [Session(model, rate=rate) for rate in rates]
    answers: list[list[Answer]] = [[] for _ in parts]
    for second in range(13):
        blocks = [y[second * rate : (second + 1) * rate] for y, rate in zip(parts, rates, strict=True)]
        for i, new in enumerate(answer_together(together, blocks)):
            answers[i] += new
    finals = [session.final() for session in together]
    n_together, model.n = model.n, 0
    for session_rate, y, known, final in zip(rates, parts, answers, finals, strict=True):
        alone, expected = listened(Session(model, rate=session_rate), y, [session_rate])
        assert [answer.to_dict() for answer in alone] == [answer.to_dict() for answer in known]
        assert final == expected
    assert n_together < model.n / 2


class Counting(Echo):
    """An echo that counts the calls."""

    def __init__(self) -> None:
        self.n = 0

    def forward(self, X):
        self.n += 1
        return super().forward(X)


def test_beyond_the_longest_answers_go_on_and_the_final_is_of_what_came_before() -> None:
    y = music()
    session = Session("echo", longest=6.0)
    answers, final = listened(session, np.concatenate([y, y]), [SR // 4])
    assert answers[-1].time > 25.5
    assert final.coverage == "part" and final.duration == pytest.approx(6.5, abs=0.5)
    assert "the session was longer" in final.warnings[0]
    whole = classify(Clip(y[: round(final.duration * SR)], SR), model="echo")
    assert dict((s.label, s.score) for s in final.genres) == pytest.approx(
        dict((s.label, s.score) for s in whole.genres), abs=0.02
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_memory_stays_flat_for_an_hour() -> None:
    y = music()
    session = Session("echo", longest=1800.0)

    def listen(seconds: int) -> float:
        """Megabytes of the process after so much more sound."""
        for _ in range(seconds // 13):
            session.push(y, every=False)
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    listen(300)
    before_the_limit, early = listen(900), listen(900)
    assert early - before_the_limit < 8  # one minute of spectra would be 11
    assert listen(1500) - early < 2
    assert len(session._pieces) <= 64 and session.final().coverage == "part"


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, "rate=0"),
        ({"rate": 48000.0}, "rate=48000.0"),
        ({"hop": 0.0}, "hop=0.0"),
        ({"hop": float("nan")}, "hop=nan"),
        ({"window": 1.0}, "window=1.0"),
        ({"longest": 1.0}, "longest=1.0"),
        ({"prior": {"jazz": 2.0}}, "prior"),
    ],
)
def test_arguments_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Session("echo", **options)


def test_models_of_descriptors_listen_too(tmp_path) -> None:
    from earmark.models.base import ModelOutput

    class Zero:
        """A quarter of the centroid's mean in kHz as the score."""

        card = dataclasses.replace(
            CARD,
            name="zero",
            heads=CARD.heads[:1],
            input="descriptors",
            descriptor_names=("spectral_centroid_mean",),
            embedding_size=0,
        )

        def predict_proba(self, X):
            return self.forward(X).heads["genres"]

        def forward(self, X):
            return ModelOutput({"genres": np.repeat(np.clip(X / 4000, 0, 1), 19, axis=1)})

    y = music()
    answers, final = listened(Session(Zero()), y, [5000])
    expected = classify(Clip(y, SR), model=Zero())
    assert final.genres[0].score == pytest.approx(expected.genres[0].score, abs=1e-5)
    assert len({answer.genres[0].score for answer in answers}) > 20


def test_the_model_is_loaded_by_name() -> None:
    assert Session().model.card.name == load_model(DEFAULT_MODEL).card.name
