"""The small parts of reading sound: headers, the resampling grid, excerpts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import load, spread
from earmark.audio.formats.headers import read_claims
from earmark.audio.formats.mpeg import counted_length, find_frames, mpeg_frame_length
from earmark.audio.formats.ogg import is_complete
from earmark.audio.formats.sniff import sniff
from earmark.audio.pipe import Section
from earmark.audio.resample import entry, resample_stream
from earmark.audio.source import open_source

SR = 22050


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_every_format_is_known_by_its_first_bytes(fmt: str) -> None:
    names = {"alac": "mp4", "m4a": "mp4", "opus": "ogg", "oggflac": "ogg", "wma": "asf", "flac24": "flac"}
    names |= {"webm": "matroska", "mka": "matroska", "wv": "wavpack", "rf64": "wav", "wavex": "wav"}
    names |= {fmt: kind for fmt in sounds.FORMATS for kind in ("wav", "aiff") if fmt.startswith(kind)}
    format_ = sniff(sounds.encode(sounds.tone(0.5, channels=2), 44100, fmt))
    assert format_ is not None and format_.name == names.get(fmt, fmt)


@pytest.mark.parametrize(
    ("header", "length"),
    [
        # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 144 * 128000 / 44100 = 417.96, and one more when padded.
        ("fffb9000", 417),
        ("fffb9200", 418),
        ("fffbe000", 1044),  # 320 kbit/s
        ("fff38000", 208),  # MPEG-2 layer III, 64 kbit/s, 22.05 kHz: 72 * 64000 / 22050
        ("ffe31000", 52),  # MPEG-2.5, 8 kbit/s, 11.025 kHz: 72 * 8000 / 11025
        ("fffd9000", 522),  # layer II, 160 kbit/s
        ("ffff9000", 312),  # layer I, 288 kbit/s: 12 * 288000 / 44100 = 78.4, times 4
        ("fffb0000", 0),  # free format
        ("fffbf000", 0),  # no such bit rate
        ("fffb9c00", 0),  # no such sampling rate
        ("ffeb9000", 0),  # no such version
        ("fff99000", 0),  # no such layer
        ("fffb90", 0),
    ],
)
def test_mpeg_frame_lengths(header: str, length: int) -> None:
    assert mpeg_frame_length(bytes.fromhex(header)) == length


def test_frames_are_found_behind_junk() -> None:
    mp3 = sounds.encode(sounds.tone(1.0), 44100, "mp3", write_xing="0", id3v2_version="0")
    aac = sounds.encode(sounds.tone(1.0), 44100, "aac")
    assert find_frames(mp3) == ("mp3", 0)
    assert find_frames(b"junk\xff\xfb" + mp3) == ("mp3", 6)
    assert find_frames(aac) == ("aac", 0)
    assert find_frames(b"\xff\xfb\x90\x00" * 400)[0] == ""


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1200, 100_000), sr=st.sampled_from([16000, 22050, 44100, 48000]))
@example(n=8065, sr=44100)
@example(n=8065, sr=48000)
def test_mp3_counts_its_samples(n: int, sr: int) -> None:
    data = sounds.encode(sounds.noise(n / sr, sr=sr), sr, "mp3", id3v2_version="0")
    counted, rest = counted_length(data) or 0, n % 1152
    # The encoder notes at least 47 samples of the last frame; below 32 kHz up to a frame more than it got.
    assert n <= counted < n + 576 if sr < 32000 else counted == n + (47 - rest if 0 < rest < 47 else 0)
    assert len(load(data, sr=None).y) == counted_length(data)


def test_mp3_without_a_note_counts_nothing() -> None:
    data = sounds.encode(sounds.tone(1.0), 44100, "mp3", write_xing="0", id3v2_version="0")
    assert counted_length(data) is None


@pytest.mark.parametrize(
    "fmt", ["wav8", "wav24", "wavdouble", "wavex", "rf64", "w64", "aiff16", "aiff24", "au", "caf", "flac"]
)
@pytest.mark.parametrize("sr", [8000, 44100, 192000])
def test_claims(fmt: str, sr: int) -> None:
    data = sounds.encode(sounds.tone(0.25, sr=sr, channels=2), sr, fmt)
    for prefix in (b"", b"some tag"):
        claims = read_claims(Section(io.BytesIO(prefix + data), len(prefix)))
        assert (claims.sr, claims.channels, claims.n) == (sr, 2, sr // 4)


def test_ogg_tells_its_end() -> None:
    data = sounds.encode(sounds.noise(5.0), 44100, "ogg")
    assert is_complete(io.BytesIO(data), size=len(data))
    for n in (1, 1000, len(data) // 2):
        assert not is_complete(io.BytesIO(data[:-n]), size=len(data) - n)


@given(
    first=st.integers(0, 10**9),
    sr_in=st.sampled_from([8000, 11025, 44100, 44101, 48000, 96000, 767_999]),
    sr_out=st.sampled_from([8000, 16000, 22050, 44100]),
)
@example(first=0, sr_in=44100, sr_out=22050)
def test_an_entry_lies_on_the_grid(first: int, sr_in: int, sr_out: int) -> None:
    sample, drop = entry(first, sr_in=sr_in, sr_out=sr_out)
    # The input sample and the output sample that it becomes are at the same time, exactly.
    assert sample * sr_out == (first - drop) * sr_in
    assert sample >= 0 and drop >= 0
    assert drop <= sr_out + 2048 or sample == 0


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9000), min_size=1, max_size=6),
    sr_in=st.sampled_from([8000, 44100, 44101, 48000, 96000]),
)
def test_chunks_resample_as_one(lengths: list[int], sr_in: int) -> None:
    y = sounds.noise(sum(lengths) / 1000, sr=1000)
    chunks = np.split(y, np.cumsum(lengths)[:-1])
    joined = np.concatenate(list(resample_stream(chunks, sr_in=sr_in, sr_out=SR)))
    np.testing.assert_array_equal(joined, soxr.resample(y, sr_in, SR))
    assert abs(len(joined) - len(y) * SR / sr_in) <= 0.5  # which way a half goes is up to soxr


@given(
    whole=st.floats(0.1, 1e4),
    n=st.integers(1, 50),
    seconds=st.floats(0.1, 100.0),
    start=st.floats(0.0, 100.0),
    duration=st.none() | st.floats(0.1, 1e4),
)
def test_excerpts_lie_evenly_within_the_requested_part(
    whole: float, n: int, seconds: float, start: float, duration: float | None
) -> None:
    end = whole if duration is None else min(whole, start + duration)
    parts = spread(whole, (n, seconds), start=start, duration=duration)
    if parts == [(start, duration)]:
        assert n * seconds >= end - start - 1e-6
        return
    starts = np.array([begin for begin, _ in parts])
    assert len(parts) == n and {length for _, length in parts} == {seconds}
    before, after = starts[0] - start, end - starts[-1] - seconds
    left_out = np.array([2 * before, *(np.diff(starts) - seconds), 2 * after])
    assert np.allclose(left_out, left_out[0], atol=1e-6) and left_out[0] > -1e-6


def test_a_decoder_may_go_anywhere_in_a_file(tmp_path: Path) -> None:
    """Damaged files name places that no file system has, where the system raises an error."""
    path = tmp_path / "ten"
    path.write_bytes(b"0123456789")
    opened = open_source(path)
    assert opened.file.seek(2**63 - 1) == 10 and opened.file.read(1) == b""
    assert opened.file.seek(3) == 3 and opened.file.read(2) == b"34"
    with pytest.raises(OSError, match="Invalid"):
        opened.file.seek(-1)
    opened.close()
