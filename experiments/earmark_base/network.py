"""The network: EfficientAT's mn04 behind earmark's own front end, tutors for distillation, heads.

The layers and the map from our bands to the tagger's are the product's (`earmark.models.networks.mobile`).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from earmark.models.networks.mobile import FrontEnd
from earmark.models.networks.weights import load_mobile

N_EMBEDDING = 384
LEVEL_DB = 8.0  # mean power of a mel band, about the median of the collections

# What each tagger answers: its embedding, then its logits.
N_ANSWERS = {"mn04": 384 + 527, "msd": 64 + 50, "jamendo": 64 + 50}
# What the classifiers of probes.py answer; the mood words as many as the corpus has.
N_PROBES = {"genres": 19, "quadrant": 4}


class Ears(nn.Module):
    """mn04 as it ships: front end and backbone, the mean of the last channels over frequency and time.

    Each window is first brought to one level: how loud a recording is says more of its transfer than of its genre,
    and 30 dB less cost 14 points.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.front_end, self.backbone = FrontEnd(), load_mobile(weights).features

    def forward(self, S_db: Tensor) -> Tensor:
        power = torch.exp(S_db * (math.log(10) / 10)).mean((1, 2), keepdim=True)
        level_db = 10 * torch.log10(power.clamp(min=1e-10))
        return self.backbone(self.front_end(S_db - level_db + LEVEL_DB)).mean((2, 3))


class Student(nn.Module):
    """The ears, and in distillation a linear tutor for each teacher and each probe."""

    def __init__(self, weights: Path, n_moods: int = 0) -> None:
        super().__init__()
        self.ears = Ears(weights)
        probes = {**N_PROBES, "moods": n_moods} if n_moods else {}
        self.tutors = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in N_ANSWERS.items()})
        self.probes = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in probes.items()})


class Heads(nn.Module):
    """The ears' values -> an embedding for similarity, and from it every head's logits."""

    N_HIDDEN = 192

    def __init__(self, sizes: dict[str, int], mean: Tensor, deviation: Tensor, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.body = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), self.N_HIDDEN), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(self.N_HIDDEN, size) for name, size in sizes.items()})

    def embed(self, x: Tensor) -> Tensor:
        return self.body((x - self.mean) / self.deviation)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.dropout(self.embed(x))
        return {name: head(hidden) for name, head in self.heads.items()}
