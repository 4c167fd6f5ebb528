"""A library by mood: which tracks lie in which quadrant of Russell's circle and have which mood words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.errors import InputError
from earmark.library.catalogue import Library
from earmark.vocabulary import QUADRANT_WORDS, QUADRANTS

LIKELY = 400  # score in 1/1000 from which on a mood word is worth saying, as on the card of `classify`
_QUADRANT_OF = {word: label for label, words in QUADRANT_WORDS.items() for word in words.split(", ")}

_LABELS = """
SELECT track, track_labels.score AS score FROM label_names
CROSS JOIN track_labels ON track_labels.label = label_names.id
CROSS JOIN tracks INDEXED BY tracks_facts ON tracks.id = track
WHERE head = ? AND label_names.label = ? AND (rank <= ? AND track_labels.score >= ?) AND vanished IS NULL
ORDER BY track_labels.score DESC, track
"""
_ANY_RANK = 1_000_000  # more than a head has labels
_WORDS = """
SELECT label FROM label_names WHERE head = 'moods'
AND EXISTS (SELECT 1 FROM track_labels WHERE track_labels.label = label_names.id AND score >= ?)
"""


@dataclass(frozen=True)
class MoodGroup:
    """The tracks of one mood.

    Parameters
    ----------
    head : {"quadrant", "moods"}
        Whether it is a quadrant, of which each track has one, or a word, of which it may have several.
    label : str
        ``"Q1"`` to ``"Q4"``, or the word.
    ids : tuple of int
        Tracks, those with most of it first.
    """

    head: str
    label: str
    ids: tuple[int, ...]

    @property
    def name(self) -> str:
        """What people call it: the words of a quadrant, or the word."""
        return QUADRANT_WORDS.get(self.label, self.label)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {"head": self.head, "label": self.label, "name": self.name, "ids": list(self.ids)}


def moods(library: Library, *, among: Iterable[int] | None = None) -> list[MoodGroup]:
    """Sort a library by mood.

    Parameters
    ----------
    library : Library
        Of tracks that are music; vanished ones are left out.
    among : iterable of int, optional
        Only tracks of these ids.

    Returns
    -------
    list of MoodGroup
        The four quadrants, each track in its likeliest; then the mood words, those of most tracks first, each
        with the tracks of which it is at least likely (0.4).
    """
    allowed = None if among is None else set(among)

    def group(head: str, label: str) -> MoodGroup:
        found = _scores(library, head, label)
        return MoodGroup(head, label, tuple(id for id in found if allowed is None or id in allowed))

    quadrants = [group("quadrant", label) for label in QUADRANTS]
    groups = [group("moods", word) for word in _words(library)]
    return quadrants + sorted(
        (group for group in groups if group.ids), key=lambda group: (-len(group.ids), group.label)
    )


def tracks_of_mood(
    library: Library, words: Sequence[str], *, among: Iterable[int] | None = None
) -> list[int]:
    """Return the tracks that have all of some moods, those with most of them first.

    Parameters
    ----------
    library : Library
        Where to look.
    words : sequence of str
        Mood words, words of quadrants (``calm``, ``angry``) or their labels (``Q4``). A word that is both is
        a mood word if a track of the library has it.
    among : iterable of int, optional
        Only tracks of these ids.

    Raises
    ------
    InputError
        A word that no track has.
    """
    allowed = None if among is None else set(among)
    scores: dict[int, float] | None = None
    for word in words:
        head, label = _meaning(library, word)
        found = _scores(library, head, label)
        scores = (
            found if scores is None else {id: scores[id] * found[id] for id in scores.keys() & found.keys()}
        )
    ranked = sorted((scores or {}).items(), key=lambda item: (-item[1], item[0]))
    return [id for id, _ in ranked if allowed is None or id in allowed]


def _meaning(library: Library, word: str) -> tuple[str, str]:
    """Return head and label of a word."""
    word = " ".join(word.split())
    known = _words(library)
    if word.lower() in known:
        return "moods", word.lower()
    label = _QUADRANT_OF.get(word.lower(), word.upper())
    if label in QUADRANTS:
        return "quadrant", label
    accepted = ", ".join(dict.fromkeys([*sorted(known), *_QUADRANT_OF, *QUADRANTS]))
    raise InputError(f"no track has the mood {word!r}", hint=f"Accepted: {accepted}.")


def _words(library: Library) -> list[str]:
    """Return the mood words that are likely of some track."""
    return [row[0] for row in library.query(_WORDS, (LIKELY,))]


def _scores(library: Library, head: str, label: str) -> dict[int, float]:
    """Return the tracks whose quadrant it is, or of which a mood word is likely, the highest score first."""
    limits = (0, 0) if head == "quadrant" else (_ANY_RANK, LIKELY)
    return {row[0]: row[1] / 1000 for row in library.query(_LABELS, (head, label, *limits))}
