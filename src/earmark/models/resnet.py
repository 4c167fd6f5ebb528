"""`resnet34` and `resnet50`: the spectrogram as an image, from weights learned on ImageNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from earmark.models.registry import register
from earmark.models.torch_model import TorchModel
from earmark.models.trainable import Examples

if TYPE_CHECKING:
    from earmark.models.networks.parts import Network


@dataclass(kw_only=True, eq=False, repr=False)
class ResNet(TorchModel):
    """A ResNet that is tuned from the head down: each stage thaws later and learns slower than the one above.

    Parameters
    ----------
    weights : str or None
        A ResNet on the hub, or a folder with ``config.json`` and ``model.safetensors``; None to begin from
        nothing.
    dropout : float
        Before the head.
    """

    weights: str | None = None
    dropout: float = 0.3
    epochs: int = 12
    learning_rate: float = 1e-3
    mixup: float = 0.3
    unfreeze_every: int = 2
    layer_decay: float = 0.4

    depth: ClassVar[int]

    def _network(self, train: Examples, n_classes: int) -> Network:
        from earmark.models.networks.image import ImageResNet

        return ImageResNet(train.X, n_classes, depth=self.depth, weights=self.weights, dropout=self.dropout)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 2e-4, 4e-3, log=True),
            "layer_decay": trial.suggest_float("layer_decay", 0.2, 0.8),
            "unfreeze_every": trial.suggest_int("unfreeze_every", 0, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        }


@register("resnet34", summary="ResNet-34 on log-mels as images, from ImageNet weights of the hub or a folder")
@dataclass(kw_only=True, eq=False, repr=False)
class ResNet34(ResNet):
    """`ResNet` of 34 layers."""

    weights: str | None = "microsoft/resnet-34"

    depth: ClassVar[int] = 34


@register("resnet50", summary="ResNet-50 on log-mels as images, from ImageNet weights of the hub or a folder")
@dataclass(kw_only=True, eq=False, repr=False)
class ResNet50(ResNet):
    """`ResNet` of 50 layers."""

    weights: str | None = "microsoft/resnet-50"

    depth: ClassVar[int] = 50
