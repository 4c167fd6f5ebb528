"""No track, and with `grouped` no group, is ever in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data import PARTS, Manifest, Split, Track, split
from earmark.errors import InputError

NAMES = st.sampled_from("abcdefgh")


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Any data set: several labels or one, few or many groups, excluded tracks."""
    n = draw(st.integers(1, 60))
    several = draw(st.booleans())
    labels = st.lists(NAMES, max_size=3, unique=True) if several else st.lists(NAMES, min_size=1, max_size=1)
    groups = st.sampled_from(["", *"ABCDEFGHIJ"[: draw(st.integers(1, 10))]])
    parts = st.sampled_from(["", "", "train", "valid", "test", "excluded", "1", "2"])
    rows = draw(st.lists(st.tuples(labels, groups, parts), min_size=n, max_size=n))
    return Manifest(tuple(Track(f"t{i}", "x", tuple(a), b, c) for i, (a, b, c) in enumerate(rows)))


def made(manifest: Manifest, **options: Any) -> list[Split]:
    """Return the split or splits, or none where the data set is refused."""
    try:
        found = split(manifest, **options)
    except InputError:
        return []
    return found if isinstance(found, list) else [found]


@settings(max_examples=300, deadline=None)
@given(
    manifests(),
    st.sampled_from(["grouped", "random", "stratified", "given"]),
    st.sampled_from([0.0, 0.1, 0.2, 0.5]),
    st.sampled_from([0.0, 0.15, 0.3]),
    st.sampled_from([None, 2, 3, 5]),
    st.integers(0, 3),
)
def test_nothing_is_in_two_parts(
    manifest: Manifest, protocol: str, test: float, valid: float, folds: int | None, seed: int
) -> None:
    splits = made(manifest, protocol=protocol, test=test, valid=valid, folds=folds, seed=seed)
    usable = {i for i, track in enumerate(manifest.tracks) if track.split != "excluded"}
    for one in splits:
        assert tuple(one.parts) == PARTS and not one.leaky
        everything = np.concatenate(list(one.parts.values()))
        assert len(everything) == len(set(everything.tolist()))
        assert (
            set(everything.tolist()) == usable if protocol != "given" else set(everything.tolist()) <= usable
        )
        if protocol == "grouped":
            sets = [set(manifest.groups[places]) for places in one.parts.values()]
            assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
        windows = one.windows([3] * len(manifest))
        assert {name: sorted(set(pairs[:, 0].tolist())) for name, pairs in windows.items()} == {
            name: places.tolist() for name, places in one.parts.items()
        }
    if splits and folds:
        assert [one.fold for one in splits] == list(range(folds))
        tests = np.concatenate([one.parts["test"] for one in splits])
        assert sorted(tests.tolist()) == sorted(usable)  # each track is tested once
        assert len({one.digest for one in splits}) == folds


@settings(max_examples=100, deadline=None)
@given(manifests(), st.sampled_from(["grouped", "random", "stratified"]), st.randoms(use_true_random=False))
def test_the_order_of_the_tracks_does_not_matter(
    manifest: Manifest, protocol: str, chance: random.Random
) -> None:
    tracks = list(manifest.tracks)
    chance.shuffle(tracks)
    other = Manifest(tuple(tracks), classes=manifest.classes)
    for one, two in zip(made(manifest, protocol=protocol), made(other, protocol=protocol), strict=True):
        assert one.digest == two.digest
        for part in PARTS:
            ids = {manifest.tracks[i].id for i in one.parts[part]}
            assert ids == {other.tracks[i].id for i in two.parts[part]}


def genres(n_groups: int = 40, per_group: int = 5) -> Manifest:
    """Four genres, groups of one genre each, some artists with twice the tracks."""
    tracks = []
    for g in range(n_groups):
        n = per_group * (1 + g % 2)
        tracks += [Track(f"{g}-{i}", "x", ("wxyz"[g % 4],), f"artist {g}") for i in range(n)]
    return Manifest(tuple(tracks))


@pytest.mark.parametrize("protocol", ["grouped", "stratified"])
def test_classes_are_balanced_as_far_as_the_groups_allow(protocol: str) -> None:
    manifest = genres()
    largest = 10 if protocol == "grouped" else 1  # tracks of the largest thing that is dealt out whole
    one = split(manifest, protocol=protocol, test=0.2, valid=0.1, seed=3)
    counts = manifest.counts()
    for part, share in {"train": 0.7, "valid": 0.1, "test": 0.2}.items():
        for name, n in manifest.take(one.parts[part]).counts().items():
            assert abs(n - share * counts[name]) <= largest
    assert one.warnings == ()


def test_stratified_is_exact_where_it_can_be() -> None:
    tracks = [Track(f"{i}", "x", ("ab"[i % 2],)) for i in range(100)]
    one = split(Manifest(tuple(tracks)), protocol="stratified", test=0.2, valid=0.2)
    sizes = {part: Manifest(tuple(tracks)).take(places).counts() for part, places in one.parts.items()}
    assert sizes == {"train": {"a": 30, "b": 30}, "valid": {"a": 10, "b": 10}, "test": {"a": 10, "b": 10}}


@pytest.mark.parametrize("protocol", ["grouped", "stratified", "random"])
def test_folds_are_of_one_size(protocol: str) -> None:
    manifest = genres(40, 1)
    splits = split(manifest, protocol=protocol, folds=5, valid=0.1)
    assert {len(one.parts["test"]) for one in splits} == {12}
    assert all(4 <= len(one.parts["valid"]) <= 8 for one in splits)


def test_seeds() -> None:
    manifest = genres()
    digests = [split(manifest, seed=seed).digest for seed in (0, 0, 1, 2)]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_the_leak_is_called_a_leak() -> None:
    manifest = genres(12, 5)
    one = split(manifest, protocol="windows", test=0.2, valid=0.1)
    assert one.leaky
    n_windows = np.arange(len(manifest)) % 4 + 8
    windows = one.windows(n_windows)
    pairs = np.concatenate(list(windows.values()))
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs) == n_windows.sum()
    assert (
        abs(len(windows["test"]) - 0.2 * len(pairs)) <= 1
        and abs(len(windows["valid"]) - 0.1 * len(pairs)) <= 1
    )
    shared = set(windows["train"][:, 0].tolist()) & set(windows["test"][:, 0].tolist())
    assert len(shared) > 0.5 * len(manifest)  # that is what is wrong with it
    assert not split(manifest).leaky
    assert one.digest != split(manifest, protocol="windows", seed=1, test=0.2, valid=0.1).digest


def test_given_parts_and_given_folds() -> None:
    names = ["train", "train", "valid", "test", "excluded", ""]
    tracks = tuple(Track(str(i), "x", ("ab"[i % 2],), split=name) for i, name in enumerate(names))
    one = split(Manifest(tracks), protocol="given")
    assert {part: places.tolist() for part, places in one.parts.items()} == {
        "train": [0, 1],
        "valid": [2],
        "test": [3],
    }
    assert one.warnings == (
        "valid has no track of b",
        "test has no track of a",
        "tracks in no part of the split that the data state: 1 of 6",
    )
    folds = tuple(Track(str(i), "x", ("ab"[i % 2],), split=str(1 + i % 10)) for i in range(40))
    splits = split(Manifest(folds), protocol="given", folds=10, valid=0)
    assert [one.parts["test"].tolist()[0] for one in splits] == list(range(10))
    with pytest.raises(InputError, match=r"folds=3, but the splits are \['1', '2'"):
        split(Manifest(folds), protocol="given", folds=3)
    with pytest.raises(InputError, match=r"the splits are \['1', '10'"):
        split(Manifest(folds), protocol="given")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "magic"}, "protocol='magic'. Accepted: grouped, random"),
        ({"test": 0.8, "valid": 0.2}, "test=0.8, valid=0.2"),
        ({"test": -0.1}, "test=-0.1"),
        ({"folds": 1}, "folds=1"),
        ({"folds": 3, "protocol": "windows"}, "not of windows"),
        ({"folds": 50}, "n_groups=40 for n_parts=50. Try: add groups, or choose protocol='stratified'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(genres(), **options)


def test_data_sets_that_cannot_be_split() -> None:
    one_class = Manifest(tuple(Track(str(i), "x", ("rock",)) for i in range(9)))
    with pytest.raises(InputError, match=r"one class: rock. Accepted: at least two"):
        split(one_class)
    one_each = Manifest(tuple(Track(str(i), "x", (str(i),)) for i in range(9)))
    for protocol in ("grouped", "random", "stratified"):
        with pytest.raises(InputError, match=r"every class has one (group|track) at most"):
            split(one_each, protocol=protocol)
    one_artist = Manifest(tuple(Track(str(i), "x", ("ab"[i % 2],), "ab"[i % 2]) for i in range(9)))
    with pytest.raises(InputError, match=r"every class has one group at most.*stratified"):
        split(one_artist)
    assert split(one_artist, protocol="stratified").parts
    with pytest.raises(InputError, match="one class: none"):
        split(Manifest(()))
