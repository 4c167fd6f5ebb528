"""What a scan has done."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ScanSummary:
    """Counts of tracks, and what else is to be known of a scan.

    Parameters
    ----------
    roots : tuple of str
        Folders that were scanned.
    new, changed : int
        Analysed because they were not known, or because their sound is another.
    retagged : int
        Their sound is the same: only the tags were read again.
    moved : int
        Known, in another place.
    refreshed, retried : int
        Analysed again: by another model or method or in full, or after a failure.
    unchanged : int
        As they were.
    returned : int
        Of these, were marked as vanished and are back.
    vanished : int
        Newly found gone, or left out.
    left_out : int
        Of these, are there but excluded now, or divided by a CUE sheet.
    pruned : int
        Removed from the library.
    failed, failed_before : int
        Could not be analysed now, or at an earlier scan.
    other_model, older_method, in_excerpts : int
        Unchanged, but of another model, with tempo and key by an older method than this version's, or of
        excerpts where all is wanted.
    elsewhere : int
        Done by another scan at the same time.
    analysed : int
        Tracks that a model or a decoder was at.
    away : dict of str to int
        Folders that are not mounted or empty, with the number of tracks that were left alone.
    unreadable : dict of str to str
        Folders that cannot be read, and why; their tracks were left alone.
    unused : dict of str to str
        CUE sheets that divide no file, and why.
    seconds, analysis_seconds : float
        That all of it took, and the analysis alone.
    """

    roots: tuple[str, ...] = ()
    new: int = 0
    changed: int = 0
    retagged: int = 0
    moved: int = 0
    refreshed: int = 0
    retried: int = 0
    unchanged: int = 0
    returned: int = 0
    vanished: int = 0
    left_out: int = 0
    pruned: int = 0
    failed: int = 0
    failed_before: int = 0
    other_model: int = 0
    older_method: int = 0
    in_excerpts: int = 0
    elsewhere: int = 0
    analysed: int = 0
    away: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    analysis_seconds: float = 0.0

    @property
    def songs_per_second(self) -> float:
        """Tracks that were analysed, by the time that took; 0 of none."""
        return self.analysed / self.analysis_seconds if self.analysis_seconds else 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed and every folder could be read."""
        return not (self.failed or self.unreadable)

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``earmark.scan/1``, ready for JSON."""
        return {
            "schema": "earmark.scan/1",
            **dataclasses.asdict(self),
            "roots": list(self.roots),
            "songs_per_second": self.songs_per_second,
        }
