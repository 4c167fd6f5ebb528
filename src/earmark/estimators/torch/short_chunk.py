"""`short-chunk`: a small ResNet over a few seconds, for hundreds of tracks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from earmark.errors import InputError
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Real, Search, Whole, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Masking, MeanAndMaxOverTime, Network, ResidualBlock, Standardise
from earmark.estimators.torch.loop import LEARNING_RATE, MIXUP
from earmark.models.base import Array


class ShortChunk(Network):
    """A stem, residual blocks each followed by max pooling, then mean and maximum over time.

    M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models",
    SMC 2020 (arXiv 2006.00751), section 3: small filters and poolings over a few seconds, with residual
    connections. Theirs has seven blocks of 128 to 512 channels (12 million weights) for 20,000 tracks. For
    hundreds, what was measured to matter (docs/networks.md): pool by the maximum instead of a stride, and
    keep the frequency axis to the end, where theirs takes the maximum over it.
    """

    def __init__(
        self, X: Array, n_classes: int, *, width: int, n_blocks: int, dropout: float, masking: float
    ) -> None:
        super().__init__()
        widths = [max(8, round(width * 1.4**i / 8) * 8) for i in range(n_blocks)]
        n_rows, n_frames = (math.ceil(n / 2) // 2 ** (n_blocks + 1) for n in X.shape[1:])
        if not (n_rows and n_frames):
            raise InputError(
                f"X.shape={X.shape}, n_blocks={n_blocks}",
                hint=f"Accepted: at least {2 ** (n_blocks + 2) - 1} bands and frames, or fewer blocks.",
            )
        layers = [
            nn.Conv2d(1, widths[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        for n_in, n_out in zip((widths[0], *widths), widths, strict=False):
            layers += [ResidualBlock(n_in, n_out), nn.MaxPool2d(2)]
        self.body = nn.Sequential(Standardise(X), Masking(masking), *layers, MeanAndMaxOverTime())
        self.embedding_size = 2 * widths[-1] * n_rows
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """Mean and maximum of the last block's channels, by row."""
        embedding: Tensor = self.body(S_db)
        return embedding


@dataclass(kw_only=True, eq=False, repr=False)
class ShortChunkModel(TorchModel):
    """Residual blocks and pooling, the frequency axis kept to the end, and a dense layer.

    Parameters
    ----------
    width : int
        Channels of the first block; each has 1.4 times those of the one before.
    n_blocks : int
        Residual blocks.
    dropout : float
        Before the dense layer.
    masking : float
        Fraction of the windows that SpecAugment masks in training.
    """

    width: int = param(32, Whole(least=1, most=1024), search=Search(choices=(16, 24, 32, 48)))
    n_blocks: int = param(3, Whole(least=1, most=8))
    dropout: float = param(0.4, FRACTION, search=Search(0.2, 0.6))
    epochs: int = param(30, Whole(least=1))
    masking: float = param(0.7, Real(least=0, most=1))
    learning_rate: float = param(2e-3, LEARNING_RATE, search=Search(5e-4, 8e-3, log=True))
    mixup: float = param(0.3, MIXUP, search=Search(0.0, 0.5))
    average: float = param(0.99, FRACTION)

    def _network(self, train: Examples, n_classes: int) -> Network:
        return ShortChunk(
            train.X, n_classes, width=self.width, n_blocks=self.n_blocks, dropout=self.dropout,
            masking=self.masking,
        )  # fmt: skip
