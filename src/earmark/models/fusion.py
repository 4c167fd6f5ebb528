"""`fusion`: descriptors of the spectrogram and a network over it, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.errors import InputError
from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network

WHEN = ("late", "early")


@register("fusion", summary="Descriptors and short-chunk ResNet of the same log-mels, joined early or late")
@dataclass(kw_only=True, eq=False, repr=False)
class Fusion(TorchModel):
    """The networks of `texture` and `short-chunk`: descriptors computed in the graph, and the image itself.

    Parameters
    ----------
    when : {"late", "early"}
        Join the probabilities of the two, each with a loss of its own; or their embeddings under one head.
    width, n_blocks : int
        Of the ResNet, as for `short-chunk`.
    n_hidden : int
        Hidden units of the perceptron.
    dropout : float
        Before each head.
    masking : float
        Share of the windows that SpecAugment masks in training, for the ResNet alone.
    """

    when: str = "late"
    width: int = 32
    n_blocks: int = 3
    n_hidden: int = 256
    dropout: float = 0.5
    epochs: int = 30
    masking: float = 0.7
    mixup: float = 0.3
    average: float = 0.99

    def check(self) -> None:
        """Raise an InputError that names the first parameter out of range."""
        super().check()
        if self.when not in WHEN:
            raise InputError(f"when={self.when!r}", hint=f"Accepted: {', '.join(WHEN)}.")

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.fusion import Early
        from earmark.models.networks.parts import Choir
        from earmark.models.networks.short_chunk import ShortChunk
        from earmark.models.networks.texture import TextureNetwork

        X, dropout = train.X, self.dropout
        members: list[Network] = [
            TextureNetwork(X, n_classes, n_hidden=self.n_hidden, dropout=dropout),
            ShortChunk(
                X, n_classes, width=self.width, n_blocks=self.n_blocks, dropout=dropout, masking=self.masking
            ),
        ]
        return Choir(members) if self.when == "late" else Early(members, n_classes, dropout=dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "when": trial.suggest_categorical("when", list(WHEN)),
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 8e-3, log=True),
            "n_hidden": trial.suggest_categorical("n_hidden", [128, 256, 512]),
            "dropout": trial.suggest_float("dropout", 0.3, 0.7),
            "mixup": trial.suggest_float("mixup", 0.0, 1.0),
        }
