"""How even the classes are, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.estimators import TrainableModel

EVEN = 1.5  # classes whose sizes differ by less are called balanced


@dataclass(frozen=True)
class Balance:
    """Size of the classes in the training part, and whether rare ones count for more.

    Parameters
    ----------
    counts : dict of str to int
        Tracks of each class.
    weighted : bool
        Whether the family makes classes of one label count alike.
    """

    counts: dict[str, int]
    weighted: bool

    @property
    def ratio(self) -> float:
        """Size of the largest class over that of the smallest."""
        sizes = [n for n in self.counts.values() if n]
        return max(sizes) / min(sizes) if sizes else 1.0

    def __str__(self) -> str:
        sizes = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        if self.ratio < EVEN:
            return f"classes are about even, {sizes[-1][1]} to {sizes[0][1]} tracks each"
        how = "rare classes count for more" if self.weighted else "nothing is done about it"
        return (
            f"{sizes[0][0]} has {self.ratio:.1f} times as many tracks as {sizes[-1][0]} "
            f"({sizes[0][1]} and {sizes[-1][1]}); {how}"
        )


def balance(model: TrainableModel, counts: dict[str, int]) -> Balance:
    """What a family does about classes of such sizes."""
    return Balance(dict(counts), model.balances)
