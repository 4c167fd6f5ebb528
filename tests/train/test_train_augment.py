"""Augmentation: what is done to the log-mel is what the same would do to the sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earmark.audio import Clip
from earmark.errors import InputError
from earmark.features import FeatureSpec, log_mel, mel_frequencies
from earmark.train import augment, augment_audio
from earmark.train.augment import DEFAULT, STEPS, Augmentation
from music import band

SR = 22050
SPEC = FeatureSpec()


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return band().y[: 6 * SR]


@pytest.fixture(scope="module")
def S_db(y: np.ndarray) -> np.ndarray:
    return log_mel(y)[np.newaxis]


def error_db(found: np.ndarray, wanted: np.ndarray) -> float:
    """Median difference where there is something to hear, away from the ends."""
    n_frames = min(found.shape[2], wanted.shape[2]) - 5
    found, wanted = found[:, :, 5:n_frames], wanted[:, :, 5:n_frames]
    return float(np.median(np.abs(found - wanted)[wanted > wanted.max() - 60]))


def smoothed(S_db: np.ndarray) -> np.ndarray:
    """Mean power over 16 frames: what is random in a frame averages out."""
    power = 10 ** (S_db[:, :, : S_db.shape[2] // 16 * 16] / 10)
    return 10 * np.log10(power.reshape(*S_db.shape[:2], -1, 16).mean(axis=3))


def test_a_gain_is_what_it_is_on_samples(y: np.ndarray, S_db: np.ndarray) -> None:
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    found = augment.gain(S_db, SPEC, rng)
    wanted = log_mel(augment_audio.gain(y, SR, same))[np.newaxis]
    assert np.abs(found - S_db).max() > 1
    # Exact but at the floor, which stays where it is on samples too.
    assert np.abs(np.maximum(found, SPEC.floor_db) - wanted)[wanted > -90].max() < 0.01


def test_an_equaliser_is_what_it_is_on_samples(y: np.ndarray, S_db: np.ndarray) -> None:
    points_hz, gains_db = np.geomspace(60, SR / 2, 6), np.array([3.0, -4.0, 2.0, 5.0, -3.0, 1.0])
    wanted = log_mel(augment_audio.equalised(y, SR, points_hz, gains_db))[np.newaxis]
    curve = np.interp(np.log(mel_frequencies()), np.log(points_hz), gains_db)
    assert error_db(S_db + curve[None, :, None], wanted) < 0.1  # measured: 0.01
    assert error_db(S_db, wanted) > 1


def test_noise_adds_power(y: np.ndarray, S_db: np.ndarray) -> None:
    sound = augment_audio.with_noise(y, SR, np.random.default_rng(0), db_per_octave=-3.0, ratio_db=6.0)
    wanted = log_mel(sound)[np.newaxis]
    octaves = np.log2(np.maximum(mel_frequencies(), 50) / 1000)
    level = np.repeat(10 ** (-3 * octaves / 10)[None, :, None], S_db.shape[2], axis=2)
    found = augment.with_noise(S_db, level, np.array([6.0]), SPEC)
    assert error_db(found, wanted) < 1.4  # measured: 1.0, for each frame's noise is another
    assert error_db(smoothed(found), smoothed(wanted)) < 0.4  # measured: 0.2
    assert error_db(smoothed(S_db), smoothed(wanted)) > 1


def test_a_room_smears_power(y: np.ndarray, S_db: np.ndarray) -> None:
    # A click shows the decay itself: 60 dB in the time that was asked for.
    click = np.zeros(2 * SR, dtype=np.float32)
    click[SR // 2] = 1.0
    sound = augment_audio.reverberant(click, SR, np.random.default_rng(0), seconds=0.6, direct_db=-40.0)
    wanted = log_mel(sound)[np.newaxis]
    found = augment.reverberant(
        log_mel(click)[np.newaxis], SPEC, np.array([0.6]), np.array([1.0]), np.array([-40.0])
    )
    frames = slice(26, 40)  # 0.1 to 0.4 s after the click
    slopes = [
        np.polyfit(np.arange(14), S[0, :, frames].mean(axis=0), 1)[0] / SPEC.seconds(1)
        for S in (found, wanted)
    ]
    assert slopes[0] == pytest.approx(-100, abs=1)
    assert slopes[1] == pytest.approx(-100, abs=15)
    music = augment_audio.reverberant(y, SR, np.random.default_rng(0), seconds=0.6, direct_db=0.0)
    found = augment.reverberant(S_db, SPEC, np.array([0.6]), np.array([1.0]), np.array([0.0]))
    wanted = log_mel(music)[np.newaxis]
    assert error_db(found, wanted) < 2.0  # measured: 1.4
    assert error_db(found, wanted) < 0.9 * error_db(S_db, wanted)  # the rest: each band's own resonances


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_a_pitch_shift_is_what_a_phase_vocoder_does(
    y: np.ndarray, S_db: np.ndarray, semitones: float
) -> None:
    ratio = 2 ** (semitones / 12)
    wanted = log_mel(augment_audio.pitched(y, SR, ratio))[np.newaxis]
    found = augment.pitched(S_db, SPEC, np.array([ratio]))
    known = slice(0, 120)  # what comes from above the Nyquist frequency nobody knows
    assert error_db(found[:, known], wanted[:, known]) < 1.3  # measured: 0.9
    assert error_db(S_db[:, known], wanted[:, known]) > 2


@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_a_stretch_is_what_a_phase_vocoder_does(y: np.ndarray, S_db: np.ndarray, rate: float) -> None:
    wanted = log_mel(augment_audio.stretched(y, rate))[np.newaxis]
    found = augment.stretched(S_db, np.array([rate]))
    n_frames = min(wanted.shape[2], int(S_db.shape[2] / max(rate, 1))) - 5
    assert error_db(found[:, :, :n_frames], wanted[:, :, :n_frames]) < 0.6  # measured: 0.3
    assert error_db(S_db[:, :, :n_frames], wanted[:, :, :n_frames]) > 2


def test_the_phase_vocoder_keeps_tones_and_levels() -> None:
    t = np.arange(2 * SR) / SR
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    assert np.abs(augment_audio.stretched(tone, 1.0) - tone)[3000:-3000].max() < 1e-6
    for rate in (0.87, 1.13):
        slow = augment_audio.stretched(tone, rate)
        assert len(slow) == round(len(tone) / rate)
        assert np.abs(np.fft.rfft(slow)).argmax() / len(slow) * SR == pytest.approx(1000, abs=1)
        assert slow[3000:-3000].std() == pytest.approx(tone.std(), rel=0.01)
    high = augment_audio.pitched(tone, SR, 1.5)
    assert len(high) == len(tone)
    assert np.abs(np.fft.rfft(high)).argmax() / len(high) * SR == pytest.approx(1500, abs=2)
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SR).astype(np.float32)
    assert augment_audio.stretched(noise, 1.1)[3000:-3000].std() == pytest.approx(noise.std(), rel=0.15)


@pytest.mark.parametrize("codec", augment_audio.CODECS, ids=lambda codec: codec[1])
def test_codecs_come_back_aligned_and_poorer(y: np.ndarray, codec: tuple[str, str, int]) -> None:
    container, encoder, rate = codec
    likeness = []
    for kbit in (24, 64):
        back = augment_audio.coded(y, SR, container=container, encoder=encoder, rate=rate, kbit=kbit)
        assert back.shape == y.shape
        likeness.append(float(np.corrcoef(back, y)[0, 1]))
    assert 0.9 < likeness[0] < likeness[1] < 0.9999


@pytest.mark.parametrize("name", [name for name in STEPS if STEPS[name].apply])
def test_every_step_keeps_its_word(S_db: np.ndarray, name: str) -> None:
    X = np.concatenate([S_db[:, :, begin : begin + 130] for begin in (0, 60, 120)])
    before = X.copy()
    augment = Augmentation([f"{name}=1"])
    augmented = augment(X, np.random.default_rng(1))
    assert np.array_equal(X, before)
    assert augmented.shape == X.shape
    assert augmented.dtype == np.float32
    assert np.isfinite(augmented).all()
    assert augmented.min() >= SPEC.floor_db
    assert (np.abs(augmented - X).max(axis=(1, 2)) > 0).all()
    assert np.array_equal(augmented, augment(X, np.random.default_rng(1)))
    assert not np.array_equal(augmented, augment(X, np.random.default_rng(2)))
    assert np.array_equal(Augmentation([f"{name}=0"])(X, np.random.default_rng(1)), X)
    silence = np.full_like(X, SPEC.floor_db)
    assert np.isfinite(augment(silence, np.random.default_rng(1))).all()


@pytest.mark.parametrize("name", augment_audio.SOUND_STEPS)
def test_every_step_on_samples_keeps_its_word(name: str) -> None:
    clip = Clip(band().y[: 2 * SR], SR, "some.wav")
    before = clip.y.copy()
    augmented = augment_audio.degrade(clip, [name], np.random.default_rng(1))
    assert np.array_equal(clip.y, before)
    assert augmented.y.dtype == np.float32
    assert np.isfinite(augmented.y).all()
    assert augmented.path == "some.wav"
    assert name == "stretch" or len(augmented.y) == len(clip.y)
    assert len(augmented.y) != len(clip.y) or np.abs(augmented.y - clip.y).max() > 0
    assert np.array_equal(augmented.y, augment_audio.degrade(clip, [name], np.random.default_rng(1)).y)


def test_a_time_shift_goes_round() -> None:
    X = np.random.default_rng(0).normal(-30, 5, (4, 8, 20)).astype(np.float32)
    shifted = augment.time_shift(X, SPEC, np.random.default_rng(0))
    for window, other in zip(X, shifted, strict=True):
        assert any(np.array_equal(np.roll(window, -k, axis=1), other) for k in range(20))


def test_specaugment_masks_a_part() -> None:
    X = np.random.default_rng(0).normal(-30, 5, (200, 128, 130)).astype(np.float32)
    changed = (augment.specaugment(X, SPEC, np.random.default_rng(0)) != X).mean(axis=(1, 2))
    assert changed.max() < 1 - (1 - 0.25) * (1 - 0.4) + 1e-6
    assert 0.2 < changed.mean() < 0.35  # expected: about 1 - (15/16)**2 (9/10)**2 = 0.29


def test_steps_by_name() -> None:
    assert tuple(Augmentation(["default"]).fractions) == DEFAULT
    assert tuple(Augmentation(["all"]).fractions) == tuple(STEPS)
    assert Augmentation(["default", "-mixup"]).mixup == 0
    assert Augmentation(["mixup=0.7"]).mixup == 0.7
    assert tuple(Augmentation(["default", "noise=0.5", "-pitch"]).fractions) == (
        "stretch", "time-shift", "eq", "gain", "specaugment", "mixup", "noise",
    )  # fmt: skip
    assert repr(Augmentation(["gain=0.25", "eq"])).startswith("Augmentation(gain=0.25, eq=0.5; ")
    bad: dict[str, Any] = {
        "nose": "noise",
        "gain=2": "fraction",
        "gain=loud": "fraction",
        "-nose": "Accepted",
    }
    for text, hint in bad.items():
        with pytest.raises(InputError, match=hint):
            Augmentation([text])
    with pytest.raises(InputError, match="Accepted: pitch"):
        augment_audio.degrade(band(), ["mixup"], np.random.default_rng(0))
    X = np.zeros((0, 128, 130), np.float32)
    assert Augmentation(["all"])(X, np.random.default_rng(0)).shape == X.shape
