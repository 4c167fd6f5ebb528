"""Maps data set labels to model classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from earmark.data import Track
from earmark.errors import InputError, suggestion
from earmark.models import Head, ModelCard

_PREDICTED = {"quadrant", "moods", "voice", "instruments"}  # heads of a prediction, besides the first
_ALIKE = str.maketrans("", "", " -_'’./")


@dataclass(frozen=True)
class LabelMap:
    """The model class of each data set label.

    Parameters
    ----------
    to : mapping
        Class of each label that the model knows.
    unknown : mapping
        Labels that it does not know, and how many tracks have them.
    renamed : mapping
        The part of `to` where the names differ.
    """

    to: Mapping[str, str]
    unknown: Mapping[str, int]

    @property
    def renamed(self) -> dict[str, str]:
        """Labels whose class has another name, and that name."""
        return {label: name for label, name in self.to.items() if label != name}

    def of(self, track: Track) -> tuple[str, ...]:
        """Return the classes of a track that the model knows, each once."""
        return tuple(dict.fromkeys(self.to[label] for label in track.labels if label in self.to))


def choose_head(card: ModelCard, labels: Iterable[str], *, wanted: str | None = None) -> Head:
    """Return the head of a model to evaluate: the one wanted, or the one that knows most of the labels.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    labels : iterable of str
        Of the data set, after the caller's mapping.
    wanted : str, optional
        Name of the head.

    Raises
    ------
    InputError
        No such head, or one whose scores are not part of a prediction.
    """
    predicted = [head for i, head in enumerate(card.heads) if i == 0 or head.name in _PREDICTED]
    usable = [head for head in predicted if head.kind != "amount"]  # an amount is no probability of a label
    if wanted is None:
        keys = {_key(label) for label in labels}
        return max(usable, key=lambda head: len(keys & {_key(name) for name in head.classes}))
    for head in usable:
        if head.name == wanted:
            return head
    raise InputError(
        f"model {card.name!r} has no head {wanted!r} to evaluate",
        hint=f"Accepted: {', '.join(head.name for head in usable)}.",
    )


def map_labels(
    tracks: Sequence[Track], classes: Sequence[str], *, mapping: Mapping[str, str] | None = None
) -> LabelMap:
    """Find the class of each label: by the caller's mapping, else by the same spelling.

    Case, spaces, hyphens and the like do not count: ``Hip Hop`` is ``hip-hop``.

    Parameters
    ----------
    tracks : sequence of Track
        The data set.
    classes : sequence of str
        Of the model.
    mapping : mapping, optional
        Class for some labels; ``""`` for a label that is to be left out.

    Raises
    ------
    InputError
        A mapping to or from a name that does not exist, or no label that the model knows.
    """
    counts = Counter(label for track in tracks for label in track.labels)
    mapping = dict(mapping or {})
    for label, name in mapping.items():
        if label not in counts:
            raise InputError(f"no track has the label {label!r}", hint=_near(label, counts))
        if name and name not in classes:
            raise InputError(f"the model has no class {name!r}", hint=_near(name, classes))
    spelled = {_key(name): name for name in reversed(classes)}
    to = {label: spelled[_key(label)] for label in sorted(counts) if _key(label) in spelled}
    to = {label: name for label, name in {**to, **mapping}.items() if name}
    if not to:
        raise InputError(
            f"the model knows none of the labels: {_few(sorted(counts))}",
            hint=f"Accepted: {_few(classes)}. Try: --map LABEL=CLASS.",
        )
    ignored = {label for label, name in mapping.items() if not name}
    return LabelMap(to, {k: n for k, n in sorted(counts.items()) if k not in to and k not in ignored})


def _key(label: str) -> str:
    return label.casefold().translate(_ALIKE)


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _near(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return f"{suggestion(name, known)}Accepted: {_few(known)}."
