"""Descriptors: finite for any sound, equal to librosa's columns, and to those of a published table."""

from __future__ import annotations

import csv
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from feature_sounds import SR, descriptor_sounds, golden
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import BadSamplesError, EmptyAudioError, InputError
from earmark.features import DescriptorStream, FeatureSpec, descriptors, frame_features, log_mel, mfcc
from music import band

SHAPES = ("chroma_stft", "rms", "spectral_centroid", "spectral_bandwidth", "rolloff", "zero_crossing_rate")

ODD_SOUNDS = {
    "silence": np.zeros(3 * SR),
    "click": np.eye(1, 3 * SR, 30_000)[0],
    "offset": np.full(3 * SR, 0.5),
    "one sample": np.ones(1),
    "two samples": np.array([0.5, -0.5]),
    "one frame": np.sin(np.arange(300)),
    "few frames": np.sin(np.arange(3000)),
    "tiny": 1e-30 * np.sin(np.arange(SR)),
    "quiet": 1e-6 * np.sin(np.arange(SR)),
    "loud": 100 * np.sin(np.arange(SR)),
    "square": np.sign(np.sin(np.arange(SR) / 30)),
    "half silence": np.sin(np.arange(2 * SR)) * (np.arange(2 * SR) > SR),
}


@pytest.mark.parametrize("name", ODD_SOUNDS)
def test_odd_sounds_give_numbers(name: str) -> None:
    found = descriptors(ODD_SOUNDS[name].astype(np.float32))
    assert np.isfinite(found.values).all()
    assert found.names == descriptors(band("rock", seconds=3)).names


@given(seed=st.integers(0, 10**6), n=st.integers(1, 70_000), level=st.floats(-7, 1))
@settings(max_examples=15, deadline=None)
def test_any_noise_gives_numbers(seed: int, n: int, level: float) -> None:
    y = np.random.default_rng(seed).standard_normal(n) * 10**level
    assert np.isfinite(descriptors(y.astype(np.float32)).values).all()


def test_names_are_librosas_columns_in_order() -> None:
    names = descriptors(band("rock", seconds=3)).names
    usual = [f"{name}_{part}" for name in SHAPES for part in ("mean", "var")]
    usual += ["tempo", *(f"mfcc{i}_{part}" for i in range(1, 21) for part in ("mean", "var"))]
    assert list(names[: len(usual)]) == usual
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", descriptor_sounds())
def test_numbers_equal_librosas(name: str) -> None:
    """0.1 %: float32 sums, and a bin of rolloff or a step of 0.01 semitones of tuning here and there."""
    found = descriptors(descriptor_sounds()[name]).to_dict()
    theirs = {key: value for key, value in golden().items() if key.startswith(f"columns/{name}/")}
    assert len(theirs) == 68
    for key, value in theirs.items():
        column = key.rpartition("/")[2]
        assert found[column] == pytest.approx(float(value), rel=1e-3, abs=2e-3), column


def test_key_tempo_and_access_by_name() -> None:
    slow = descriptors(band("ballad", seconds=12, key="C major"))
    assert slow.key == "C major"
    assert slow["key_major_minus_minor"] > 0
    fast = descriptors(band("rock", seconds=12, bpm=120.0))
    assert fast["tempo"] == fast.to_dict()["tempo"] == pytest.approx(120, rel=0.04)
    assert fast["beat_strength"] > 1.5
    with pytest.raises(ValueError, match="not in tuple"):
        _ = fast["tempos"]


def test_frames_are_those_of_the_single_functions() -> None:
    clip = band("rock", seconds=4)
    frames = frame_features(clip)
    np.testing.assert_allclose(frames.S_db, log_mel(clip), atol=1e-4)
    n = frames.S_db.shape[1]
    assert frames.chroma.shape == (12, n)
    assert frames.spectral_contrast.shape == (7, n)
    for name in ("rms", "zero_crossing_rate", "spectral_centroid", "spectral_bandwidth", "spectral_flatness"):
        assert getattr(frames, name).shape == (n,)
    assert mfcc(frames.S_db).shape == (20, n)


def test_a_long_sound_keeps_the_tuning_of_its_first_minute() -> None:
    t = np.arange(70 * SR) / SR
    y = 0.3 * np.sin(2 * np.pi * 440 * 2 ** (0.3 / 12) * t)
    y[62 * SR :] = 0.3 * np.sin(2 * np.pi * 440 * 2 ** (0.6 / 12) * t[62 * SR :])  # nearer to A# at 440 Hz
    frames = frame_features(y.astype(np.float32))
    assert frames.tuning == pytest.approx(0.3, abs=0.1)
    assert frames.chroma.shape == (12, 1 + len(y) // 512)
    assert (frames.chroma.argmax(axis=0)[5:-5] == 9).all()  # A throughout


SMALL = FeatureSpec(sr=13_000, n_fft=512, hop_length=512, n_mels=20)  # 25 frames a second


@given(cuts=st.lists(st.integers(0, 60_000), max_size=8))
@settings(max_examples=10, deadline=None)
def test_division_into_blocks_does_not_matter(cuts: list[int]) -> None:
    """1e-5: a frame alone goes through another routine of BLAS than 64 together."""
    y = band("rock", seconds=3).y[:60_000]
    stream = DescriptorStream()
    for block in np.split(y, sorted(cuts)):
        stream.push(block)
    found, whole = stream.close(), descriptors(y)
    assert (found.names, found.key) == (whole.names, whole.key)
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.5])
def test_numbers_that_need_the_whole_sound_wait_for_its_beginning_only(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond that they take what is known by then, whatever the division into blocks."""
    monkeypatch.setattr(sys.modules["earmark.features.descriptors"], "_HELD_SECONDS", seconds)
    monkeypatch.setattr(sys.modules["earmark.features.chroma"], "_TUNING_SECONDS", seconds)
    y = band("ballad", seconds=3).y * np.linspace(0.001, 1, 3 * SR, dtype=np.float32)
    found = []
    for n in (500, 20_000, len(y)):
        stream = DescriptorStream()
        for start in range(0, len(y), n):
            stream.push(y[start : start + n])
        found.append(stream.close().values)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5, atol=1e-5)


def test_memory_does_not_grow_with_the_sound() -> None:
    """Half an hour with an offset; the onset envelope, 4 bytes a frame, is all that is kept of it."""
    noise = np.random.default_rng(0).standard_normal(60 * SMALL.sr, dtype=np.float32)
    minute = np.float32(0.1) + np.float32(0.1) * noise
    stream, held = DescriptorStream(SMALL), []
    tracemalloc.start()
    for _ in range(30):
        stream.push(minute)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[29] - held[11] < 18 * 60 * 25 * 4 + 100_000
    assert np.isfinite(stream.close().values).all()


def test_a_stream_without_samples_has_no_descriptors() -> None:
    stream = DescriptorStream()
    stream.push(np.zeros(0, np.float32))
    with pytest.raises(EmptyAudioError):
        stream.close()


def test_what_cannot_be_described() -> None:
    with pytest.raises(EmptyAudioError):
        descriptors(np.zeros(0, np.float32))
    with pytest.raises(BadSamplesError):
        descriptors(np.array([0.0, np.nan] * 2000, np.float32))
    with pytest.raises(InputError, match="sr > 12800"):
        descriptors(np.zeros(8000, np.float32), FeatureSpec(sr=8000))
    with pytest.raises(InputError, match="n_mfcc=20"):
        descriptors(np.zeros(8000, np.float32), FeatureSpec(n_mels=16))


# --- against the table of 57 librosa descriptors that is published with GTZAN ---


def band_limited(path: Path) -> np.ndarray:
    """Decode a clip and bring it to 22,050 Hz with all that it holds below half of that.

    The table was made from files of 22,050 Hz, whose sound reaches up to 11 kHz. A usual resampler fades out
    from 10 kHz on, which moves the higher MFCC by more than any two implementations of them differ:
    librosa's own then correlate with the table by 0.94. So here the spectrum of the whole is cut.
    """
    import soundfile

    y, sr = soundfile.read(path, dtype="float32")
    seconds = -(-len(y) // sr)  # whole seconds: lengths without large factors, which the FFT likes
    spectrum = np.fft.rfft(y, sr * seconds)[: SR * seconds // 2 + 1]
    resampled = np.fft.irfft(spectrum, SR * seconds) * (SR / sr)
    return resampled[: round(len(y) * SR / sr)].astype(np.float32)


@pytest.mark.shared
@pytest.mark.slow
def test_columns_correlate_with_the_published_table(shared: Path) -> None:
    """0.99, and 0.95 for MFCC: the clips are Opus copies of those that the table was made from."""
    folder = shared / "data" / "gtzan"
    table = {
        row["filename"].removesuffix(".wav"): row
        for row in csv.DictReader((folder / "librosa_features_30s.csv").open())
    }
    paths = sorted((folder / "clips").glob("*.opus"))
    assert len(paths) == 342
    found = {path.stem: descriptors(band_limited(path)).to_dict() for path in paths}
    for name in next(iter(found.values())).keys() & next(iter(table.values())).keys():
        ours = np.array([numbers[name] for numbers in found.values()])
        theirs = np.array([float(table[stem][name]) for stem in found])
        if name == "tempo":
            assert np.mean(np.abs(ours / theirs - 1) < 0.04) > 0.88
        else:
            assert np.corrcoef(ours, theirs)[0, 1] >= (0.95 if name.startswith("mfcc") else 0.99), name
