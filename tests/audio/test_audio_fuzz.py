"""Damaged files of every format: a seeded part of what `benchmarks/fuzz_audio.py` runs in full."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
from earmark.audio import load, probe
from earmark.audio.formats.drm import find_encryption
from earmark.audio.formats.front import front_length, id3_length
from earmark.audio.formats.headers import read_claims
from earmark.audio.formats.mpeg import adts_frame_length, counted_length, find_frames, mpeg_frame_length
from earmark.audio.formats.ogg import find_links, is_complete
from earmark.audio.formats.sniff import name_what_else, sniff
from earmark.errors import EarmarkError

FILES = list(sounds.corpus().values())
MAGICS = [data[:64] for data in FILES]


def read(data: bytes) -> None:
    """Nothing but sound or an error of ours may come of it."""
    for source in (data, sounds.OneWay(data)):
        try:
            clip = load(source)
        except EarmarkError as error:
            assert str(error)
        else:
            assert clip.y.dtype == np.float32 and clip.y.ndim == 1 and len(clip.y)
            assert np.isfinite(clip.y).all()
    try:
        info = probe(data)
    except EarmarkError:
        return
    assert info.sr > 0 and info.channels > 0
    assert info.duration is None or info.duration >= 0


@pytest.mark.parametrize("part", range(8))
def test_damaged_files(part: int, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(part * 66, part * 66 + 66):  # twice through all formats
        read(sounds.mutate(FILES[number % len(FILES)], np.random.default_rng((7, number)), FILES))
    assert capfd.readouterr().err == ""


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=3000), magic=st.sampled_from([b"", *MAGICS]))
def test_random_bytes(data: bytes, magic: bytes) -> None:
    read(magic + data)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400), magic=st.sampled_from([b"", *MAGICS]), cut=st.integers(0, 64))
def test_parsers_survive_anything(data: bytes, magic: bytes, cut: int) -> None:
    data = magic[:cut] + data
    file = io.BytesIO(data)
    sniff(data)
    name_what_else(data)
    assert 0 <= mpeg_frame_length(data) < 6000
    assert 0 <= adts_frame_length(data) < 8192
    assert 0 <= id3_length(data) < 2**32 + 20
    assert 0 <= front_length(data) < 2**32 + 32
    kind, offset = find_frames(data)
    assert kind in ("", "mp3", "aac", "loas") and offset <= len(data)
    n = counted_length(data)
    assert n is None or n > 0
    claims = read_claims(file)
    assert claims.n is None or claims.n > 0
    assert is_complete(file, size=len(data)) in (True, False)
    begins = find_links(file, size=len(data))
    assert begins[0] == 0 and sorted(set(begins)) == begins
    for demuxer in ("mov", "asf", "wav"):
        assert isinstance(find_encryption(file, demuxer=demuxer, head=data, size=len(data)), str)
