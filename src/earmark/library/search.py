"""Which tracks of a library a query means: a tree to SQL, its values always as parameters.

A term is an expression that is true or false of every track, never NULL, so that ``-bpm:90..110`` finds the
tracks without a tempo too. Expressions use the index ``tracks_facts`` alone: a row of the table itself fills
a page with blobs that no query asks for.

Labels and words have lists of tracks. Of terms that must all hold, one such list is walked, and the other
terms are looked up for its tracks alone: the *driver*, of a kind that usually has few tracks.
"""

from __future__ import annotations

import json
import random
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from earmark.errors import InputError
from earmark.library.query import (
    And,
    Choice,
    Keys,
    Label,
    Missing,
    Node,
    Not,
    Or,
    Range,
    Words,
    parse,
)
from earmark.library.query.tokens import misplaced, nearest
from earmark.library.records import CONFIDENCE_STEPS, TAGS
from earmark.vocabulary import GENRES, QUADRANT_WORDS, QUADRANTS, VOICES

if TYPE_CHECKING:
    from earmark.library.catalogue import Library

# The score from which on a label counts although another is the first. A mood word means less than a genre:
# the card of `earmark classify` names those from 0.4 on too.
LIKELY = {"genre": 0.5, "mood": 0.4, "quadrant": 0.5, "voice": 0.5}
HEADS = {"genre": "genres", "mood": "moods", "quadrant": "quadrant"}
HEADS |= {"voice": "voice", "instrument": "instruments"}
# Where a field has another name in the table.
_COLUMNS = {"bpm": "tempo", "genre": "score"}
_COLUMNS |= {"bpm-confidence": "tempo_confidence", "key-confidence": "key_confidence"}
_STEPS = {"score": 1000, "bpm-confidence": CONFIDENCE_STEPS, "key-confidence": CONFIDENCE_STEPS}  # of 1
_QUADRANT_OF = {word: label for label, words in QUADRANT_WORDS.items() for word in words.split(", ")}
# How many tracks a list usually has, by kind: the fewer, the better it drives.
_SIZES = {"text": 0, "tag": 1, "genre": 2, "mood": 3, "quadrant": 4, "instrument": 5, "voice": 6}

_CHOSEN = "SELECT id FROM tracks INDEXED BY tracks_facts WHERE {condition}"
_BY_ID = _CHOSEN + " ORDER BY {order}"
_OF_FACTS = _CHOSEN + " ORDER BY {order}, id"
_OF_NAMES = f"""SELECT chosen.id AS id FROM ({_CHOSEN}) AS chosen
    CROSS JOIN tracks AS named INDEXED BY tracks_names ON named.id = chosen.id
    ORDER BY {{order}}, chosen.id"""
_OF_PATHS = f"""SELECT tracks.id AS id FROM folders CROSS JOIN tracks ON tracks.folder = folders.id
    WHERE +tracks.id IN ({_CHOSEN}) ORDER BY {{order}}"""
# What ``--sort`` takes: the statement, what it sorts by, and what follows. Text is sorted without regard to
# case.
_FACTS = ("tempo", "key", "year", "duration", "valence", "arousal", "added", "analysed", "score")
SORTS: dict[str, tuple[str, ...]] = {
    "id": (_BY_ID, "id"),
    **{name: (_OF_FACTS, name) for name in _FACTS},
    "bpm": (_OF_FACTS, "tempo"),
    **{name: (_OF_FACTS, _COLUMNS[name]) for name in ("bpm-confidence", "key-confidence")},
    "title": (_OF_NAMES, "lower(named.title)"),
    "artist": (
        *(_OF_NAMES, "lower(coalesce(named.artist, named.album_artist))", "named.year", "lower(named.album)"),
    ),
    "album": (_OF_NAMES, "lower(named.album)"),
    "path": (_OF_PATHS, "folders.path", "tracks.name", "tracks.number"),
    "random": (_BY_ID, "id"),
}


def search(
    library: Library,
    query: str | Node = "",
    *,
    sort: str = "id",
    limit: int | None = None,
    offset: int = 0,
    now: float | None = None,
    seed: int | None = None,
) -> list[int]:
    """Return the ids of the tracks that a query means.

    Parameters
    ----------
    library : Library
        Where to search.
    query : str or Node
        See `earmark.library.query`. Tracks that have vanished are left out unless it asks for
        ``is:vanished``.
    sort : str
        One of `SORTS`, or ``-`` and one of them for the reverse; tracks of which it is not known come last.
        ``"id"`` is the order in which they came to the library.
    limit : int, optional
        At most so many.
    offset : int
        Leave out so many at the beginning.
    now : float, optional
        What ``added:<7d`` counts back from, in s since 1970; by default the clock.
    seed : int, optional
        Of ``sort="random"``.

    Raises
    ------
    InputError
        A query that cannot be understood, a label that neither a model nor a correction of the library has,
        or an unknown `sort`.

    Examples
    --------
    >>> from earmark.library import Library
    >>> search(Library(":memory:"), "genre:jazz bpm:90..110")
    []
    """
    for name, value in (("limit", limit or 0), ("offset", offset)):
        if value < 0:
            raise InputError(f"{name}={value}", hint="Accepted: 0 or more.")
    descends, by = sort.startswith("-"), sort.lstrip("-").lower()
    if by not in SORTS:
        raise InputError(f"sort={sort!r}", hint=nearest(by, SORTS))
    node = parse(query) if isinstance(query, str) else query
    condition, values = condition_of(library, node, now=now)
    statement, first, *others = SORTS[by]
    unknown_last = "" if first == "id" else " NULLS LAST"  # which would keep SQLite from walking by id
    order = ", ".join([f"{first} {'DESC' if descends else 'ASC'}{unknown_last}", *others])
    sql = statement.format(condition=condition, order=order)
    if by == "random":
        ids = _ids(library, sql, values)
        random.Random(seed).shuffle(ids)
        return ids[offset : None if limit is None else offset + limit]
    if limit is not None or offset:
        sql += f" LIMIT {-1 if limit is None else int(limit)} OFFSET {int(offset)}"
    return _ids(library, sql, values)


def count(library: Library, query: str | Node = "", *, now: float | None = None) -> int:
    """Return how many tracks a query means: of `search`, without the list.

    Parameters
    ----------
    library : Library
        Where to search.
    query : str or Node
        As of `search`.
    now : float, optional
        As of `search`.
    """
    condition, values = condition_of(library, parse(query) if isinstance(query, str) else query, now=now)
    return int(library.query(f"SELECT count(*) FROM ({_CHOSEN.format(condition=condition)})", values)[0][0])


def condition_of(library: Library, node: Node, *, now: float | None = None) -> tuple[str, dict[str, Any]]:
    """Return what a query means as an SQL expression over the columns of ``tracks``, and its parameters.

    Parameters
    ----------
    library : Library
        Whose labels it may name.
    node : Node
        A parsed query.
    now : float, optional
        As of `search`.

    Raises
    ------
    InputError
        A label that is not known there.
    """
    writer = _Writer(library, time.time() if now is None else now)
    condition = writer.write(node)
    if not any(isinstance(leaf, Choice) and leaf.value == "vanished" for leaf in leaves(node)):
        condition = f"vanished IS NULL AND ({condition})"
    return condition, writer.values


def leaves(node: Node) -> Iterator[Node]:
    """Yield the terms of a query."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def fold(label: str) -> str:
    """Return what spellings of a label have in common: ``hiphop`` of Hip-Hop, ``rnb`` of R&B.

    Examples
    --------
    >>> fold("Drum & Bass") == fold("drum and bass") == fold("drum'n'bass")
    True
    """
    text = unaccented(label).casefold()
    text = re.sub(r"\band\b|&", "n", text)
    return re.sub(r"[\W_]+", "", text) or label.casefold()


def unaccented(text: str) -> str:
    """Return text without diacritics."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def known_labels(library: Library, field: str) -> set[str]:
    """Return the labels of a kind that models or corrections of a library have.

    Parameters
    ----------
    library : Library
        Where.
    field : {"genre", "mood", "quadrant", "voice", "instrument"}
        Which kind.
    """
    known: set[str] = set()
    for row in library.query("SELECT heads FROM models"):
        heads = json.loads(row["heads"])
        first = next(iter(heads), "")
        known.update(heads.get(first if field == "genre" else HEADS[field], ()))
    if not known:
        known.update({"genre": GENRES, "quadrant": QUADRANTS, "voice": VOICES}.get(field, ()))
    for row in library.query("SELECT labels FROM corrections WHERE head = ?", (HEADS[field],)):
        known.update(json.loads(row["labels"]))
    return known


def _ids(library: Library, sql: str, values: dict[str, Any]) -> list[int]:
    """Return the ids that a statement selects; as one text they come five times as fast as row by row."""
    found: list[int] = json.loads(library.query(f"SELECT json_group_array(id) FROM ({sql})", values)[0][0])
    return found


@dataclass
class _Known:
    """The labels of one kind, and by what their spellings have in common."""

    labels: set[str]
    by_fold: dict[str, list[str]]


class _Writer:
    """Writes a tree as an SQL expression; the parameters gather in `values`."""

    def __init__(self, library: Library, now: float) -> None:
        self.values: dict[str, Any] = {}
        self._library, self._now = library, now
        self._known: dict[str, _Known] = {}

    def write(self, node: Node, *, driven: bool = False) -> str:
        """Return the expression of a node; `driven` if it is evaluated for the tracks of a driver only."""
        match node:
            case And(parts):
                return self._all(parts, driven=driven)
            case Or(parts):
                if not driven and _size(node) is not None:
                    return f"id IN ({self._list(node)})"
                return " OR ".join(f"({self.write(part, driven=driven)})" for part in parts)
            case Not(part):
                return f"NOT ({self.write(part, driven=driven)})"
            case _:
                return self._term(node, driven=driven)

    def _all(self, parts: Sequence[Node], *, driven: bool) -> str:
        """Return the expression of parts that must all hold, their driver first."""
        sizes = (
            [] if driven else [(size, i) for i, part in enumerate(parts) if (size := _size(part)) is not None]
        )
        written, others = [], list(parts)
        if sizes:
            driven = True
            written.append(f"id IN ({self._list(others.pop(min(sizes)[1]))})")
        written += [self.write(part, driven=driven) for part in others]
        return " AND ".join(f"({part})" for part in written) or "1"

    def _list(self, node: Node) -> str:
        """Return the statement that lists the tracks of a node with a `_size`."""
        match node:
            case And():
                return _CHOSEN.format(condition=self.write(node))
            case Or(parts):
                return " UNION ALL ".join(self._list(part) for part in parts)
            case Label():
                labels, test = self._label(node)
                return f"SELECT track FROM track_labels WHERE label {_one_of(labels)} AND {test}"
            case Words(field="tag"):
                return f"SELECT track FROM track_labels WHERE label {_one_of(self._tags(node))}"
            case Words():
                return f"SELECT rowid FROM texts WHERE texts MATCH {self._match(node)}"
            case _:
                return "SELECT track FROM corrections"

    def _term(self, node: Words | Label | Range | Keys | Missing | Choice, *, driven: bool) -> str:
        match node:
            case Label() if driven:
                labels, test = self._label(node)
                found = f"label {_one_of(labels)} AND track = tracks.id AND {test}"
                return f"EXISTS (SELECT 1 FROM track_labels WHERE {found})"
            case Label() | Words() | Choice(value="corrected"):
                return f"id IN ({self._list(node)})"
            case Range():
                return self._range(node)
            case Keys(keys):
                return f"ifnull(key {self._among(keys)}, 0)"
            case Missing(field):
                return self._missing(field)
            case Choice():
                return self._choice(node)

    def _value(self, value: str | float | bytes) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def _among(self, values: Sequence[str | int]) -> str:
        if len(values) == 1:
            return f"= {self._value(values[0])}"
        return f"IN (SELECT value FROM json_each({self._value(json.dumps(list(values)))}))"

    # ------------------------------------------------------------ words

    def _match(self, node: Words) -> str:
        columns = {"artist": "{artist album_artist} : ", "": ""}.get(node.field, f"{node.field} : ")
        text = node.text.replace('"', '""')
        return self._value(f'{columns}"{text}"{" *" if node.prefix else ""}')

    def _tags(self, node: Words) -> list[int]:
        """Return the numbers of the tags that have the words: they are few, their tracks many."""
        wanted = words_of(node.text)
        tags = self._library.query("SELECT id, label FROM label_names WHERE head = ?", (TAGS,))
        return [tag["id"] for tag in tags if in_order(words_of(tag["label"]), wanted, prefix=node.prefix)]

    # ------------------------------------------------------------ labels

    def _label(self, node: Label) -> tuple[list[int], str]:
        """Return the numbers of a label, and the test of its score."""
        field, labels = self._labels(node)
        if field == "instrument" and node.limit is None:
            test = "rank = 0"  # of each that is present, by the threshold of its model
        else:
            limit = LIKELY[field] if node.limit is None else node.limit
            test = f"score {'>' if node.above else '>='} {self._value(_thousandths(limit))}"
            test = f"({test} OR rank = 0)" if node.limit is None else test
        sql = """SELECT id FROM label_names
            WHERE head = ? AND label IN (SELECT value FROM json_each(?)) ORDER BY id"""
        return [row[0] for row in self._library.query(sql, (HEADS[field], json.dumps(labels)))], test

    def _labels(self, node: Label) -> tuple[str, list[str]]:
        """Return the kind of a label, and how the library spells it."""
        if found := self._spellings(node.field).by_fold.get(fold(node.label)):
            return node.field, found
        known = set(self._spellings(node.field).labels)
        if node.field in ("mood", "quadrant"):
            if quadrant := _QUADRANT_OF.get(fold(node.label)):
                return "quadrant", self._spellings("quadrant").by_fold.get(fold(quadrant), [quadrant])
            known.update(_QUADRANT_OF)
        none = f"Accepted: none, for no model of this library gives the {node.field}."
        hint = nearest(node.label, known) if known else none
        raise misplaced(f"unknown {node.field} {node.label!r}", node.at, hint)

    def _spellings(self, field: str) -> _Known:
        if field not in self._known:
            labels, by_fold = known_labels(self._library, field), dict[str, list[str]]()
            for label in sorted(labels):
                by_fold.setdefault(fold(label), []).append(label)
            self._known[field] = _Known(labels, by_fold)
        return self._known[field]

    def _missing(self, field: str) -> str:
        if field in HEADS and field != "genre":
            names = f"SELECT id FROM label_names WHERE head = '{HEADS[field]}'"
            some = "track_labels INDEXED BY track_labels_first WHERE rank = 0"
            if field == "instrument":  # they may be known although none is present
                some = "track_labels WHERE 1"
            return f"id NOT IN (SELECT track FROM {some} AND label IN ({names}))"
        return f"{_COLUMNS.get(field, field)} IS NULL"

    # ------------------------------------------------------------ numbers, times and the rest

    def _range(self, node: Range) -> str:
        column, low, high = _COLUMNS.get(node.field, node.field), node.low, node.high
        if steps := _STEPS.get(node.field):
            low, high = (None if limit is None else round(steps * limit, 9) for limit in (low, high))
        elif node.is_ago:
            low, high = (None if limit is None else self._now - limit for limit in (high, low))
        elif node.field in ("added", "analysed"):
            low, high = (None if limit is None else _moment(limit) for limit in (low, high))
        equal = "" if node.is_open else "="
        tests = [f"{column} >{equal} {self._value(low)}"] if low is not None else []
        tests += [f"{column} <{equal} {self._value(high)}"] if high is not None else []
        test = " AND ".join(tests)
        return test if node.field == "id" else f"ifnull({test}, 0)"

    def _choice(self, node: Choice) -> str:
        match node.field:
            case "is" if node.value == "vanished":
                return "vanished IS NOT NULL"
            case "ext":
                return f"ifnull(ending = {self._value(node.value)}, 0)"
            case "model":
                return f"ifnull(model {self._among(self._models(node))}, 0)"
            case _:
                return f"ifnull({node.field} = {self._value(node.value)}, 0)"

    def _models(self, node: Choice) -> list[int]:
        rows = self._library.query("SELECT id, name FROM models")
        found = [row["id"] for row in rows if row["name"].casefold() == node.value.casefold()]
        if not found:
            names = [row["name"] for row in rows]
            hint = nearest(node.value, names) if names else "Accepted: none, for nothing is scanned yet."
            raise misplaced(f"unknown model {node.value!r}", node.at, hint)
        return found


def _size(node: Node) -> int | None:
    """Return which of `_SIZES` the list of a node's tracks has; None if it has no list."""
    match node:
        case Label(field):
            return _SIZES[field]
        case Words(field=field):
            return _SIZES["tag" if field == "tag" else "text"]
        case Choice(value="corrected"):
            return _SIZES["text"]
        case And(parts):
            return min((size for part in parts if (size := _size(part)) is not None), default=None)
        case Or(parts):
            sizes = [_size(part) for part in parts]
            return None if None in sizes else max(size for size in sizes if size is not None)
        case _:
            return None


def _one_of(numbers: Sequence[int]) -> str:
    """Return the test that a value is one of some numbers, which are ours and not the user's."""
    if len(numbers) == 1:
        return f"= {numbers[0]:d}"
    return f"IN ({', '.join(f'{number:d}' for number in numbers)})"


def words_of(text: str) -> list[str]:
    """Return the words of a text as the index of texts has them: letters and digits, folded."""
    return re.findall(r"[^\W_]+", unaccented(text).casefold())


def in_order(words: Sequence[str], wanted: Sequence[str], *, prefix: bool) -> bool:
    """Whether words stand side by side in others; with `prefix`, the last may go on."""
    n = len(wanted)
    for start in range(len(words) - n + 1):
        *before, last = words[start : start + n] or [""]
        if before == list(wanted[:-1]) and (last.startswith(wanted[-1]) if prefix else last == wanted[-1]):
            return True
    return False


def _thousandths(score: float) -> float:
    return round(1000 * score, 9)


def _moment(naive: float) -> float:
    """Return s since 1970 of a time on the clock on the wall."""
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=naive)).timestamp()
    except (OverflowError, OSError, ValueError):  # a year that this system has no clock for
        return naive
