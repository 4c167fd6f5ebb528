"""What the networks are built of: the base class, standardisation, blocks, pooling, ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from earmark.models.base import Array

_MIN_DEVIATION_DB = 1.0  # a band that hardly moves in training must not blow up in use


class Network(nn.Module):
    """A network from log-mel windows to logits: write `embed`, and set `head`.

    Attributes
    ----------
    head : nn.Module
        From the embedding to logits.
    embedding_size : int
        Numbers in an embedding.
    based_on : tuple of mapping
        The published weights that it starts from, as `ModelCard.based_on` states them.
    """

    head: nn.Module
    embedding_size: int
    based_on: tuple[Mapping[str, Any], ...] = ()

    def embed(self, S_db: Tensor) -> Tensor:
        """Embeddings [shape=(n, embedding_size)] of windows in dB [shape=(n, n_mels, n_frames)]."""
        raise NotImplementedError

    def forward(self, S_db: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [shape=(n, n_members, n_classes)] and embeddings [shape=(n, embedding_size)].

        Most networks have one member. Each member has a loss of its own; their probabilities are averaged.
        """
        embedding = self.embed(S_db)
        return self.head(embedding)[:, None], embedding

    def stages(self) -> list[nn.Module]:
        """Stages from the output to the input, which are unfrozen one after the other."""
        return [self]


class Standardise(nn.Module):
    """Standardise each band by its mean and deviation over the training set; adds an axis of channels.

    Constants of the graph and no statistic of the clip, so that a file and a microphone agree.
    """

    def __init__(self, X: Array) -> None:
        super().__init__()
        mean, deviation = moments(X)
        self.register_buffer("mean", torch.from_numpy(mean)[:, None])
        self.register_buffer("deviation", torch.from_numpy(deviation)[:, None])

    def forward(self, S_db: Tensor) -> Tensor:
        """Images of one channel."""
        return ((S_db - self.mean) / self.deviation)[:, None]


def moments(X: Array) -> tuple[Array, Array]:
    """Mean and deviation of each band over windows and frames [shape=(n_mels,)], in one pass."""
    total = np.zeros(X.shape[1])
    squares = np.zeros(X.shape[1])
    for begin in range(0, len(X), 256):
        part = X[begin : begin + 256].astype(np.float64)
        total += part.sum(axis=(0, 2))
        squares += (part**2).sum(axis=(0, 2))
    n = len(X) * X.shape[2]
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, _MIN_DEVIATION_DB**2))
    return mean.astype(np.float32), deviation.astype(np.float32)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (He et al. 2016, fig. 2)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """As high and wide as before."""
        return torch.relu(self.body(x) + self.shortcut(x))


class MeanAndMaxOverTime(nn.Module):
    """The mean and the largest value of each channel and row, [shape=(n, 2 * n_channels * n_rows)]."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool over time alone: the row separates low from high."""
        rows = x.flatten(1, 2)
        return torch.cat([rows.mean(2), rows.amax(2)], dim=1)


class Masking(nn.Module):
    """SpecAugment (Park et al. 2019) as a layer: in training, two bands and two spans become the mean.

    As a layer it can mask the input of one network and leave alone that of another. The spans are as wide as
    those of `earmark.train.augment.specaugment`.

    Parameters
    ----------
    fraction : float
        Of the windows that are masked.
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images, so that the mean is 0."""
        if not self.training or not self.fraction:
            return x
        n, _, n_mels, n_frames = x.shape
        keep = torch.ones_like(x, dtype=torch.bool)
        for _ in range(2):
            rows = _spans(n, n_mels, n_mels // 8, x.device)
            columns = _spans(n, n_frames, n_frames // 5, x.device)
            keep &= ~(rows[:, None, :, None] | columns[:, None, None, :])
        spared = torch.rand(n, 1, 1, 1, device=x.device) >= self.fraction
        return x * (keep | spared)


def _spans(n: int, length: int, longest: int, device: torch.device) -> Tensor:
    """One random span for each of n rows, true inside [shape=(n, length)]."""
    widths = (torch.rand(n, 1, device=device) * (longest + 1)).floor()
    starts = (torch.rand(n, 1, device=device) * (length - widths + 1)).floor()
    places = torch.arange(length, device=device)
    return (places >= starts) & (places < starts + widths)


class Ensemble(Network):
    """Several networks as one: an ensemble of the same, or two views of the sound.

    They share no weight and no loss, so training them together is training each by itself.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.embedding_size = sum(member.embedding_size for member in members)

    def forward(self, S_db: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all members side by side, and their embeddings end to end."""
        outputs = [member(S_db) for member in self.members]
        return torch.cat([a for a, _ in outputs], dim=1), torch.cat([e for _, e in outputs], dim=1)

    def stages(self) -> list[nn.Module]:
        """Those of the members side by side, if they have as many."""
        each = [member.stages() for member in self.members]
        if len({len(stages) for stages in each}) > 1:
            return [self]
        return [nn.ModuleList(layer) for layer in zip(*each, strict=True)]


def probabilities(logits: Tensor, *, multilabel: bool) -> Tensor:
    """Mean of the members' probabilities [shape=(n, n_classes)]."""
    return (logits.sigmoid() if multilabel else logits.softmax(dim=-1)).mean(dim=1)
