"""What people hand over: joined, cut, piped and odd files, and those of rarer programs."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import Clip, load, open_audio, probe
from earmark.audio.formats.drm import find_encryption
from earmark.audio.formats.headers import read_claims
from earmark.audio.formats.ogg import Link, find_links
from earmark.errors import AudioError, EarmarkError, InputError, UnknownFormatError, UnreadableAudioError

SR = 44100


def tone(seconds: float = 2.0, sr: int = SR, channels: int = 2, hz: float = 440.0) -> np.ndarray:
    """The same tone on every channel [shape=(channels, n)]."""
    return np.stack([sounds.tone(seconds, sr=sr, hz=hz)] * channels)


def pitch(y: np.ndarray, sr: int = 22050) -> float:
    """Frequency in Hz of the strongest partial of a second of sound."""
    return float(np.argmax(np.abs(np.fft.rfft(y[:sr])))) * sr / min(sr, len(y))


# --- sampling rates and channels that change on the way


@pytest.mark.parametrize("fmt", ["ogg", "oggflac", "opus", "mp3", "aac"])
@pytest.mark.parametrize("second", [(32000, 2), (44100, 1), (22050, 1), (44100, 2)], ids=str)
@pytest.mark.parametrize("way", [io.BytesIO, sounds.OneWay])
def test_what_changes_on_the_way_is_read_to_its_end(
    fmt: str, second: tuple[int, int], way: Callable[[bytes], object]
) -> None:
    rates = (48000, 48000) if fmt == "opus" else (SR, second[0])
    first = sounds.encode(tone(2, rates[0], hz=440), rates[0], fmt)
    data = first + sounds.encode(tone(3, rates[1], second[1], hz=660), rates[1], fmt)
    clip = load(way(data))  # type: ignore[arg-type]
    assert clip.duration == pytest.approx(5.0, abs=0.12)  # each MP3 and AAC with its encoder's delay
    assert clip.warnings == ()
    assert (pitch(clip.y[11025:]), pitch(clip.y[-33075:])) == pytest.approx((440, 660), abs=2)


def test_links_of_one_serial_number_are_a_chain() -> None:
    link = sounds.encode(tone(2), SR, "ogg")
    assert load(link * 3, sr=None).duration == pytest.approx(6.0)
    assert probe(link * 3).duration == pytest.approx(6.0)
    assert find_links(io.BytesIO(link * 3), size=3 * len(link)) == [0, len(link), 2 * len(link)]
    assert find_links(io.BytesIO(link), size=len(link)) == [0]


@pytest.mark.parametrize("fmt", ["ogg", "mp3", "aac"])
def test_starts_are_exact_behind_a_change(fmt: str) -> None:
    data = sounds.encode(tone(2), SR, fmt) + sounds.encode(tone(3, 32000, 1), 32000, fmt)
    whole = load(data).y
    with open_audio(data) as stream:
        for start in (4.1, 2.02, 0.3):
            part = np.concatenate(list(stream.blocks(start=start, duration=0.4)))
            np.testing.assert_allclose(part, whole[round(start * 22050) :][: len(part)], atol=1e-6)
        assert stream.measured_duration() == pytest.approx(len(whole) / 22050, abs=0.2)


# --- lengths that were not known, and lengths that are not there


def wave(tag: bytes = b"RIFF", length: int | None = None, ds64: int | None = None, bits: int = 16) -> bytes:
    """A WAV of one second whose header has `length` bytes of data."""
    samples = (tone(1)[0] * 2**14).astype("<i2").tobytes() if bits == 16 else bytes(SR * bits // 8)
    length = len(samples) if length is None else length
    chunk = b"" if ds64 is None else b"ds64" + struct.pack("<IQQQI", 28, 0, ds64, 0, 0)
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, SR, SR * bits // 8, bits // 8, bits)
    body = chunk + fmt + b"data" + struct.pack("<I", length) + samples
    return tag + struct.pack("<I", min(length + 36, 0xFFFFFFFF)) + b"WAVE" + body


UNKNOWN = {
    "SoX": wave(length=0x7FFFF000),
    "SoX, 24 bit": wave(length=0x7FFFF000 // 3 * 3, bits=24),
    "FFmpeg": wave(length=0xFFFFFFFF),
    "all ones less a header": wave(length=0xFFFFFFFF - 44),
    "nothing": wave(length=0),
    "the largest with a sign": wave(length=0x7FFFFFFF),
    "the largest with a sign less a header": wave(length=0x7FFFFFFF - 36),
    "one more": wave(length=0x80000000),
    "FFmpeg, RF64": wave(b"RF64", 0xFFFFFFFF, 0),
    "RF64, all ones": wave(b"RF64", 0xFFFFFFFF, (1 << 64) - 1),
    "BW64, signed": wave(b"BW64", 0xFFFFFFFF, (1 << 63) - 1),
}


def patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(name) + offset
    return data[:at] + value + data[at + len(value) :]


def _unknown_elsewhere() -> dict[str, bytes]:
    y = tone(1, channels=1)
    aiff, au, caf, w64 = (sounds.encode(y, SR, fmt) for fmt in ("aiff16", "au", "caf", "w64"))
    w64_data = w64.index(b"data\xf3\xac") + 16
    return {
        "AIFF": patched(patched(aiff, b"COMM", 10, b"\x3f\x80\0\0"), b"SSND", 4, b"\x7f\0\0\x08"),
        "AU, all ones": patched(au, b".snd", 8, b"\xff" * 4),
        "AU, SoX": patched(au, b".snd", 8, b"\x7f\xff\xf0\0"),
        "CAF": patched(caf, b"data", 4, b"\xff" * 8),
        "W64": w64[:w64_data] + b"\xff" * 7 + b"\x7f" + w64[w64_data + 8 :],
    }


UNKNOWN |= _unknown_elsewhere()


@pytest.mark.parametrize("way", [io.BytesIO, sounds.OneWay])
@pytest.mark.parametrize("case", UNKNOWN)
def test_a_length_that_was_not_known_is_no_fault(case: str, way: Callable[[bytes], object]) -> None:
    clip = load(way(UNKNOWN[case]), sr=None)  # type: ignore[arg-type]
    assert clip.duration == pytest.approx(1.0, abs=0.01)
    assert clip.warnings == ()
    duration = probe(way(UNKNOWN[case])).duration  # type: ignore[arg-type]
    assert duration is None or duration == pytest.approx(1.0, abs=0.01)


def test_a_length_that_is_there_counts() -> None:
    clip = load(wave(length=2 * SR * 2), sr=None)  # two seconds claimed, one there
    assert clip.warnings == ("truncated: decoded 1.0 s of 2.0 s",)


CUT = (
    "wav16",
    "wav24",
    "rf64",
    "w64",
    "aiff16",
    "au",
    "caf",
    "flac",
    "mp3",
    "oggflac",
    "ogg",
    "opus",
    "mka",
    "wv",
)


@pytest.mark.parametrize("fmt", [*CUT, "front.m4a"])
def test_the_measured_duration_of_a_cut_file_is_what_is_there(fmt: str, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    options = {"movflags": "faststart"} if fmt == "front.m4a" else {}
    sounds.write(path, sounds.noise(10.0, channels=2), SR, fmt.removeprefix("front."), **options)
    data = path.read_bytes()
    data = data[: len(data) * 6 // 10]
    there = load(data).duration
    with open_audio(data) as stream:
        if fmt == "oggflac":  # without its last page it has no duration, and is read in full
            assert stream.info.duration is stream.measured_duration() is None
        else:
            assert stream.measured_duration() == pytest.approx(there, abs=0.25)
        spread_warnings = list(stream.warnings)
        list(stream.blocks(start=1, duration=1))
        assert [w for w in stream.warnings if w.startswith("truncated: decoded")] == [
            w for w in spread_warnings if w.startswith("truncated: decoded")
        ]
        assert len([w for w in stream.warnings if w.startswith("truncated")]) <= 1


def test_the_measured_duration_of_a_whole_file_is_the_header_s() -> None:
    for fmt in ("wav16", "flac", "mp3", "ogg", "m4a"):
        with open_audio(sounds.encode(tone(3), SR, fmt)) as stream:
            assert stream.measured_duration() == stream.info.duration == pytest.approx(3.0)
            assert stream.warnings == []


# --- which track


def tracks(container: str, flags: list[str], codec: str = "aac") -> bytes:
    """A file of several tracks; track k has a tone of 440 (k + 1) Hz and `flags` such as ``"default"``."""
    import av
    from av.stream import Disposition

    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        streams = []
        for k, names in enumerate(flags):
            stream = output.add_stream(codec, rate=SR, layout="mono")
            stream.disposition = Disposition(0)
            for name in names.split():
                stream.disposition |= Disposition[name]
            streams.append((stream, tone(2, channels=1, hz=440 * (k + 1))))
        for stream, y in streams:
            frame = av.AudioFrame.from_ndarray(y, format="fltp", layout="mono")
            frame.sample_rate = SR
            for packet in (*stream.encode(frame), *stream.encode(None)):
                output.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize(
    ("flags", "hz"),
    [
        (["comment", "default"], 880),
        (["", "default"], 880),
        (["default", ""], 440),
        (["default comment", "default"], 880),
        (["default hearing_impaired", "default"], 880),
        (["", "", "default"], 1320),
        (["", ""], 440),
    ],
    ids=str,
)
@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_the_track_that_players_play_is_read(container: str, flags: list[str], hz: float) -> None:
    if container == "mp4" and any(kind in name for name in flags for kind in ("comment", "impaired")):
        pytest.skip("FFmpeg writes no such flags into MP4")
    assert pitch(load(tracks(container, flags)).y[11025:]) == pytest.approx(hz, abs=2)


# --- rarer containers


def _by_ffmpeg(container: str, codec: str, sample_format: str, **options: str) -> Callable[[], bytes]:
    def make() -> bytes:
        kind = (container, codec, sample_format)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sounds.OTHERS, "rare", kind)
            return sounds.encode(tone(2), SR, "rare", **options)

    return make


def _by_soundfile(kind: str, channels: int = 2) -> Callable[[], bytes]:
    def make() -> bytes:
        file = io.BytesIO()
        soundfile.write(file, tone(2, channels=channels).T, SR, format=kind, subtype="PCM_16")
        return file.getvalue()

    return make


RARE: dict[str, Callable[[], bytes]] = {
    "MPEG-TS": _by_ffmpeg("mpegts", "aac", "fltp"),
    "MPEG-TS with MP2": _by_ffmpeg("mpegts", "mp2", "s16"),
    "M2TS": _by_ffmpeg("mpegts", "ac3", "fltp", mpegts_m2ts_mode="1"),
    "LOAS": _by_ffmpeg("latm", "aac", "fltp"),
    "E-AC-3": _by_ffmpeg("eac3", "eac3", "fltp"),
    "RealMedia": _by_ffmpeg("rm", "ac3", "fltp"),
    "NUT": _by_ffmpeg("nut", "mp2", "s16"),
    "3GP": _by_ffmpeg("3gp", "aac", "fltp"),
    "MOV": _by_ffmpeg("mov", "ac3", "fltp"),
    "fragmented MP4": _by_ffmpeg("mp4", "aac", "fltp", movflags="empty_moov+frag_keyframe"),
    "VOC": _by_soundfile("VOC"),
    "IRCAM": _by_soundfile("IRCAM"),
    "SPHERE": _by_soundfile("NIST"),
    "AVR": _by_soundfile("AVR"),
    "PAF": _by_soundfile("PAF"),
    "PVF": _by_soundfile("PVF"),
    "8SVX": _by_soundfile("SVX", channels=1),
}


@pytest.mark.parametrize("case", RARE)
def test_rarer_containers_are_read(case: str) -> None:
    data = RARE[case]()
    clip = load(data)
    assert clip.duration == pytest.approx(2.0, abs=0.1)
    assert pitch(clip.y[11025:]) == pytest.approx(440, abs=2)
    assert clip.warnings == ()
    assert load(sounds.OneWay(data)).duration == pytest.approx(clip.duration, abs=0.03)


def test_every_container_of_the_table_is_one_that_ffmpeg_has() -> None:
    import av

    from earmark.audio.formats import sniff

    formats = [format_ for _, _, format_ in sniff._MAGIC] + [
        *sniff._CHUNKED.values(),
        *sniff.ELEMENTARY.values(),
    ]
    names = {format_.demuxer for format_ in formats} | sniff.GUESSED
    aliases = {name for available in av.formats_available for name in available.split(",")}
    assert names <= aliases


def dsf(hz: float, seconds: float = 1.0, sr: int = 2_822_400) -> bytes:
    """DSD64 of a tone, one channel, by a sigma-delta modulator of first order."""
    total = np.cumsum(0.5 + 0.25 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr))
    bits = np.diff(np.floor(total), prepend=0).astype(np.uint8)
    data = np.packbits(bits[: len(bits) // 8 * 8].reshape(-1, 8), axis=1, bitorder="little").tobytes()
    data += b"\x69" * (-len(data) % 4096)
    fmt = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, sr, 1, len(bits), 4096, 0)
    chunk = b"data" + struct.pack("<Q", 12 + len(data)) + data
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(fmt) + len(chunk), 0) + fmt + chunk


def test_dsd_is_read_at_its_own_level_and_without_its_noise() -> None:
    clip = load(dsf(440), sr=22050)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(clip.y)) / 22050)
    y = clip.y[2205:-2205]
    assert clip.duration == pytest.approx(1.0, abs=0.01)
    assert np.std(y) == pytest.approx(np.std(expected), rel=0.05)
    assert pitch(clip.y) == pytest.approx(440, abs=2)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    near = slice(int(400 / 22050 * len(y)), int(480 / 22050 * len(y)))
    assert spectrum[near].sum() > 0.999 * spectrum.sum()


# --- what stands before the sound

MP3 = sounds.encode(tone(2), SR, "mp3")
TAG = b"ID3\x03\x00\x00\x00\x00\x10\x00" + bytes(16 * 128)
FRONT = {
    "many zeros": bytes(70_000),
    "a few zeros": bytes(300),
    "two tags": TAG + TAG,
    "a tag with a size of eight bits a byte": b"ID3\x03\x00\x00"
    + struct.pack(">I", 200_000)
    + bytes(200_000),
    "a tag larger than the file": b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f" + b"TIT2" + bytes(3000),
    "zeros and a tag": bytes(100_000) + TAG,
    "a byte order mark": b"\xef\xbb\xbf",
    "an empty line": b"\r\n",
    "the answer of a web server": b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nServer: x\r\n\r\n",
    "the answer of a radio server": b"ICY 200 OK\r\nicy-name: Radio\r\nicy-br: 128\r\n\r\n",
    "an APE tag": b"APETAGEX" + struct.pack("<IIII8x", 2000, 100, 1, 0) + bytes(100),
    "junk": b"junk\xff\xfb" + b"\x01" * 20_000,
}


@pytest.mark.parametrize("case", FRONT)
@pytest.mark.parametrize("way", [io.BytesIO, sounds.OneWay])
def test_what_stands_before_an_mp3_is_stepped_over(case: str, way: Callable[[bytes], object]) -> None:
    clip = load(way(FRONT[case] + MP3))  # type: ignore[arg-type]
    assert clip.duration == pytest.approx(2.0, abs=0.06)
    assert pitch(clip.y[11025:]) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("fmt", ["wav16", "flac", "ogg", "m4a", "aiff16", "mka", "aac"])
@pytest.mark.parametrize(
    "front", ["many zeros", "two tags", "a byte order mark", "the answer of a web server"]
)
def test_what_stands_before_other_formats_is_stepped_over(fmt: str, front: str) -> None:
    clip = load(FRONT[front] + sounds.encode(tone(2), SR, fmt))
    assert clip.duration == pytest.approx(2.0, abs=0.06)


def test_messages_about_what_stands_before_are_true() -> None:
    with pytest.raises(UnknownFormatError, match="nothing but zero bytes"):
        load(bytes(200_000))
    with pytest.raises(UnknownFormatError) as raised:
        load(bytes(200_000) + b"\x01\x02\x03 nothing" * 99)
    assert "nothing but zero" not in str(raised.value) and "200,000" in str(raised.value)
    page = b"<!DOCTYPE html><html><title>404</title></html>"
    for data in (page, page + MP3, b"HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n" + page):
        with pytest.raises(UnknownFormatError, match="HTML"):
            load(data)


def test_tags_behind_zeros_are_not_lost() -> None:
    tagged = b"ID3\x03\x00\x00\x00\x00\x00\x0f" + b"TIT2" + struct.pack(">I", 5) + b"\0\0\0Song" + MP3
    assert probe(tagged).tags["title"] == probe(bytes(100) + tagged).tags["title"] == "Song"


# --- box and chunk lengths


def box(name: bytes, length: int, body: bytes = b"") -> bytes:
    if length < 1 << 32:
        return struct.pack(">I", length) + name + body
    return struct.pack(">I", 1) + name + struct.pack(">Q", length) + body


@pytest.mark.parametrize("length", [0, 2, 7, 8, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("name", [b"free", b"moov", b"mdat"])
@pytest.mark.parametrize("way", [io.BytesIO, sounds.OneWay])
def test_no_box_length_escapes(length: int, name: bytes, way: Callable[[bytes], object]) -> None:
    nested = box(name, length, box(b"trak", length, b"x" * 20))
    for data in (box(b"ftyp", 16, b"M4A \0\0\0\0") + nested, nested):
        with pytest.raises(AudioError):
            load(way(data))  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(
        st.sampled_from([0, 1, 7, 8, 40, 1 << 31, 1 << 32, 1 << 62, (1 << 63) + 1, (1 << 64) - 1])
    ),
    names=st.lists(
        st.sampled_from([b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"free"]), min_size=1
    ),
    magic=st.sampled_from([b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0"]),
    rest=st.binary(max_size=60),
)
def test_walkers_survive_every_length(
    lengths: list[int], names: list[bytes], magic: bytes, rest: bytes
) -> None:
    body = rest
    for name, length in zip(names, lengths, strict=False):
        body = box(name, length, body)
    find_encryption(io.BytesIO(body), demuxer="mov", head=body, size=len(body))
    for order in ("<", ">"):
        chunks = b"".join(
            name + struct.pack(order + ("Q" if magic[:4] == b"caff" else "I"), length % (1 << 32)) + rest
            for name, length in zip([b"fmt ", b"ds64", b"data", b"desc", b"COMM"], lengths, strict=False)
        )
        claims = read_claims(io.BytesIO(magic + chunks))
        assert claims.n is None or claims.n > 0
    with contextlib.suppress(EarmarkError):
        load(magic + body)


# --- names


def test_a_name_stands_for_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "upload-x7q"
    page = b"<!DOCTYPE html>"
    for data in (b"", bytes(99), b"text " * 99, page, MP3[:40], wave()[:30], tracks("mp4", [""])[:900]):
        path.write_bytes(data)
        for source in (path, str(path), path.open("rb"), io.BytesIO(data)):
            with pytest.raises(AudioError) as raised:
                load(source, name="song.mp3")
            assert "song.mp3" in raised.value.message
            assert str(tmp_path) not in str(raised.value)
    path.write_bytes(MP3[: len(MP3) // 2])
    clip = load(path, name="song.mp3")
    assert clip.path == "song.mp3"
    assert clip.warnings and not any(str(tmp_path) in warning for warning in clip.warnings)
    for source in (tmp_path / "gone", tmp_path, tmp_path / ("x" * 5000)):
        with pytest.raises(AudioError) as raised:
            probe(source, name="song.mp3")
        assert "song.mp3" in str(raised.value) and str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("sr", [0, -1, 44100.0, 22050.5, True, "44100", None, float("nan")])
def test_a_clip_refuses_a_rate_that_is_no_whole_number(sr: object) -> None:
    with pytest.raises(InputError, match=r"sr=.*Accepted: a whole number above 0"):
        Clip(tone(1)[0], sr)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint16, int])
def test_a_clip_takes_every_whole_number(kind: type) -> None:
    clip = Clip(tone(1)[0], kind(44100))
    assert type(clip.sr) is int
    assert load(clip, sr=kind(22050)).duration == pytest.approx(1.0)


def test_devices_and_pipes_that_nobody_fills_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from earmark.audio import source

    monkeypatch.setattr(source, "_WRITER_SECONDS", 0.1)
    fifo = tmp_path / "radio.mp3"
    os.mkfifo(fifo)
    with pytest.raises(UnreadableAudioError, match=r"no program writes into.*earmark classify -"):
        load(fifo)
    with pytest.raises(UnreadableAudioError, match=r"a device and not a file.*earmark classify -"):
        load("/dev/zero")


@pytest.mark.parametrize("fmt", ["ogg", "opus", "oggflac"])
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.35])
def test_a_link_that_is_read_again_from_its_beginning_is_no_chain(fmt: str, seconds: float) -> None:
    """FFmpeg reads a short Ogg FLAC to its end and goes back: it was played again and again, for ever."""
    data = sounds.encode(sounds.noise(seconds, channels=2), 44100, fmt)
    link = Link(io.BytesIO(data))
    for _ in range(2):
        link.seek(0)
        read = b"".join(iter(lambda: link.read(1000), b""))
        assert len(read) == len(data) and link.next() is None
    assert load(data).duration == pytest.approx(seconds, abs=0.01)
