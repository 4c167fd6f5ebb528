"""A library as a data set, and how far its labels agree with the sound.

The labels are those that its user trusts: corrections, tags or folders (`earmark.library.labelled`). How far
they agree with the sound is found without reading any: a classifier of the embeddings that the library keeps
is fitted on all artists but a fifth, and predicts the labels of that fifth (`earmark.check.label_errors`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.check.label_errors import agreement, cross_validated, label_errors_of
from earmark.data import Manifest, Track, split
from earmark.errors import InputError
from earmark.library import Library, embeddings
from earmark.library.labelled import labelled
from earmark.report import Html, Section, facts, fold, table
from earmark.storage import csv_line

LEAST = 5  # tracks of a label that is to be a class
_N_FOLDS = 5
_SURE = 0.5  # probability of another label from which on one is called wrong
_SHOWN = 200  # of those in the report
_NAMED = 8  # labels in a note
COLUMNS = ("path", "label", "p_label", "likely", "p_likely")


@dataclass(frozen=True)
class WrongLabel:
    """A label that the sound contradicts.

    Parameters
    ----------
    path : str
        Of the track.
    label, likely : str
        As labelled, and as predicted.
    p_label, p_likely : float
        Their probabilities.
    """

    path: str
    label: str
    p_label: float
    likely: str
    p_likely: float

    @property
    def text(self) -> str:
        """The two labels, for people."""
        rather = f"rather {self.likely} ({100 * self.p_likely:.0f} %)"
        return f"{self.label} ({100 * self.p_label:.0f} %), {rather}"


@dataclass(frozen=True)
class LabelCheck:
    """How far labels and sound agree.

    Parameters
    ----------
    n : int
        Tracks that could be predicted: those with an embedding whose label others have too.
    agreed : float
        Fraction of them whose likeliest label is their own.
    kappa : float
        Cohen's kappa: 0 is as by chance, 1 if all agree.
    by_label : dict of str to (int, float)
        Number of tracks and fraction that agrees.
    wrong : tuple of WrongLabel
        The surest first.
    """

    n: int
    agreed: float
    kappa: float
    by_label: dict[str, tuple[int, float]]
    wrong: tuple[WrongLabel, ...]

    @property
    def text(self) -> str:
        """One line for people."""
        wrong = "1 label looks wrong" if len(self.wrong) == 1 else f"{len(self.wrong):,} labels look wrong"
        agreed = f"{100 * self.agreed:.0f} % of {self.n:,} tracks (kappa {self.kappa:.2f})"
        return f"labels and sound agree on {agreed}, {wrong}"

    def csv(self) -> str:
        """Return the wrong labels as a table."""
        rows = [
            COLUMNS,
            *((w.path, w.label, f"{w.p_label:.3f}", w.likely, f"{w.p_likely:.3f}") for w in self.wrong),
        ]
        return "".join(f"{csv_line(row)}\n" for row in rows)


def library_manifest(
    library: Library,
    source: str = "genre",
    *,
    query: str = "",
    names: Mapping[str, str] | None = None,
    least: int = LEAST,
) -> Manifest:
    """Return the tracks of a library that have a label as a data set, grouped by artist.

    Parameters
    ----------
    library : Library
        Where they are.
    source : {"genre", "mood", "folder"}
        What is the label: see `earmark.library.labelled.labelled`.
    query : str
        Which tracks.
    names : mapping of str to str, optional
        Class of a label, for labels that mean the same; "" leaves one out.
    least : int
        Labels of fewer tracks are left out, and a note of the manifest names them.

    Raises
    ------
    InputError
        Fewer than two labels have so many tracks.
    """
    found = [one for one in labelled(library, source, query=query, names=names) if _is_text(one.path)]
    counts = Counter(one.label for one in found)
    rare = [label for label, n in counts.most_common() if n < least]
    tracks = [
        Track(one.path, one.path, (one.label,), group=one.artist)
        for one in found
        if counts[one.label] >= least
    ]
    if len(counts) - len(rare) < 2:
        listed = ", ".join(f"{label} {n}" for label, n in counts.most_common(_NAMED)) or "none"
        raise InputError(
            f"too few labels of {least} tracks: {listed}",
            hint="Try: --map LABEL=CLASS for labels that mean the same, a wider --where, or --label folder.",
        )
    notes = []
    if rare:
        listed = ", ".join(rare[:_NAMED]) + (", ..." if len(rare) > _NAMED else "")
        n = sum(counts[label] for label in rare)
        notes.append(f"{n} tracks of {len(rare)} labels with fewer than {least} are left out: {listed}")
    return Manifest(tuple(tracks), root=str(library.path.parent), notes=tuple(notes))


def check_labels(library: Library, manifest: Manifest, *, seed: int = 0) -> LabelCheck | None:
    """Predict the label of each track from the embeddings of tracks by other artists.

    Parameters
    ----------
    library : Library
        With the embeddings.
    manifest : Manifest
        Of `library_manifest`.
    seed : int
        Of the folds.

    Returns
    -------
    LabelCheck or None
        None where the library has no embeddings, or too few artists or tracks.
    """
    try:
        vectors = embeddings(library)
    except InputError:
        return None
    ids = {row.path: row.id for row in library.rows(brief=True) if not row.item.number}
    places = vectors.places([ids.get(track.path, -1) for track in manifest.tracks])
    known = dataclasses.replace(manifest.take(np.flatnonzero(places >= 0)), notes=())
    folds = _folds(known, seed)
    if folds is None:
        return None
    truth = known.indicators().argmax(axis=1)
    X = np.asarray(vectors.vectors[places[places >= 0]], dtype=np.float64)
    return _check_of(known, truth, cross_validated(X, truth, folds, len(known.classes)))


def label_section(check: LabelCheck) -> Section:
    """Return the part of a report that shows a check of labels."""
    rows = [[label, n, f"{100 * agreed:.0f} %"] for label, (n, agreed) in check.by_label.items()]
    parts: list[Html | str] = [
        facts(
            {"agree": f"{check.agreed:.0%}", "kappa": f"{check.kappa:.2f}", "look wrong": len(check.wrong)}
        ),
        table(["label", "tracks", "agree"], rows),
    ]
    if check.wrong:
        wrong = [[one.path, one.label, one.p_label, one.likely, one.p_likely] for one in check.wrong[:_SHOWN]]
        more = f", the first {_SHOWN}" if len(check.wrong) > _SHOWN else ""
        parts.append(fold(f"labels that look wrong{more}", table(list(COLUMNS), wrong)))
    lead = "Predicted by a classifier of the library's embeddings that was fitted on other artists."
    return Section("Labels and sound", parts, lead=lead)


def _is_text(path: str) -> bool:
    """Whether the table of tracks of a run can hold a path."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _folds(manifest: Manifest, seed: int) -> list[npt.NDArray[np.int64]] | None:
    try:
        splits = split(manifest, protocol="grouped", folds=_N_FOLDS, valid=0, seed=seed)
    except InputError:
        return None
    return [np.asarray(one.parts["test"], dtype=np.int64) for one in splits]


def _check_of(
    manifest: Manifest, truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> LabelCheck | None:
    scored = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    if not len(scored):
        return None
    agrees = probabilities[scored].argmax(axis=1) == truth[scored]
    by_label = {
        label: (int(own.sum()), float(agrees[own].mean()))
        for i, label in enumerate(manifest.classes)
        if (own := truth[scored] == i).any()
    }
    wrong = [
        WrongLabel(
            manifest.tracks[error.track].path,
            manifest.classes[error.given],
            error.p_given,
            manifest.classes[error.likely],
            error.p_likely,
        )
        for error in label_errors_of(probabilities, truth)
        if error.p_likely >= _SURE
    ]
    return LabelCheck(
        len(scored), float(agrees.mean()), agreement(probabilities, truth), by_label, tuple(wrong)
    )
