"""Playlists: which tracks, how many, and in what order."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.library.embeddings import unit
from earmark.library.mixing import key_distance
from earmark.library.moods import tracks_of_mood
from earmark.library.row import Row
from earmark.library.search import search
from earmark.library.similar import Seed, artists_of, similar

Floats = npt.NDArray[np.float64]

# What a step costs besides the distance of the embeddings, which is about 1 between unlike tracks. A change
# of tempo that nobody can mix over, or four steps between keys, cost half as much; one artist twice in a row
# costs more than any change of sound.
_TEMPO_COST, _UNMIXABLE = 0.5, 0.16
_KEY_COST, _FAR_KEY = 0.5, 4
_ARTIST_COST = 2.5
_UNKNOWN = 0.25  # of what is not known
_MOST_AT_ONCE = 1000  # tracks whose order is optimised together
_MOST_SWEEPS = 12
_USUAL_LENGTH = 25
_MUSIC = "verdict:music,unsure"
_SPARE = 4  # so many times more tracks are ranked than wanted, for artists that are full
_TEMPO_WEIGHT = 0.25  # of an octave of tempo, against arousal from 0 to 1


class Order(StrEnum):
    """In what order the tracks of a playlist are."""

    smooth = "smooth"
    rise = "rise"
    fall = "fall"
    shuffle = "shuffle"
    found = "found"


@dataclass(frozen=True)
class Rules:
    """What a playlist is made of.

    Parameters
    ----------
    query : str
        Only tracks that it finds; "" is all, but what is not music unless `like` is given.
    moods : tuple of str
        Mood words or words of quadrants; the tracks with most of all of them come first.
    like : tuple of int or Row
        Seeds, as of `similar`; the nearest come first.
    order : Order
        ``smooth`` (little change of tempo, key, sound), ``rise``, ``fall`` (energy), ``shuffle``, ``found``.
    number : int or None
        How many tracks, at most; without `minutes`, None is 25.
    minutes : float or None
        How long, at most.
    max_per_artist : int or None
        So many tracks of one artist, at most.
    seed : int
        Of what is drawn by chance.

    Raises
    ------
    InputError
        A number out of range.
    """

    query: str = ""
    moods: tuple[str, ...] = ()
    like: tuple[Seed, ...] = ()
    order: Order = Order.smooth
    number: int | None = None
    minutes: float | None = None
    max_per_artist: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("number", "minutes", "max_per_artist"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name}={value!r}", hint="Accepted: above 0.")


def make_playlist(library: Library, rules: Rules) -> list[Row]:
    """Choose tracks of a library and put them in order.

    Parameters
    ----------
    library : Library
        Where from. Tracks that failed or vanished are left out.
    rules : Rules
        What it is made of.

    Returns
    -------
    list of Row
        Possibly fewer than wanted, and none where nothing fits.

    Raises
    ------
    InputError
        A query or mood that is not understood, or a seed that cannot be compared.
    """
    return in_order(choose(_candidates(library, rules), rules), rules.order, seed=rules.seed)


def choose(candidates: Iterable[Row], rules: Rules) -> list[Row]:
    """Take tracks in their order while they fit.

    Parameters
    ----------
    candidates : iterable of Row
        Those that failed or vanished are left out.
    rules : Rules
        How many, how long, and how many of one artist.
    """
    number = rules.number or (None if rules.minutes else _USUAL_LENGTH)
    seconds = math.inf if rules.minutes is None else 60 * rules.minutes
    chosen: list[Row] = []
    per_artist: Counter[str] = Counter()
    for row in candidates:
        if len(chosen) == number:
            break
        if row.error or row.prediction is None or row.vanished is not None:
            continue
        artists = artists_of(row)
        if rules.max_per_artist and any(per_artist[name] >= rules.max_per_artist for name in artists):
            continue
        if row.prediction.duration > seconds:
            continue  # a shorter one may still fit
        seconds -= row.prediction.duration
        per_artist.update(artists)
        chosen.append(row)
    return chosen


def in_order(rows: Sequence[Row], order: Order, *, seed: int = 0) -> list[Row]:
    """Put tracks in an order.

    Parameters
    ----------
    rows : sequence of Row
        The tracks.
    order : Order
        See `Rules`.
    seed : int
        Of ``shuffle``.

    Returns
    -------
    list of Row
        The same tracks. But for ``found``, one artist follows itself only where the rest does not suffice
        or, in ``rise`` and ``fall``, where nobody else has such energy.
    """
    match order:
        case Order.smooth:
            return _smooth(rows)
        case Order.shuffle:
            return _shuffled(rows, seed)
        case Order.rise:
            return _apart(sorted(rows, key=energy))
        case Order.fall:
            return _apart(sorted(rows, key=energy, reverse=True))
    return list(rows)


def energy(row: Row) -> float:
    """Return how energetic a track is: its arousal, 0 to 1, and a quarter for each octave above 100 BPM."""
    prediction = row.prediction
    if prediction is None:
        return 0.0
    arousal = 0.5 if prediction.arousal is None else prediction.arousal
    return arousal + _TEMPO_WEIGHT * math.log2((prediction.tempo or 100.0) / 100.0)


def step_cost(a: Row, b: Row) -> float:
    """Return how much changes from one track to the next: sound, tempo, key; one artist twice counts too."""
    return float(_costs([a, b])[0, 1])


# ---------------------------------------------------------------- choosing


def _candidates(library: Library, rules: Rules) -> Iterable[Row]:
    """Yield tracks, those that fit best first; by chance where nothing says which."""
    query = rules.query if rules.query.strip() or rules.like else _MUSIC
    among = search(library, query, sort="random", seed=rules.seed)
    if rules.like:
        n = _SPARE * (rules.number or max(_USUAL_LENGTH, math.ceil(rules.minutes or 0)))
        if rules.moods:
            among = tracks_of_mood(library, rules.moods, among=among)
        nearest = similar(library, rules.like, n=n, among=among if rules.query or rules.moods else None)
        return (neighbour.row for neighbour in nearest)
    if rules.moods:
        among = tracks_of_mood(library, rules.moods, among=among)
    return library.rows(among)


# ---------------------------------------------------------------- ordering


def _smooth(rows: Sequence[Row]) -> list[Row]:
    """Return tracks so that little changes from one to the next: from neighbour to neighbour, then 2-opt."""
    ordered: list[Row] = []
    for start in range(0, len(rows), _MOST_AT_ONCE):
        some = rows[start : start + _MOST_AT_ONCE]
        ordered += [some[i] for i in _two_opt(_costs(some), _greedy(_costs(some)))]
    return ordered


def _costs(rows: Sequence[Row]) -> Floats:
    """Return the cost of each step [shape=(n, n)], the same both ways."""
    facts = [(row.prediction.tempo, row.prediction.key) if row.prediction else (None, None) for row in rows]
    costs = _TEMPO_COST * _tempo_costs([tempo for tempo, _ in facts])
    costs += _KEY_COST * _key_costs([key for _, key in facts])
    by_artist: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        for name in artists_of(row):
            by_artist.setdefault(name, []).append(i)
    same = np.zeros(costs.shape, dtype=bool)
    for places in by_artist.values():
        same[np.ix_(places, places)] = True
    below = np.tril(costs + _ARTIST_COST * same, -1)
    return below + below.T + _sound_distances(rows)


def _tempo_costs(tempos: Sequence[float | None]) -> Floats:
    """Return what changes of tempo cost, 0 to 1 [shape=(n, n)]: `mixing.tempo_step` of all pairs at once."""
    bpm = np.array([tempo if tempo and tempo > 0 else np.nan for tempo in tempos])
    ratios = bpm[None, :] / bpm[:, None]
    with np.errstate(invalid="ignore"):
        octaves = np.clip(np.round(np.log2(ratios)), -1, 1)
    costs = np.minimum(1.0, np.abs(ratios / 2**octaves - 1) / _UNMIXABLE)
    return np.asarray(np.where(np.isnan(costs), _UNKNOWN, costs), dtype=np.float64)


def _key_costs(keys: Sequence[str | None]) -> Floats:
    """Return what changes of key cost, 0 to 1 [shape=(n, n)]: there are few keys, and a table of theirs."""
    names = list(dict.fromkeys(keys))
    steps = [[key_distance(a, b) for b in names] for a in names]
    table = np.array([[_UNKNOWN if n is None else min(1.0, n / _FAR_KEY) for n in row] for row in steps])
    places = [names.index(key) for key in keys]
    return np.asarray(table.reshape(len(names), len(names))[np.ix_(places, places)], dtype=np.float64)


def _sound_distances(rows: Sequence[Row]) -> Floats:
    """Return distances of embeddings of one space [shape=(n, n)]; 1 where they cannot be compared."""
    n = len(rows)
    distances = np.ones((n, n))
    spaces: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.embedding is not None and row.model is not None:
            spaces.setdefault(row.model.space, []).append(i)
    for places in spaces.values():
        vectors = unit(np.array([rows[i].embedding for i in places]))
        distances[np.ix_(places, places)] = np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def _greedy(costs: Floats) -> list[int]:
    """Return an order that begins with the first and goes on with whatever costs least."""
    n = len(costs)
    order, left = [0], np.ones(n, dtype=bool)
    left[0] = False
    for _ in range(n - 1):
        nearest = int(np.where(left, costs[order[-1]], np.inf).argmin())
        order.append(nearest)
        left[nearest] = False
    return order


def _two_opt(costs: Floats, order: list[int]) -> list[int]:
    """Turn stretches of an open way around as long as that makes it cheaper, the first staying first."""
    n, way = len(order), np.array(order)
    for _ in range(_MOST_SWEEPS):
        improved = False
        for i in range(1, n - 1):
            # Turning a stretch around replaces the step before it and, but at the end, the one after it.
            ends = way[i + 1 :]
            after = np.append(way[i + 2 :], -1)
            old = costs[way[i - 1], way[i]] + np.where(after >= 0, costs[ends, after], 0)
            new = costs[way[i - 1], ends] + np.where(after >= 0, costs[way[i], after], 0)
            best = int((new - old).argmin())
            if new[best] < old[best] - 1e-9:
                way[i : i + best + 2] = way[i : i + best + 2][::-1]
                improved = True
        if not improved:
            break
    return [int(i) for i in way]


def _shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    """Shuffle so that the tracks of an artist are spread over the whole, as people expect of chance."""
    rng = random.Random(seed)
    by_artist: dict[object, list[Row]] = {}
    for i, row in enumerate(rows):
        by_artist.setdefault(min(artists_of(row), default=i), []).append(row)
    places: list[tuple[float, float, Row]] = []
    for some in by_artist.values():
        rng.shuffle(some)
        offset = rng.random()
        places += [
            ((i + offset + 0.2 * rng.random()) / len(some), rng.random(), row) for i, row in enumerate(some)
        ]
    return _apart([row for *_, row in sorted(places, key=lambda place: place[:2])])


def _apart(rows: list[Row]) -> list[Row]:
    """Move a track that follows its own artist behind the next one by another."""
    rows = list(rows)
    for i in range(1, len(rows)):
        if not artists_of(rows[i]) & artists_of(rows[i - 1]):
            continue
        for j in range(i + 1, min(len(rows), i + 9)):
            if not artists_of(rows[j]) & artists_of(rows[i - 1]):
                rows.insert(i, rows.pop(j))
                break
    return rows
