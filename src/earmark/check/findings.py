"""The kinds of findings, and the report of a check."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from earmark.data import Manifest

SCHEMA = "earmark.check/1"


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Parameters
    ----------
    title : str
        For people.
    fault : bool
        Whether it is a fault, or for a person to review.
    meaning : str
        What it means, and what `cleaned` does.
    """

    title: str
    fault: bool
    meaning: str


KINDS: dict[str, Kind] = {
    "unreadable": Kind("Unreadable", True, "The sound cannot be decoded. Left out."),
    "silent": Kind("Silent", True, "Next to nothing is louder than -60 dB. Left out."),
    "short": Kind("Too short", True, "Shorter than one window of a model. Left out."),
    "exact-copy": Kind("Exact copies", True, "The same bytes. All but the first are left out."),
    "near-copy": Kind(
        "Near copies",
        True,
        "The same recording at another bitrate, level, offset or speed. A copy that holds nothing new is "
        "left out; excerpts that overlap stay, in one group, so that no grouped split parts them.",
    ),
    "conflict": Kind(
        "Copies with conflicting labels", True, "One recording, different labels: all are left out."
    ),
    "leak": Kind(
        "Copies across splits", True, "A test track was trained on. All but the first are left out."
    ),
    "artist": Kind(
        "Artists across splits",
        True,
        "A group in several subsets inflates every metric. The split is left out.",
    ),
    "clipped": Kind("Clipped", False, "Flat tops: recorded or normalised too hot. Stays."),
    "truncated": Kind("Truncated", False, "The file ends before its header says. Stays."),
    "gap": Kind("Long silences", False, "Ten seconds or more in one stretch. Stays."),
    "outlier": Kind("Outliers", False, "Far from the rest of its class. Listen to it. Stays."),
    "label": Kind(
        "Probable label errors", False, "Cross-validation predicts another class. Listen to it. Stays."
    ),
    "balance": Kind("Balance", False, "Classes that are rare, or known by one artist only."),
}


@dataclass(frozen=True)
class Finding:
    """One finding.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    tracks : tuple of str
        Ids of the tracks concerned, the one to keep first.
    text : str
        What was found, in a few words.
    score : float
        Severity; within one kind, the greatest first.
    starts : tuple of float
        Where in each track to listen, in s.
    partial : bool
        Of near copies: whether each has something that the other lacks.
    error : dict of str to str, or None
        Of unreadable files: ``code``, ``message`` and ``hint`` of the error.
    """

    kind: str
    tracks: tuple[str, ...]
    text: str
    score: float = 0.0
    starts: tuple[float, ...] = ()
    partial: bool = False
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class CheckReport:
    """What the checks found in a data set.

    Parameters
    ----------
    manifest : Manifest
        What was checked, with the hashes of its files.
    findings : tuple of Finding
        In the order of `KINDS`, the worst first within a kind.
    notes : tuple of str
        Which checks could not be made, and why.
    durations : mapping of str to float
        Length in s of each track that could be read, by id.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    durations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def n_faults(self) -> int:
        """Number of findings that are faults."""
        return sum(KINDS[finding.kind].fault for finding in self.findings)

    def of(self, kind: str) -> tuple[Finding, ...]:
        """Return the findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: ``earmark.check/1``."""
        return {
            "schema": SCHEMA,
            "data": {
                "root": self.manifest.root,
                "digest": self.manifest.digest,
                "n_tracks": len(self.manifest),
                "classes": self.manifest.counts(),
                "skipped": [dataclasses.asdict(skipped) for skipped in self.manifest.skipped],
            },
            "n_faults": self.n_faults,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }
