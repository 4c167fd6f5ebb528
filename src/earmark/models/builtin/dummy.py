"""`dummy`: the class priors for any input, the baseline to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from earmark.errors import InputError
from earmark.models.base import Array, ModelOutput, SpectrogramModel
from earmark.models.card import Head, ModelCard
from earmark.vocabulary import GENRES, QUADRANTS

CARD = ModelCard(
    name="dummy",
    summary="The prior probability of each class, whatever the sound: the baseline to beat",
    licence="Apache-2.0",
    heads=(Head("genres", GENRES, "softmax"), Head("quadrant", QUADRANTS, "softmax")),
    limits=("Ignores its input.",),
)


class Dummy(SpectrogramModel):
    """Prior probabilities.

    Parameters
    ----------
    priors : mapping of str to sequence of float, optional
        Probabilities by head, in the order of its classes, such as the fractions of the classes in
        the training data. A head that is not named gives 1 / n_classes.
    card : ModelCard
        Heads and front end.

    Raises
    ------
    InputError
        A head that the card does not have, or priors that are no probabilities of its classes.
    """

    card = CARD

    def __init__(
        self, priors: Mapping[str, Sequence[float]] | None = None, *, card: ModelCard = CARD
    ) -> None:
        self.card = card
        self.priors = {head.name: np.full(len(head.classes), 1 / len(head.classes)) for head in card.heads}
        for name, values in (priors or {}).items():
            self.priors[name] = _checked(card, name, values)

    def forward(self, X: Array) -> ModelOutput:
        """The priors, once for each window."""
        rows = (len(X), 1)
        return ModelOutput({name: np.tile(p.astype(np.float32), rows) for name, p in self.priors.items()})


def _checked(card: ModelCard, name: str, values: Sequence[float]) -> np.ndarray:
    head = card.head(name)
    if head is None:
        raise InputError(f"priors for {name!r}", hint=f"Accepted: {', '.join(h.name for h in card.heads)}.")
    priors = np.asarray(values, dtype=np.float64)
    in_range = priors.shape == (len(head.classes),) and bool(((priors >= 0) & (priors <= 1)).all())
    if not in_range or (head.kind == "softmax" and abs(priors.sum() - 1) > 1e-6):
        raise InputError(
            f"priors for {name!r}: {values!r}",
            hint=f"Accepted: {len(head.classes)} probabilities"
            + (", summing to one." if head.kind == "softmax" else "."),
        )
    return priors
