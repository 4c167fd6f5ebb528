"""Files are read to their end: what is wrong after two minutes is found as what is wrong before."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_check import SR, mp3, tune, write

from earmark.audio import Clip
from earmark.check import CheckReport, check, find_copies
from earmark.check.measure import Measured, cut, measure
from earmark.data import read_manifest
from earmark.features.fingerprint import SPEC, fingerprint

LONG = np.concatenate([tune(100 + i, 30.0) for i in range(5)])  # 150 s


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> CheckReport:
    """A data set in which everything goes wrong only after 125 s."""
    root = tmp_path_factory.mktemp("late")
    write(root / "a/long.wav", LONG)
    write(root / "b/offset copy.wav", mp3(0.5 * LONG[128 * SR : 146 * SR], 64_000))
    bad = 0.1 * np.concatenate([tune(200 + i, 30.0) for i in range(5)])
    bad[124 * SR : 125 * SR] = np.clip(500 * bad[124 * SR : 125 * SR], -0.9, 0.9)
    bad[126 * SR : 138 * SR] = 0
    write(root / "b/bad.wav", bad)
    content = (root / "b/bad.wav").read_bytes()
    (root / "b/bad.wav").write_bytes(content[: len(content) * 140 // 150])
    return check(read_manifest(root, group="none"), model=None)


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of 5 s, so that a short file has several."""
    length = 215 * SPEC.hop_length
    monkeypatch.setattr("earmark.check.measure.PIECE_LENGTH", length)
    return length


def found(report: CheckReport, kind: str) -> list[tuple[str, ...]]:
    return [finding.tracks for finding in report.of(kind)]


def test_a_file_that_was_cut_later_is_truncated(late: CheckReport) -> None:
    assert found(late, "truncated") == [("b/bad.wav",)]
    assert "140.0 s of 150.0 s" in late.of("truncated")[0].text


def test_late_clipping_and_silence_are_found_with_their_place(late: CheckReport) -> None:
    assert found(late, "clipped") == [("b/bad.wav",)]
    assert late.of("clipped")[0].starts == pytest.approx([120.0], abs=0.1)
    assert found(late, "gap") == [("b/bad.wav",)]
    assert late.of("gap")[0].text == "12 s of silence from 126 s"
    assert found(late, "silent") == []


def test_a_copy_of_a_late_part_is_found(late: CheckReport) -> None:
    (copy,) = late.of("near-copy")
    assert copy.tracks == ("a/long.wav", "b/offset copy.wav") and "begins 128.0" in copy.text
    assert found(late, "conflict") == [copy.tracks]


def test_the_whole_length_counts(late: CheckReport) -> None:
    assert late.durations["a/long.wav"] == pytest.approx(150, abs=0.01)
    assert late.durations["b/bad.wav"] == pytest.approx(140, abs=0.1)


def test_silence_first_and_music_later_is_not_silent(tmp_path: Path, short_pieces: int) -> None:
    write(tmp_path / "a.wav", np.concatenate([np.zeros(short_pieces, np.float32), tune(7, 5.0)]))
    one = measure(None, str(tmp_path / "a.wav"))
    assert one.silence == pytest.approx(0.5, abs=0.02) and one.gap == pytest.approx((5.0, 0.0), abs=0.1)
    write(tmp_path / "b.wav", tune(7, 5.0)[:short_pieces])
    same = measure(None, str(tmp_path / "b.wav"))
    assert np.allclose(one.numbers, same.numbers, rtol=1e-3, atol=1e-6)  # the piece with music is described


def test_a_gap_may_lie_over_a_cut() -> None:
    from earmark.check.measure import _Level

    level = _Level()
    loud, quiet = np.full(4 * SR, 0.1, np.float32), np.zeros(4 * SR, np.float32)
    for piece in (loud, np.concatenate([loud, quiet]), quiet, np.concatenate([quiet, loud]), quiet):
        level.push(Clip(piece, SR))
    assert level.gap == pytest.approx((12.0, 8.0), abs=0.1)


def test_landmarks_hardly_depend_on_how_a_file_is_cut(tmp_path: Path, short_pieces: int) -> None:
    y = LONG[: 30 * SR]
    write(tmp_path / "a.wav", y)
    whole, joined = fingerprint(Clip(y, SR)), measure(None, str(tmp_path / "a.wav")).landmarks
    assert joined is not None and joined.n_frames == whole.n_frames == SPEC.n_frames(30.0)
    (copy,) = find_copies([whole, joined])
    assert copy.coverage > 0.9 and abs(copy.offset) < 0.05  # of 5 s, not of 120
    pairs = [set(zip(p.hashes.tolist(), p.times.tolist(), strict=True)) for p in (whole, joined)]
    assert len(pairs[0] & pairs[1]) > 0.5 * len(pairs[0])
    assert (np.diff(joined.hashes) >= 0).all()


def test_pieces_are_cut_wherever_blocks_end() -> None:
    y = np.arange(100, dtype=np.float32)
    for sizes in ([100], [1] * 100, [33, 33, 34], [10, 90]):
        blocks = iter(np.split(y, np.cumsum(sizes)[:-1]))
        assert [piece.tolist() for piece in cut(blocks, 40)] == [
            y[:40].tolist(), y[40:80].tolist(), y[80:].tolist(),
        ]  # fmt: skip


def test_memory_does_not_grow_with_the_length(tmp_path: Path, short_pieces: int) -> None:
    def peak(seconds: int) -> int:
        y = np.resize(LONG, seconds * SR)
        write(tmp_path / f"{seconds}.wav", y)
        tracemalloc.start()
        one: Measured = measure(None, str(tmp_path / f"{seconds}.wav"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert one.duration == seconds
        return most

    assert peak(40) < 1.25 * peak(10)
