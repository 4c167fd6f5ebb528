"""The synthesiser against formulas: each block of it does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.demo import drums, instruments
from earmark.demo.band import Band
from earmark.demo.synth import (
    compressed,
    convolved,
    equalised,
    harmonics,
    hold,
    hz_of,
    noise,
    phase_of,
    ringing,
    room,
    shaped,
    times,
)

SR = 22050


def spectrum_db(y: np.ndarray, hz: float, sr: int = SR) -> float:
    """Level of a sine of that frequency in dB, by projection through a Hann window."""
    t, window = np.arange(len(y)) / sr, np.hanning(len(y))
    amplitude = 2 * abs(np.sum(y * window * np.exp(-2j * np.pi * hz * t))) / window.sum()
    return float(20 * np.log10(max(amplitude, 1e-12)))


def test_ringing_is_the_sum_of_its_decaying_sines() -> None:
    hz, gains, decays = (
        np.array([220.0, 447.3, 3001.0]),
        np.array([1.0, 0.5, 0.25]),
        np.array([0.5, 3.0, 9.0]),
    )
    t = times(1.3, SR)
    expected = sum(
        gain * np.exp(-decay * t) * np.sin(2 * np.pi * f * t + 2.39996 * k**2)
        for k, (f, gain, decay) in enumerate(zip(hz, gains, decays, strict=True), start=1)
    )
    assert np.abs(ringing(hz, gains, decays, 1.3, SR) - expected).max() < 1e-5


def test_harmonics_of_a_pitch_that_moves_follow_it() -> None:
    t = times(0.8, SR)
    phase = phase_of(57 + 0.3 * np.sin(2 * np.pi * 5 * t), SR)
    gains = np.array([1.0, 0.5, 0.0, 0.25])
    y = harmonics(phase, t, gains, decay=0.5, decay_step=1.0)
    expected = sum(
        gain * np.exp(-(0.5 + k) * t) * np.sin(k * phase + 2.39996 * k**2)
        for k, gain in enumerate(gains, start=1)
    )
    assert np.abs(y - expected).max() < 1e-5


def test_nothing_folds_back_from_above_the_nyquist_rate() -> None:
    hz = np.arange(1, 40) * 1000.0
    y = ringing(hz, np.ones(39), 0.0, 0.5, 8000)
    assert spectrum_db(y, 1000.0, 8000) == pytest.approx(0, abs=0.1)
    assert len(y) == 4000 and np.sqrt(np.mean(y**2)) == pytest.approx(np.sqrt(3 / 2), rel=0.01)
    high = phase_of(np.full(4000, 100.0), 8000)  # 2.6 kHz: its second harmonic would fold
    assert spectrum_db(harmonics(high, times(0.5, 8000), np.ones(9)), 8000 - 2 * hz_of(100), 8000) < -60


def test_the_equaliser_goes_through_its_points() -> None:
    points = ((50.0, -20.0), (400.0, 0.0), (2000.0, 6.0), (5000.0, -30.0))
    impulse = np.zeros(8192)
    impulse[0] = 1
    response = np.abs(np.fft.rfft(equalised(impulse, SR, points)))
    f = np.fft.rfftfreq(8192, 1 / SR)
    for hz, db in points[1:]:
        assert 20 * np.log10(response[np.abs(f - hz).argmin()]) == pytest.approx(db, abs=0.5)
    # The least delay: half of its energy within the first millisecond.
    energy = np.cumsum(equalised(impulse, SR, points) ** 2)
    assert energy[22] > 0.5 * energy[-1]


def test_convolution_in_blocks_is_convolution() -> None:
    rng = np.random.default_rng(0)
    for n, m in ((10, 3), (70_000, 2048), (40_000, 30_000)):
        y, response = rng.standard_normal(n), rng.standard_normal(m)
        some = rng.integers(0, n, 40)
        expected = [np.dot(y[max(0, i - m + 1) : i + 1], response[: i + 1][::-1][-m:]) for i in some]
        assert np.allclose(convolved(y, response)[some], expected, atol=1e-8)


def test_waveshaping_adds_harmonics_and_little_else() -> None:
    t = times(1.0, SR)
    tone = 0.8 * np.sin(2 * np.pi * 3000 * t)
    clean, folded = shaped(tone, SR, lambda x: np.tanh(10 * x)), np.tanh(10 * tone)
    assert spectrum_db(clean, 9000) > -15  # the third harmonic belongs there
    alias = 22050 - 15000  # where the fifth would fold to
    assert spectrum_db(folded, alias) > -20 and spectrum_db(clean, alias) < -60


@pytest.mark.parametrize("n", [1, 5, 31_744, 31_745, 80_000])
def test_waveshaping_with_a_straight_line_changes_nothing(n: int) -> None:
    y = hold(n / SR, SR) * np.sin(np.arange(n) * 0.05)
    assert np.abs(shaped(y, SR, lambda x: x) - y).max() < 2e-3


def test_the_compressor_turns_down_what_is_loud_and_nothing_else() -> None:
    t = times(2.0, SR)
    y = np.where(t < 1, 0.05, 0.8) * np.sin(2 * np.pi * 500 * t)
    pressed = compressed(y, SR, threshold=0.1, ratio=4, attack=0.01, release=0.1)
    assert np.allclose(pressed[: SR // 2], y[: SR // 2])
    over_db = 20 * np.log10(0.8 / np.sqrt(2) / 0.1)
    gain_db = 20 * np.log10(pressed[-SR // 4 :].std() / y[-SR // 4 :].std())
    assert gain_db == pytest.approx(-over_db * 0.75, abs=0.3)


def test_a_room_dies_by_60_db_in_its_time_and_sooner_where_it_is_bright() -> None:
    response = room(1.0, SR, damping=0.4, early=0.02, seed=1)
    assert np.sum(response**2) == pytest.approx(1)
    spectra = [np.abs(np.fft.rfft(response[at : at + 4096])) ** 2 for at in (2000, 13000)]
    f = np.fft.rfftfreq(4096, 1 / SR)
    seconds = 11000 / SR

    def fall_db(low_hz: float, high_hz: float) -> float:
        near = (f > low_hz) & (f < high_hz)
        return float(10 * np.log10(spectra[0][near].sum() / spectra[1][near].sum()))

    assert fall_db(300, 900) == pytest.approx(60 * seconds, abs=6)
    assert fall_db(4500, 8000) > fall_db(300, 900) + 15


def test_noise_is_within_its_band_and_the_same_every_time() -> None:
    y = noise(SR, 2000.0, 5000.0)
    power = np.abs(np.fft.rfft(y)) ** 2
    f = np.fft.rfftfreq(len(y), 1 / SR)
    inside = (f > 1500) & (f < 6500)
    assert power[inside].sum() > 0.9 * power.sum() and y.std() == pytest.approx(1)
    assert not y.flags.writeable


def fundamental(y: np.ndarray, near: float) -> float:
    """Frequency in Hz of the strongest sine within three semitones of a MIDI number."""
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 17))
    f = np.fft.rfftfreq(1 << 17, 1 / SR)
    inside = (f > hz_of(near - 3)) & (f < hz_of(near + 3))
    return float(f[inside][power[inside].argmax()])


def test_a_lead_is_bent_up_from_the_note_below_and_then_held() -> None:
    y = instruments.lead_string(64, 1.5, SR, 2)
    assert fundamental(y[: round(0.07 * SR)], 63) == pytest.approx(hz_of(62), rel=0.02)
    assert fundamental(y[round(0.7 * SR) :], 64) == pytest.approx(hz_of(64), rel=0.004)


PITCHED = (
    "guitar_string",
    "bass_guitar",
    "synth_bass",
    "saw_stab",
    "pad",
    "pluck_lead",
    "piano",
    "strings",
    "cello",
)


@pytest.mark.parametrize("name", PITCHED)
def test_an_instrument_plays_the_requested_note(name: str) -> None:
    y = getattr(instruments, name)(57, 1.2, SR)
    assert len(y) == len(times(1.2, SR)) and np.isfinite(y).all() and 0.3 < np.abs(y).max() < 3
    assert fundamental(y, 57) == pytest.approx(220.0, rel=0.006)


def test_the_amplifier_sustains_and_stays_dark() -> None:
    chord = sum(0.4 * instruments.guitar_string(midi, 2.0, SR) for midi in (40, 47, 52))
    y = instruments.guitar_amplifier(chord, SR, drive=3.0, bias=0.25, treble_db=0.0)

    def fall_db(sound: np.ndarray) -> float:
        return float(20 * np.log10(sound[: SR // 4].std() / sound[-SR // 2 : -SR // 4].std()))

    assert fall_db(y) < 0.7 * fall_db(chord)  # compressed by the distortion
    power = np.abs(np.fft.rfft(y)) ** 2
    f = np.fft.rfftfreq(len(y), 1 / SR)
    assert power[f > 6000].sum() < 1e-3 * power.sum()  # the cabinet
    assert power[(f > 1000) & (f < 4000)].sum() > 0.05 * power.sum()  # and yet it bites


DRUMS = ("kick", "snare", "high_tom", "low_tom", "closed_hat", "open_hat", "crash", "machine_kick", "clap")


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
@pytest.mark.parametrize("name", DRUMS)
def test_a_drum_is_struck_at_once_and_dies_away(name: str, sr: int) -> None:
    y = getattr(drums, name)(sr, np.random.default_rng(0))
    assert np.isfinite(y).all() and 0.1 < np.abs(y).max() < 2.5
    assert np.abs(y[: round(0.045 * sr)]).max() > 0.6 * np.abs(y).max()
    assert np.abs(y[-round(0.005 * sr) :]).max() < 0.1 * np.abs(y).max()


def test_a_track_puts_a_note_where_its_beat_is() -> None:
    band = Band(bpm=120.0, key="A minor", n=2 * SR, sr=SR, rng=np.random.default_rng(0))
    track = band.track()
    track.add(np.ones(10), 2.0, loose=0.0)
    assert np.flatnonzero(track.y).tolist() == list(range(SR, SR + 10))
    track.add(np.ones(10), 99.0)  # beyond the end: nothing, and no error
    assert np.count_nonzero(track.y) == 10
    assert band.lowest(0, 40) == 45 and band.lowest(4, 40) == 40 and band.lowest(-3, 40) == 40
