"""Prior shift: scores of genres under other class priors than those of the training data.

A classifier learns the class priors of its training data, and they decide where the sound is ambiguous.
With other priors, the posterior probability p of a class changes with its prior (Saerens, Latinne
and Decaestecker, 2002, "Adjusting the outputs of a classifier to new a priori probabilities: a simple
procedure", Neural Computation 14(1), equation 2.4): in a softmax head p is multiplied by new prior / old
prior, and the row is normalised again. A multi-label head has two classes for each label, so the odds
p / (1 - p) are multiplied by the ratio of the odds of both priors. Both hold if the sound of a genre is the
same in both libraries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from earmark.errors import InputError, suggestion
from earmark.models import Head, ModelCard
from earmark.models.base import Array

Prior = Literal["even"] | Mapping[str, float]

# A float32 sigmoid cannot come nearer to certainty than 6e-8; what claims to be certain may still be moved.
CERTAIN = 1e-6
_ACCEPTED = "Accepted: 'even', or some genres with their fraction of your music: jazz=0.4,rock=0.1."


@dataclass(frozen=True, eq=False)
class PriorShift:
    """What new class priors change in a model's scores of genres.

    Parameters
    ----------
    priors : mapping of str to float
        New prior of each genre.
    head : Head
        Head that is shifted: the first of the model.
    shift : np.ndarray, float64 [shape=(n_classes,)]
        What is added to the log odds of each class; to the log probability, in a softmax head.
    """

    priors: Mapping[str, float]
    head: Head
    shift: np.ndarray

    def applied(self, rows: Array) -> Array:
        """Probabilities under the new prior.

        Parameters
        ----------
        rows : np.ndarray, floating [shape=(n, n_classes)]
            Probabilities of windows as the model gives them.

        Returns
        -------
        np.ndarray, of the type of `rows` [shape=(n, n_classes)]
            In [0, 1], and finite; rows of a softmax head sum to one.
        """
        p = np.clip(rows.astype(np.float64), CERTAIN, 1 - CERTAIN)
        if self.head.kind == "softmax":
            z = np.log(p) + self.shift
            shifted = np.exp(z - z.max(axis=1, keepdims=True))
            shifted /= shifted.sum(axis=1, keepdims=True)
        else:
            shifted = np.exp(-np.logaddexp(0, -(np.log(p) - np.log1p(-p) + self.shift)))
        result: Array = shifted.astype(rows.dtype)
        return result


def prior_shift(prior: Prior | None, card: ModelCard) -> PriorShift | None:
    """Return how other class priors shift the scores of a model.

    Parameters
    ----------
    prior : None, "even" or mapping of str to float
        None leaves the model as it was trained. With ``"even"`` every genre is as likely as the next: in
        a softmax head each prior is 1 / n_classes, in a multi-label head the mean of the card's priors, so
        that a track has as many labels as before. A mapping gives the priors of some genres, each between
        0 and 1; the others keep those of the card (in a softmax head they keep their proportions and sum to
        what is left. If all are named there, they are normalised).
    card : ModelCard
        Card with the priors of the training data.

    Returns
    -------
    PriorShift or None
        None for None.

    Raises
    ------
    InputError
        The card has no priors, a genre is not one of its classes, or a fraction is out of range.
    """
    if prior is None:
        return None
    head = card.heads[0]
    if head.name not in card.priors:
        raise InputError(
            f"prior={_shown(prior)}: the card of model {card.name!r} has no priors",
            hint="Try: no prior, or a model whose card has priors.",
        )
    old = np.array([card.priors[head.name][label] for label in head.classes], dtype=np.float64)
    if head.kind == "softmax":
        old /= old.sum()
    new = _new_priors(prior, head, old)
    shift = np.log(new) - np.log(old)
    if head.kind == "multilabel":
        shift -= np.log1p(-new) - np.log1p(-old)
    return PriorShift(dict(zip(head.classes, new.tolist(), strict=True)), head, shift)


def parse_prior(text: str) -> Prior:
    """Prior from text, as ``--prior`` takes it.

    Parameters
    ----------
    text : str
        ``"even"``, or ``"jazz=0.4,rock=0.1"``.

    Returns
    -------
    "even" or dict of str to float

    Raises
    ------
    InputError
        Anything else, or a genre twice.
    """
    if text.strip() == "even":
        return "even"
    fractions: dict[str, float] = {}
    for entry in text.split(","):
        label, _, number = (part.strip() for part in entry.rpartition("="))
        try:
            fraction = float(number)
        except ValueError:
            fraction = math.nan
        if not label or not math.isfinite(fraction):
            raise InputError(
                f"prior={text!r:.80}: {entry.strip()!r:.40} is no fraction of a genre", hint=_ACCEPTED
            )
        if label in fractions:
            raise InputError(f"prior={text!r:.80} names {label!r} twice", hint=_ACCEPTED)
        fractions[label] = fraction
    return fractions


def _new_priors(prior: Prior, head: Head, old: np.ndarray) -> np.ndarray:
    """Prior of each class [shape=(n_classes,)]."""
    if prior == "even":
        return np.full(len(old), old.mean())  # of a softmax head: 1 / n_classes
    named = _checked(prior, head)
    is_named = np.array([label in named for label in head.classes])
    new = np.array([named.get(label, fraction) for label, fraction in zip(head.classes, old, strict=True)])
    if head.kind == "multilabel":
        return new
    total = float(new[is_named].sum())
    if is_named.all():
        new /= total
        return new
    if total >= 1:
        raise InputError(
            f"prior={_shown(prior)}: the fractions sum to {total:g}",
            hint="Accepted: a sum below 1, since each track has one genre and the others need a part too.",
        )
    new[~is_named] *= (1 - total) / new[~is_named].sum()
    return new


def _checked(prior: object, head: Head) -> dict[str, float]:
    if not isinstance(prior, Mapping) or not prior:
        raise InputError(f"prior={_shown(prior)}", hint=_ACCEPTED)
    for label, fraction in prior.items():
        if label not in head.classes:
            near = suggestion(str(label), head.classes)
            raise InputError(
                f"prior: the model has no genre {label!r}", hint=f"{near}Accepted: {', '.join(head.classes)}."
            )
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
            raise InputError(
                f"prior: {label}={fraction!r}",
                hint="Accepted: a fraction above 0 and below 1, such as 0.4 for two tracks in five.",
            )
    return {label: float(fraction) for label, fraction in prior.items()}


def _shown(prior: object) -> str:
    if isinstance(prior, Mapping):
        return ",".join(f"{label}={fraction}" for label, fraction in prior.items()) or "{}"
    return f"{prior!r:.80}"
