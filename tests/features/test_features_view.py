"""The way back to pictures: power, linear frequency, times and notes."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from earmark.errors import InputError
from earmark.features import (
    FeatureSpec,
    db_to_power,
    fft_frequencies,
    frame_times,
    hz_to_mel,
    log_mel,
    magnitudes,
    mel_to_hz,
    mel_to_power,
    note_frequency,
    note_name,
)

HZ = np.array([0.0, 1.0, 440.0, 999.9, 1000.0, 1000.1, 6400.0, 11025.0])


@pytest.mark.parametrize("htk", [False, True])
def test_mel_scale_equals_librosa_and_comes_back(htk: bool) -> None:
    np.testing.assert_allclose(hz_to_mel(HZ, htk=htk), librosa.hz_to_mel(HZ, htk=htk), rtol=1e-9)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(HZ, htk=htk), htk=htk), HZ, rtol=1e-9, atol=1e-9)


def test_power_of_decibels() -> None:
    values = db_to_power(np.array([-20.0, 0.0, 30.0], np.float32))
    np.testing.assert_allclose(values, [0.01, 1, 1000], rtol=1e-5)


def test_times() -> None:
    np.testing.assert_allclose(frame_times(4), np.arange(4) * 512 / 22050)


def test_noise_comes_back_from_mel_to_its_power() -> None:
    y = 0.1 * np.random.default_rng(0).standard_normal(4 * 22050).astype(np.float32)
    power = (magnitudes(y) ** 2)[:, 3:-3].mean(axis=1)
    back = mel_to_power(log_mel(y))[:, 3:-3].mean(axis=1)
    inside = slice(5, -5)  # at 0 Hz and at half the rate no band has weight
    np.testing.assert_allclose(back[inside].mean(), power[inside].mean(), rtol=0.02)
    assert np.corrcoef(np.log(back[inside]), np.log(power[inside]))[0, 1] > 0.1


def test_a_tone_comes_back_where_it_was() -> None:
    y = np.sin(2 * np.pi * 2000 * np.arange(22050) / 22050).astype(np.float32)
    peak = mel_to_power(log_mel(y))[:, 20].argmax()
    assert fft_frequencies(FeatureSpec())[peak] == pytest.approx(2000, rel=0.05)  # a band is 7 % wide there


def test_magnitudes_have_no_power() -> None:
    with pytest.raises(InputError, match=r"power=1\.0"):
        mel_to_power(np.zeros((128, 2), np.float32), FeatureSpec(power=1))


@pytest.mark.parametrize("name", ["C0", "A4", "F#2", "B7", "C-1", "A#9"])
def test_notes_there_and_back(name: str) -> None:
    hz = note_frequency(name)
    assert hz == pytest.approx(float(librosa.note_to_hz(name)))
    assert note_name(hz) == name
    assert note_name(hz * 1.02) == name  # a third of a semitone


@pytest.mark.parametrize("name", ["", "H4", "A", "4A", "Ab3", "A#b"])
def test_what_is_no_note(name: str) -> None:
    with pytest.raises(InputError, match="Accepted: a pitch class and an octave"):
        note_frequency(name)


@pytest.mark.parametrize("hz", [0, -1, float("nan"), float("inf")])
def test_what_is_no_frequency(hz: float) -> None:
    with pytest.raises(InputError, match="hz="):
        note_name(hz)
