"""A short-chunk ResNet, sized for hundreds of tracks."""

from __future__ import annotations

from torch import Tensor, nn

from earmark.models.base import Array
from earmark.models.networks.parts import MeanAndMax, Network, ResidualBlock, Standardise


class ShortChunk(Network):
    """A stem and residual blocks that halve height and width, then mean and maximum over what is left.

    M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models",
    SMC 2020 (arXiv 2006.00751), section 3: small filters over a few seconds. Theirs has seven blocks of
    128 to 512 channels (12 million weights) for 20,000 tracks; here a strided stem takes the place of the
    first block, and the widths grow from `width`.
    """

    def __init__(self, X: Array, n_classes: int, *, width: int, n_blocks: int, dropout: float) -> None:
        super().__init__()
        widths = [round(width * 1.4**i / 8) * 8 or 8 for i in range(n_blocks)]
        blocks = [
            ResidualBlock(n_in, n_out, stride=2)
            for n_in, n_out in zip((widths[0], *widths), widths, strict=False)
        ]
        self.body = nn.Sequential(
            Standardise(X),
            nn.Conv2d(1, widths[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *blocks,
            MeanAndMax(),
        )
        self.embedding_size = 2 * widths[-1]
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """Mean and maximum of the last block's channels."""
        embedding: Tensor = self.body(S_db)
        return embedding
