"""The plan: which tags of which files would change, and from which words to which."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from earmark import __version__
from earmark.errors import EarmarkError, InputError
from earmark.library.tags.fields import EVIDENCE
from earmark.library.tags.read import open_file
from earmark.library.tags.splice import sha256_of
from earmark.library.tags.swap import real_path
from earmark.library.tags.verify import written_values
from earmark.library.tags.write import edits, format_of
from earmark.predict import Prediction
from earmark.vocabulary import PITCH_CLASSES

PLANNED = ("genre", "mood", "bpm", "key")  # fields that a prediction fills
LISTS = ("genre", "mood")  # of which there may be several values
N_EVIDENCE, LEAST_EVIDENCE = 5, 0.05  # scores that are written down as evidence

Scores = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was predicted for a file.

    Parameters
    ----------
    path : str
        As the system has it; odd bytes as surrogates (`os.fsdecode`).
    genres, moods : tuple of (label, score)
        Highest first.
    bpm : float or None
    key : str or None
        Such as ``"A minor"``.
    model, model_sha256 : str
        Which model that was.
    """

    path: str
    genres: Scores = ()
    moods: Scores = ()
    bpm: float | None = None
    key: str | None = None
    model: str = ""
    model_sha256: str = ""

    @classmethod
    def of(cls, prediction: Prediction) -> Wanted:
        """What a prediction says; nothing for what is no music.

        Raises
        ------
        InputError
            It was made of sound without a file.
        """
        if prediction.source in (None, "", "-"):
            raise InputError("a prediction without a file", hint="Accepted: predictions of files.")
        scored = prediction.verdict in ("music", "unsure")
        return cls(
            path=str(prediction.source),
            genres=tuple((s.label, s.score) for s in prediction.genres) if scored else (),
            moods=tuple((s.label, s.score) for s in prediction.moods) if scored else (),
            bpm=prediction.tempo if scored else None,
            key=prediction.key if scored else None,
            model=prediction.model.name,
            model_sha256=prediction.model.sha256,
        )


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How predictions become tags.

    Parameters
    ----------
    fields : tuple of str
        Which are written, of ``genre``, ``mood``, ``bpm``, ``key``.
    replace : bool
        Whether a field that says something already is overwritten.
    add : bool
        Whether genres and moods are added to those that are there.
    min_score : float
        The least score of a genre or mood that is written.
    n_genres, n_moods : int
        The most of them.
    vocabulary : mapping of str to str
        Your word for a label; "" to leave it out.
    comment : bool
        Whether all of it goes into the comment as well, for players that show nothing else.
    evidence : bool
        Whether scores, model and version are written beside (``EARMARK_*``).
    """

    fields: tuple[str, ...] = PLANNED
    replace: bool = False
    add: bool = False
    min_score: float = 0.5
    n_genres: int = 2
    n_moods: int = 3
    vocabulary: Mapping[str, str] = field(default_factory=dict)
    comment: bool = False
    evidence: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.fields if name not in PLANNED]
        if unknown or not self.fields:
            raise InputError(f"fields={','.join(self.fields)!r}", hint=f"Accepted: {', '.join(PLANNED)}.")
        if self.replace and self.add:
            raise InputError("replace and add exclude each other", hint="Accepted: one of them.")
        if not 0 <= self.min_score <= 1:
            raise InputError(f"min_score={self.min_score}", hint="Accepted: 0 to 1.")
        for name in ("n_genres", "n_moods"):
            if not 0 <= getattr(self, name) <= 20:
                raise InputError(f"{name}={getattr(self, name)}", hint="Accepted: 0 to 20.")


@dataclass(frozen=True, slots=True)
class Change:
    """Values of a field, or of evidence, as they are and as they would be."""

    field: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What would happen to one file.

    Parameters
    ----------
    path : str
        Absolute, symbolic links followed.
    sha256 : str
        Of the file for which this was planned.
    size : int
    changes : tuple of Change
        None if everything stays.
    kept : tuple of Change
        Fields that say something else than what was predicted, and stay: see `PlanOptions.replace`.
    error : mapping of str to str, optional
        Why it cannot be changed: code, message and hint.
    """

    path: str
    sha256: str = ""
    size: int = 0
    changes: tuple[Change, ...] = ()
    kept: tuple[Change, ...] = ()
    error: Mapping[str, str] | None = None


# ---------------------------------------------------------------- making


def make_plan(wanted: Iterable[Wanted], options: PlanOptions | None = None) -> Iterator[FilePlan]:
    """Plan the tags of files.

    Parameters
    ----------
    wanted : iterable of Wanted
    options : PlanOptions, optional

    Yields
    ------
    FilePlan
        One for each, in their order; those that cannot be changed with their error.
    """
    options = options or PlanOptions()
    for one in wanted:
        path = real_path(one.path)
        try:
            with open_file(path) as file:
                yield _planned(path, file, one, options)
        except EarmarkError as error:
            yield FilePlan(path, error=error.to_dict())


def _planned(path: str, file: BinaryIO, wanted: Wanted, options: PlanOptions) -> FilePlan:
    format_of(file)
    there = written_values(file)
    changes: list[Change] = []
    kept: list[Change] = []
    for name, predicted in _values(wanted, options).items():
        old = there.get(name, ())
        new = predicted if options.replace or not old else old
        if options.add and old:
            new = _joined(name, old, predicted)
        if predicted and new != old:
            changes.append(Change(name, old, new))
        elif predicted and predicted != old and not options.add:
            kept.append(Change(name, old, predicted))
    if changes and options.evidence:
        for name, text in _evidence(wanted).items():
            if there.get(name, ()) != (text,):
                changes.append(Change(name, there.get(name, ()), (text,)))
    if changes:
        edits(file, {change.field: change.new for change in changes})  # raises now rather than at the end
    size = os.fstat(file.fileno()).st_size
    return FilePlan(path, sha256_of(file), size, tuple(changes), tuple(kept))


def _values(wanted: Wanted, options: PlanOptions) -> dict[str, tuple[str, ...]]:
    """Values of the fields that are to be written."""
    values = {
        "genre": _words(wanted.genres, options, options.n_genres),
        "mood": _words(wanted.moods, options, options.n_moods),
        "bpm": (str(round(wanted.bpm)),) if wanted.bpm and round(wanted.bpm) > 0 else (),
        "key": (key_of(wanted.key),) if wanted.key and key_of(wanted.key) else (),
    }
    values = {name: new for name, new in values.items() if name in options.fields}
    if options.comment and (parts := [_shown(name, new) for name, new in values.items() if new]):
        values["comment"] = ("; ".join(parts),)
    return values


def _shown(name: str, values: Sequence[str]) -> str:
    return f"{values[0]} BPM" if name == "bpm" else ", ".join(values)


def _words(scores: Scores, options: PlanOptions, most: int) -> tuple[str, ...]:
    found = [options.vocabulary.get(label, label) for label, score in scores if score >= options.min_score]
    return tuple(dict.fromkeys(word for word in found if word))[:most]


def _joined(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Old values with new ones added, as far as a field takes several."""
    if name == "comment":
        return old if new[0] in old[0] else (f"{old[0]}; {new[0]}",)
    if name not in LISTS:
        return old
    there = {value.casefold() for value in old}
    return old + tuple(value for value in new if value.casefold() not in there)


def _evidence(wanted: Wanted) -> dict[str, str]:
    """What is written beside the tags, so that anybody can see later where they came from."""
    found = {
        f"{EVIDENCE}GENRES": _scores_text(wanted.genres),
        f"{EVIDENCE}MOODS": _scores_text(wanted.moods),
        f"{EVIDENCE}MODEL": " ".join(filter(None, (wanted.model, wanted.model_sha256[:16]))),
        f"{EVIDENCE}VERSION": __version__,
    }
    return {name: text for name, text in found.items() if text}


def _scores_text(scores: Scores) -> str:
    best = [(label, score) for label, score in scores if score >= LEAST_EVIDENCE][:N_EVIDENCE]
    return "; ".join(f"{label}={score:.2f}" for label, score in best)


def key_of(key: str) -> str:
    """Write a key as tags have it: the note, ``#`` or ``b``, and ``m`` for minor (ID3v2.4.0, TKEY).

    Examples
    --------
    >>> key_of("F# minor"), key_of("A major"), key_of("unknown")
    ('F#m', 'A', '')
    """
    note, _, mode = key.partition(" ")
    if note not in PITCH_CLASSES or mode not in ("major", "minor"):
        return ""
    return f"{note}m" if mode == "minor" else note
