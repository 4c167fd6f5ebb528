"""Reading tags: every format, every way in which other programs spell them, and no bytes that harm."""

from __future__ import annotations

import doctest
import io
import os
import time
from pathlib import Path

import mutagen.id3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen import id3
from tagged import KINDS, RICH, plain, rich, tag

import sounds
from earmark.errors import AudioNotFoundError, UnreadableAudioError
from earmark.library.tags import Tags, fields, read_tags
from earmark.library.tags import id3 as own_id3
from earmark.library.tags.read import tags_of


def read(data: bytes) -> Tags:
    return tags_of(io.BytesIO(data))


WANTED = Tags(
    title="Ä title",
    artist="A; B",
    album_artist="Various",
    album="Album",
    year=1994,
    genres=("Hard Rock", "Blues"),
    moods=("calm", "sad"),
    bpm=128.0,
    key="Am",
    recording_id=RICH["recording_id"][0],
    artist_id=RICH["artist_id"][0],
    release_id=RICH["release_id"][0],
    comment="hello",
)


@pytest.mark.parametrize("fmt", KINDS)
def test_every_field_is_read_as_mutagen_wrote_it(fmt: str) -> None:
    assert read(rich(fmt)) == WANTED


@pytest.mark.parametrize("fmt", KINDS)
def test_pictures_do_not_stand_in_the_way(fmt: str) -> None:
    assert read(rich(fmt, picture=True)) == WANTED


def test_version_2_3_has_the_year_elsewhere_and_no_frame_for_moods() -> None:
    data = tag(plain("mp3"), "id3", RICH, version=3)
    assert read(data).year == 1994 and read(data).moods == ()


@pytest.mark.parametrize("fmt", sounds.FORMATS)
def test_every_format_that_earmark_reads_is_read(fmt: str, tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(plain(fmt))
    found = read_tags(path)
    assert found.title == "" and found.genres == ()


def test_id3v1_alone_is_read() -> None:
    v1 = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30) + b"Album".ljust(30, b"\0") + b"1987"
    v1 += b"note".ljust(28, b"\0") + b"\0\x05" + bytes([17])
    found = read(plain("mp3") + v1)
    assert (found.title, found.artist, found.album, found.year, found.comment, found.genres) == (
        "Title",
        "Artist",
        "Album",
        1987,
        "note",
        ("Rock",),
    )
    assert read(plain("mp3") + v1[:-1] + b"\xff").genres == ()


def test_version_2_goes_before_ape_and_both_before_version_1() -> None:
    ape = mutagen.apev2.APEv2()
    ape["Genre"], ape["Title"] = "Ape", "Ape"
    file = io.BytesIO(plain("mp3"))
    ape.save(file)
    v1 = b"TAG" + b"V1".ljust(30, b"\0") * 3 + b"1987" + bytes(30) + bytes([17])
    data = file.getvalue() + v1
    assert (read(data).genres, read(data).album) == (("Ape",), "V1")
    tagged = tag(data[: len(file.getvalue())], "id3", {"genre": ["Two"]}) + v1
    assert (read(tagged).genres, read(tagged).title) == (("Two",), "Ape")


def test_version_2_2_is_read() -> None:
    def frame(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(3, "big") + body

    body = frame(b"TT2", b"\0Old") + frame(b"TCO", b"\0(17)") + frame(b"TBP", b"\x00120") + bytes(20)
    size = bytes([0, 0, len(body) >> 7, len(body) & 127])
    found = read(b"ID3\2\0\0" + size + body + plain("mp3"))
    assert (found.title, found.genres, found.bpm) == ("Old", ("Rock",), 120.0)


@pytest.mark.parametrize(
    ("values", "version", "wanted"),
    [
        (["(17)"], 3, ["Rock"]),
        (["(17)Hard"], 3, ["Rock", "Hard"]),
        (["((odd)"], 3, ["(odd)"]),
        (["(RX)(CR)"], 3, ["Remix", "Cover"]),
        (["17", "8"], 4, ["Rock", "Jazz"]),
        (["R&B/Soul"], 4, ["R&B/Soul"]),
        (["R&B/Soul"], 3, ["R&B", "Soul"]),
        (["(999)"], 3, ["999"]),
    ],
)
def test_genres_by_number_become_words(values: list[str], version: int, wanted: list[str]) -> None:
    assert own_id3.genres_of(values, version) == wanted


@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
def test_every_encoding_of_id3_is_decoded(encoding: int) -> None:
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=encoding, text=["Grüße", "zwei"]))
    file = io.BytesIO(plain("mp3"))
    tags.save(file)
    assert read(file.getvalue()).title == "Grüße"


def test_frames_that_are_compressed_or_unsynchronised_are_read() -> None:
    import zlib

    body = b"\3Long title"
    packed = zlib.compress(body)
    frame = b"TIT2" + len(packed + b"1234").to_bytes(4, "big") + b"\0\x09" + b"\0\0\0\x0b" + packed
    text = b"\1\xff\xfeR\0o\0"
    synced = b"TALB" + bytes([0, 0, 0, len(text) + 1]) + b"\0\x02" + text.replace(b"\xff", b"\xff\0")
    size = len(frame + synced)
    data = b"ID3\4\0\0" + bytes([0, 0, size >> 7, size & 127]) + frame + synced + plain("mp3")
    assert (read(data).title, read(data).album) == ("Long title", "Ro")


def test_a_list_info_of_a_wave_file_is_read() -> None:
    items = b"INAM\5\0\0\0Song\0\0IGNR\5\0\0\0Jazz\0\0ICRD\4\0\0\x001999IART\4\0\0\0\xc4bc\0"
    chunk = b"LIST" + (4 + len(items)).to_bytes(4, "little") + b"INFO" + items
    data = plain("wav16")
    data = data[:4] + (len(data) - 8 + len(chunk)).to_bytes(4, "little") + data[8:] + chunk
    found = read(data)
    assert (found.title, found.genres, found.year, found.artist) == ("Song", ("Jazz",), 1999, "Äbc")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError, match="does not exist"):
        read_tags(tmp_path / "none.mp3")
    with pytest.raises(UnreadableAudioError, match="cannot be read"):
        read_tags(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableAudioError):
        read_tags(pipe)


def test_the_examples_hold() -> None:
    assert doctest.testmod(fields).failed == doctest.testmod(own_id3).failed == 0


@pytest.mark.parametrize("fmt", KINDS)
def test_no_damage_to_a_file_raises_or_takes_long(fmt: str) -> None:
    rng = np.random.default_rng(list(KINDS).index(fmt))
    data = rich(fmt, picture=True)
    others = [rich(other) for other in KINDS]
    began = time.monotonic()
    for _ in range(100):
        assert isinstance(read(sounds.mutate(data, rng, others)), Tags)
    assert time.monotonic() - began < 60  # a hang, on the slowest machine


@settings(max_examples=200, deadline=None)
@given(
    head=st.sampled_from(
        [b"ID3\3\0\0\0\0\x7f\x7f", b"fLaC\x04", b"OggS\0\2", b"\0\0\0\x20ftypM4A ", b"MAC "]
    ),
    body=st.binary(max_size=400),
    tail=st.sampled_from([b"", b"TAG" + bytes(125), b"APETAGEX" + b"\xd0\7\0\0" + b"\xff" * 20]),
)
def test_no_bytes_harm(head: bytes, body: bytes, tail: bytes) -> None:
    assert isinstance(read(head + body + tail), Tags)


# Each of these made a reader loop for ever or for minutes: mutagen 1.48 does on the first two.
HOSTILE = {
    "a cover of an MP4 with a name of length 0": lambda: _with_cover(plain("m4a")),
    "a million empty frames": lambda: _id3(b"TIT2\0\0\0\0\0\0" * 1_000_000),
    "a million genre numbers": lambda: _id3(_frame(b"TCON", b"\0" + b"(1)" * 1_000_000)),
    "a million values": lambda: _id3(_frame(b"TXXX", b"\0" * 4_000_000)),
    "a million boxes": lambda: b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 1_000_000,
    "a million pages": lambda: (b"OggS\0\2" + bytes(21)) * 300_000,
    "comments without end": lambda: b"fLaC\x84\xff\xff\xff" + bytes(4) + b"\xff" * 4 + bytes(4_000_000),
}


def _id3(body: bytes) -> bytes:
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body + plain("mp3")


def _frame(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "big") + b"\0\0" + body


def _with_cover(data: bytes) -> bytes:
    tagged = tag(data, "mp4", RICH, picture=True)
    at = tagged.index(b"covr") + 4
    return tagged[:at] + b"\0\0\0\0name" + tagged[at + 8 :]


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_tags_are_read_in_a_moment(what: str) -> None:
    data = HOSTILE[what]()
    began = time.monotonic()
    assert isinstance(read(data), Tags)
    assert time.monotonic() - began < 20
