"""Which tracks a model is to be measured on, and whether that is honest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.data import EXCLUDED, PARTS, PROTOCOLS, Manifest, Split, Track, read_manifest
from earmark.data import split as deal
from earmark.errors import InputError
from earmark.models import ModelCard
from earmark.storage import sha256_file

ALL = "all"
SHOWN = 3  # collections that a note names
UNSEEN = "unseen"  # all but what taught the model


@dataclass(frozen=True, eq=False)
class Chosen:
    """Tracks that a model is measured on.

    Parameters
    ----------
    places : np.ndarray [shape=(k,)]
        In the manifest.
    protocol, part, digest : str
        How they were chosen; the digest is that of the split, or of the manifest if all are taken.
    split : Split or None
        None if all are taken.
    notes : tuple of str
        What a reader of the figures must know.
    """

    places: NDArray[np.int64]
    protocol: str
    part: str
    digest: str
    split: Split | None = None
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """How the tracks were chosen, as it is read."""
        if self.protocol == ALL:
            return "all tracks" if self.part == ALL else "all tracks that did not teach the model"
        return f"part {self.part} of the split {self.protocol}{' (leaky)' if self.leaky else ''}"

    @property
    def leaky(self) -> bool:
        """Whether windows of the same tracks taught the model: the figures mean nothing then."""
        return self.split is not None and self.split.leaky

    def heard_of(self, n_windows: Sequence[int]) -> list[NDArray[np.int64]] | None:
        """Which windows of each track count; None for all of them.

        Parameters
        ----------
        n_windows : sequence of int
            Number of windows of each track of `places`.
        """
        if self.split is None or not self.split.leaky or self.part == ALL:
            return None
        counts = np.zeros(int(max(part.max() for part in self.split.parts.values())) + 1, dtype=np.int64)
        counts[self.places] = n_windows
        pairs = self.split.windows(counts)[self.part]
        return [pairs[pairs[:, 0] == place, 1] for place in self.places]


def choose(
    manifest: Manifest,
    card: ModelCard,
    *,
    split: Split | str | None = None,
    part: str = "test",
    seed: int = 0,
    run: Path | None = None,
) -> Chosen:
    """Choose the tracks to measure on.

    Without `split`: the split that the model was trained with, if this data set gives it again (the card has
    its digest); else the parts that the manifest itself names; else all tracks, but for those that taught the
    model, as far as the folder of its training tells.

    Parameters
    ----------
    manifest : Manifest
        The data set.
    card : ModelCard
        Of the model.
    split : Split or str, optional
        A split, a protocol of `earmark.data.split`, or ``"all"`` for every track.
    part : str
        ``"train"``, ``"valid"``, ``"test"`` or ``"all"``.
    seed : int
        Of the split.
    run : Path, optional
        Folder of the training that made the model, or of the bundle in it.

    Raises
    ------
    InputError
        Another protocol or part, or a part without tracks.
    """
    if part not in (*PARTS, ALL):
        raise InputError(f"part={part!r}", hint=f"Accepted: {', '.join((*PARTS, ALL))}.")
    if isinstance(split, str) and split not in (*PROTOCOLS, ALL):
        raise InputError(f"split={split!r}", hint=f"Accepted: {', '.join((*PROTOCOLS, ALL))}.")
    if isinstance(split, str) and split != ALL:
        split = deal(manifest, protocol=split, seed=seed)
    home = _home(run)
    dealt = _found(manifest, card, seed, home) if split is None else split
    if part == ALL or not isinstance(dealt, Split):
        every = [i for i, track in enumerate(manifest.tracks) if track.split != EXCLUDED]
        chosen = Chosen(np.array(every, dtype=np.int64), ALL, ALL, manifest.digest)
    else:
        chosen = Chosen(dealt.parts[part], dealt.protocol, part, dealt.digest, dealt)
    if not len(chosen.places):
        sizes = dealt.parts if isinstance(dealt, Split) else {}
        found = ", ".join(f"{name} {len(places)}" for name, places in sizes.items()) or "none"
        raise InputError(f"part={part!r} has no tracks", hint=f"Tracks: {found}; --part chooses another.")
    if isinstance(dealt, Split) and (dealt.leaky or dealt.digest == card.split_digest):
        chosen = replace(chosen, notes=_notes_of_training(chosen))
    else:
        chosen = without_taught(chosen, manifest, card, run=home, leave_out=split is None and part == "test")
    return replace(chosen, notes=(*chosen.notes, *_notes_of_bases(card.based_on, manifest)))


def _found(manifest: Manifest, card: ModelCard, seed: int, home: Path | None) -> Split | None:
    """Split of the training if this data set gives it again, or that of the manifest."""
    named = {track.split for track in manifest.tracks}
    candidates: list[dict[str, Any]] = [_asked(home)] if home else []
    candidates += [{"protocol": "given"}] if named & {"train", "test"} else []
    candidates += [{"protocol": "grouped", "seed": seed}]
    given: Split | None = None
    for candidate in candidates:
        try:
            dealt: Split = deal(manifest, **candidate)
        except InputError:
            continue
        if card.split_digest and dealt.digest == card.split_digest:
            return dealt
        given = dealt if candidate["protocol"] == "given" else given
    return given


def _home(run: Path | None) -> Path | None:
    """Folder of a training that is meant by it, or by the bundle in it."""
    places = [] if run is None else [run, Path(os.path.abspath(run)).parent]
    return next((place for place in places if (place / "params.json").is_file()), None)


def _asked(home: Path) -> dict[str, Any]:
    """How the training dealt out its tracks."""
    try:
        params = json.loads((home / "params.json").read_text(encoding="utf-8", errors="surrogateescape"))
        asked = {name: params["split"][name] for name in ("protocol", "test", "valid")}
        return {**asked, "seed": params["seed"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {"protocol": "grouped"}


def _notes_of_training(chosen: Chosen) -> tuple[str, ...]:
    """What must be known of figures from the very split that the model was trained with, or from a leak."""
    if chosen.leaky:
        return (
            "leaky: windows of the same tracks are in training and test, so these figures say nothing about "
            "music that the model has not heard.",
        )
    what = {
        "train": "taught the model",
        "valid": "chose the model",
        ALL: "include those that taught the model",
    }
    if chosen.part in what:
        return (f"These tracks {what[chosen.part]}: the figures are better than on new music.",)
    return ()


def without_taught(
    chosen: Chosen, manifest: Manifest, card: ModelCard, *, run: Path | None, leave_out: bool = True
) -> Chosen:
    """Leave out the tracks that taught a model, as far as the folder of its training tells, or note them.

    Parameters
    ----------
    chosen : Chosen
        Tracks.
    manifest : Manifest
        Where they are from.
    card : ModelCard
        Of the model.
    run : Path, optional
        Folder of its training, or of the bundle in it.
    leave_out : bool
        Whether to leave them out, unless nothing else is there; otherwise a note says how many they are.
    """
    home = _home(run)
    taught = _taught(home, card) if home else None
    if taught is None:
        return replace(chosen, notes=_warnings(card))
    known = np.array([_met(manifest.tracks[i], taught) for i in chosen.places])
    if not known.any():
        return chosen
    if leave_out and not known.all():
        rest = chosen.places[~known]
        note = f"{known.sum()} tracks that the model was trained with are left out."
        return Chosen(rest, chosen.protocol, UNSEEN, manifest.take(rest).digest, chosen.split, (note,))
    some = f"{known.sum()} of {len(known)} tracks taught the model or chose it"
    return replace(chosen, notes=(f"{some}: the figures are better than on new music.",))


def _taught(home: Path, card: ModelCard) -> set[str] | None:
    """Paths and checksums of what was not held back in a training; None if that cannot be told."""
    try:
        manifest = read_manifest(home / "manifest.jsonl")
        dealt: Split = deal(manifest, **_asked(home))
    except InputError:
        return None
    if dealt.digest != card.split_digest:
        return None
    tracks = [manifest.tracks[i] for part in ("train", "valid") for i in dealt.parts[part]]
    return {name for track in tracks for name in (os.path.abspath(track.path), track.sha256) if name}


def _met(track: Track, taught: set[str]) -> bool:
    """Whether a track is among those: the same file, or a copy of it byte for byte."""
    if os.path.abspath(track.path) in taught:
        return True
    try:
        return (track.sha256 or sha256_file(track.path)) in taught
    except OSError:
        return False


def _notes_of_bases(bases: Sequence[Mapping[str, Any]], manifest: Manifest) -> Iterator[str]:
    """What the models that a model builds on were trained on: no split of this data set can exclude it."""
    source = Path(os.path.abspath(manifest.cache or manifest.root or "data")).stem.lower()
    for base in bases:
        data = base.get("training_data", ())
        trained = f"The model builds on {base.get('name', '?')}, which was trained on"
        better = "better than on new music."
        if any(entry.get("digest") == manifest.digest for entry in data):
            yield f"{trained} this very data set: the metrics are {better}"
        elif data:
            # A collection that has the name of this folder comes first.
            names = [str(entry.get("name", "?")) for entry in data]
            names.sort(key=lambda collection: source not in collection.lower())
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield f"{trained} {'; '.join(names[:SHOWN])}{more}: metrics on tracks from there are {better}"
        yield from _notes_of_bases(base.get("based_on", ()), manifest)


def _warnings(card: ModelCard) -> tuple[str, ...]:
    if card.split_digest:
        return (
            "The model was trained with another split or on other data: whether some of these tracks taught "
            "it cannot be told from here. Its card says what it learned from.",
        )
    if card.training_data:
        return ("The card does not say which tracks taught the model: make sure that none of these did.",)
    return ()
