"""A part of a source as the bytes of a WAV file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio import Clip, WavExcerpt, load
from earmark.audio.wav import HEADER_LENGTH, header, interleaved
from earmark.errors import AudioError, InputError

SR = 8000


def content(excerpt: WavExcerpt, begin: int = 0, end: int | None = None) -> bytes:
    return b"".join(excerpt.chunks(begin, excerpt.size if end is None else end))


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A FLAC of 20 s and its samples [shape=(n, 2)]."""
    y = np.random.default_rng(0).integers(-32768, 32768, (20 * SR, 2)).astype(np.int16)
    path = tmp_path_factory.mktemp("flac") / "stereo.flac"
    soundfile.write(path, y, SR)
    return path, y


def test_the_samples_of_16_bits_are_those_of_the_source(stereo: tuple[Path, np.ndarray]) -> None:
    path, y = stereo
    excerpt = WavExcerpt(path, start=4.0, duration=8.5)
    whole = content(excerpt)
    assert len(whole) == excerpt.size
    found, sr = soundfile.read(io.BytesIO(whole), dtype="int16")
    assert sr == SR and np.array_equal(found, y[4 * SR : round(12.5 * SR)])
    excerpt.close()


@given(st.data())
def test_bytes_are_the_same_from_any_of_them_on(stereo: tuple[Path, np.ndarray], data: st.DataObject) -> None:
    excerpt = WavExcerpt(stereo[0], start=10.0, duration=9.0)
    whole = content(excerpt)
    places = st.integers(0, excerpt.size)
    begin, end = sorted((data.draw(places), data.draw(places)))
    assert content(excerpt, begin, end) == whole[begin:end]
    excerpt.close()


def test_where_the_source_ends_there_is_silence(stereo: tuple[Path, np.ndarray]) -> None:
    path, y = stereo
    excerpt = WavExcerpt(path, start=19.0, duration=60.0)
    found, _ = soundfile.read(io.BytesIO(content(excerpt)), dtype="int16")
    assert len(found) == 60 * SR and np.array_equal(found[:SR], y[-SR:]) and not found[SR:].any()
    excerpt.close()


def test_a_lossy_source_of_another_rate_and_one_channel(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.mp3", 0.5 * np.sin(0.05 * np.arange(6 * 44100)), 44100)
    expected = load(tmp_path / "tone.mp3", sr=None, start=2.0, duration=3.0).y
    excerpt = WavExcerpt(tmp_path / "tone.mp3", start=2.0, duration=3.0)
    found, sr = soundfile.read(io.BytesIO(content(excerpt)), dtype="float32", always_2d=True)
    assert sr == 44100 and found.shape == (3 * 44100, 1)
    assert np.abs(found[:, 0] - expected).max() <= 0.5001 / 32768  # half a step of 16 bits
    excerpt.close()


def test_what_is_beyond_full_scale_or_no_number_is_kept_within() -> None:
    y = np.array([-2, -1, -0.5, 0, 1, np.inf, -np.inf, np.nan], np.float32)
    assert interleaved([y], 2).tolist() == [
        [x, x] for x in (-32768, -32768, -16384, 0, 32767, 32767, -32768, 0)
    ]


def test_a_length_that_the_header_cannot_name() -> None:
    assert len(header(44100, 2, 2**33)) == HEADER_LENGTH


@pytest.mark.parametrize(("start", "duration"), [(0.0, 0.0), (-1.0, 2.0), (1.0, -1.0)])
def test_an_empty_part_is_refused(start: float, duration: float) -> None:
    with pytest.raises(InputError, match="Accepted"):
        WavExcerpt(Clip(np.zeros(SR, np.float32), SR), start=start, duration=duration)


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(AudioError):
        WavExcerpt(b"this is a text", start=0.0, duration=1.0)
