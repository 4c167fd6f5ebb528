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


def read_ears(weights: Path, checkpoint: Path) -> Ears:
    """The ears of a checkpoint of distill.py, recover.py or average.py, without tutors."""
    ears, state = Ears(weights), torch.load(checkpoint, weights_only=True)["student"]
    own = {key: v for key, v in state.items() if key.startswith("ears.")}
    ears.load_state_dict({key.removeprefix("ears."): v for key, v in own.items()})
    return ears


def write_ears(ears: Ears, checkpoint: Path) -> None:
    """Ears alone as a checkpoint, from which distill.py can begin and of which ship.py makes a bundle."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"student": {f"ears.{name}": v for name, v in ears.state_dict().items()}}, checkpoint)


class Student(nn.Module):
    """The ears, and in distillation a linear tutor for each teacher and each probe."""

    def __init__(self, weights: Path, n_moods: int = 0) -> None:
        super().__init__()
        self.ears = Ears(weights)
        probes = {**N_PROBES, "moods": n_moods} if n_moods else {}
        self.tutors = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in N_ANSWERS.items()})
        self.probes = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in probes.items()})


class Heads(nn.Module):
    """The ears' values -> an embedding for similarity, and every head's logits.

    One hidden layer, made of those of several members that learnt apart: side by side their layers are one wider
    layer, and the mean of their logits is one linear map from it.
    """

    N_HIDDEN = 192  # of each member
    N_SOUND = 192  # values of the embedding that say how it sounds; the others, which genre and quadrant
    SHARE_GENRES, SHARE_QUADRANT = 1.0, 0.5

    def __init__(
        self, sizes: dict[str, int], mean: Tensor, deviation: Tensor, dropout: float, members: int = 1
    ) -> None:
        super().__init__()
        n_hidden = members * self.N_HIDDEN
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("origin", torch.zeros(n_hidden))
        self.register_buffer("axes", torch.eye(n_hidden)[:, : self.N_SOUND])
        n_all = self.N_SOUND + sizes["genres"] + sizes["quadrant"]
        noise = torch.randn(n_all, n_all, generator=torch.Generator().manual_seed(0))
        self.register_buffer("turn", torch.linalg.qr(noise).Q)
        self.body = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), n_hidden), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(n_hidden, size) for name, size in sizes.items()})

    def hidden(self, x: Tensor) -> Tensor:
        return self.body(((x - self.mean) / self.deviation).clamp(-5, 5))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.dropout(self.hidden(x))
        return {name: head(hidden) for name, head in self.heads.items()}

    def embed(self, x: Tensor) -> Tensor:
        """Values whose cosine is a weighted mean of three: of the hidden layer's, and of what genre and quadrant
        have in common (the roots of two distributions have their Bhattacharyya coefficient as inner product)."""
        hidden = self.hidden(x)
        sound = nn.functional.normalize((hidden - self.origin) @ self.axes)
        genres = torch.softmax(self.heads["genres"](hidden), 1).sqrt()
        quadrant = torch.softmax(self.heads["quadrant"](hidden), 1).sqrt()
        parts = torch.cat([sound, self.SHARE_GENRES * genres, self.SHARE_QUADRANT * quadrant], 1)
        # a turn leaves cosines alone, and no number with little to say, which whoever scales each by itself would raise
        return parts @ self.turn

    @torch.no_grad()
    def look_along(self, x: Tensor) -> None:
        """Choose the axes of the embedding: the first principal ones of these examples."""
        hidden = self.hidden(x)
        self.origin = hidden.mean(0)
        self.axes = (
            torch.linalg.svd(hidden - self.origin, full_matrices=False).Vh[: self.N_SOUND].T.contiguous()
        )


@torch.no_grad()
def side_by_side(members: list[Heads]) -> Heads:
    """Members as one network, whose logits are the mean of theirs."""
    first = members[0]
    sizes = {name: head.out_features for name, head in first.heads.items()}
    whole = Heads(sizes, first.mean, first.deviation, 0.0, len(members))
    whole.body[1].weight.copy_(torch.cat([m.body[1].weight for m in members]))
    whole.body[1].bias.copy_(torch.cat([m.body[1].bias for m in members]))
    for name, head in whole.heads.items():
        head.weight.copy_(torch.cat([m.heads[name].weight for m in members], 1) / len(members))
        head.bias.copy_(torch.stack([m.heads[name].bias for m in members]).mean(0))
    return whole.eval()
