"""`fusion`: descriptors of the spectrogram and a network over it, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from earmark.errors import InputError
from earmark.estimators.base import Examples
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Choir, Network
from earmark.estimators.torch.short_chunk import ShortChunk
from earmark.estimators.torch.texture import TextureNetwork


class Early(Network):
    """The embeddings of several networks end to end, under one head.

    A head of its own for each network would be `layers.Choir`: fusion late.
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


WHEN = ("late", "early")


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
        Share of the windows that SpecAugment masks in training, for the ResNet alone.
    """

    when: str = "late"
    width: int = 32
    n_blocks: int = 3
    n_hidden: int = 256
    dropout: float = 0.5
    epochs: int = 30
    masking: float = 0.7
    mixup: float = 0.3
    average: float = 0.99

    def check(self) -> None:
        """Raise an InputError that names the first parameter out of range."""
        super().check()
        if self.when not in WHEN:
            raise InputError(f"when={self.when!r}", hint=f"Accepted: {', '.join(WHEN)}.")

    def _network(self, train: Examples, n_classes: int) -> Network:
        X, dropout = train.X, self.dropout
        members: list[Network] = [
            TextureNetwork(X, n_classes, n_hidden=self.n_hidden, dropout=dropout),
            ShortChunk(
                X, n_classes, width=self.width, n_blocks=self.n_blocks, dropout=dropout, masking=self.masking
            ),
        ]
        return Choir(members) if self.when == "late" else Early(members, n_classes, dropout=dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "when": trial.suggest_categorical("when", list(WHEN)),
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 8e-3, log=True),
            "n_hidden": trial.suggest_categorical("n_hidden", [128, 256, 512]),
            "dropout": trial.suggest_float("dropout", 0.3, 0.7),
            "mixup": trial.suggest_float("mixup", 0.0, 1.0),
        }
