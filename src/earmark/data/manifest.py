"""Data sets: tracks with labels, and what had to be left out."""

from __future__ import annotations

import dataclasses
import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import EarmarkError, InputError
from earmark.storage import digest

PARTS = ("train", "valid", "test")
EXCLUDED = "excluded"  # the split of tracks that no protocol uses

SEPARATOR = "|"  # between the labels of one track, so that none can hold it
NO_LABEL = "-"  # what a table has where a track belongs to none of the classes

_PART_NAMES = {
    "training": "train",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
    "exclude": EXCLUDED,
}


@dataclass(frozen=True)
class Track:
    """One recording and what is known of it.

    Parameters
    ----------
    id : str
        Its name in this data set; no two tracks have the same.
    path : str
        Where the sound is, ready to be opened; ``file.npz::id`` for cached features.
    labels : tuple of str
        One or several; empty for a recording to which none of the classes applies (noise, silence).
    group : str
        What must stay together in a split, usually the artist; ``""`` where it is not known.
    split : str
        ``"train"``, ``"valid"``, ``"test"``, ``"excluded"``, the number of a fold, or ``""``.
    sha256 : str
        Of the file's bytes, 64 hex digits; ``""`` until `with_hashes` looked.
    licence, source : str
        Under which terms and from where, if the data set says so.
    """

    id: str
    path: str
    labels: tuple[str, ...]
    group: str = ""
    split: str = ""
    sha256: str = ""
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Skipped:
    """Something that was found but cannot be a track.

    Parameters
    ----------
    path : str
        File, folder or name of a row.
    reason : str
        Why it was left out: the message of the error, if it is one.
    code : str
        Kind of the reason, as `EarmarkError.code`; ``"skipped"`` for what is no track in the first place.
    hint : str
        What to try; ``""`` where there is nothing.
    """

    path: str
    reason: str
    code: str = "skipped"
    hint: str = ""

    @classmethod
    def by(cls, path: str, error: EarmarkError) -> Skipped:
        """Return what stands for a track that met an error, with all that the error states."""
        return cls(path, error.message, error.code, error.hint)

    @property
    def text(self) -> str:
        """Reason and hint, for people."""
        return f"{self.reason}. {self.hint}" if self.hint else self.reason


@dataclass(frozen=True)
class Manifest:
    """Tracks with labels.

    Parameters
    ----------
    tracks : tuple of Track
        With ids that differ.
    classes : tuple of str
        The vocabulary, sorted; by default the labels that occur.
    root : str
        Folder that it was read from.
    skipped : tuple of Skipped
        What was found beside the tracks, and why it is none.
    cache : str
        File of cached features if the tracks are rows of one, else ``""``.
    notes : tuple of str
        What a user should know of how it was read: labels that do not count, paths that were found elsewhere.

    Raises
    ------
    InputError
        If an id comes twice, or a label is not in `classes`.
    """

    tracks: tuple[Track, ...]
    classes: tuple[str, ...] = ()
    root: str = ""
    skipped: tuple[Skipped, ...] = ()
    cache: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        twice = [name for name, n in Counter(track.id for track in self.tracks).items() if n > 1]
        if twice:
            raise InputError(f"id={twice[0]!r} comes more than once", hint="Accepted: ids that differ.")
        labels = {label for track in self.tracks for label in track.labels}
        if not self.classes:
            object.__setattr__(self, "classes", tuple(sorted(labels)))
        elif strange := labels - set(self.classes):
            raise InputError(
                f"label={min(strange)!r} is not among the classes",
                hint=f"Accepted: {', '.join(self.classes)}.",
            )

    def __len__(self) -> int:
        return len(self.tracks)

    @functools.cached_property
    def multilabel(self) -> bool:
        """Whether some track has several labels, or none of them."""
        return any(len(track.labels) != 1 for track in self.tracks)

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits of ids, labels, groups and splits: the same wherever the files lie, in any order."""
        facts = sorted([track.id, sorted(track.labels), track.group, track.split] for track in self.tracks)
        return digest([list(self.classes), facts])

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """Group of each track [shape=(n,)]; a track of unknown group is one by itself."""
        return np.array([track.group or f"track {track.id}" for track in self.tracks], dtype=np.str_)

    def targets(self) -> npt.NDArray[np.str_] | npt.NDArray[np.int8]:
        """Return the targets of training: names [shape=(n,)], or 0/1 [shape=(n, n_classes)] if `multilabel`.

        Returns
        -------
        np.ndarray
            In the order of the tracks; columns in the order of `classes`.
        """
        if not self.multilabel:
            return np.array([track.labels[0] for track in self.tracks], dtype=np.str_)
        return self.indicators()

    def indicators(self) -> npt.NDArray[np.int8]:
        """Return 1 where a track has a label, else 0 [shape=(n, n_classes)]."""
        column = {name: i for i, name in enumerate(self.classes)}
        table = np.zeros((len(self.tracks), len(self.classes)), dtype=np.int8)
        for row, track in enumerate(self.tracks):
            table[row, [column[label] for label in track.labels]] = 1
        return table

    def counts(self) -> dict[str, int]:
        """Return the number of tracks of each class."""
        return dict(zip(self.classes, self.indicators().sum(axis=0, dtype=int).tolist(), strict=True))

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> Manifest:
        """Return a manifest of some of the tracks, with the same classes.

        Parameters
        ----------
        indices : sequence of int
            Places in `tracks`, as the parts of a split have them.
        """
        chosen = tuple(self.tracks[int(i)] for i in indices)
        return dataclasses.replace(self, tracks=chosen, skipped=())


def clean_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Return labels in one spelling: composed characters, single spaces, none twice, none empty.

    A name with the separator ``|`` is several.
    """
    parts = (part for name in names for part in name.split(SEPARATOR))
    spelled = (" ".join(unicodedata.normalize("NFC", part).split()) for part in parts)
    return tuple(dict.fromkeys(name for name in spelled if name and name != NO_LABEL))


def part_name(name: str) -> str:
    """Return how earmark calls a part that a data set may call ``validation`` or ``dev``."""
    name = name.strip().lower()
    return _PART_NAMES.get(name, name)
