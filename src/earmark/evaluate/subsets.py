"""Which tracks a model is evaluated on, and whether it was trained on some of them."""

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
from earmark.data import split as split_tracks
from earmark.errors import InputError
from earmark.models import ModelCard
from earmark.storage import sha256_file

ALL = "all"
SHOWN = 3  # collections that a note names
UNSEEN = "unseen"  # all but the training tracks


@dataclass(frozen=True, eq=False)
class Subset:
    """The tracks that a model is evaluated on.

    Parameters
    ----------
    places : np.ndarray [shape=(k,)]
        In the manifest.
    protocol, part, digest : str
        How they were subset; the digest is that of the split, or of the manifest if all are taken.
    split : Split or None
        None if all are taken.
    notes : tuple of str
        Warnings for the reader.
    """

    places: NDArray[np.int64]
    protocol: str
    part: str
    digest: str
    split: Split | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """How the tracks were subset, for people."""
        if self.protocol == ALL:
            return "all tracks" if self.part == ALL else "all tracks that the model was not trained on"
        return f"part {self.part} of the split {self.protocol}{' (leaky)' if self.leaky else ''}"

    @property
    def leaky(self) -> bool:
        """Whether the model was trained on windows of the same tracks: the metrics mean nothing then."""
        return self.split is not None and self.split.leaky

    def window_indices(self, n_windows: Sequence[int]) -> list[NDArray[np.int64]] | None:
        """Return the numbers of the windows of each track that count; None if all do.

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
) -> Subset:
    """Choose the tracks to evaluate on.

    Without `split`: the split that the model was trained with, if this data set reproduces it (the card has
    its digest); else the subsets that the manifest itself names; else all tracks without the training tracks,
    as far as the run folder lists them.

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
        Another protocol or subset, or a subset without tracks.
    """
    if part not in (*PARTS, ALL):
        raise InputError(f"part={part!r}", hint=f"Accepted: {', '.join((*PARTS, ALL))}.")
    if isinstance(split, str) and split not in (*PROTOCOLS, ALL):
        raise InputError(f"split={split!r}", hint=f"Accepted: {', '.join((*PROTOCOLS, ALL))}.")
    if isinstance(split, str) and split != ALL:
        split = split_tracks(manifest, protocol=split, seed=seed)
    home = _home(run)
    split_used = _split_of(manifest, card, seed, home) if split is None else split
    if part == ALL or not isinstance(split_used, Split):
        every = [i for i, track in enumerate(manifest.tracks) if track.split != EXCLUDED]
        subset = Subset(np.array(every, dtype=np.int64), ALL, ALL, manifest.digest)
    else:
        subset = Subset(split_used.parts[part], split_used.protocol, part, split_used.digest, split_used)
    if not len(subset.places):
        sizes = split_used.parts if isinstance(split_used, Split) else {}
        found = ", ".join(f"{name} {len(places)}" for name, places in sizes.items()) or "none"
        raise InputError(
            f"part={part!r} has no tracks", hint=f"Try: another --part; the tracks of each: {found}."
        )
    if isinstance(split_used, Split) and (split_used.leaky or split_used.digest == card.split_digest):
        subset = replace(subset, notes=_training_notes(subset))
    else:
        leave_out = split is None and part == "test"
        subset = exclude_training_tracks(subset, manifest, card, run=home, leave_out=leave_out)
    return replace(subset, notes=(*subset.notes, *_notes_of_bases(card.based_on, manifest)))


def _split_of(manifest: Manifest, card: ModelCard, seed: int, home: Path | None) -> Split | None:
    """Return the split of the training if this data set reproduces it, or that of the manifest."""
    named = {track.split for track in manifest.tracks}
    candidates: list[dict[str, Any]] = [_settings(home)] if home else []
    candidates += [{"protocol": "given"}] if named & {"train", "test"} else []
    candidates += [{"protocol": "grouped", "seed": seed}]
    given: Split | None = None
    for candidate in candidates:
        try:
            split_used: Split = split_tracks(manifest, **candidate)
        except InputError:
            continue
        if card.split_digest and split_used.digest == card.split_digest:
            return split_used
        given = split_used if candidate["protocol"] == "given" else given
    return given


def _home(run: Path | None) -> Path | None:
    """Return the run folder that a path means, or that of the bundle in it."""
    places = [] if run is None else [run, Path(os.path.abspath(run)).parent]
    return next((place for place in places if (place / "params.json").is_file()), None)


def _settings(home: Path) -> dict[str, Any]:
    """Return how the training split its tracks."""
    try:
        params = json.loads((home / "params.json").read_text(encoding="utf-8", errors="surrogateescape"))
        if "settings" not in params:  # earmark.run/1
            split = params["split"]
            settings = {**split, "split": split["protocol"], "seed": params["seed"]}
        else:
            settings = params["settings"]
        fractions = {name: settings[name] for name in ("test", "valid", "seed")}
        return {**fractions, "protocol": settings["split"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {"protocol": "grouped"}


def _training_notes(subset: Subset) -> tuple[str, ...]:
    """Return warnings about metrics on the split that the model was trained with, or on a leaky one."""
    if subset.leaky:
        return (
            "leaky: windows of the same tracks are in training and test, so these metrics say nothing about "
            "music that the model was not trained on.",
        )
    what = {
        "train": "are the training tracks",
        "valid": "were used to choose the model",
        ALL: "include the training tracks",
    }
    if subset.part in what:
        return (f"These tracks {what[subset.part]}: the metrics are better than on new music.",)
    return ()


def exclude_training_tracks(
    subset: Subset, manifest: Manifest, card: ModelCard, *, run: Path | None, leave_out: bool = True
) -> Subset:
    """Leave out the training tracks of a model, as far as its run folder lists them, or warn about them.

    Parameters
    ----------
    subset : Subset
        Tracks.
    manifest : Manifest
        Where they are from.
    card : ModelCard
        Of the model.
    run : Path, optional
        Folder of its training, or of the bundle in it.
    leave_out : bool
        Whether to leave them out, unless nothing else is there; otherwise a warning counts them.
    """
    home = _home(run)
    trained = _training_tracks(home, card) if home else None
    if trained is None:
        return replace(subset, notes=_warnings(card))
    known = np.array([_is_among(manifest.tracks[i], trained) for i in subset.places])
    if not known.any():
        return subset
    if leave_out and not known.all():
        rest = subset.places[~known]
        note = f"{known.sum()} tracks that the model was trained with are left out."
        return Subset(rest, subset.protocol, UNSEEN, manifest.take(rest).digest, subset.split, (note,))
    some = f"{known.sum()} of {len(known)} tracks were used to train or to choose the model"
    return replace(subset, notes=(f"{some}: the metrics are better than on new music.",))


def _training_tracks(home: Path, card: ModelCard) -> set[str] | None:
    """Return paths and checksums of the tracks of a training; None if they are not known."""
    try:
        manifest = read_manifest(home / "manifest.jsonl")
        split_used: Split = split_tracks(manifest, **_settings(home))
    except InputError:
        return None
    if split_used.digest != card.split_digest:
        return None
    tracks = [manifest.tracks[i] for part in ("train", "valid") for i in split_used.parts[part]]
    return {name for track in tracks for name in (os.path.abspath(track.path), track.sha256) if name}


def _is_among(track: Track, trained: set[str]) -> bool:
    """Whether a track was used: the same file, or a copy of it byte for byte."""
    if os.path.abspath(track.path) in trained:
        return True
    try:
        return (track.sha256 or sha256_file(track.path)) in trained
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
            "The model was trained with another split or on other data: whether it was trained on some of "
            "these tracks is not known. Its card lists its training data.",
        )
    if card.training_data:
        return ("The card does not list the training tracks: make sure that none of these is among them.",)
    return ()
