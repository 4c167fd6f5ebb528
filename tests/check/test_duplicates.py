"""Copies are found among many recordings as well as among few, in an index that grows and lies on disk."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check import ORIGINALS, PRINTS, SR, faster, mp3, printed

from earmark.duplicates import CopyIndex, compare, find_copies
from earmark.errors import InputError
from earmark.features.fingerprint import Fingerprint

COPIES = [
    printed(mp3(ORIGINALS[0], 64_000)),
    printed(faster(ORIGINALS[1], 1.02)),
    printed(ORIGINALS[2][5 * SR :] * np.float32(0.3)),
]


_FOLDER = Path(tempfile.mkdtemp(prefix="earmark-copies-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


@functools.cache
def _saved() -> bytes:
    """An index of three short recordings, as it lies on disk."""
    index = CopyIndex()
    for seed in range(3):
        index.add(simulated(np.random.default_rng(seed), 0.5))
    index.save(_FOLDER / "copies.index")
    return (_FOLDER / "copies.index").read_bytes()


def simulated(rng: np.random.Generator, seconds: float = 60.0) -> Fingerprint:
    """Landmarks by chance: as many, of as many kinds and as unevenly spread as those of music."""
    n = round(100 * seconds)
    semitones = np.clip(rng.normal(30, 11, n), 0, 60).astype(np.int32)
    intervals = np.clip(rng.normal(32, 10, n), 4, 60).astype(np.int32)
    hashes = (semitones << 14) | (intervals << 7) | rng.integers(2, 65, n).astype(np.int32)
    pitches = (np.log2(440) + (semitones - 20 + rng.uniform(-0.5, 0.5, n)) / 12).astype(np.float32)
    order = np.argsort(hashes, kind="stable")
    times = rng.integers(0, round(43 * seconds), n).astype(np.int32)
    return Fingerprint(hashes[order], times[order], pitches[order], round(43 * seconds))


def part_of(whole: Fingerprint, rng: np.random.Generator, share: float, shift: int = 0) -> Fingerprint:
    """A copy of which a share of the landmarks survived."""
    kept = rng.random(len(whole)) < share
    return Fingerprint(
        whole.hashes[kept], whole.times[kept] + shift, whole.pitches[kept], whole.n_frames + shift
    )


def test_compare_of_two_is_what_find_copies_reports() -> None:
    for number, copy in enumerate(COPIES):
        one = compare(PRINTS[number], copy)
        (found,) = find_copies([PRINTS[number], copy])
        assert one == found and (one.a, one.b) == (0, 1)
        assert compare(PRINTS[number + 1], copy) is None


def test_the_index_finds_what_comparing_every_pair_finds() -> None:
    prints = [*PRINTS, *COPIES]
    every = {(a, b) for b in range(len(prints)) for a in range(b) if compare(prints[a], prints[b])}
    assert {(copy.a, copy.b) for copy in find_copies(prints)} == every == {(0, 6), (1, 7), (2, 8)}


@pytest.mark.parametrize("rate", [1, 4])
def test_an_index_that_grows_is_one_that_was_made_at_once(rate: int) -> None:
    grown, made = CopyIndex(rate=rate), CopyIndex(rate=rate)
    for one in PRINTS:
        grown.add(one)
        grown.candidates(one)  # sorts what came so far
        made.add(one)
    for number, copy in enumerate(COPIES):
        assert grown.candidates(copy)[0] == number
        assert grown.candidates(copy) == made.candidates(copy)
    assert grown.n_landmarks == made.n_landmarks and len(grown) == 6


def test_an_index_on_disk_finds_the_same_and_grows_on(tmp_path: Path) -> None:
    index = CopyIndex(rate=2)
    for one in PRINTS[:4]:
        index.add(one)
    index.save(tmp_path / "copies.index")
    opened = CopyIndex.open(tmp_path / "copies.index")
    assert isinstance(opened._segments[0].hashes, np.memmap) and len(opened) == 4
    assert [opened.candidates(copy) for copy in COPIES] == [index.candidates(copy) for copy in COPIES]
    assert opened.add(PRINTS[4]) == 4 and opened.candidates(PRINTS[4])[0] == 4
    opened.save(tmp_path / "copies.index")
    assert len(CopyIndex.open(tmp_path / "copies.index")) == 5


def test_an_empty_index(tmp_path: Path) -> None:
    index = CopyIndex()
    assert index.candidates(PRINTS[0]) == [] and len(index) == 0
    index.save(tmp_path / "copies.index")
    assert CopyIndex.open(tmp_path / "copies.index").candidates(PRINTS[0]) == []
    index.add(printed(np.zeros(SR, np.float32)))
    assert index.candidates(PRINTS[0]) == []
    with pytest.raises(InputError, match="rate=0, budget"):
        CopyIndex(rate=0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.binary(max_size=40))
def test_a_damaged_index_is_an_error_of_ours(at: int, patch: bytes) -> None:
    content = bytearray(_saved())
    if at % 3 == 0:
        content = content[: min(at, len(content))]
    else:
        content[at : at + len(patch)] = patch
    path = _FOLDER / "damaged.npy"
    path.write_bytes(content)
    try:
        index = CopyIndex.open(path)
    except InputError as error:
        assert "no index of copies" in error.message
    else:
        assert len(index) >= 0


def test_thousands_of_recordings_with_a_small_share_of_the_landmarks() -> None:
    """Copies that kept a quarter of their landmarks, among 1,500 recordings of which one in 16 is indexed."""
    rng = np.random.default_rng(0)
    index, kept = CopyIndex(rate=16), {}
    for number in range(1500):
        one = simulated(rng)
        index.add(one)
        if number % 150 == 0:
            kept[number] = one
    for number, one in kept.items():
        copy = part_of(one, rng, 0.25, shift=300)
        assert index.candidates(copy)[0] == number
        judged = compare(one, copy)
        assert judged is not None and judged.offset == pytest.approx(-300 / 43.07, abs=0.1)
    stranger = simulated(rng)
    assert not any(compare(kept[number], stranger) for number in index.candidates(stranger) if number in kept)
