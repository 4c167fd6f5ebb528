"""The network: EfficientAT's mn04 behind earmark's own front end, tutors for distillation, heads.

The layers and the map from our bands to the tagger's are the product's (`earmark.models.networks.mobile`).
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from earmark.models.networks.mobile import FrontEnd
from earmark.models.networks.weights import load_mobile

N_EMBEDDING = 384

# What each tagger answers: its embedding, then its logits.
N_ANSWERS = {"mn04": 384 + 527, "msd": 64 + 50, "jamendo": 64 + 50}


class Student(nn.Module):
    """Front end, backbone, and one linear tutor for each teacher (used in distillation only)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        teacher = load_mobile(weights)
        self.front_end = FrontEnd()
        self.backbone = teacher.features
        self.tutors = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in N_ANSWERS.items()})

    def embed(self, S_db: Tensor) -> Tensor:
        return self.backbone(self.front_end(S_db)).mean((2, 3))

    def tutor(self, embedding: Tensor) -> dict[str, Tensor]:
        return {name: layer(embedding) for name, layer in self.tutors.items()}


class Heads(nn.Module):
    """The backbone's 384 values -> an embedding for similarity, and from it every head's logits."""

    N_HIDDEN = 192

    def __init__(self, sizes: dict[str, int], mean: Tensor, deviation: Tensor, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.body = nn.Sequential(nn.Dropout(dropout), nn.Linear(N_EMBEDDING, self.N_HIDDEN), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(self.N_HIDDEN, size) for name, size in sizes.items()})

    def embed(self, x: Tensor) -> Tensor:
        return self.body((x - self.mean) / self.deviation)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.dropout(self.embed(x))
        return {name: head(hidden) for name, head in self.heads.items()}
