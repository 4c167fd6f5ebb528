"""`cnn`: the five-block network of the GTZAN demos, as a baseline."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from earmark.errors import InputError
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Search, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Network, Standardise
from earmark.estimators.torch.loop import LEARNING_RATE, MIXUP
from earmark.models.base import Array

WIDTHS = (16, 32, 64, 128, 256)


class FiveBlocks(Network):
    """Five times convolution 3 x 3, ReLU, max pooling 2 x 2 and dropout; then two dense layers.

    As H. Guimaraes, gtzan.keras (https://github.com/Hguimaraes/gtzan.keras, notebook 1.1, 2019), whose
    89 % come from windows cut before splitting; earlier demos differ in widths alone. The input there is
    128 bands by 129 frames.
    """

    def __init__(self, X: Array, n_classes: int, *, widths: tuple[int, ...] = WIDTHS, dropout: float) -> None:
        super().__init__()
        halved = 2 ** len(widths)
        height, width = X.shape[1] // halved, X.shape[2] // halved
        if not (height and width):
            raise InputError(
                f"X.shape={X.shape}",
                hint=f"Accepted: at least {halved} bands and frames, which are halved {len(widths)} times.",
            )
        layers: list[nn.Module] = []
        for n_in, n_out in zip((1, *widths), widths, strict=False):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)]
        self.embedding_size = 512
        self.body = nn.Sequential(
            Standardise(X),
            *layers,
            nn.Flatten(),
            nn.Dropout(min(1.0, 2 * dropout)),
            nn.Linear(widths[-1] * height * width, self.embedding_size),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """The first dense layer."""
        embedding: Tensor = self.body(S_db)
        return embedding


@dataclass(kw_only=True, eq=False, repr=False)
class Cnn(TorchModel):
    """Five blocks of convolution and pooling, and two dense layers.

    Parameters
    ----------
    dropout : float
        After each block; twice as much before the dense layers.
    """

    dropout: float = param(0.25, FRACTION, search=Search(0.1, 0.4))
    learning_rate: float = param(1e-3, LEARNING_RATE, search=Search(2e-4, 4e-3, log=True))
    mixup: float = param(0.0, MIXUP, search=Search(0.0, 0.5))

    def _network(self, train: Examples, n_classes: int) -> Network:
        return FiveBlocks(train.X, n_classes, dropout=self.dropout)
