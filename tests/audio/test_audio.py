"""Reading sound: every format, from every kind of source, from any start."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import Clip, load, open_audio, probe
from earmark.errors import InputError, TooShortError

SR = 44100
# Half a step of the sample format, as the writer rounds, and one more for its scaling by 2**(b-1) - 1.
STEP = {"wav8": 2**-6, "wav24": 2**-22, "wav32": 2**-24, "wavex": 2**-22, "aiff24": 2**-22, "flac24": 2**-22}
FLOATS = ("wavfloat", "wavdouble", "wv")
# The delay of the encoder is noted in these formats, and must be gone.
LOSSY_ALIGNED = ("mp3", "ogg", "m4a", "mp4", "opus", "webm")
LOSSY = (*LOSSY_ALIGNED, "aac", "wma", "ac3")


def music(seconds: float, sr: int = SR) -> np.ndarray:
    """Two tones and a little noise in stereo [shape=(2, n)]: something that a codec keeps."""
    return (
        sounds.tone(seconds, hz=220, sr=sr, channels=2)
        + sounds.tone(seconds, hz=1500, sr=sr, amplitude=0.2, channels=2)
        + sounds.noise(seconds, sr=sr, amplitude=0.01, channels=2)
    )


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """Eight seconds of `music` in every format; Opus knows 48 kHz alone."""
    rate = {"opus": 48000, "webm": 48000}
    return {fmt: sounds.encode(music(8, rate.get(fmt, SR)), rate.get(fmt, SR), fmt) for fmt in sounds.FORMATS}


@pytest.mark.parametrize("fmt", sounds.LOSSLESS)
def test_lossless_formats_give_the_mean_of_the_channels(files: dict[str, bytes], fmt: str) -> None:
    clip = load(files[fmt], sr=None)
    tolerance = 1e-7 if fmt in FLOATS else STEP.get(fmt, 2**-14)
    assert clip.sr == SR
    assert clip.y.dtype == np.float32
    assert clip.warnings == ()
    np.testing.assert_allclose(clip.y, music(8).mean(axis=0), rtol=0, atol=tolerance)


@pytest.mark.parametrize("fmt", LOSSY_ALIGNED)
def test_lossy_formats_begin_and_end_with_the_sound(files: dict[str, bytes], fmt: str) -> None:
    clip = load(files[fmt], sr=None)
    expected = music(8, clip.sr).mean(axis=0)
    assert len(clip.y) == len(expected)
    middle = slice(clip.sr, -clip.sr)
    heard, truth = clip.y[middle], expected[middle]
    errors = {lag: np.std(np.roll(heard, -lag) - truth) for lag in range(-3, 4)}
    assert min(errors, key=errors.__getitem__) == 0
    assert errors[0] < 0.05 * np.std(truth)  # the noise, which a codec need not keep, is 0.026 of it


@pytest.mark.parametrize("fmt", ["mp3", "ogg", "opus", "flac", "wav24", "aiff16"])
def test_agrees_with_libsndfile(files: dict[str, bytes], fmt: str) -> None:
    expected, sr = soundfile.read(io.BytesIO(files[fmt]), dtype="float32")
    clip = load(files[fmt], sr=None)
    assert clip.sr == sr
    # Two implementations of MP3 in float32 differ by a few units of the last place; ISO/IEC 11172-4 calls a
    # decoder accurate below 2**-14.
    np.testing.assert_allclose(clip.y, expected.mean(axis=1), rtol=0, atol=5e-6)


@pytest.mark.parametrize("bitrate", [12_000, 24_000, 64_000])
def test_opus_of_low_rate_agrees_with_the_reference_decoder(bitrate: int) -> None:
    """FFmpeg's own decoder differs there by more than 2 % of full scale."""
    data = sounds.encode(music(4, 48000)[:1], 48000, "opus", bitrate=bitrate)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    np.testing.assert_allclose(load(data, sr=None).y, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fmt", ["mp3", "flac", "ogg"])
def test_agrees_with_what_librosa_does(files: dict[str, bytes], fmt: str) -> None:
    """`librosa.load` is libsndfile, the mean of the channels, and soxr at high quality."""
    frames, sr = soundfile.read(io.BytesIO(files[fmt]), dtype="float32", always_2d=True)
    expected = soxr.resample(frames.mean(axis=1), sr, 22050, quality="HQ")
    clip = load(files[fmt])
    assert clip.sr == 22050
    np.testing.assert_allclose(clip.y, expected[: len(clip.y)], rtol=0, atol=5e-6)
    assert abs(len(expected) - len(clip.y)) <= 1


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_blocks_joined_are_what_load_gives(files: dict[str, bytes], fmt: str) -> None:
    clip = load(files[fmt])
    with open_audio(files[fmt]) as stream:
        blocks = list(stream.blocks(block_length=10_007))
    assert {len(block) for block in blocks[:-1]} == {10_007}
    np.testing.assert_array_equal(np.concatenate(blocks), clip.y)


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_starts_are_exact(files: dict[str, bytes], fmt: str) -> None:
    """Also when the stream goes back, and at the beginning again."""
    for sr, tolerance in ((None, 0), (22050, 1e-6), (16000, 1e-6)):
        whole = load(files[fmt], sr=sr)
        with open_audio(files[fmt], sr=sr) as stream:
            for start in (5.0, 2.123456, 7.5, 0.25, 0.0):
                part = np.concatenate(list(stream.blocks(start=start, duration=0.4)))
                first = round(start * whole.sr)
                assert len(part) == round(0.4 * whole.sr)
                np.testing.assert_allclose(part, whole.y[first : first + len(part)], rtol=0, atol=tolerance)


@settings(max_examples=30, deadline=None)
@given(start=st.floats(0, 2.9), duration=st.floats(0.001, 5), sr=st.sampled_from([8000, 22050, 44101, 48000]))
def test_any_part_is_a_slice_of_the_whole(start: float, duration: float, sr: int) -> None:
    source = Clip(sounds.noise(3.0), SR)
    whole = load(source, sr=sr).y
    first = round(start * sr)
    part = load(source, sr=sr, start=start, duration=duration)
    expected = whole[first : first + max(1, round(duration * sr))]
    assert len(part.y) == len(expected)
    np.testing.assert_allclose(part.y, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bitrate", [32_000, 320_000])
def test_starts_in_mp3_survive_the_bit_reservoir(bitrate: int) -> None:
    data = sounds.encode(music(8), SR, "mp3", bitrate=bitrate)
    whole = load(data, sr=None).y
    part = load(data, sr=None, start=5, duration=1).y
    np.testing.assert_array_equal(part, whole[5 * SR : 6 * SR])


def test_mp3_of_varying_rate_without_a_count_is_read_to_its_end() -> None:
    """libsndfile guesses the length from the first frame, and stops there."""
    quiet_then_loud = np.concatenate([1e-4 * music(4), music(4)], axis=1)
    data = sounds.encode(quiet_then_loud, SR, "mp3", bitrate=0, write_xing="0", q="2")
    assert load(data, sr=None).duration == pytest.approx(8, abs=0.1)


def test_overshoot_is_not_clipped() -> None:
    loud = sounds.tone(1.0, amplitude=1.7)
    assert np.abs(load(sounds.encode(loud, SR, "wavfloat"), sr=None).y).max() == pytest.approx(1.7, abs=1e-3)
    square = np.sign(sounds.tone(1.0, hz=300)).astype(np.float32)
    assert np.abs(load(sounds.encode(square, SR, "mp3"), sr=None).y).max() > 1.05


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(channels: int) -> None:
    y = sounds.noise(0.5, channels=channels)
    expected = np.atleast_2d(y).mean(axis=0)
    for fmt in ("wavfloat", "wv"):
        np.testing.assert_allclose(load(sounds.encode(y, SR, fmt), sr=None).y, expected, atol=1e-7)


@pytest.mark.parametrize("channels", [7, 8, 9, 16])
def test_many_channels(channels: int) -> None:
    """Eight planes or more, whose end PyAV does not see."""
    y = sounds.noise(1.0, channels=channels)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", SR, channels, "VORBIS", format="OGG") as vorbis:
        vorbis.write(y.T)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    clip = load(file.getvalue(), sr=None)
    assert probe(file.getvalue()).channels == channels
    np.testing.assert_allclose(clip.y, expected.mean(axis=1), rtol=0, atol=1e-6)


def test_a_tone_stays_a_tone_of_the_same_height() -> None:
    """Resampling, by an analytic signal: 1 kHz in, 1 kHz out, at the same phase."""
    clip = load(sounds.encode(sounds.tone(2.0, hz=1000), SR, "wavfloat"), sr=22050)
    t = np.arange(len(clip.y)) / 22050
    middle = slice(1000, -1000)
    np.testing.assert_allclose(clip.y[middle], 0.5 * np.sin(2 * np.pi * 1000 * t)[middle], atol=1e-5)


def test_what_lies_above_half_the_rate_is_gone() -> None:
    clip = load(sounds.encode(sounds.tone(1.0, hz=15_000), SR, "wavfloat"), sr=22050)
    assert np.abs(clip.y[1000:-1000]).max() < 1e-5


def test_all_kinds_of_sources_give_the_same(files: dict[str, bytes], tmp_path: Path) -> None:
    for fmt in ("wav16", "mp3", "m4a"):
        data = files[fmt]
        path = tmp_path / f"name without extension {fmt}"
        path.write_bytes(data)
        expected = load(path)
        assert expected.path == str(path)
        with open(path, "rb") as opened:
            clips = [
                load(str(path)),
                load(data),
                load(io.BytesIO(data)),
                load(opened),
                load(sounds.OneWay(data)),
            ]
            assert not opened.closed
        for clip in clips:
            np.testing.assert_array_equal(clip.y, expected.y)


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_a_pipe_gives_what_the_file_gives(files: dict[str, bytes], fmt: str) -> None:
    expected = load(files[fmt])
    clip = load(sounds.OneWay(files[fmt]))
    np.testing.assert_array_equal(clip.y, expected.y)
    assert clip.warnings == expected.warnings
    part = load(sounds.OneWay(files[fmt]), start=2.0, duration=1.0)
    np.testing.assert_allclose(part.y, expected.y[44100:66150], rtol=0, atol=1e-6)


def test_standard_input(files: dict[str, bytes]) -> None:
    code = "from earmark.audio import load; c = load('-'); print(c.path, len(c.y), c.warnings)"
    for fmt in ("mp3", "m4a"):
        done = subprocess.run([sys.executable, "-c", code], input=files[fmt], capture_output=True, check=True)
        assert done.stdout.decode().split() == ["-", "176400", "()"]
        assert done.stderr == b""


def test_a_pipe_is_decoded_before_it_ends() -> None:
    """A radio station never ends."""
    reading, writing = os.pipe()
    data = sounds.encode(music(30), SR, "mp3")
    with open(reading, "rb", buffering=0) as source, open(writing, "wb", buffering=0) as sink:

        def feed() -> None:
            sink.write(data)
            sink.close()  # or whoever drains the pipe, faster than this thread ends, waits for ever

        feeder = threading.Thread(target=feed)
        feeder.start()
        with open_audio(source) as stream:
            blocks = stream.blocks(block_length=22050)
            heard = [next(blocks) for _ in range(5)]
        assert len(np.concatenate(heard)) == 5 * 22050
        assert feeder.is_alive()
        while source.read(65536):
            pass
        feeder.join()


def test_a_pipe_cannot_go_back(files: dict[str, bytes]) -> None:
    with open_audio(sounds.OneWay(files["mp3"])) as stream:
        np.concatenate(list(stream.blocks(start=5, duration=1)))
        with pytest.raises(InputError, match="cannot go back"):
            next(stream.blocks(start=0))


def test_a_named_pipe(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    feeder = threading.Thread(target=path.write_bytes, args=(files["flac"],))
    feeder.start()
    assert load(path).duration == pytest.approx(8)
    feeder.join()


def test_a_clip_is_a_source() -> None:
    clip = Clip(sounds.tone(1.0), SR, path="here", warnings=("truncated",))
    same = load(clip, sr=None)
    np.testing.assert_array_equal(same.y, clip.y)
    assert same.y is not clip.y
    assert (same.path, same.warnings) == ("here", ("truncated",))
    assert load(clip, sr=22050).duration == pytest.approx(1.0)
    assert probe(clip).sr == SR


def test_odd_names_are_paths_and_not_addresses(files: dict[str, bytes], tmp_path: Path) -> None:
    for name in (
        "concat:a|b.mp3",
        "ümläut 音.mp3",
        "%03d.mp3",
        "http:%2f%2fx",
        os.fsdecode(b"latin-\xe9.mp3"),
    ):
        path = tmp_path / name
        path.write_bytes(files["mp3"])
        assert load(path, duration=0.5).duration == 0.5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak of memory")
def test_memory_stays_constant(tmp_path: Path) -> None:
    """An hour of sound, 635 MB, of which a file system need not store the zeros."""
    path = tmp_path / "hour.wav"
    header = sounds.encode(np.zeros((2, 0), np.float32), SR, "wav16")
    n_bytes = 3600 * SR * 4
    with open(path, "wb") as file:
        file.write(header[:-4] + n_bytes.to_bytes(4, "little"))
        file.truncate(len(header) + n_bytes)
    code = f"""
from pathlib import Path
from earmark.audio import load, open_audio
def peak():  # of this program alone: what getrusage tells is inherited from the parent
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
load({str(path)!r}, duration=1)
before = peak()
with open_audio({str(path)!r}) as stream:
    n = sum(len(block) for block in stream.blocks())
print(n, peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    n, growth = map(int, done.stdout.split())
    assert n == 3600 * 22050
    assert growth < 20_000  # KiB; the sound itself takes 310,000


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_probe(files: dict[str, bytes], fmt: str) -> None:
    info = probe(files[fmt])
    assert info.sr == (48000 if fmt in ("opus", "webm") else SR)
    assert info.channels == 2
    # Bare AAC and AC-3 carry no length: FFmpeg estimates one from the bit rate.
    assert info.duration == pytest.approx(8, abs=0.3 if fmt in ("aac", "ac3") else 0.05)
    assert info.bitrate == pytest.approx(len(files[fmt]) * 8 / 8, rel=0.05)


def test_probe_names_codec_and_container(files: dict[str, bytes]) -> None:
    names = {fmt: (probe(files[fmt]).codec, probe(files[fmt]).container) for fmt in files}
    assert names["mp3"] == ("mp3", "mp3")
    assert names["ogg"] == ("vorbis", "ogg")
    assert names["opus"] == ("opus", "ogg")
    assert names["webm"] == ("opus", "matroska")
    assert names["m4a"] == names["mp4"] == ("aac", "mp4")
    assert names["alac"] == ("alac", "mp4")
    assert names["wma"] == ("wmav2", "asf")
    assert names["flac"] == ("flac", "flac")
    assert names["wav24"] == ("pcm_24", "wav")


def test_probe_reads_tags(tmp_path: Path) -> None:
    import av

    for fmt in ("mp3", "m4a", "opus"):
        path = tmp_path / f"tagged{sounds.suffix(fmt)}"
        plain_path = tmp_path / f"plain{sounds.suffix(fmt)}"
        sounds.write(plain_path, music(1), SR, fmt)
        with (
            av.open(str(tmp_path / f"plain{sounds.suffix(fmt)}")) as plain,
            av.open(str(path), "w") as tagged,
        ):
            tagged.metadata.update({"title": "Blue in Grün", "artist": "Nobody"})
            stream = tagged.add_stream_from_template(plain.streams.audio[0])
            for packet in plain.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    tagged.mux(packet)
        tags = probe(path).tags
        assert (tags["title"], tags["artist"]) == ("Blue in Grün", "Nobody")


def test_libraries_keep_silent(files: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    tag = b"ID3\x03\x00\x00\x00\x00\x00\x20COMM\x00\x00\x00\x02\x00\x00\x03\xff" + bytes(20)
    for fmt in ("mp3", "m4a", "flac"):
        load(tag + files[fmt] if fmt == "mp3" else files[fmt][: len(files[fmt]) - 7] + bytes(7))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    "options",
    [{"sr": 0}, {"sr": 999}, {"sr": 10**7}, {"sr": 22050.5}, {"start": -1}, {"start": float("nan")},
     {"duration": 0}, {"duration": -1}, {"duration": float("inf")}],
    ids=str,
)  # fmt: skip
def test_arguments_out_of_range(options: dict[str, float]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(InputError, match=rf"{name}={value}.*Accepted"):
        load(Clip(sounds.tone(1.0), SR), **options)  # type: ignore[arg-type]


def test_a_start_behind_the_end(files: dict[str, bytes]) -> None:
    for fmt in ("wav16", "mp3", "m4a", "opus"):
        with pytest.raises(TooShortError, match="start=9 s"):
            load(files[fmt], start=9)


def test_more_than_there_is_gives_what_there_is(files: dict[str, bytes]) -> None:
    assert load(files["mp3"], start=7, duration=10).duration == pytest.approx(1.0)


def test_sources_of_the_wrong_kind(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_text("x")
    with open(path) as text, pytest.raises(InputError, match="binary mode"):
        load(text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Clip\(y, sr\)"):
        load(np.zeros(10))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"y\.shape=\(2, 10\)"):
        Clip(np.zeros((2, 10), np.float32), SR)
    with pytest.raises(InputError, match=r"float64"):
        Clip(np.zeros(10), SR)
