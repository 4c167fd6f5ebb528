"""Chroma, tuning and key: librosa's numbers, and the keys of scales and cadences."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.demo import demo_clip
from earmark.errors import InputError
from earmark.features import (
    KEYS,
    PITCH_CLASSES,
    FeatureSpec,
    FrameStream,
    chroma,
    chroma_filterbank,
    estimate_key,
    estimate_tuning,
    key_scores,
    magnitudes,
    note_frequency,
)

SR = 22050


def notes(*chords: str, seconds: float = 0.5, tuning: float = 0.0) -> np.ndarray:
    """Chords of named notes, each note six decaying harmonics."""
    t = np.arange(round(seconds * SR)) / SR
    parts = []
    for chord in chords:
        f = [note_frequency(name) * 2 ** (tuning / 12) for name in chord.split()]
        parts.append(sum(np.sin(2 * np.pi * hz * h * t) / h**1.5 for hz in f for h in range(1, 7)))
    return (0.1 * np.concatenate(parts)).astype(np.float32)


C_CADENCE = ("C3 E4 G4 C5", "F3 A4 C5 F4", "G3 B4 D5 G4", "C3 E4 G4 C5")
A_CADENCE = ("A2 C4 E4 A4", "D3 F4 A4 D4", "E3 G#4 B4 E4", "A2 C4 E4 A4")
MUSIC = notes(*C_CADENCE, *A_CADENCE)


@pytest.mark.parametrize("tuning", [0.0, 0.27, -0.4])
@pytest.mark.parametrize("spec", [FeatureSpec(), FeatureSpec(sr=16000, n_fft=1024)], ids=["default", "small"])
def test_filterbank_equals_librosa(spec: FeatureSpec, tuning: float) -> None:
    theirs = librosa.filters.chroma(sr=spec.sr, n_fft=spec.n_fft, tuning=tuning)
    np.testing.assert_allclose(chroma_filterbank(spec, tuning).T, theirs, atol=1e-6)


@pytest.mark.parametrize("tuning", [0.0, 0.2])
def test_chroma_equals_librosa(tuning: float) -> None:
    theirs = librosa.feature.chroma_stft(y=MUSIC, sr=SR, tuning=tuning)
    np.testing.assert_allclose(chroma(magnitudes(MUSIC), tuning=tuning), theirs, atol=1e-4)


def test_streamed_chroma_is_the_same() -> None:
    stream = FrameStream(chroma=True)
    parts = [stream.push(MUSIC[:30_000]).chroma, stream.push(MUSIC[30_000:]).chroma, stream.close().chroma]
    np.testing.assert_allclose(np.hstack(parts), chroma(magnitudes(MUSIC)), atol=1e-4)


@pytest.mark.parametrize("tuning", [0.0, 0.15, -0.3, 0.45])
def test_tuning_equals_librosa_and_is_that_of_the_notes(tuning: float) -> None:
    """Parabolas through a power spectrum are not exact, but off by less than a tenth of a semitone."""
    power = magnitudes(notes(*C_CADENCE, tuning=tuning)) ** 2
    found = estimate_tuning(power)
    assert found == pytest.approx(librosa.estimate_tuning(S=power, sr=SR), abs=0.011)  # one step, at an edge
    assert (found - tuning + 0.5) % 1 - 0.5 == pytest.approx(0, abs=0.1)


def test_tuning_of_nothing_is_zero() -> None:
    assert estimate_tuning(np.zeros((1025, 4), np.float32)) == 0.0


@pytest.mark.parametrize("tonic", range(12))
def test_a_tone_is_its_pitch_class(tonic: int) -> None:
    y = np.sin(2 * np.pi * 261.6256 * 2 ** (tonic / 12) * np.arange(SR) / SR).astype(np.float32)
    values = chroma(magnitudes(y))[:, 3:-3].mean(axis=1)
    assert values.argmax() == tonic


def test_silence_has_no_chroma_and_no_key() -> None:
    values = chroma(np.zeros((1025, 3), np.float32))
    assert (values == 0).all()
    assert estimate_key(values.mean(axis=1)) == ""
    assert estimate_key(np.ones(12)) == ""
    assert (key_scores(np.ones(12)) == 0).all()


@pytest.mark.parametrize(("chords", "key"), [(C_CADENCE, "C major"), (A_CADENCE, "A minor")])
def test_cadences(chords: tuple[str, ...], key: str) -> None:
    assert estimate_key(chroma(magnitudes(notes(*chords))).mean(axis=1)) == key


def test_scale() -> None:
    y = notes("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5", "G4", "E4", "C4")
    assert estimate_key(chroma(magnitudes(y)).mean(axis=1)) == "C major"


@pytest.mark.parametrize("style", ["rock", "house", "ballad"])
@pytest.mark.parametrize("key", ["C major", "F# major", "A minor", "D# minor"])
def test_demo_music_has_its_key(style: str, key: str) -> None:
    stream = FrameStream(chroma=True)
    total = stream.push(demo_clip(style, seconds=16, key=key).y).chroma.sum(axis=1)
    assert estimate_key(total) == key


@given(values=st.lists(st.floats(0, 1), min_size=12, max_size=12), steps=st.integers(0, 11))
def test_rotating_the_chroma_rotates_the_key(values: list[float], steps: int) -> None:
    scores = key_scores(values).reshape(2, 12)
    rotated = key_scores(np.roll(values, steps)).reshape(2, 12)
    np.testing.assert_allclose(rotated, np.roll(scores, steps, axis=1), atol=1e-9)
    assert np.abs(scores).max() <= 1 + 1e-9


@given(values=st.lists(st.floats(0, 1), min_size=12, max_size=12), gain=st.floats(0.01, 1e4))
def test_sum_and_mean_have_one_key(values: list[float], gain: float) -> None:
    np.testing.assert_allclose(key_scores(gain * np.array(values)), key_scores(values), atol=1e-6)


def test_names_of_keys() -> None:
    assert len(set(KEYS)) == 24
    assert KEYS[0] == "C major"
    assert KEYS[12 + PITCH_CLASSES.index("A")] == "A minor"


@pytest.mark.parametrize("values", [np.ones(11), np.ones((12, 2)), [np.nan] * 12], ids=str)
def test_what_is_no_chroma_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="Accepted: 12 finite numbers"):
        estimate_key(values)
