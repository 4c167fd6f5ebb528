"""`cnn`: the five-block network of the GTZAN demos, as the mark to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network


@register("cnn", summary="The five-block network of the GTZAN demos, on log-mels")
@dataclass(kw_only=True, eq=False, repr=False)
class Cnn(TorchModel):
    """Five blocks of convolution and pooling, and two dense layers.

    Parameters
    ----------
    dropout : float
        After each block; twice as much before the dense layers.
    """

    dropout: float = 0.25
    learning_rate: float = 1e-3

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.cnn import FiveBlocks

        return FiveBlocks(train.X, n_classes, dropout=self.dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 2e-4, 4e-3, log=True),
            "dropout": trial.suggest_float("dropout", 0.1, 0.4),
            "mixup": trial.suggest_float("mixup", 0.0, 0.5),
        }
