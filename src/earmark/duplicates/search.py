"""All pairs of a data set that are copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from earmark.duplicates.compare import Copy, compare
from earmark.duplicates.index import CopyIndex
from earmark.features.fingerprint import Fingerprint
from earmark.progress import Progress

# Landmarks that are all indexed: 240 MB. Beyond, one in two, in three ...: longer songs spare more.
_MOST_INDEXED = 16_000_000
_BUDGET = 4_000_000


def find_copies(prints: Sequence[Fingerprint], *, progress: Progress | None = None) -> list[Copy]:
    """Find the pairs among some recordings that are copies of each other.

    Parameters
    ----------
    prints : sequence of Fingerprint
        Of the recordings.
    progress : callable, optional
        Called after each recording (``"comparing"``).

    Returns
    -------
    list of Copy
        The most similar first.
    """
    index = CopyIndex(rate=1 + sum(map(len, prints)) // _MOST_INDEXED, budget=_BUDGET)
    for one in prints:
        index.add(one)
    found = []
    for b, one in enumerate(prints):
        for a in index.candidates(one, limit=None, before=b):
            if copy := compare(prints[a], one):
                found.append(dataclasses.replace(copy, a=a, b=b))
        if progress is not None:
            progress("comparing", b + 1, len(prints), {})
    return sorted(found, key=lambda copy: (-copy.similarity, copy.a, copy.b))
