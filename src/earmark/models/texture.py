"""`texture`: a perceptron over descriptors that the graph itself computes from the log-mel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network


@register("texture", summary="Perceptron on descriptors of the log-mel, computed in the graph")
@dataclass(kw_only=True, eq=False, repr=False)
class TextureModel(TorchModel):
    """Statistics of timbre and rhythm over the window, and one hidden layer.

    The descriptors (MFCC statistics and correlations, contrast, modulations) have no weights. They are layers
    of the graph, so that it hears log-mels like any network, and learns in seconds.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    dropout : float
        Before the last layer; half as much of the descriptors.
    """

    n_hidden: int = 256
    dropout: float = 0.5
    epochs: int = 25
    mixup: float = 0.3
    average: float = 0.99

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.texture import TextureNetwork

        return TextureNetwork(train.X, n_classes, n_hidden=self.n_hidden, dropout=self.dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 8e-3, log=True),
            "n_hidden": trial.suggest_categorical("n_hidden", [128, 256, 512]),
            "dropout": trial.suggest_float("dropout", 0.3, 0.7),
            "mixup": trial.suggest_float("mixup", 0.0, 1.0),
        }
