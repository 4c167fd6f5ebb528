"""Splits: which tracks train, validate and test a model.

All windows of a track stay in one subset, and with ``grouped`` all tracks of a group: the same artist in
training and test is what lifts published accuracies on GTZAN by ten points and more (Sturm 2014, "The state
of the art ten years after a state of the art: future research in music information retrieval", Journal of New
Music Research 43(2)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from earmark.data.manifest import EXCLUDED, PARTS, Manifest
from earmark.data.stratify import Floats, Ints, stratify
from earmark.errors import InputError
from earmark.storage import digest

PROTOCOLS = ("grouped", "random", "stratified", "given", "windows")


@dataclass(frozen=True, eq=False)
class Split:
    """Tracks split into three subsets.

    Parameters
    ----------
    parts : dict of str to np.ndarray [shape=(k,)]
        Places in ``manifest.tracks`` for ``"train"``, ``"valid"`` and ``"test"``, ascending. If
        leaky, each part has all tracks, and `windows` says which of their windows.
    protocol : str
        How it was made.
    leaky : bool
        Whether windows of one track are in several parts, so that metrics from it mean nothing.
    digest : str
        16 hex digits of which track is in which subset: the same for the same tracks in any order.
    fold : int or None
        Which of several folds it is, from 0.
    warnings : tuple of str
        What the data set did not allow, such as a class that is missing from a part.
    seed : int
        Random seed.
    fractions : tuple of float
        Requested fractions of train, valid and test.
    """

    parts: dict[str, Ints]
    protocol: str
    leaky: bool
    digest: str
    fold: int | None = None
    warnings: tuple[str, ...] = ()
    seed: int = 0
    fractions: tuple[float, float, float] = (0.65, 0.15, 0.2)

    def windows(self, n_windows: Sequence[int] | npt.NDArray[np.integer]) -> dict[str, Ints]:
        """Return the windows of each part.

        Parameters
        ----------
        n_windows : sequence of int [len=n]
            Number of windows of each track of the manifest.

        Returns
        -------
        dict of str to np.ndarray [shape=(k, 2)]
            Track and window within the track. All windows of a track are in one part, unless the split is
            leaky: then they are shuffled first, as the demos do.
        """
        counts = np.asarray(n_windows, dtype=np.int64)
        if not self.leaky:
            return {name: _pairs(places, counts) for name, places in self.parts.items()}
        pairs = _pairs(self.parts["train"], counts)
        pairs = pairs[np.random.default_rng(self.seed).permutation(len(pairs))]
        ends = np.round(np.cumsum([0.0, *self.fractions]) * len(pairs)).astype(int)
        return {name: pairs[a:b] for name, a, b in zip(PARTS, ends, ends[1:], strict=False)}


def _pairs(places: Ints, counts: Ints) -> Ints:
    n = counts[places]
    within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    return np.column_stack([np.repeat(places, n), within])


@overload
def split(
    manifest: Manifest,
    *,
    protocol: str = ...,
    test: float = ...,
    valid: float = ...,
    folds: None = ...,
    seed: int = ...,
) -> Split: ...
@overload
def split(
    manifest: Manifest,
    *,
    protocol: str = ...,
    test: float = ...,
    valid: float = ...,
    folds: int,
    seed: int = ...,
) -> list[Split]: ...
def split(
    manifest: Manifest,
    *,
    protocol: str = "grouped",
    test: float = 0.2,
    valid: float = 0.15,
    folds: int | None = None,
    seed: int = 0,
) -> Split | list[Split]:
    """Split the tracks of a manifest into training, validation and test.

    Parameters
    ----------
    manifest : Manifest
        Tracks whose split is ``"excluded"`` stay out.
    protocol : str
        ``"grouped"``: no group in two parts, classes balanced as far as the groups allow; ``"stratified"``:
        classes balanced, groups ignored; ``"random"``; ``"given"``: as the manifest says (with `folds`, its
        splits are numbers of folds); ``"windows"``: the demos' leak, to show what it does.
    test, valid : float
        Fractions of the tracks. With `folds`, `test` is not used.
    folds : int, optional
        Give so many splits, of which each track is in the test part of one.
    seed : int
        The same seed gives the same split, whatever the order of the tracks.

    Returns
    -------
    Split, or list of Split
        With `folds`, one for each.

    Raises
    ------
    InputError
        If an argument is out of range, there is but one class, or not enough tracks or groups for the parts.
    """
    _check(manifest, protocol, test, valid, folds)
    if folds is not None:
        return _folds(manifest, protocol=protocol, valid=valid, folds=folds, seed=seed)
    places = _usable(manifest)
    fractions = (1 - test - valid, valid, test)
    if protocol == "windows":
        whole = np.sort(places)
        return _made(manifest, dict.fromkeys(PARTS, whole), protocol, seed=seed, fractions=fractions)
    if protocol == "given":
        return _made(manifest, _given(manifest), protocol, seed=seed, fractions=fractions)
    _check_depth(manifest, places, protocol)
    assigned = _assigned(manifest, places, protocol, np.array(fractions), np.random.default_rng(seed))
    parts = {name: np.sort(places[assigned == i]) for i, name in enumerate(PARTS)}
    return _made(manifest, parts, protocol, seed=seed, fractions=fractions)


def default_protocol(manifest: Manifest) -> tuple[str, str]:
    """Choose the protocol for a data set: its own split if it states one, else ``"grouped"``.

    Parameters
    ----------
    manifest : Manifest
        Tracks.

    Returns
    -------
    protocol : str
        ``"given"`` or ``"grouped"``.
    reason : str
        Why, in words that end a sentence.
    """
    stated = {track.split for track in manifest.tracks} - {"", EXCLUDED}
    if {"train", "test"} <= stated:
        return "given", "the data state a split"
    if stated & set(PARTS):
        return "grouped", f"the data state only {' and '.join(sorted(stated))}, and not train and test"
    if stated:
        return "grouped", f"the data number {len(stated)} folds, and state no train and test"
    return "grouped", "the data state no split"


def _check(manifest: Manifest, protocol: str, test: float, valid: float, folds: int | None) -> None:
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol={protocol!r}", hint=f"Accepted: {', '.join(PROTOCOLS)}.")
    if not (0 <= test < 1 and 0 <= valid < 1 and test + valid < 1):
        raise InputError(
            f"test={test:g}, valid={valid:g}",
            hint="Accepted: fractions from 0 that leave something to train on.",
        )
    if folds is not None and (folds < 2 or protocol == "windows"):
        raise InputError(
            f"folds={folds} with protocol={protocol!r}", hint="Accepted: at least 2, and not of windows."
        )
    if not manifest.multilabel and len(manifest.classes) < 2:
        only = manifest.classes[0] if manifest.classes else "none"
        raise InputError(f"the data set has one class: {only}", hint="Accepted: at least two classes.")


def _usable(manifest: Manifest) -> Ints:
    """Places of the tracks that take part, in the order of their ids: chance then ignores how they came."""
    tracks = manifest.tracks
    places = [i for i, track in enumerate(tracks) if track.split != EXCLUDED]
    return np.array(sorted(places, key=lambda i: tracks[i].id), dtype=np.int64)


def _assigned(
    manifest: Manifest, places: Ints, protocol: str, fractions: Floats, rng: np.random.Generator
) -> Ints:
    """Return the subset of each track [shape=(len(places),)]."""
    if protocol == "grouped":
        what, items = "group", np.unique(manifest.groups[places], return_inverse=True)[1].reshape(-1)
    else:
        what, items = "track", np.arange(len(places))
    n_items, n_parts = len(np.unique(items)), int(np.count_nonzero(fractions > 0))
    if n_items < n_parts:
        raise InputError(f"n_{what}s={n_items} for n_parts={n_parts}", hint=_remedy(what))
    if protocol == "random":
        return stratify(np.ones((n_items, 0)), fractions, rng)
    indicators = manifest.indicators()[places].astype(float)
    if manifest.multilabel:
        indicators = np.column_stack([indicators, indicators.sum(axis=1) == 0])
    counts = np.zeros((n_items, indicators.shape[1]))
    np.add.at(counts, items, indicators)
    return stratify(counts, fractions, rng)[items]


def _check_depth(manifest: Manifest, places: Ints, protocol: str) -> None:
    """Refuse a data set in which no class could be both trained and tested."""
    what = "group" if protocol == "grouped" else "track"
    names = manifest.groups if what == "group" else np.array([track.id for track in manifest.tracks])
    table = manifest.indicators()
    if all(len(set(names[places][table[places, i] > 0])) < 2 for i in range(len(manifest.classes))):
        raise InputError(
            f"every class has one {what} at most: what was trained could not be tested",
            hint=_remedy(what),
        )


def _remedy(what: str) -> str:
    other = ", or choose protocol='stratified' if the groups mean nothing" if what == "group" else ""
    return f"Try: add {what}s{other}."


def _given(manifest: Manifest) -> dict[str, Ints]:
    names = [track.split for track in manifest.tracks]
    parts = {part: np.flatnonzero(np.array(names) == part).astype(np.int64) for part in PARTS}
    if not len(parts["train"]) and not len(parts["test"]):
        found = sorted(set(names))
        raise InputError(
            f"protocol='given', but the splits are {found[:8]}",
            hint="Accepted: train, valid and test. Try: protocol='grouped'.",
        )
    return parts


def _folds(manifest: Manifest, *, protocol: str, valid: float, folds: int, seed: int) -> list[Split]:
    """Return one split for each fold: it is the test part, the validation part comes from the others."""
    rng = np.random.default_rng(seed)
    places = _usable(manifest)
    if protocol == "given":
        number = _given_folds(manifest, places, folds)
    else:
        _check_depth(manifest, places, protocol)
        number = _assigned(manifest, places, protocol, np.full(folds, 1 / folds), rng)
    # Within a fold that the manifest states, groups are kept together.
    inner = "grouped" if protocol == "given" else protocol
    splits = []
    for fold in range(folds):
        rest = places[number != fold]
        fraction = min(valid * len(places) / max(1, len(rest)), 0.5)
        assigned = _assigned(manifest, rest, inner, np.array([1 - fraction, fraction]), rng)
        parts = {"train": rest[assigned == 0], "valid": rest[assigned == 1], "test": places[number == fold]}
        parts = {name: np.sort(part) for name, part in parts.items()}
        fractions = (1 - valid - 1 / folds, valid, 1 / folds)
        splits.append(_made(manifest, parts, protocol, seed=seed, fractions=fractions, fold=fold))
    return splits


def _given_folds(manifest: Manifest, places: Ints, folds: int) -> Ints:
    names = [manifest.tracks[i].split for i in places]
    kinds = sorted(set(names), key=lambda name: (len(name), name))
    if len(kinds) != folds or not all(name.isdecimal() for name in kinds):
        raise InputError(
            f"protocol='given', folds={folds}, but the splits are {kinds[:8]}",
            hint="Accepted: as many numbers of folds in the column split.",
        )
    return np.array([kinds.index(name) for name in names], dtype=np.int64)


def _made(
    manifest: Manifest,
    parts: dict[str, Ints],
    protocol: str,
    *,
    seed: int,
    fractions: tuple[float, float, float],
    fold: int | None = None,
) -> Split:
    leaky = protocol == "windows"
    members = {name: sorted(manifest.tracks[i].id for i in places) for name, places in parts.items()}
    chance = [seed, list(fractions)] if leaky else []
    stated = digest([protocol, members, *chance], ordered=True)
    warnings = () if leaky else _warnings(manifest, parts)
    if protocol == "given":
        warnings += _given_warnings(manifest, parts)
    return Split(parts, protocol, leaky, stated, fold, warnings, seed, fractions)


def _warnings(manifest: Manifest, parts: dict[str, Ints]) -> tuple[str, ...]:
    """Name the classes that a subset lacks."""
    table = manifest.indicators()
    found = []
    for name, places in parts.items():
        lacking = [c for c, n in zip(manifest.classes, table[places].sum(axis=0), strict=True) if not n]
        if len(places) and lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            found.append(f"{name} has no track of {', '.join(lacking[:5])}{more}")
    return tuple(found)


def _given_warnings(manifest: Manifest, parts: dict[str, Ints]) -> tuple[str, ...]:
    """Count the tracks that a stated split leaves out, and the groups that it divides."""
    found = []
    unused = len(_usable(manifest)) - sum(map(len, parts.values()))
    if unused:
        found.append(f"tracks in no part of the split that the data state: {unused} of {len(manifest)}")
    shared = shared_groups(manifest, parts)
    if shared:
        found.append(f"groups in both train and test: {shared}; split='grouped' keeps groups whole")
    return tuple(found)


def shared_groups(manifest: Manifest, parts: dict[str, Ints]) -> int:
    """Return the number of groups that have tracks in train and in test."""
    train, test = (set(manifest.groups[parts[name]].tolist()) for name in ("train", "test"))
    return len(train & test)
