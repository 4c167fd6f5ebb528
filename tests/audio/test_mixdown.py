"""Several channels to one: the mean, and what is done where the mean cancels."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import load, open_audio
from earmark.audio.info import AudioInfo
from earmark.audio.mixdown import Mixdown, check_samples
from earmark.errors import BadSamplesError

SR = 44100


def band(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords and noise, mono [shape=(n,)]."""
    tones = sum(sounds.tone(seconds, hz=hz, amplitude=0.1) for hz in (110, 277, 440, 1318))
    return np.asarray(tones + sounds.noise(seconds, amplitude=0.03, seed=seed), np.float32)


def rms(y: np.ndarray) -> float:
    return float(np.sqrt(np.mean(y.astype(np.float64) ** 2)))


class Chunks:
    """A decoder that gives an array of channels [shape=(channels, n)] in chunks of given lengths."""

    def __init__(self, y: np.ndarray, lengths: list[int], sr: int = SR) -> None:
        self.info = AudioInfo(None, "float32", "memory", sr, len(y))
        self.warnings: list[str] = []
        self.n_claimed = None
        self._y, self._at, self._lengths = y, 0, lengths
        self._count = 0

    def seek(self, sample: int) -> None:
        self._at = sample

    def read(self) -> list[np.ndarray]:
        length = self._lengths[self._count % len(self._lengths)]
        self._count += 1
        chunk = [channel[self._at : self._at + length].copy() for channel in self._y]
        self._at += length
        return chunk if len(chunk[0]) else []

    def close(self) -> None:
        pass


def mixed(y: np.ndarray, lengths: list[int], start: int = 0, sr: int = SR) -> np.ndarray:
    mixdown = Mixdown(Chunks(y, lengths, sr), name="x")
    mixdown.seek(start)
    pieces = []
    while len(piece := mixdown.read()):
        pieces.append(piece.copy())
    return np.concatenate(pieces)


ORDINARY = {
    "mono twice": np.stack([band(3), band(3)]),
    "unrelated": np.stack([band(3), sounds.noise(3.0, seed=1)]),
    "widened, correlation -0.5": np.stack([band(3), -0.5 * band(3) + sounds.noise(3.0, amplitude=0.12)]),
    "one channel silent": np.stack([band(3), np.zeros_like(band(3))]),
    "a quarter of a period apart": np.stack([sounds.tone(3.0), np.roll(sounds.tone(3.0), 25)]),
    "silence": np.zeros((2, 3 * SR), np.float32),
    "opposite dither at -100 dB": np.outer([1e-4, -1e-4], sounds.noise(3.0)),
    "unrelated, six channels": sounds.noise(3.0, channels=6),
    "one of six channels": np.stack([np.zeros_like(band(3))] * 5 + [band(3)]),
    "one channel": band(3)[np.newaxis],
}  # fmt: skip


@pytest.mark.parametrize("case", ORDINARY)
def test_ordinary_sound_stays_the_mean_bit_for_bit(case: str) -> None:
    y = ORDINARY[case].astype(np.float32)
    total = y[0].copy()
    for channel in y[1:]:
        total = total + channel
    np.testing.assert_array_equal(mixed(y, [10_000]), total * np.float32(1 / len(y)))
    source = io.BytesIO()
    soundfile.write(source, y.T, SR, format="WAV", subtype="FLOAT")
    assert load(source, sr=None).warnings == ()


OPPOSITE = {
    "inverted": (lambda y: np.stack([y, -y]), 1.0),
    "inverted and weaker": (lambda y: np.stack([y, -0.7 * y]), 0.85),
    "inverted and louder": (lambda y: np.stack([0.6 * y, -y]), 0.8),
    "inverted, with a little of each its own": (
        lambda y: np.stack([y, -y]) + sounds.noise(len(y) / SR, amplitude=0.01, channels=2, seed=5), 1.0,
    ),
    "inverted, on an offset": (lambda y: np.stack([y, -y]) + np.float32(0.05), 1.0),
    "two pairs": (lambda y: np.stack([y, band(len(y) / SR, 9), -y, -band(len(y) / SR, 9)]), 0.9),
    "surround with both fronts opposite": (
        lambda y: np.stack([y, -y, *sounds.noise(len(y) / SR, amplitude=0.005, channels=4)]), 1 / 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fmt", ["wavfloat", "flac", "mp3", "ogg", "opus", "m4a", "alac"])
def test_an_inverted_channel_sounds_like_one_that_is_not(fmt: str) -> None:
    y, sr = band(4), 48000 if fmt == "opus" else SR
    clip = load(sounds.encode(np.stack([y, -y]), sr, fmt))
    twin = load(sounds.encode(np.stack([y, y]), sr, fmt))
    assert rms(clip.y - twin.y) < 0.15 * rms(
        twin.y
    )  # what a lossy codec leaves of noise depends on the channels
    assert twin.warnings == ()
    (warning,) = clip.warnings
    assert warning.startswith("opposite phase: from 0.0 s on")


@pytest.mark.parametrize("case", OPPOSITE)
def test_what_cancels_is_kept(case: str) -> None:
    channels, level = OPPOSITE[case]
    y = band(4)
    kept = mixed(np.asarray(channels(y), np.float32), [65_536])
    assert rms(kept - kept.mean()) == pytest.approx(level * rms(y), rel=0.12)


@pytest.mark.parametrize(("begin", "end"), [(0, 4), (4, 10), (6, 10), (3, 7)])
def test_a_part_that_cancels_is_kept_and_the_rest_is_the_mean(begin: int, end: int) -> None:
    y = band(10)
    second = y.copy()
    second[begin * SR : end * SR] *= -1
    clip = load(sounds.encode(np.stack([y, second]), SR, "wavfloat"), sr=None)
    error = np.abs(clip.y - y)
    inside = slice(int((begin + 0.8) * SR), int((end - 0.8) * SR))
    assert error[inside].max() < 1e-6
    np.testing.assert_array_equal(
        clip.y[: max(0, int((begin - 0.8) * SR))], y[: max(0, int((begin - 0.8) * SR))]
    )
    np.testing.assert_array_equal(clip.y[int((end + 0.8) * SR) :], y[int((end + 0.8) * SR) :])
    assert len(clip.warnings) == 1


def test_a_change_of_mixing_does_not_click() -> None:
    """Where two tones fade, no step is larger than the tones themselves have."""
    y = sounds.tone(8.0, hz=200)
    second = np.where(np.arange(len(y)) // (2 * SR) % 2, -y, 0.9 * y).astype(np.float32)
    kept = mixed(np.stack([y, second]), [65_536])
    own = [SR * 2 * k for k in (1, 2, 3)]  # the sound itself jumps there
    steps = np.abs(np.diff(kept))
    for at in own:
        steps[at - 2 : at + 2] = 0
    assert steps.max() < 2 * np.abs(np.diff(y)).max()


@settings(max_examples=12, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70_000), min_size=1, max_size=4).filter(
        lambda lengths: sum(lengths) > 2000
    ),
    start=st.integers(0, 7 * SR),
    sr=st.sampled_from([8000, 44100, 192_000]),
)
def test_the_mix_does_not_depend_on_chunks_and_starts(lengths: list[int], start: int, sr: int) -> None:
    y = band(8)
    second = np.where(np.arange(len(y)) // (SR + 999) % 2, -y, y).astype(np.float32)
    whole = mixed(np.stack([y, second]), [65_536], sr=sr)
    np.testing.assert_array_equal(mixed(np.stack([y, second]), lengths, start, sr), whole[start:])


@pytest.mark.parametrize("fmt", ["wavfloat", "flac", "mp3", "ogg", "alac"])
def test_starts_are_exact_where_channels_cancel(fmt: str) -> None:
    y = band(10)
    second = np.where(np.arange(len(y)) > 5 * SR, -y, y).astype(np.float32)
    data = sounds.encode(np.stack([y, second]), SR, fmt)
    whole = load(data, sr=None).y
    with open_audio(data, sr=None) as stream:
        for start in (7.0, 4.9, 5.3, 0.1, 9.5):
            part = np.concatenate(list(stream.blocks(start=start, duration=0.4)))
            np.testing.assert_array_equal(part, whole[round(start * SR) :][: len(part)])


@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_the_mean_of_whole_numbers(n_channels: int) -> None:
    y = np.random.default_rng(0).integers(-(2**15), 2**15, (n_channels, 1000)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, y.T, SR, format="WAV", subtype="PCM_16")
    np.testing.assert_allclose(load(file, sr=None).y, y.mean(axis=0) / 2**15, atol=1e-7)


def test_check_samples_finds_the_first() -> None:
    y = np.ones(1000, np.float32)
    check_samples(y * np.float32(1e14), name="huge, but it does no harm", offset=0, sr=1000)
    with pytest.raises(BadSamplesError, match=r"y=1.*e\+30 at 0\.000 s.*full scale is 1"):
        check_samples(y * np.float32(1e30), name="x", offset=0, sr=1000)
    y[[300, 700]] = np.nan, np.inf
    with pytest.raises(BadSamplesError, match=r"y=nan at 2\.300 s"):
        check_samples(y, name="x", offset=2000, sr=1000)
