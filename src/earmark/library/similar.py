"""Which tracks sound like others, why, and a way of tracks from one to another.

Similarity is the cosine of two embeddings. Several seeds are one: the mean of their unit vectors, which on
tracks that no training has touched finds more of their common genre than the nearest to any of them does
(70.4 to 70.2 % of the ten nearest, and 44.5 to 40.4 %; benchmarks/similar.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.duplicates import compare
from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.library.embeddings import Embeddings, Floats, embeddings, unit
from earmark.library.mixing import SAME_TEMPO, in_words, key_distance, tempo_step
from earmark.library.row import Row

# How much likeness to what is not wanted counts. From 0.5 to 1, the seed's own genre stays as frequent among
# the ten nearest and the unwanted one loses a third (benchmarks/similar.py).
_LESS = 0.75
# From here on two tracks may be one recording, and their fingerprints decide. Copies at 64 kbit/s, in other
# formats, 12 dB lower or with up to 6 s more or less have 0.977 and more (benchmarks/library_copies.py).
MAYBE_COPY = 0.95
_SHARED_GENRE, _SHARED_MOOD = 0.3, 0.4  # scores from which on a label is worth a word
_MOST_WORDS = 3
_NEAR_TEMPO = 0.12  # relative: further off, a change of tempo is not worth a percentage
_FIRST_LOOK = 64  # places that are sorted first
_ROUNDED = 1e-5  # how far two ways to a cosine may lie apart
_READ = 16  # rows at a time: unpacking one takes longer than comparing a thousand
_VARIOUS = {"various artists", "various", "va", "v.a."}
_ARTISTS = re.compile(r"\s*;\s*|\s+(?:feat\.?|ft\.?|featuring)\s+", re.IGNORECASE)

Seed = int | Row


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A track that sounds like the seeds.

    Parameters
    ----------
    row : Row
        The track.
    similarity : float
        Cosine of its embedding and that of the seeds, -1 to 1.
    why : tuple of str
        What it shares with the nearest seed, in words.
    """

    row: Row
    similarity: float
    why: tuple[str, ...]

    @property
    def id(self) -> int:
        """Its id in the catalogue."""
        return self.row.id

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON: the row as ``earmark.track/1``, with ``similarity`` and ``why``."""
        return self.row.to_dict() | {"similarity": round(self.similarity, 4), "why": list(self.why)}


def similar(
    library: Library,
    seeds: Sequence[Seed],
    *,
    n: int = 10,
    other_artists: bool = False,
    among: Iterable[int] | None = None,
    less_like: Sequence[Seed] = (),
    vectors: Embeddings | None = None,
) -> list[Neighbour]:
    """Find the tracks of a library that sound most like some seeds.

    The seeds, other copies of their recordings, and tracks whose files have vanished are left out.

    Parameters
    ----------
    library : Library
        Where to look.
    seeds : sequence of int or Row
        Ids, or rows that `analyse` made of files that need not be in the library. At least one.
    n : int
        How many to find, at most.
    other_artists : bool
        Whether to leave out the artists of the seeds.
    among : iterable of int, optional
        Only tracks of these ids.
    less_like : sequence of int or Row
        What they should sound less like.
    vectors : Embeddings, optional
        Those of the library and of the seeds' space, where they are at hand.

    Returns
    -------
    list of Neighbour
        The most similar first.

    Raises
    ------
    InputError
        No seed, a seed that is not there or has no embedding, seeds of different models, or n < 1.
    """
    if n < 1 or not seeds:
        raise InputError(f"n={n}, {len(seeds)} seeds", hint="Accepted: n from 1, and one seed at least.")
    rows, unwanted = rows_of(library, seeds), rows_of(library, less_like)
    vectors = vectors or embeddings(library, space=space_of([*rows, *unwanted]))
    query = _direction(rows)
    similarity = vectors.products(query)
    scores: Floats = similarity
    if unwanted:
        scores = similarity - np.maximum(_LESS * vectors.products(_direction(unwanted)), 0, dtype=np.float32)
    allowed = vectors.allowed(among, [row.id for row in [*rows, *unwanted]])
    artists = frozenset().union(*map(artists_of, rows)) if other_artists else frozenset()
    found: list[Neighbour] = []
    known = _Recordings(rows)
    for place, row in _ranked(library, vectors, np.where(allowed, scores, -np.inf)):
        if row.vanished is not None or artists & artists_of(row):
            continue
        if known.has(row):
            continue
        known.add(row)
        found.append(Neighbour(row, float(similarity[place]), why(_nearest(rows, row), row)))
        if len(found) == n:
            break
    return found


def why(seed: Row, row: Row) -> tuple[str, ...]:
    """Return in words what two tracks share: genres, moods, tempo and key.

    Parameters
    ----------
    seed, row : Row
        From the first to the second.

    Returns
    -------
    tuple of str
        Such as ``("rock", "energetic, fiery", "6 % faster: 120, 127 BPM", "same key: A minor (8A)")``.
    """
    a, b = seed.prediction, row.prediction
    if a is None or b is None:
        return ()
    genres = _shared(a.genres, b.genres, _SHARED_GENRE)
    if not genres:
        genres = [label for label in seed.genres if label in row.genres]
    moods = _shared(a.moods, b.moods, _SHARED_MOOD)
    words = [", ".join(genres), ", ".join(moods), tempo_words(a.tempo, b.tempo), key_words(a.key, b.key)]
    return tuple(filter(None, words))


def tempo_words(first: float | None, second: float | None) -> str:
    """Return how two tempos relate, in words; "" if one is not known."""
    step = tempo_step(first, second)
    if step is None:
        return ""
    counted = {1.0: "", 2.0: "double tempo", 0.5: "half tempo"}[step.factor]
    percent = round(100 * abs(step.change))
    if abs(step.change) <= SAME_TEMPO:
        words = counted or "same tempo"
    elif abs(step.change) > _NEAR_TEMPO:
        return f"{first:.0f} and {second:.0f} BPM"
    else:
        words = f"{percent} % {'faster' if step.change > 0 else 'slower'}"
        words = f"{counted}, {words}" if counted else words
    return f"{words}: {first:.0f}, {second:.0f} BPM"


def key_words(first: str | None, second: str | None) -> str:
    """Return how two keys relate, in words; "" if one is not known."""
    distance = key_distance(first, second)
    if distance is None:
        return ""
    if distance == 0:
        return f"same key: {in_words(first)}"
    if distance == 1:
        return f"key that mixes: {in_words(first)}, {in_words(second)}"
    return f"{distance} steps from key to key: {in_words(first)}, {in_words(second)}"


def artists_of(row: Row) -> frozenset[str]:
    """Return the names of a track's artists, spelt in one way; empty where the tags have none."""
    names = {name for tag in (row.tags.artist, row.tags.album_artist) for name in _ARTISTS.split(tag)}
    return frozenset(" ".join(name.casefold().split()) for name in names) - {"", *_VARIOUS}


def cosine(a: Row, b: Row) -> float:
    """Return the similarity of two tracks with embeddings of one space, -1 to 1."""
    first, second = (unit(row.embedding) for row in (a, b) if row.embedding is not None)
    return float(first @ second)


def is_copy(a: Row, b: Row) -> bool:
    """Whether two tracks are one recording: by the digest of their sound, else by their fingerprints."""
    if a.sound and a.sound == b.sound:
        return (a.item.start, a.item.stop) == (b.item.start, b.item.stop)
    if a.peaks is None or b.peaks is None or a.embedding is None or b.embedding is None:
        return False
    if cosine(a, b) < MAYBE_COPY:
        return False
    return compare(a.peaks.fingerprint(), b.peaks.fingerprint()) is not None


# ---------------------------------------------------------------- steps of the search


class _Recordings:
    """Recordings of which no second copy is wanted: one product finds those that a track may be a copy of."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows: list[Row] = []
        self._by_sound: dict[str, list[int]] = {}
        self._units = np.zeros((_FIRST_LOOK, len(_embedding(rows[0]))), dtype=np.float32)
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Take a recording up."""
        n = len(self._rows)
        if n == len(self._units):
            self._units = np.concatenate([self._units, np.zeros_like(self._units)])
        self._units[n] = unit(_embedding(row))
        self._by_sound.setdefault(row.sound, []).append(n)
        self._rows.append(row)

    def has(self, row: Row) -> bool:
        """Whether a track is a copy of one of them."""
        near = self._units[: len(self._rows)] @ unit(_embedding(row)) >= MAYBE_COPY - _ROUNDED
        places = {*np.flatnonzero(near).tolist(), *(self._by_sound.get(row.sound, ()) if row.sound else ())}
        return any(is_copy(self._rows[i], row) for i in places)


def _embedding(row: Row) -> Floats:
    assert row.embedding is not None  # `rows_of` and the matrix have none without
    return row.embedding


def rows_of(library: Library, seeds: Sequence[Seed]) -> list[Row]:
    """Return the rows of seeds.

    Raises
    ------
    InputError
        An id that is not there, or a track without an embedding.
    """
    rows = [library.get(seed) if isinstance(seed, int) else seed for seed in seeds]
    for row in rows:
        if row.embedding is None:
            reason = row.error["message"] if row.error else "it is silent, or its model has no embedding"
            raise InputError(
                f"{row.path} cannot be compared: {reason}", hint="Try: another seed, or earmark scan --retry."
            )
    return rows


def space_of(rows: Sequence[Row]) -> str:
    """Return whose embeddings some rows have.

    Raises
    ------
    InputError
        Of different models, which cannot be compared.
    """
    spaces = {row.model.space: row.model.name for row in rows if row.model}
    if len(spaces) != 1:
        raise InputError(
            f"seeds of different models: {', '.join(sorted(spaces.values()))}",
            hint="Try: earmark scan --refresh, which analyses all tracks with one.",
        )
    return next(iter(spaces))


def _direction(rows: Sequence[Row]) -> Floats:
    """Return the mean of unit vectors, of unit length [shape=(embedding_size,)]."""
    return unit(unit(np.array([row.embedding for row in rows])).mean(axis=0))


def _ranked(library: Library, vectors: Embeddings, scores: Floats) -> Iterator[tuple[int, Row]]:
    """Yield places and rows by falling score; sorts and reads no more than what is asked for."""
    done, wanted = 0, _FIRST_LOOK
    while done < len(scores):
        wanted = min(wanted, len(scores))
        best = np.argpartition(-scores, wanted - 1)[:wanted]
        order = best[np.lexsort((best, -scores[best]))][done:]
        order = order[np.isfinite(scores[order])]
        for start in range(0, len(order), _READ):
            some = order[start : start + _READ]
            rows = {row.id: row for row in library.rows(vectors.ids[some].tolist())}
            for place in some.tolist():
                if row := rows.get(int(vectors.ids[place])):
                    yield place, row
        if len(order) < wanted - done:
            return
        done, wanted = wanted, 4 * wanted


def _nearest(seeds: Sequence[Row], row: Row) -> Row:
    return max(seeds, key=lambda seed: cosine(seed, row))


def _shared(first: Sequence[Any], second: Sequence[Any], least: float) -> list[str]:
    """Return labels that both have with a score of `least`, those first that both have most of."""
    there = {score.label: score.score for score in second}
    both = [(min(score.score, there.get(score.label, 0.0)), score.label) for score in first]
    return [label for score, label in sorted(both, key=lambda pair: -pair[0]) if score >= least][:_MOST_WORDS]
