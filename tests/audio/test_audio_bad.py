"""Bad input: each kind its own error, with a message that says what to do; damage gives a warning."""

from __future__ import annotations

import builtins
import io
import struct
from pathlib import Path

import numpy as np
import pytest

import sounds
from earmark.audio import load, probe
from earmark.errors import (
    AudioError,
    AudioNotFoundError,
    BadSampleRateError,
    BadSamplesError,
    CorruptAudioError,
    EmptyAudioError,
    EncryptedAudioError,
    NoAudioTrackError,
    NoChannelsError,
    UnknownFormatError,
    UnreadableAudioError,
)

SR = 44100
ASF_ENCRYPTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def wav(fmt: str = "wav16") -> bytes:
    return sounds.encode(sounds.tone(1.0, channels=2), SR, fmt)


def with_samples(*values: float) -> bytes:
    y = sounds.tone(1.0)
    y[len(y) // 2 : len(y) // 2 + len(values)] = values
    return sounds.encode(y, SR, "wavfloat")


def claiming(sr: float) -> dict[str, bytes]:
    """Files whose headers claim a sampling rate."""
    mantissa, exponent = np.frexp(float(sr))
    extended = struct.pack(">HQ", int(exponent) - 1 + 16383, int(mantissa * 2**64))
    aiff = wav("aiff16")
    flac = wav("flac")
    fields = int.from_bytes(flac[18:26], "big") & ~(0xFFFFF << 44) | (int(sr) % 2**20) << 44
    return {
        "wav": patched(wav(), 24, struct.pack("<I", int(sr))),
        "aiff": patched(aiff, aiff.index(b"COMM") + 16, extended),
        "flac": patched(flac, 18, fields.to_bytes(8, "big")),
    }


MP4 = sounds.encode(sounds.tone(1.0, channels=2), SR, "m4a")
WMA = sounds.encode(sounds.tone(1.0, channels=2), SR, "wma")
MKA = sounds.encode(sounds.tone(1.0, channels=2), SR, "mka")
AIFF = wav("aiff16")

BAD: dict[str, tuple[bytes, type[AudioError], str]] = {
    "no bytes": (b"", EmptyAudioError, "empty"),
    "a tag alone": (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10), EmptyAudioError, "tags"),
    "a WAV without samples": (wav()[:44], EmptyAudioError, "no samples"),
    "a WAV that says so": (sounds.encode(np.zeros((2, 0)), SR, "wav16"), EmptyAudioError, "no samples"),
    "text": (b"These are the lyrics.\n" * 99, UnknownFormatError, "text"),
    "umlauts": ("Grüße aus Köln ".encode() * 99, UnknownFormatError, "text"),
    "a web page": (b"\n<!DOCTYPE html><title>404</title>", UnknownFormatError, "HTML"),
    "XML": (b"<?xml version='1.0'?><a/>", UnknownFormatError, "XML"),
    "a playlist": (b"#EXTM3U\nhttp://example.org/a.mp3\n", UnknownFormatError, "playlist"),
    "a PNG": (b"\x89PNG\r\n\x1a\n" + bytes(99), UnknownFormatError, "PNG"),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(99), UnknownFormatError, "JPEG"),
    "a ZIP": (b"PK\x03\x04" + bytes(99), UnknownFormatError, "ZIP"),
    "MIDI": (b"MThd" + bytes(99), UnknownFormatError, "notes"),
    "zeros": (bytes(5000), UnknownFormatError, "zero bytes"),
    "noise": (np.random.default_rng(1).bytes(5000), UnknownFormatError, "known"),
    "one byte": (b"\xff", UnknownFormatError, "known"),
    "a video without sound": (sounds.silent_video(), NoAudioTrackError, "no audio track"),
    "FairPlay": (MP4.replace(b"mp4a", b"drms"), EncryptedAudioError, "FairPlay"),
    "Common Encryption": (MP4.replace(b"mp4a", b"enca"), EncryptedAudioError, "Common Encryption"),
    "Audible": (MP4.replace(b"mp4a", b"aavd"), EncryptedAudioError, "Audible"),
    "Windows Media DRM": (patched(WMA, 30, ASF_ENCRYPTION), EncryptedAudioError, "Windows Media"),
    "a cut MP4": (MP4[: len(MP4) // 2], CorruptAudioError, "cut short"),
    "a header of MP4": (MP4[:24], CorruptAudioError, "cut short"),
    "a header of Ogg": (sounds.encode(sounds.tone(1.0), SR, "ogg")[:60], CorruptAudioError, "cut short"),
    "a header of FLAC": (wav("flac")[:20], CorruptAudioError, "cut short"),
    "a header of WAV": (wav()[:20], CorruptAudioError, "cut short"),
    "a codec of no name": (MKA.replace(b"A_FLAC", b"A_ZZZZ"), UnknownFormatError, "decoder"),
    "NaN": (with_samples(np.nan), BadSamplesError, r"y=nan at 0\.500 s"),
    "Inf": (with_samples(np.inf), BadSamplesError, r"y=inf at 0\.500 s"),
    "what would overflow a filter": (with_samples(*[3e38, -3e38] * 50), BadSamplesError, "full scale is 1"),
    "more than float32": (
        sounds.encode(sounds.tone(1.0).astype(np.float64) * 1e300, SR, "wavdouble"),
        BadSamplesError,
        "inf",
    ),
    "a WAV of 0 channels": (patched(wav(), 22, b"\0\0"), NoChannelsError, "channels=0"),
    "an AIFF of 0 channels": (patched(AIFF, AIFF.index(b"COMM") + 8, b"\0\0"), NoChannelsError, "channels=0"),
    **{f"{kind} of 1 Hz": (data, BadSampleRateError, "sr=1 Hz") for kind, data in claiming(1).items()},
    **{f"{kind} of 0 Hz": (data, BadSampleRateError, "sr=0 Hz") for kind, data in claiming(0).items()},
    "wav of 10 MHz": (claiming(1e7)["wav"], BadSampleRateError, "sr=10000000 Hz"),
    "aiff of 10 MHz": (claiming(1e7)["aiff"], BadSampleRateError, "sr=10000000 Hz"),
    "flac of 1 MHz": (claiming(1e6)["flac"], BadSampleRateError, "sr=1000000 Hz"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("suffix", [".mp3", ".wav", ""])
def test_each_kind_has_its_error(tmp_path: Path, case: str, suffix: str) -> None:
    data, kind, message = BAD[case]
    path = tmp_path / f"name{suffix}"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=message) as raised:
        load(path)
    assert type(raised.value) is kind
    assert str(path) in raised.value.message
    assert len(raised.value.hint) > 10


@pytest.mark.parametrize("case", BAD)
def test_a_pipe_has_the_same_errors(case: str) -> None:
    data, kind, _ = BAD[case]
    with pytest.raises(kind):
        load(sounds.OneWay(data))


@pytest.mark.parametrize("case", [case for case, (_, kind, _) in BAD.items() if kind is not BadSamplesError])
def test_probe_sees_what_shows_without_decoding(case: str) -> None:
    data, kind, _ = BAD[case]
    with pytest.raises(kind):
        probe(data)


def test_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp3", tmp_path / "none" / "none.mp3", ""):
        with pytest.raises(AudioNotFoundError, match="no file"):
            load(path)
    (tmp_path / "file").write_bytes(wav())
    with pytest.raises(AudioNotFoundError):
        load(tmp_path / "file" / "none.mp3")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudioError, match="is a folder"):
        load(tmp_path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by the system call itself, for a super-user is refused nothing."""
    path = tmp_path / "secret.wav"
    path.write_bytes(wav())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(UnreadableAudioError, match=r"No permission.*secret\.wav"):
        load(path)


def test_impossible_names() -> None:
    for name in ("a\0b.mp3", "x" * 5000):
        with pytest.raises(UnreadableAudioError, match="cannot be opened"):
            load(name)


class FailingFile(io.BytesIO):
    """A disk that fails behind some byte."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self._good = good

    def read(self, n: int | None = -1, /) -> bytes:
        if self.tell() > self._good:
            raise OSError(5, "Input/output error")
        return super().read(n)


@pytest.mark.parametrize("fmt", ["wav16", "flac", "mp3"])
def test_a_failing_disk(fmt: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = sounds.encode(sounds.noise(20.0, channels=2), SR, fmt)
    clip = load(FailingFile(data, len(data) // 2), sr=None)
    assert 5 < clip.duration < 15
    assert any("nput/output error" in warning for warning in clip.warnings)
    with pytest.raises(UnreadableAudioError, match="nput/output error"):
        load(FailingFile(data, -1))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fmt", [fmt for fmt in sounds.FORMATS if fmt not in ("m4a", "alac", "mp4")])
def test_a_truncated_file_gives_what_is_there_and_a_warning(fmt: str) -> None:
    data = sounds.encode(sounds.noise(10.0, channels=2), SR, fmt)
    clip = load(data[: len(data) * 6 // 10], sr=None)
    assert clip.duration == pytest.approx(6.0, abs=1.0 if fmt == "tta" else 0.3)
    if fmt == "ac3":
        return  # what is missing shows only as an incomplete last frame
    assert any(warning.startswith(("truncated", "damaged")) for warning in clip.warnings)


def test_a_truncated_mp4_whose_index_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "front.m4a"
    sounds.write(path, sounds.noise(10.0, channels=2), SR, "m4a", movflags="faststart")
    data = path.read_bytes()
    clip = load(data[: len(data) * 6 // 10])
    assert clip.duration == pytest.approx(6.0, abs=0.3)
    assert clip.warnings[-1] == f"truncated: decoded {clip.duration:.1f} s of 10.0 s"


def test_whole_files_have_no_warnings() -> None:
    for fmt in sounds.FORMATS:
        for seconds in (0.05, 1.0):
            data = sounds.encode(sounds.noise(seconds, channels=2), SR, fmt)
            assert load(data).warnings == (), fmt


@pytest.mark.parametrize("fmt", ["flac", "mp3", "ogg", "m4a"])
def test_a_hole_is_stepped_over(fmt: str) -> None:
    data = bytearray(sounds.encode(sounds.noise(10.0, channels=2), SR, fmt))
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    clip = load(bytes(data))
    assert clip.duration == pytest.approx(10, abs=1)


def test_lengths_that_nobody_knew() -> None:
    """What programs write into a pipe: a length of all ones or none."""
    for length in (b"\xff" * 4, bytes(4)):
        data = wav()
        clip = load(patched(data, data.index(b"data") + 4, length), sr=None)
        assert clip.duration == pytest.approx(1.0) and clip.warnings == ()
    flac = wav("flac")
    unknown = int.from_bytes(flac[18:26], "big") & ~0xFFFFFFFFF
    clip = load(patched(flac, 18, unknown.to_bytes(8, "big")), sr=None)
    assert clip.duration == pytest.approx(1.0) and clip.warnings == ()
    assert probe(patched(flac, 18, unknown.to_bytes(8, "big"))).duration is None


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really.mp3"
    path.write_bytes(wav())
    assert probe(path).container == "wav"


def test_junk_and_tags_before_the_sound() -> None:
    mp3 = sounds.encode(sounds.tone(1.0, channels=2), SR, "mp3")
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + bytes(16 * 128)
    for prefix in (tag, tag + tag, b"\0" * 300, b"junk\xff\xfb"):
        assert load(prefix + mp3).duration == pytest.approx(1.0, abs=0.06), prefix[:4]
    assert load(tag + wav("flac")).duration == pytest.approx(1.0)


def test_a_track_that_appears_on_the_way() -> None:
    """Found by fuzzing: a picture in the last seconds of a Flash video that began without any."""
    data = sounds.encode(sounds.noise(60.0), SR, "flv", bitrate=64_000)
    picture = b"\x12" + bytes(20)
    tag = b"\x09" + len(picture).to_bytes(3, "big") + (60_000).to_bytes(3, "big") + bytes(4) + picture
    clip = load(data + tag + len(tag).to_bytes(4, "big"))
    assert clip.duration == pytest.approx(60, abs=0.1)
    assert clip.warnings == ()


def test_errors_cross_processes() -> None:
    import pickle

    with pytest.raises(UnknownFormatError) as raised:
        load(b"text text text")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (UnknownFormatError, str(raised.value))
