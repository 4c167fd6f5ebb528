"""`mn`: EfficientAT's mobile networks, from scratch or from a tagger of AudioSet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.errors import InputError
from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network


@register("mn", summary="Mobile network (EfficientAT) on log-mels, from nothing or from an AudioSet tagger")
@dataclass(kw_only=True, eq=False, repr=False)
class MobileModel(TorchModel):
    """MobileNetV3-Large behind a layer that turns the default log-mel into that of EfficientAT.

    Parameters
    ----------
    weights : str or None
        ``"mn04_as"``, or a safetensors file of another of the family; None to begin from nothing. With
        weights, set `unfreeze_every` and `layer_decay` to tune it from the head down.
    width : float
        Of the channels, by those of MobileNetV3-Large; given by `weights`, if there are any.
    dropout : float
        Before the head.
    """

    weights: str | None = None
    width: float = 0.4
    dropout: float = 0.3
    mixup: float = 0.3

    def check(self) -> None:
        """Raise an InputError that names the first parameter out of range."""
        super().check()
        if not 0.1 <= self.width <= 4:
            raise InputError(f"width={self.width}", hint="Accepted: from 0.1 to 4.")

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.mobile import MobileNet, Tagger
        from earmark.models.networks.weights import load_mobile

        if train.X.shape[1] != 128:
            raise InputError(f"X.shape={train.X.shape}", hint="Windows of the default front end: 128 bands.")
        network = MobileNet(self.width) if self.weights is None else load_mobile(self.weights)
        return Tagger(network, n_classes, dropout=self.dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 2e-4, 4e-3, log=True),
            "layer_decay": trial.suggest_float("layer_decay", 0.3, 1.0),
            "unfreeze_every": trial.suggest_int("unfreeze_every", 0, 4),
            "dropout": trial.suggest_float("dropout", 0.1, 0.5),
        }
