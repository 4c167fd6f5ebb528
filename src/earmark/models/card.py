"""The card of a model: its input, its heads, its training data and its limits.

A card is the small JSON file beside the weights. Whatever a user of the model must know to feed it
(`ModelCard.spec`, `ModelCard.window`) and to read its output (`ModelCard.heads`) is here, so that
nothing about a model is written twice in the code.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from earmark.errors import BundleError, InputError, suggestion
from earmark.features import FeatureSpec
from earmark.models.thresholds import check_thresholds, is_by_head, label_thresholds
from earmark.models.window_frames import WindowFrames

SCHEMA = "earmark.card"
SCHEMA_VERSION = 2  # of cards that older versions cannot read; see `ModelCard.version`

SUM_TOLERANCE = 0.01  # of the priors of a softmax head, which may be rounded to three decimals

Kind = Literal["softmax", "multilabel", "amount"]
Input = Literal["log_mel", "log_mels", "descriptors"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Head:
    """One output of a model, with its classes in the order of the columns.

    Parameters
    ----------
    name : str
        ``genres``, ``quadrant``, ``moods``, ``sound``, ``voice``, ``instruments`` and ``affect`` have a
        meaning in a `Prediction`.
    classes : tuple of str
        Labels, in order.
    kind : {"softmax", "multilabel", "amount"}
        Probabilities that sum to one, or a probability of its own for each class; or for each class an amount
        from 0 to 1, which is no probability: how much of it there is.

    Raises
    ------
    InputError
        No classes, a class twice, or an unknown kind.
    """

    name: str
    classes: tuple[str, ...]
    kind: Kind = "multilabel"

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        if not self.classes or any(not isinstance(label, str) or not label for label in self.classes):
            raise InputError(
                f"head {self.name!r}: classes={self.classes!r}",
                hint="Accepted: one non-empty text for each class.",
            )
        twice = sorted({label for label in self.classes if self.classes.count(label) > 1})
        if twice:
            raise InputError(f"head {self.name!r}: classes given twice: {', '.join(twice)}")
        if self.kind not in get_args(Kind):
            raise InputError(
                f"head {self.name!r}: kind={self.kind!r}",
                hint="Accepted: 'softmax', 'multilabel' or 'amount'.",
            )


@dataclass(frozen=True)
class ModelCard:
    """Input, heads, training data, metrics and limits of a model.

    Parameters
    ----------
    name : str
        By which `earmark.models.load_model` finds it: letters, digits, ``.``, ``_`` and ``-``.
    heads : tuple of Head
        Its outputs. `Model.predict_proba` returns the first, which is no head of amounts.
    spec : FeatureSpec
        The front end that makes its input. Windows, levels, tempo and key are counted in its frames.
    window, hop : float
        Length of one input and distance between two, in seconds.
    input : {"log_mel", "log_mels", "descriptors"}
        Whether an input is a log-mel window; the same window by several front ends, joined to one vector; or
        a window's numbers of `earmark.features.descriptors`.
    more_specs : tuple of FeatureSpec
        The front ends beside `spec`, in order, for an input of ``log_mels``; all of one sampling rate.
    descriptor_names : tuple of str
        Which descriptors, in order; empty for a model of log-mels.
    embedding_size : int
        Numbers in an embedding; 0 where there is none.
    summary, licence : str
        One line on what it is; licence of the weights (an SPDX name).
    sha256 : str
        Checksum of the weights, hexadecimal; empty for a model that has none.
    training_data : tuple of mapping
        Collections that it was trained on: ``name``, ``licence``, ``n`` and whatever else helps.
    split_digest : str
        Digest of the split that held back the data behind `metrics`.
    metrics : tuple of mapping
        ``name``, ``value``, ``low``, ``high``, ``n``, ``split``, ``split_digest``.
    calibration : mapping
        How the probabilities were calibrated, and how well.
    thresholds : mapping
        ``unsure``: lowest score of the best genre that is not ``unsure``. ``music``: lowest
        probability of ``music`` in the head ``sound``. ``silence_db``: highest level of silence, dBFS.
        ``labels``: the score from which a label counts as present: see `earmark.models.thresholds`.
    priors : mapping of str to mapping of str to float
        By head, the prior of each of its classes: the fraction of the training examples that have the label,
        as the training weighted them. The priors of a head that is not named are not known.
    limits : tuple of str
        What it must not be used for, or does badly.
    based_on : tuple of mapping
        The models that it builds on, such as the one whose embeddings it classifies: ``name``, ``sha256``,
        ``licence``, ``training_data``, ``limits`` and their own ``based_on``, as far as they are known.

    Raises
    ------
    InputError
        Any of them out of range.
    """

    name: str
    heads: tuple[Head, ...]
    spec: FeatureSpec = field(default_factory=FeatureSpec)
    window: float = 3.0
    hop: float = 3.0
    input: Input = "log_mel"
    more_specs: tuple[FeatureSpec, ...] = ()
    descriptor_names: tuple[str, ...] = ()
    embedding_size: int = 0
    summary: str = ""
    licence: str = ""
    sha256: str = ""
    training_data: tuple[Mapping[str, Any], ...] = ()
    split_digest: str = ""
    metrics: tuple[Mapping[str, Any], ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    priors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    based_on: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in (
            *("heads", "more_specs", "descriptor_names"),
            *("training_data", "metrics", "limits", "based_on"),
        ):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"name={self.name!r}",
                hint="Accepted: up to 64 letters, digits, '.', '_' and '-', a letter or digit first.",
            )
        self._check_heads()
        self._check_times()
        self._check_input()
        if isinstance(self.embedding_size, bool) or self.embedding_size < 0 or self.embedding_size % 1:
            raise InputError(
                f"embedding_size={self.embedding_size}", hint="Accepted: a whole number, 0 or more."
            )
        if self.sha256 and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise InputError(f"sha256={self.sha256!r}", hint="Accepted: 64 hexadecimal digits in lower case.")
        check_thresholds(self.thresholds, {head.name: head.classes for head in self.heads})
        _check_priors(self)
        _check_types(self)

    def _check_heads(self) -> None:
        names = [head.name for head in self.heads]
        if not names or len(set(names)) < len(names):
            raise InputError(f"heads={names!r}", hint="Accepted: at least one, each with another name.")
        if self.heads[0].kind == "amount":
            raise InputError(
                f"the first head, {names[0]!r}, is of kind 'amount'",
                hint="Accepted: a first head of probabilities, 'softmax' or 'multilabel'.",
            )

    def _check_times(self) -> None:
        for name, seconds in (("window", self.window), ("hop", self.hop)):
            if not (math.isfinite(seconds) and seconds > 0):
                raise InputError(f"{name}={seconds!r}", hint="Accepted: seconds, above 0.")
        if not 1 <= self.hop_frames <= self.n_frames:
            raise InputError(
                f"hop={self.hop} s is {self.hop_frames} frames, window={self.window} s is {self.n_frames}",
                hint="Accepted: a hop of at least one frame and at most the window.",
            )

    def _check_input(self) -> None:
        if self.input not in get_args(Input):
            raise InputError(f"input={self.input!r}", hint=f"Accepted: {', '.join(get_args(Input))}.")
        names = self.descriptor_names
        if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
            raise InputError(f"descriptor_names={names!r:.200}", hint="Accepted: different, non-empty texts.")
        if bool(names) != (self.input == "descriptors"):
            raise InputError(
                f"input={self.input!r} with {len(names)} descriptor_names",
                hint="Accepted: names in order for a model of descriptors; none for a model of log-mels.",
            )
        _check_more_specs(self)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the first head: the columns of `Model.predict_proba`."""
        return self.heads[0].classes

    @property
    def n_frames(self) -> int:
        """Frames of one window."""
        return self.spec.n_frames(self.window)

    @property
    def hop_frames(self) -> int:
        """Frames from the start of one window to that of the next."""
        return round(self.hop * self.spec.sr / self.spec.hop_length)

    @property
    def window_length(self) -> int:
        """Samples of one window whose descriptors are taken: as many as give `n_frames` frames."""
        return (self.n_frames - 1) * self.spec.hop_length

    @property
    def front_ends(self) -> tuple[WindowFrames, ...]:
        """Frames of a window by each front end: those of `spec`, then those of `more_specs`."""
        length, hop_length = self.window_length, self.spec.hop_length
        further = [
            WindowFrames.further(spec, length=length, start_length=hop_length) for spec in self.more_specs
        ]
        return WindowFrames(self.spec, self.n_frames, hop_length), *further

    @property
    def first_length(self) -> int:
        """Samples of sound after which its first window is complete."""
        return max(frames.first_length for frames in self.front_ends)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: (n_mels, n_frames), or (d,) for several log-mels and for descriptors."""
        if self.input == "descriptors":
            return (len(self.descriptor_names),)
        if self.input == "log_mels":
            return (sum(frames.size for frames in self.front_ends),)
        return (self.spec.n_mels, self.n_frames)

    def head(self, name: str) -> Head | None:
        """Head of that name, or None where the model has none."""
        return next((head for head in self.heads if head.name == name), None)

    @property
    def version(self) -> int:
        """Version of its format: 2 with several front ends, amounts, or thresholds by head; else 1."""
        has_amounts = any(head.kind == "amount" for head in self.heads)
        return SCHEMA_VERSION if self.more_specs or has_amounts or is_by_head(self.thresholds) else 1

    def label_thresholds(self, head: str) -> dict[str, float]:
        """Scores from which labels of a head count as present, by label, as far as the card states them."""
        found = self.head(head)
        return label_thresholds(self.thresholds, head, found.classes) if found else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, in the order in which a person reads it."""
        return {
            "schema": f"{SCHEMA}/{self.version}",
            "name": self.name,
            "summary": self.summary,
            "licence": self.licence,
            "sha256": self.sha256,
            "heads": [{"name": h.name, "kind": h.kind, "classes": list(h.classes)} for h in self.heads],
            "spec": self.spec.to_dict(),
            "window": self.window,
            "hop": self.hop,
            **({"input": self.input} if self.input != "log_mel" else {}),
            **({"more_specs": [spec.to_dict() for spec in self.more_specs]} if self.more_specs else {}),
            **({"descriptor_names": list(self.descriptor_names)} if self.descriptor_names else {}),
            "embedding_size": self.embedding_size,
            "thresholds": dict(self.thresholds),
            **(
                {"priors": {name: dict(priors) for name, priors in self.priors.items()}}
                if self.priors
                else {}
            ),
            "calibration": dict(self.calibration),
            "metrics": [dict(metric) for metric in self.metrics],
            "training_data": [dict(collection) for collection in self.training_data],
            "split_digest": self.split_digest,
            "limits": list(self.limits),
            **({"based_on": [dict(base) for base in self.based_on]} if self.based_on else {}),
        }

    def as_base(self) -> dict[str, Any]:
        """Entry of `based_on` for the card of a model that builds on this one."""
        card = self.to_dict()
        names = ("name", "sha256", "licence", "training_data", "split_digest", "limits", "based_on")
        return {name: card[name] for name in names if card.get(name)}

    def to_json(self) -> str:
        """Text of a ``card.json``.

        Raises
        ------
        InputError
            A value that JSON does not have, such as NaN or an array.
        """
        try:
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the card of {self.name!r} does not fit into JSON: {error}",
                hint="Accepted: texts, finite numbers, lists and dictionaries; no NaN, no arrays.",
            ) from error

    @classmethod
    def from_dict(cls, data: object) -> ModelCard:
        """Card from the dictionary of a ``card.json``.

        Raises
        ------
        BundleError
            Not a card, of a newer version, with a key missing, unknown or out of range.
        """
        entries = _checked_keys(data)
        try:
            heads = tuple(_head(entry) for entry in entries.pop("heads"))
            spec = FeatureSpec.from_dict(dict(entries.pop("spec", {})))
            more = tuple(FeatureSpec.from_dict(dict(entry)) for entry in entries.pop("more_specs", ()))
            return cls(heads=heads, spec=spec, more_specs=more, **entries)
        except (InputError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"the card is not valid: {error}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelCard:
        """Card from the text of a ``card.json``.

        Raises
        ------
        BundleError
            Not JSON, or whatever `from_dict` raises.
        """
        try:
            data = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"the card is not JSON: {error}") from error
        return cls.from_dict(data)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _check_more_specs(card: ModelCard) -> None:
    n = len(card.more_specs)
    if bool(n) != (card.input == "log_mels"):
        raise InputError(
            f"input={card.input!r} with {n} more_specs",
            hint="Accepted: one or more for a model of log_mels; none for any other.",
        )
    for spec in card.more_specs:
        if not isinstance(spec, FeatureSpec) or spec.sr != card.spec.sr:
            raise InputError(
                f"more_specs: {spec!r:.200}", hint=f"Accepted: a FeatureSpec of sr={card.spec.sr}, as `spec`."
            )
    for frames in card.front_ends:
        if not frames.n_frames:
            raise InputError(
                f"more_specs: hop_length={frames.spec.hop_length}, a window of {card.window_length} samples",
                hint="Accepted: at most twice the window.",
            )


def _check_priors(card: ModelCard) -> None:
    if not isinstance(card.priors, Mapping):
        raise InputError(
            f"priors={card.priors!r:.80}", hint="Accepted: a dictionary by the name of the head."
        )
    for name, priors in card.priors.items():
        head = card.head(name)
        if head is None:
            raise InputError(
                f"priors for {name!r}", hint=f"Accepted: {', '.join(h.name for h in card.heads)}."
            )
        if head.kind == "amount":
            raise InputError(
                f"priors for {name!r}, whose classes are amounts", hint="Accepted: heads of probabilities."
            )
        odd = sorted(set(priors) ^ set(head.classes)) if isinstance(priors, Mapping) else [repr(priors)]
        if odd:
            raise InputError(
                f"priors for {name!r}: {', '.join(map(str, odd)):.80}",
                hint="Accepted: a prior for each class of the head, and for nothing else.",
            )
        for label, prior in priors.items():
            if isinstance(prior, bool) or not isinstance(prior, int | float) or not 0 < prior < 1:
                raise InputError(
                    f"priors for {name!r}: {label}={prior!r}", hint="Accepted: above 0, below 1."
                )
        total = sum(priors.values())
        if head.kind == "softmax" and abs(total - 1) > SUM_TOLERANCE:
            raise InputError(
                f"priors for {name!r} sum to {total:g}", hint="Accepted: a sum of one for a softmax head."
            )


def _check_types(card: ModelCard) -> None:
    for name in ("summary", "licence", "split_digest"):
        if not isinstance(getattr(card, name), str):
            raise InputError(f"{name}={getattr(card, name)!r}", hint="Accepted: a text.")
    if not isinstance(card.calibration, Mapping):
        raise InputError(f"calibration={card.calibration!r}", hint="Accepted: a dictionary.")
    if not all(isinstance(base.get("name"), str) for base in card.based_on if isinstance(base, Mapping)):
        raise InputError(f"based_on={card.based_on!r:.200}", hint="Accepted: dictionaries, each with a name.")
    if not all(isinstance(limit, str) for limit in card.limits):
        raise InputError(f"limits={card.limits!r}", hint="Accepted: a list of texts.")
    for name in ("training_data", "metrics", "based_on"):
        if not all(isinstance(entry, Mapping) for entry in getattr(card, name)):
            raise InputError(f"{name}={getattr(card, name)!r}", hint="Accepted: a list of dictionaries.")


def _head(entry: Any) -> Head:
    if not isinstance(entry, dict) or not {"name", "classes"} <= entry.keys() <= {"name", "classes", "kind"}:
        raise InputError(f"head={entry!r}", hint="Accepted: the keys name, kind and classes.")
    return Head(**entry)


def _checked_keys(data: object) -> dict[str, Any]:
    """Entries of a card of a version that is understood, with no key missing and none unknown."""
    schema = data.get("schema") if isinstance(data, dict) else None
    family, _, version = str(schema).partition("/")
    if not isinstance(data, dict) or family != SCHEMA or not version.isdecimal():
        raise BundleError(f"schema={schema!r}", hint=f"Accepted: {SCHEMA}/1 to {SCHEMA}/{SCHEMA_VERSION}.")
    if int(version) > SCHEMA_VERSION:
        raise BundleError(
            f"the card is of version {version}; this earmark reads up to version {SCHEMA_VERSION}",
            hint="Try: pip install --upgrade earmark.",
        )
    entries = {key: value for key, value in data.items() if key != "schema"}
    known = [entry.name for entry in dataclasses.fields(ModelCard)]
    for key in entries.keys() - set(known):
        raise BundleError(
            f"the card has an unknown key {key!r}",
            hint=f"{suggestion(str(key), known)}Accepted: {', '.join(known)}.",
        )
    missing = [key for key in ("name", "heads") if key not in entries]
    if missing:
        raise BundleError(f"the card lacks {', '.join(missing)}")
    return entries
