"""A picture of a sound: the same whatever the blocks, of a fixed size, and right."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from earmark.features import mel_frequencies
from earmark.features.picture import Picture, PictureStream
from sounds import noise, tone

SR = 22_050


def drawn(y: np.ndarray, block_length: int = 262_144, **size: int) -> Picture:
    stream = PictureStream(SR, **size)
    for start in range(0, len(y), block_length):
        stream.push(y[start : start + block_length])
    return stream.close()


@pytest.mark.parametrize("block_length", [333, 4096, 10**6])
def test_blocks_make_no_difference(block_length: int) -> None:
    y = noise(7.3, sr=SR) * np.linspace(0.2, 1, round(7.3 * SR), dtype=np.float32)
    once, again = drawn(y, n_peaks=50, n_columns=20), drawn(y, block_length, n_peaks=50, n_columns=20)
    assert len(once.low) == len(again.low) == 50 and once.log_mel.shape == again.log_mel.shape == (20, 72)
    np.testing.assert_allclose(once.low, again.low, atol=0.15)
    assert abs(once.log_mel.astype(int) - again.log_mel).max() <= 6


def test_peaks_are_those_of_the_samples() -> None:
    y = np.zeros(180_000, np.float32)
    y[90_010], y[4_321] = 0.75, -0.5
    picture = drawn(y)
    assert len(picture.low) == 1800 and picture.high.max() == 0.75 and picture.low.min() == -0.5
    assert abs(int(picture.high.argmax()) - 900) <= 1 and abs(int(picture.low.argmin()) - 43) <= 1


def test_a_sine_of_full_scale_has_0_db_in_its_band() -> None:
    centre = mel_frequencies(PictureStream(SR).spec)[40]
    picture = drawn(tone(5, hz=float(centre), sr=SR, amplitude=1.0))
    column = picture.log_mel[len(picture.log_mel) // 2]
    assert int(column.argmax()) == 40 and abs(int(column[40]) - 255) <= 8  # 2.5 dB: between two bins
    assert column[10] == 0


def test_the_mean_of_power_survives_merging() -> None:
    y = noise(60, sr=SR, amplitude=0.1)
    fine, coarse = drawn(y), drawn(y, n_columns=7)
    power = (10 ** ((pic.log_mel / 255 * 80 - 80) / 10) for pic in (fine, coarse))
    a, b = (each.mean(axis=0)[20:] for each in power)
    np.testing.assert_allclose(10 * np.log10(a / b), 0, atol=0.3)


def test_short_sound_and_none() -> None:
    picture = drawn(noise(0.5, sr=SR))
    entries = picture.to_dict()
    data = base64.b64decode(entries["log_mel"]["data"])
    assert (
        len(data) == entries["log_mel"]["columns"] * 72 and entries["peaks"]["n"] == len(picture.low) < 1800
    )
    assert entries["duration"] == 0.5 and entries["log_mel"]["fmax"] == 11025
    assert drawn(np.zeros(0, np.float32)).to_dict()["duration"] == 0


def test_two_hours_take_the_memory_of_a_minute() -> None:
    stream = PictureStream(SR, n_bands=8)
    block = np.full(2_205_000, 0.5, np.float32)
    for _ in range(3):
        stream.push(block)
    held = sum(
        cells._cells.nbytes + cells._rest.nbytes for cells in (stream._low, stream._high, stream._power)
    )
    assert held < 1_000_000
    picture = stream.close()
    assert picture.duration == 300 and set(picture.high.tolist()) == {0.5}
