"""What is known of one track of a library."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.library.packing import Peaks
from earmark.library.tags import Tags
from earmark.models import ModelCard
from earmark.predict import Prediction

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class FileState:
    """By what a file is recognised as the one that was analysed.

    Parameters
    ----------
    size : int
        Bytes.
    mtime_ns : int
        When it was last written to, in ns.
    device : int
        Number of the file system that it lies on.
    """

    size: int
    mtime_ns: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return that of ``os.stat``."""
        # SQLite's integers are signed; Windows' numbers of volumes need not fit.
        return cls(status.st_size, status.st_mtime_ns, status.st_dev & 0x7FFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be analysed: a file, or one track of a file that a CUE sheet divides.

    Parameters
    ----------
    path : str
        Absolute; odd bytes of a name as surrogates, as `os.fsdecode` gives them.
    number : int
        Of the track in its CUE sheet; 0 for a whole file.
    start, stop : float, float or None
        What of the file it is, in seconds; None is the end.
    tags : Tags or None
        What the CUE sheet says of it; else those of the file are read.
    """

    path: str
    number: int = 0
    start: float = 0.0
    stop: float | None = None
    tags: Tags | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model a row comes from.

    Parameters
    ----------
    name, sha256 : str
        As of its card.
    spec : str
        Digest of its front end.
    space : str
        Checksum of the model whose embeddings these are: only embeddings of one space can be compared.
    heads : dict of str to tuple of str
        Classes by head, in order.
    embedding_size : int
        0 where there is none.
    """

    name: str
    sha256: str
    spec: str
    space: str
    heads: dict[str, tuple[str, ...]]
    embedding_size: int

    @classmethod
    def of(cls, card: ModelCard) -> ModelInfo:
        """Return that of a card; a classifier of another model's embeddings keeps that model's space."""
        based_on = card.based_on[0] if card.based_on and card.embedding_size else {}
        return cls(
            name=card.name,
            sha256=card.sha256,
            spec=card.spec.digest,
            space=str(based_on.get("sha256") or card.sha256 or card.name),
            heads={head.name: tuple(head.classes) for head in card.heads},
            embedding_size=card.embedding_size,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One track: what `analyse` gives and `Library` keeps.

    Parameters
    ----------
    item : Item
        Where it is.
    file : FileState
        What the file was like when it was analysed.
    tags : Tags
        As they were read.
    sound : str
        `earmark.audio.sound_digest` of the file; "" if it could not be read.
    peaks : Peaks or None
        Of its middle: see `earmark.library.analyse`.
    model : ModelInfo or None
        None if the analysis failed before a model was used.
    method : str
        `earmark.features.method_digest` of what found tempo and key; "" where it is not known.
    prediction : Prediction or None
        None of a track that failed.
    embedding : np.ndarray, float32 [shape=(embedding_size,)] or None
        Mean over the windows that are not silent.
    error : dict of str to str or None
        ``code``, ``message`` and ``hint`` of what went wrong.
    id : int
        In the catalogue; 0 before it is there.
    added, analysed : float
        When it came to the catalogue and when it was analysed, in s since 1970.
    vanished : float or None
        When its file was found gone.
    corrections : dict of str to tuple of str
        What the user said is right, by head.
    """

    item: Item
    file: FileState
    tags: Tags = field(default_factory=Tags)
    sound: str = ""
    peaks: Peaks | None = None
    model: ModelInfo | None = None
    method: str = ""
    prediction: Prediction | None = None
    embedding: npt.NDArray[np.float32] | None = None
    error: dict[str, str] | None = None
    id: int = 0
    added: float = 0.0
    analysed: float = 0.0
    vanished: float | None = None
    corrections: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path of its file."""
        return self.item.path

    @property
    def state(self) -> str:
        """``"done"`` or ``"failed"``."""
        return FAILED if self.error else DONE

    @property
    def genres(self) -> tuple[str, ...]:
        """Its genres: as corrected, else the first of the prediction; () of what is no music."""
        if corrected := self.corrections.get("genres"):
            return corrected
        best = self.prediction.best_genre if self.prediction else None
        return (best,) if best else ()

    @property
    def name(self) -> str:
        """What to call it: artist and title, or the name of its file."""
        if self.tags.title:
            return f"{self.tags.artist} - {self.tags.title}" if self.tags.artist else self.tags.title
        number = f" ({self.item.number})" if self.item.number else ""
        return os.path.basename(self.path) + number

    def to_dict(self) -> dict[str, Any]:
        """Return the row as ``earmark.track/1``, ready for JSON: all but embedding and fingerprint."""
        tags = {f.name: getattr(self.tags, f.name) for f in fields(Tags)}
        prediction = self.prediction.to_dict() if self.prediction else None
        return {
            "schema": "earmark.track/1",
            "id": self.id,
            "path": self.path,
            "number": self.item.number,
            "start": self.item.start,
            "stop": self.item.stop,
            "size": self.file.size,
            "modified": self.file.mtime_ns / 1e9,
            "added": self.added,
            "analysed": self.analysed,
            "vanished": self.vanished,
            "sound": self.sound,
            "tags": {name: list(tag) if isinstance(tag, tuple) else tag for name, tag in tags.items()},
            "genres": list(self.genres),
            "corrections": {head: list(labels) for head, labels in self.corrections.items()},
            "prediction": prediction,
            "error": self.error,
        }
