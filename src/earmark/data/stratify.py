"""Iterative stratification: each subset gets its fraction of every class.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data",
ECML PKDD): the rarest class is assigned first, while there is still freedom, each of its items to the subset
that lacks most of that class. Here an item may be a whole group of tracks, with a count for each class.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


def stratify(counts: Floats, fractions: Floats, rng: np.random.Generator) -> Ints:
    """Assign items to subsets.

    Parameters
    ----------
    counts : np.ndarray [shape=(n_items, n_classes)]
        Tracks of each class in each item.
    fractions : np.ndarray [shape=(n_parts,)]
        What fraction of the tracks each part shall have, with a sum of 1.
    rng : np.random.Generator
        Decides between equals.

    Returns
    -------
    np.ndarray [shape=(n_items,)]
        The part of each item. No part stays empty if there are items enough for all whose fraction is not 0.
    """
    # A last column counts the tracks themselves, so that parts keep their size where classes are indifferent.
    table = np.column_stack([counts, np.maximum(counts.sum(axis=1), 1)])
    parts = np.full(len(table), -1, dtype=np.int64)
    lacking = fractions[:, None] * table.sum(axis=0)
    left = (table > 0).sum(axis=0)
    order = rng.permutation(len(table))
    order = order[np.argsort(-table[order, -1], kind="stable")]  # great items first: later ones fill the gaps
    while len(order):
        waiting = np.flatnonzero(left > 0)
        rarest = waiting[np.argmin(left[waiting])]
        chosen = order[table[order, rarest] > 0]
        for item in chosen:
            part = _neediest(lacking, int(rarest), fractions, rng)
            parts[item] = part
            lacking[part] -= table[item]
        left -= (table[chosen] > 0).sum(axis=0)
        order = order[table[order, rarest] == 0]
    return _none_empty(parts, table, fractions)


def _neediest(lacking: Floats, column: int, fractions: Floats, rng: np.random.Generator) -> int:
    """Return the part that lacks most of a class; among equals, of tracks at all; among equals, any."""
    best = np.flatnonzero(fractions > 0)
    for values in (lacking[:, column], lacking[:, -1]):
        best = best[values[best] >= values[best].max() - 1e-9]
    return int(best[0] if len(best) == 1 else rng.choice(best))


def _none_empty(parts: Ints, table: Floats, fractions: Floats) -> Ints:
    """Move the smallest item of the part with the most items to each part that got none."""
    wanted = np.flatnonzero(fractions > 0)
    for part in wanted if len(parts) >= len(wanted) else ():
        if not np.any(parts == part):
            giver = np.argmax(np.bincount(parts, minlength=len(fractions)))
            own = np.flatnonzero(parts == giver)
            parts[own[np.argmin(table[own, -1])]] = part
    return parts
