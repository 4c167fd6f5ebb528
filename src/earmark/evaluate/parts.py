"""Which tracks a model is to be measured on, and whether that is honest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.data import EXCLUDED, PARTS, PROTOCOLS, Manifest, Split
from earmark.data import split as deal
from earmark.errors import InputError
from earmark.models import ModelCard

ALL = "all"


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
    its digest); else the parts that the manifest itself names; else all tracks.

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
        Folder of the training that made the model.

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
    dealt = _found(manifest, card, seed, run) if split is None else split
    if part == ALL or not isinstance(dealt, Split):
        every = [i for i, track in enumerate(manifest.tracks) if track.split != EXCLUDED]
        chosen = Chosen(np.array(every, dtype=np.int64), ALL, ALL, manifest.digest)
    else:
        chosen = Chosen(dealt.parts[part], dealt.protocol, part, dealt.digest, dealt)
    if not len(chosen.places):
        sizes = (
            {name: len(places) for name, places in dealt.parts.items()} if isinstance(dealt, Split) else {}
        )
        found = ", ".join(f"{name} {n}" for name, n in sizes.items()) or "none"
        raise InputError(f"part={part!r} has no tracks", hint=f"Tracks: {found}; --part chooses another.")
    return Chosen(
        chosen.places,
        chosen.protocol,
        chosen.part,
        chosen.digest,
        chosen.split,
        tuple(_notes(chosen, card, dealt)),
    )


def _found(manifest: Manifest, card: ModelCard, seed: int, run: Path | None) -> Split | None:
    """Split of the training if this data set gives it again, or that of the manifest."""
    named = {track.split for track in manifest.tracks}
    candidates: list[dict[str, Any]] = [_asked(run)] if run else []
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


def _asked(run: Path) -> dict[str, Any]:
    """How the training dealt out its tracks."""
    try:
        params = json.loads((run / "params.json").read_text(encoding="utf-8"))
        asked = {name: params["split"][name] for name in ("protocol", "test", "valid")}
        return {**asked, "seed": params["seed"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {"protocol": "grouped"}


def _notes(chosen: Chosen, card: ModelCard, dealt: Split | str | None) -> list[str]:
    notes = []
    same = isinstance(dealt, Split) and dealt.digest == card.split_digest
    if chosen.leaky:
        notes.append(
            "leaky: windows of the same tracks are in training and test, so these figures say nothing about "
            "music that the model has not heard."
        )
    elif same and chosen.part in ("train", "valid", ALL):
        what = {
            "train": "taught the model",
            "valid": "chose the model",
            ALL: "include those that taught the model",
        }
        notes.append(f"These tracks {what[chosen.part]}: the figures are better than on new music.")
    elif not same and card.split_digest:
        notes.append(
            "The model was trained with another split or on other data: whether some of these tracks taught "
            "it cannot be told from here. Its card says what it learned from."
        )
    elif not card.split_digest and card.training_data:
        notes.append("The card does not say which tracks taught the model: make sure that none of these did.")
    return notes
