"""The sound of a track by HTTP: parts, and which files are handed out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libraries import Shelf, make_shelf

from earmark.web.audio_files import media_type
from earmark.web.ranges import span_of


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


def test_the_whole_file(shelf: Shelf) -> None:
    content = (shelf.music / "0 café.wav").read_bytes()
    answer = shelf.client.get("/api/tracks/1/audio")
    assert answer.status_code == 200 and answer.content == content
    assert answer.headers["content-type"] == "audio/wav" and answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''0%20caf%C3%A9.wav"
    head = shelf.client.head("/api/tracks/1/audio")
    assert head.status_code == 200 and not head.content
    assert head.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=44000-", slice(44000, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=0-", slice(0, None)),
        ("bytes=10-999999", slice(10, None)),
    ],
)
def test_a_part_of_the_file(shelf: Shelf, header: str, part: slice) -> None:
    content = (shelf.music / "0 café.wav").read_bytes()
    answer = shelf.client.get("/api/tracks/1/audio", headers={"Range": header})
    start, stop, _ = part.indices(len(content))
    assert answer.status_code == 206 and answer.content == content[part]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"
    assert answer.headers["content-length"] == str(stop - start)
    assert shelf.client.head("/api/tracks/1/audio", headers={"Range": header}).status_code == 206


@pytest.mark.parametrize("header", ["bytes=44144-", "bytes=999999-", "bytes=-0"])
def test_a_part_that_is_not_there(shelf: Shelf, header: str) -> None:
    answer = shelf.client.get("/api/tracks/1/audio", headers={"Range": header})
    assert answer.status_code == 416 and not answer.content
    assert answer.headers["content-range"] == "bytes */44144"


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=5-3", "bytes=-", "items=0-1", "bytes=a-b", ""])
def test_what_is_malformed_or_of_several_parts_means_the_whole(shelf: Shelf, header: str) -> None:
    answer = shelf.client.get("/api/tracks/1/audio", headers={"Range": header})
    assert answer.status_code == 200 and len(answer.content) == 44144


def test_a_part_of_a_file_that_has_changed_is_not_joined_to_the_old_one(shelf: Shelf) -> None:
    tag = shelf.client.head("/api/tracks/1/audio").headers["etag"]
    headers = {"Range": "bytes=0-9", "If-Range": tag}
    assert shelf.client.get("/api/tracks/1/audio", headers=headers).status_code == 206
    with (shelf.music / "0 café.wav").open("ab") as file:
        file.write(b"\0\0")
    assert shelf.client.get("/api/tracks/1/audio", headers=headers).status_code == 200


@given(
    st.text(max_size=40) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}(,\d*-\d*)?", fullmatch=True),
    st.integers(0, 200),
)
def test_a_span_lies_within_the_file(header: str, size: int) -> None:
    span = span_of(header, size)
    assert span is None or 0 <= span[0] <= span[1] <= size or span == (size, size)


def test_the_content_type_is_of_the_bytes_not_of_the_name(tmp_path: Path) -> None:
    fronts = {
        b"fLaC": "audio/flac",
        b"ID3\x04\0\0\0\0\0\x02\0\0fLaC": "audio/flac",
        b"OggS\0": "audio/ogg",
        b"<html>": "application/octet-stream",
        b"": "application/octet-stream",
    }
    for front, kind in fronts.items():
        path = tmp_path / "a.mp3"
        path.write_bytes(front + bytes(100) if front else b"")
        with path.open("rb") as file:
            assert media_type(file) == kind and file.tell() == 0
