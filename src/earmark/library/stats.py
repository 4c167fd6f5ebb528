"""What a library is made of: counts by genre, mood, decade and tempo, and a map of it by sound."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.features import method_digest
from earmark.library.catalogue import Library
from earmark.library.query import parse
from earmark.library.search import LIKELY, condition_of

TEMPO_STEP = 20  # BPM of a bar


@dataclass(frozen=True)
class Stats:
    """Counts of tracks, the most frequent first, decades and tempos in order.

    Parameters
    ----------
    tracks, failed : int
        All that were counted, and those of them that could not be analysed.
    hours : float
        How long they play.
    verdicts : dict of str to int
        ``music``, ``unsure``, ``not-music``, ``silence``.
    genres, quadrants, voices : dict of str to int
        By the first of each track.
    moods, instruments : dict of str to int
        By each word that ``mood:WORD`` or ``instrument:WORD`` finds a track by.
    decades, tempos : dict of int to int
        By the first year, and by the lowest BPM of a step of `TEMPO_STEP`.
    older_method : int
        Tracks with tempo and key by an older method than this version's.
    """

    tracks: int
    failed: int
    hours: float
    verdicts: dict[str, int]
    genres: dict[str, int]
    moods: dict[str, int]
    quadrants: dict[str, int]
    decades: dict[int, int]
    tempos: dict[int, int]
    voices: dict[str, int]
    instruments: dict[str, int]
    older_method: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``earmark.stats/1``, ready for JSON."""
        return {"schema": "earmark.stats/1", **dataclasses.asdict(self), "hours": round(self.hours, 2)}


class SoundMap(NamedTuple):
    """Tracks as points: near ones sound alike.

    Parameters
    ----------
    ids : list of int
        Of the tracks.
    points : np.ndarray [shape=(n, 2)]
        Places.
    genres : list of str
        The first genre of each, "" where there is none.
    explained : float
        Fraction of the variance of the embeddings that the two axes show.
    """

    ids: list[int]
    points: npt.NDArray[np.float64]
    genres: list[str]
    explained: float


def stats(library: Library, query: str = "") -> Stats:
    """Count the tracks that a query means.

    Parameters
    ----------
    library : Library
        Whose.
    query : str
        See `earmark.library.query`; by default all but the vanished.

    Raises
    ------
    InputError
        A query that cannot be understood.
    """
    condition, values = condition_of(library, parse(query))
    chosen = f"SELECT id FROM tracks INDEXED BY tracks_facts WHERE {condition}"

    def of_facts(expression: str) -> dict[Any, int]:
        sql = f"""SELECT {expression} AS x, count(*) FROM tracks INDEXED BY tracks_facts
            WHERE {condition} AND x IS NOT NULL GROUP BY x ORDER BY x"""
        return {row[0]: row[1] for row in library.query(sql, values)}

    def of_labels(head: str, test: str, index: str = "") -> dict[str, int]:
        # "+track", for else the planner looks every track up under every label.
        sql = f"""SELECT label_names.label, count(*) AS n
            FROM label_names CROSS JOIN track_labels {index} ON track_labels.label = label_names.id
            WHERE head = :head AND {test} AND +track IN ({chosen})
            GROUP BY label_names.id ORDER BY n DESC, label_names.label"""
        return {row[0]: row[1] for row in library.query(sql, {**values, "head": head})}

    def of_first(head: str) -> dict[str, int]:
        return of_labels(head, "rank = 0", "INDEXED BY track_labels_first")

    sql = f"SELECT count(*), total(duration) FROM tracks INDEXED BY tracks_facts WHERE {condition}"
    n, seconds = library.query(sql, values)[0]
    return Stats(
        tracks=n,
        failed=of_facts("state").get("failed", 0),
        hours=seconds / 3600,
        verdicts=of_facts("verdict"),
        genres=of_first("genres"),
        moods=of_labels("moods", f"(rank = 0 OR score >= {round(1000 * LIKELY['mood'])})"),
        quadrants=of_first("quadrant"),
        decades=of_facts("year / 10 * 10"),
        tempos=of_facts(f"CAST(tempo / {TEMPO_STEP} AS INTEGER) * {TEMPO_STEP}"),
        voices=of_first("voice"),
        instruments=of_first("instruments"),
        older_method=of_facts(by_older_method(library)).get(1, 0),
    )


def by_older_method(library: Library) -> str:
    """Return the SQL test of tracks whose tempo and key an older method found, or one that is not known."""
    number = library.method_number(method_digest())
    return f"state = 'done' AND ifnull(method, 0) <> {number or -1:d}"


def sound_map(library: Library, query: str = "") -> SoundMap:
    """Place tracks on a plane by their embeddings: the two axes along which they differ most.

    Embeddings are scaled to length 1, so that a distance is an angle, and projected on their first two
    principal components. Of several models only the embeddings of the one with most tracks compare.

    Parameters
    ----------
    library : Library
        Whose.
    query : str
        Which tracks.
    """
    spaces: dict[str, list[tuple[int, bytes, str]]] = {}
    condition, values = condition_of(library, parse(query))
    sql = f"""SELECT tracks.id AS id, embedding, models.space AS space,
        (SELECT label FROM labels WHERE track = tracks.id AND head = 'genres' AND rank = 0) AS genre
        FROM tracks JOIN models ON models.id = tracks.model WHERE embedding IS NOT NULL AND tracks.id IN
        (SELECT id FROM tracks INDEXED BY tracks_facts WHERE {condition}) ORDER BY tracks.id"""
    for row in library.query(sql, values):
        spaces.setdefault(row["space"], []).append((row["id"], row["embedding"], row["genre"] or ""))
    largest = max(spaces.values(), key=len, default=[])
    vectors = np.array([np.frombuffer(data, "<f2") for _, data, _ in largest], dtype=np.float64)
    points, explained = principal(vectors)
    return SoundMap([id for id, _, _ in largest], points, [genre for _, _, genre in largest], explained)


def principal(vectors: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """Project vectors, scaled to length 1, on their first two principal components.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d)]
        Rows of zeros stay in the middle.

    Returns
    -------
    points : np.ndarray [shape=(n, 2)]
        The sign of an axis is such that its largest coordinate is positive.
    explained : float
        Fraction of the variance; 0 where there is none.
    """
    n = len(vectors)
    if n < 2:
        return np.zeros((n, 2)), 0.0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = vectors / np.where(lengths, lengths, 1.0)
    centred -= centred.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    points = np.zeros((n, 2))
    points[:, : min(2, len(axes))] = centred @ axes[:, ::-1][:, :2]
    points *= np.where(points.max(axis=0) >= -points.min(axis=0), 1.0, -1.0)
    total = float(variances.clip(0).sum())
    return points, float(variances[-2:].clip(0).sum()) / total if total > 0 else 0.0
