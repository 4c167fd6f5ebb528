"""Descriptors and spectrogram together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earmark.models.networks.parts import Network


class Early(Network):
    """The embeddings of several networks end to end, under one head.

    A head of its own for each network would be `parts.Choir`: fusion late.
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
