"""A way of tracks from one to another, each close to the one before.

Tracks are ordered by how far they are on the way, ``d(a, x) / (d(a, x) + d(x, b))``, and of all rising
sequences of the wanted length the one is taken whose steps have the least sum of fourth powers: even steps,
no track twice, exact by dynamic programming. On 300 pairs with 6 tracks between (benchmarks/similar.py), the
longest step is 0.60; the nearest to points on the great circle gives 0.83.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.library.embeddings import Embeddings, Floats, Ints, embeddings, unit
from earmark.library.row import Row
from earmark.library.similar import Neighbour, Seed, cosine, is_copy, rows_of, space_of, why

_POWER = 4  # of a step; 1 gives 0.76 to 0.94 for the longest step, 2 gives 0.66 to 0.68
_MOST_CANDIDATES = 1200
_LEAST_PER_POINT = 8
_TRIES = 20  # how often a copy of a track on the way is taken out
_STRAIGHT = 1e-3  # radians


def song_path(
    library: Library,
    start: Seed,
    end: Seed,
    *,
    n: int = 10,
    among: Iterable[int] | None = None,
    vectors: Embeddings | None = None,
) -> list[Neighbour]:
    """Find a way of tracks from one to another.

    Parameters
    ----------
    library : Library
        Where to look.
    start, end : int or Row
        As the seeds of `similar`.
    n : int
        Tracks of the way, both ends among them; fewer where the library has not as many in between.
    among : iterable of int, optional
        Only over tracks of these ids.
    vectors : Embeddings, optional
        As of `similar`.

    Returns
    -------
    list of Neighbour
        From `start` to `end`; similarity and words are those to the track before.

    Raises
    ------
    InputError
        n < 2, both ends are one recording, or as `similar` raises it.
    """
    if n < 2:
        raise InputError(f"n={n}", hint="Accepted: from 2, for both ends are counted.")
    ends = rows_of(library, [start, end])
    if is_copy(*ends) or (ends[0].id and ends[0].id == ends[1].id):
        raise InputError("both ends of the path are one recording", hint="Try: two different tracks.")
    vectors = vectors or embeddings(library, space=space_of(ends))
    banned = [row.id for row in ends] + [
        row[0] for row in library.query("SELECT id FROM tracks WHERE vanished IS NOT NULL")
    ]
    allowed = vectors.allowed(among, banned)
    for _ in range(_TRIES):
        rows = [ends[0], *library.rows(_between(vectors, ends, allowed, n)), ends[1]]
        copies = [row for i, row in enumerate(rows[1:-1], 1) if _repeats(rows, i)]
        if not copies:
            break
        allowed[vectors.places([row.id for row in copies])] = False
    rows = [row for i, row in enumerate(rows) if i in (0, len(rows) - 1) or not _repeats(rows, i)]
    first = Neighbour(rows[0], 1.0, ())
    return [first, *(Neighbour(b, cosine(a, b), why(a, b)) for a, b in pairwise(rows))]


def _repeats(rows: list[Row], i: int) -> bool:
    """Whether a track is a copy of an earlier one or of the last."""
    return any(is_copy(rows[i], other) for other in [*rows[:i], rows[-1]])


def _between(vectors: Embeddings, ends: list[Row], allowed: npt.NDArray[np.bool_], n: int) -> list[int]:
    """Return ids of the tracks between both ends."""
    a, b = (unit(row.embedding) for row in ends)  # type: ignore[arg-type]
    to_a, to_b = vectors.products(a), vectors.products(b)
    places = _candidates(to_a, to_b, float(a @ b), allowed, n - 2)
    if not len(places):
        return []
    d_a, d_b = _distance(to_a[places]), _distance(to_b[places])
    order = np.argsort(d_a / np.maximum(d_a + d_b, 1e-9), kind="stable")
    places = places[order]
    points = np.concatenate([a[None], vectors.vectors[places], b[None]])
    chosen = _evenest(_distance(points @ points.T) ** _POWER, min(n, len(points)))
    return [int(vectors.ids[places[i - 1]]) for i in chosen[1:-1]]


def _candidates(
    to_a: Floats, to_b: Floats, cosine: float, allowed: npt.NDArray[np.bool_], n_points: int
) -> Ints:
    """Return places of tracks near to points on the great circle between both ends."""
    angle = float(np.clip(np.arccos(np.clip(cosine, -1, 1)), _STRAIGHT, np.pi - _STRAIGHT))
    n_near = max(_LEAST_PER_POINT, _MOST_CANDIDATES // max(1, n_points))
    found: set[int] = set()
    for i in range(n_points):
        t = (i + 1) / (n_points + 1)
        to_point = (np.sin((1 - t) * angle) * to_a + np.sin(t * angle) * to_b) / np.sin(angle)
        to_point = np.where(allowed, to_point, -np.inf)
        near = np.argpartition(-to_point, min(n_near, len(to_point) - 1))[:n_near]
        found.update(near[np.isfinite(to_point[near])].tolist())
    return np.array(sorted(found), dtype=np.int64)


def _evenest(costs: npt.NDArray[np.floating], n: int) -> list[int]:
    """Return the n rising numbers, first and last among them, whose steps cost least [costs shape=(m, m)]."""
    m = len(costs)
    costs = np.where(np.tri(m, dtype=bool), np.inf, costs)
    best = np.full(m, np.inf)
    best[0] = 0
    came_from = []
    for _ in range(n - 1):
        totals = best[:, None] + costs
        came_from.append(totals.argmin(axis=0))
        best = totals.min(axis=0)
    chosen = [m - 1]
    for previous in reversed(came_from):
        chosen.append(int(previous[chosen[-1]]))
    return chosen[::-1]


def _distance(similarity: Floats) -> Floats:
    """Return the distance of unit vectors from their product."""
    return np.sqrt(np.maximum(2 - 2 * similarity, 0))
