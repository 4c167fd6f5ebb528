"""`short-chunk`: a small ResNet over a few seconds, for hundreds of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network


@register("short-chunk", summary="Short-chunk ResNet on log-mels, sized for hundreds of tracks")
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
        Share of the windows that SpecAugment masks in training.
    """

    width: int = 32
    n_blocks: int = 3
    dropout: float = 0.4
    epochs: int = 30
    masking: float = 0.7
    mixup: float = 0.3
    average: float = 0.99

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.short_chunk import ShortChunk

        return ShortChunk(
            train.X, n_classes, width=self.width, n_blocks=self.n_blocks, dropout=self.dropout,
            masking=self.masking,
        )  # fmt: skip

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 8e-3, log=True),
            "width": trial.suggest_categorical("width", [16, 24, 32, 48]),
            "dropout": trial.suggest_float("dropout", 0.2, 0.6),
            "mixup": trial.suggest_float("mixup", 0.0, 0.5),
        }
