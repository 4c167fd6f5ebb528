"""The demo band plays what it says it plays, and the shipped weights recognise it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from earmark.demo import MODES, PEAK, STYLES, TUNE, demo_clip, demo_medley
from earmark.errors import InputError
from earmark.features import descriptors, log_mel, onset_strength, tempo
from earmark.predict import Prediction, classify
from earmark.vocabulary import PITCH_CLASSES


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_is_loud_finite_and_as_long_as_requested(style: str) -> None:
    clip = demo_clip(style, seconds=5.5)
    assert clip.y.dtype == np.float32 and clip.y.shape == (round(5.5 * 22050),)
    assert clip.path == f"demo-{style}" and clip.duration == pytest.approx(5.5)
    assert np.isfinite(clip.y).all()
    assert np.abs(clip.y).max() == pytest.approx(PEAK, rel=1e-6)
    assert 0.1 < np.sqrt(np.mean(clip.y**2)) < 0.5
    assert abs(float(np.mean(clip.y))) < 0.01
    assert abs(float(clip.y[-1])) < 1e-6  # faded: no click at the end


def test_the_same_arguments_give_the_same_samples_and_another_seed_does_not() -> None:
    first, again, other = (demo_clip("rock", seconds=2, seed=seed).y for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_any_rate(sr: int) -> None:
    assert len(demo_clip("house", seconds=1.25, sr=sr).y) == round(1.25 * sr)


def pitch_class_power(y: np.ndarray, sr: int) -> np.ndarray:
    """Power within a third of a semitone of each pitch class, 100 to 1500 Hz, by one long transform."""
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    f = np.fft.rfftfreq(len(y), 1 / sr)
    near = (f > 100) & (f < 1500)
    midi = 69 + 12 * np.log2(f[near] / 440)
    on_pitch = np.abs(midi - np.rint(midi)) < 1 / 3
    classes = np.rint(midi[on_pitch]).astype(int) % 12
    return np.bincount(classes, weights=power[near][on_pitch], minlength=12)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", ["A minor", "F# major", "C major", "D# minor"])
def test_notes_belong_to_the_stated_key(style: str, key: str) -> None:
    tonic, mode = key.split()
    clip = demo_clip(style, seconds=12, key=key)
    scale = {(PITCH_CLASSES.index(tonic) + step) % 12 for step in MODES[mode]}
    if mode == "minor":
        scale.add((PITCH_CLASSES.index(tonic) + 11) % 12)  # the leading note of the major dominant
    power = pitch_class_power(clip.y, clip.sr)
    outside = sum(power[i] for i in range(12) if i not in scale) / power.sum()
    # The kick drum sweeps through every pitch, the snare's skins have five of their own, and the fifth
    # harmonic of a distorted power chord is a major third, in minor too. By chance it would be 0.4.
    assert outside < {"ballad": 0.05, "house": 0.15, "rock": 0.2}[style]


@pytest.mark.parametrize("bpm", [90.0, 120.0, 150.0])
@pytest.mark.parametrize("style", ["rock", "house"])
def test_the_beat_is_where_the_tempo_says(style: str, bpm: float) -> None:
    clip = demo_clip(style, seconds=12, bpm=bpm)
    hop = 256  # 12 ms
    n = len(clip.y) // hop
    loudness = np.log(1e-4 + np.mean(clip.y[: n * hop].reshape(n, hop) ** 2, axis=1))
    rise = np.maximum(np.diff(loudness), 0)
    times = np.arange(1, n) * hop / clip.sr

    def contrast(at_bpm: float) -> float:
        beats = times * at_bpm / 60
        on_beat = np.abs(beats - np.rint(beats)) < 0.08
        return float(rise[on_beat].mean() / rise[~on_beat].mean())

    assert contrast(bpm) > 1.3
    assert contrast(bpm * 1.07) < 1.2 and contrast(bpm * 0.93) < 1.2


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bpm", [None, 100.0, 120.0])
def test_earmark_finds_the_tempo(style: str, bpm: float | None) -> None:
    clip = demo_clip(style, seconds=12, bpm=bpm)
    stated = STYLES[style].bpm if bpm is None else bpm
    found = tempo(onset_strength(log_mel(clip)))
    # A listener may count twice or half as fast; steps of the estimate are 4 % apart here.
    assert min(abs(found / (stated * times) - 1) for times in (0.5, 1, 2)) < 0.04


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", [None, "F# major", "D# minor", "G major"])
def test_earmark_finds_the_key(style: str, key: str | None) -> None:
    found = descriptors(demo_clip(style, seconds=12, key=key)).key
    assert found == (STYLES[style].key if key is None else key)


def test_the_tune_fills_its_four_bars() -> None:
    ends = [beat + beats for beat, _, beats in TUNE]
    assert [beat for beat, _, _ in TUNE[1:]] == ends[:-1] and ends[-1] == 16


def test_the_medley_has_every_style_in_turn() -> None:
    medley = demo_medley(seconds=9)
    assert len(medley.y) == 9 * 22050
    third = 3 * 22050
    for i, style in enumerate(STYLES):
        alone = demo_clip(style, seconds=3, key="A minor").y
        assert np.array_equal(medley.y[i * third : (i + 1) * third], alone)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"style": "polka"}, "style='polka'.*rock, house, ballad"),
        ({"seconds": 0.0}, "seconds=0.0 is out of range.*0.1 to 600"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"sr": 1}, "sr=1 is out of range"),
        ({"bpm": 500}, "bpm=500"),
        ({"key": "H minor"}, "key='H minor'.*A minor"),
        ({"key": "A"}, "key='A'"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        demo_clip(**arguments)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what the shipped weights make of it


@cache
def prediction(style: str) -> Prediction:
    return classify(demo_clip(style))


@pytest.mark.parametrize(
    ("style", "genre"), [("rock", "rock"), ("house", "electronic"), ("ballad", "classical")]
)
def test_the_shipped_weights_recognise_each_style(style: str, genre: str) -> None:
    found = prediction(style)
    assert found.verdict == "music"
    assert found.genres[0].label == genre
    assert {segment.genres[0].label for segment in found.segments} == {genre}


def test_the_styles_differ_in_mood_as_they_do_in_sound() -> None:
    quadrants = {style: prediction(style).quadrant for style in STYLES}
    labels = {style: quadrant.label for style, quadrant in quadrants.items() if quadrant}
    assert labels == {"rock": "Q2", "house": "Q1", "ballad": "Q4"}  # tense, happy, calm


def test_another_seed_is_recognised_too() -> None:
    rock = classify(demo_clip("rock", seed=5, bpm=124.0, key="A minor"))
    assert rock.genres[0].label == "rock" and rock.quadrant and rock.quadrant.arousal > 0.6


def test_the_medley_has_three_parts_with_their_own_genre_mood_and_tempo() -> None:
    found = classify(demo_medley())
    assert [part.genres[0].label for part in found.parts] == ["rock", "electronic", "classical"]
    assert [part.quadrant.label for part in found.parts if part.quadrant] == ["Q2", "Q1", "Q4"]
    assert [part.start for part in found.parts[1:]] == pytest.approx([10, 20], abs=1.5)
    assert [part.end for part in found.parts] == [*(part.start for part in found.parts[1:]), found.duration]
    for part, style in zip(found.parts, STYLES.values(), strict=True):
        assert part.tempo == pytest.approx(style.bpm, rel=0.04)


def test_a_clip_of_one_style_has_one_part() -> None:
    for style in STYLES:
        (part,) = prediction(style).parts
        assert part.start == 0 and part.genres[0] == prediction(style).genres[0]
