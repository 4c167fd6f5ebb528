"""What `check --write` leaves: of each recording the longest copy, whatever the order of the pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check import ORIGINALS, SR, tune, write

from earmark.check import CheckReport, Finding, check, cleaned
from earmark.data import Manifest, Track, read_manifest


def report(
    pairs: Iterable[tuple[str, str]],
    seconds: dict[str, float],
    *,
    partial: Iterable[tuple[str, str]] = (),
    conflicts: Iterable[tuple[str, str]] = (),
    groups: dict[str, str] | None = None,
) -> CheckReport:
    """A report of near copies, as `check` would have made it."""
    tracks = tuple(Track(name, f"{name}.wav", ("a",), group=(groups or {}).get(name, "")) for name in seconds)
    findings = [Finding("near-copy", pair, "") for pair in pairs]
    findings += [Finding("near-copy", pair, "", partial=True) for pair in partial]
    findings += [Finding("conflict", pair, "") for pair in conflicts]
    return CheckReport(Manifest(tracks), tuple(findings), durations=seconds)


def left(of: CheckReport) -> list[str]:
    return [track.id for track in cleaned(of).tracks]


@pytest.mark.parametrize("lengths", [(10.0, 10.4, 10.8), (10.8, 10.0, 10.4)])
def test_of_three_copies_of_about_a_length_the_longest_stays(tmp_path, lengths) -> None:  # type: ignore[no-untyped-def]
    for name, seconds in zip("abc", lengths, strict=True):
        write(tmp_path / f"rock/{name}.wav", ORIGINALS[0][: round(seconds * SR)] * np.float32(seconds / 12))
    write(tmp_path / "pop/other.wav", tune(20, 6.0))
    clean = cleaned(check(read_manifest(tmp_path, group="none"), model=None))
    longest = "abc"[lengths.index(10.8)]
    assert {track.id for track in clean.tracks} == {f"rock/{longest}.wav", "pop/other.wav"}


@pytest.mark.parametrize("pairs", list(itertools.permutations([("a", "b"), ("b", "c"), ("c", "d")])))
def test_a_copy_of_a_copy_is_a_copy(pairs) -> None:  # type: ignore[no-untyped-def]
    assert left(report(pairs, {"a": 10.0, "b": 10.4, "c": 10.8, "d": 10.6})) == ["c"]


def test_the_longest_stays_whatever_order_the_pairs_are_in() -> None:
    names = {"a": 10.0, "b": 12.0, "c": 11.0}
    for pairs in itertools.product(*([(x, y), (y, x)] for x, y in itertools.combinations(names, 2))):
        assert left(report(pairs, names)) == ["b"]


def test_of_equally_long_copies_the_first_of_the_data_set_stays() -> None:
    assert left(report([("b", "a"), ("c", "b")], {"a": 10.0, "b": 10.05, "c": 10.0})) == ["a"]


def test_copies_of_unknown_length_leave_one() -> None:
    names = dict.fromkeys("abc", 0.0)
    cyclic = CheckReport(
        report([("a", "b"), ("b", "c"), ("c", "a")], names).manifest,
        tuple(Finding("near-copy", pair, "") for pair in (("a", "b"), ("b", "c"), ("c", "a"))),
    )
    assert left(cyclic) == ["a"]


def test_a_jingle_in_two_songs_drops_neither_song() -> None:
    """It is a copy of a part of both; each goes on in its own way, and no split may part the two."""
    found = cleaned(report([("song", "jingle"), ("other", "jingle")], {"song": 60, "other": 50, "jingle": 6}))
    assert [track.id for track in found.tracks] == ["song", "other"]
    assert len({track.group for track in found.tracks}) == 1 and found.tracks[0].group


def test_a_copy_of_what_conflicts_conflicts_too() -> None:
    names = {"a": 10.0, "b": 10.0, "c": 10.0, "d": 10.0}
    found = report([("a", "b"), ("b", "c")], names, conflicts=[("b", "c")])
    assert left(found) == ["d"]


def test_overlapping_excerpts_stay_in_one_group_with_the_whole_groups() -> None:
    groups = {"a": "X", "b": "Y", "c": "Y", "d": "Z"}
    found = cleaned(report([], dict.fromkeys("abcd", 30.0), partial=[("a", "b")], groups=groups))
    assert [track.group for track in found.tracks] == ["X", "X", "X", "Z"]


NAMES = [f"t{i}" for i in range(8)]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda p: p[0] != p[1]))


@settings(max_examples=200, deadline=None)
@given(PAIRS, st.lists(st.sampled_from([5.0, 10.0, 10.04, 10.4, 10.8, 60.0]), min_size=8, max_size=8))
def test_every_dropped_track_leads_to_a_longer_one_that_stays(pairs, lengths) -> None:  # type: ignore[no-untyped-def]
    seconds = dict(zip(NAMES, lengths, strict=True))
    kept = set(left(report(pairs, seconds)))
    for component in components(pairs):
        longest = max(seconds[name] for name in component)
        assert any(seconds[name] >= longest - 0.1 for name in component & kept)  # never all, never a shorter
    assert {name for name in NAMES if not any(name in pair for pair in pairs)} <= kept


def components(pairs: list[tuple[str, str]]) -> list[set[str]]:
    found: list[set[str]] = []
    for pair in pairs:
        touching = [one for one in found if one & set(pair)]
        found = [one for one in found if one not in touching] + [set(pair).union(*touching)]
    return found
