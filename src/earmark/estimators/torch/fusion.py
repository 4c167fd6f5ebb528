"""`fusion`: descriptors of the spectrogram and a network over it, together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Choice, Real, Search, Whole, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Ensemble, Network
from earmark.estimators.torch.loop import LEARNING_RATE, MIXUP
from earmark.estimators.torch.short_chunk import ShortChunk
from earmark.estimators.torch.texture import TextureNetwork


class Early(Network):
    """The embeddings of several networks end to end, under one head.

    A head of its own for each network would be `layers.Ensemble`: fusion late.
    """

    def __init__(self, members: list[Network], n_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        for member in members:
            member.head = nn.Identity()  # unused, and not to be carried along
        self.embedding_size = sum(member.embedding_size for member in members)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """The members' embeddings end to end."""
        return torch.cat([member.embed(S_db) for member in self.members], dim=1)


@dataclass(kw_only=True, eq=False, repr=False)
class Fusion(TorchModel):
    """The networks of `texture` and `short-chunk`: descriptors computed in the graph, and the image itself.

    Parameters
    ----------
    when : {"late", "early"}
        Join the probabilities of the two, each with a loss of its own; or their embeddings under one head.
    width, n_blocks : int
        Of the ResNet, as for `short-chunk`.
    n_hidden : int
        Hidden units of the perceptron.
    dropout : float
        Before each head.
    masking : float
        Fraction of the windows that SpecAugment masks in training, for the ResNet alone.
    """

    when: str = param("late", Choice(("late", "early")), search=Search(choices=("late", "early")))
    width: int = param(32, Whole(least=1, most=1024))
    n_blocks: int = param(3, Whole(least=1, most=8))
    n_hidden: int = param(256, Whole(least=1, most=65536), search=Search(choices=(128, 256, 512)))
    dropout: float = param(0.5, FRACTION, search=Search(0.3, 0.7))
    epochs: int = param(30, Whole(least=1))
    masking: float = param(0.7, Real(least=0, most=1))
    learning_rate: float = param(2e-3, LEARNING_RATE, search=Search(5e-4, 8e-3, log=True))
    mixup: float = param(0.3, MIXUP, search=Search(0.0, 1.0))
    average: float = param(0.99, FRACTION)

    def _network(self, train: Examples, n_classes: int) -> Network:
        X, dropout = train.X, self.dropout
        members: list[Network] = [
            TextureNetwork(X, n_classes, n_hidden=self.n_hidden, dropout=dropout),
            ShortChunk(
                X, n_classes, width=self.width, n_blocks=self.n_blocks, dropout=dropout, masking=self.masking
            ),
        ]
        return Ensemble(members) if self.when == "late" else Early(members, n_classes, dropout=dropout)
