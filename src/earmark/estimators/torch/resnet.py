"""`resnet34` and `resnet50`: the spectrogram as an image, from weights trained on ImageNet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from earmark.errors import MissingExtraError, ModelError
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Search, Text, Whole, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Network, Standardise
from earmark.estimators.torch.loop import LAYER_DECAY, LEARNING_RATE, MIXUP, UNFREEZE
from earmark.estimators.torch.weights import as_base
from earmark.models.base import Array

# K. He et al. 2016, table 1: blocks per stage, and of which kind
SHAPES: dict[int, dict[str, Any]] = {
    34: {"depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"},
    50: {"depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048], "layer_type": "bottleneck"},
}


class ImageResNet(Network):
    """A ResNet by transformers, its first convolution adapted to one channel, and a new head.

    Photographs have three channels, about standardised; a window has one, standardised. Summing the filters
    over the channels gives what a grey photograph would give.
    """

    def __init__(
        self, X: Array, n_classes: int, *, depth: int, weights: str | os.PathLike[str] | None, dropout: float
    ) -> None:
        super().__init__()
        backbone = _backbone(depth, weights)
        if weights is not None:
            self.based_on = (as_base(weights, backbone.state_dict()),)
        _take_one_channel(backbone)
        self.standardise = Standardise(X)
        self.embedder, self.encoder = backbone.embedder, backbone.encoder
        self.embedding_size = backbone.config.hidden_sizes[-1]
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """Mean of the last stage's channels."""
        x = self.embedder(self.standardise(S_db))
        for stage in self.encoder.stages:
            x = stage(x)
        embedding: Tensor = x.mean((2, 3))
        return embedding

    def stages(self) -> list[nn.Module]:
        """The head, the stages from last to first, the stem."""
        return [self.head, *reversed(self.encoder.stages), self.embedder]


def _backbone(depth: int, weights: str | os.PathLike[str] | None) -> Any:
    try:
        from transformers import ResNetConfig, ResNetModel
    except ImportError as error:
        raise MissingExtraError(
            f"transformers cannot be imported: {error}", hint="Try: pip install 'earmark[hub]'."
        ) from error
    if weights is None:
        return ResNetModel(ResNetConfig(**SHAPES[depth]))
    try:
        # safetensors only: a pickle runs whatever it likes.
        return ResNetModel.from_pretrained(os.fspath(weights), use_safetensors=True)
    except Exception as error:  # not found, no network, not a ResNet: the library's errors are many
        raise ModelError(
            f"weights={os.fspath(weights)!r} could not be loaded: {str(error).splitlines()[0].rstrip('.')}",
            hint="Accepted: a ResNet on the hub, a folder with config.json and model.safetensors, or None "
            "for random weights.",
        ) from error


def _take_one_channel(backbone: Any) -> None:
    """Sum the filters of the first convolution over its channels."""
    first = backbone.embedder.embedder.convolution
    one = nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride, first.padding, bias=False)
    with torch.no_grad():
        one.weight.copy_(first.weight.sum(dim=1, keepdim=True))
    backbone.embedder.embedder.convolution = one
    backbone.embedder.num_channels = backbone.config.num_channels = 1


@dataclass(kw_only=True, eq=False, repr=False)
class ResNet(TorchModel):
    """A ResNet fine-tuned from the head down: each stage is unfrozen later, at a lower rate than that above.

    Parameters
    ----------
    weights : str or None
        A ResNet on the hub, or a folder with ``config.json`` and ``model.safetensors``; None for
        random weights.
    dropout : float
        Before the head.
    """

    weights: str | None = param(None, Text(optional=True))
    dropout: float = param(0.3, FRACTION, search=Search(0.0, 0.5))
    epochs: int = param(12, Whole(least=1))
    learning_rate: float = param(1e-3, LEARNING_RATE, search=Search(2e-4, 4e-3, log=True))
    mixup: float = param(0.3, MIXUP)
    unfreeze_every: int = param(2, UNFREEZE, search=Search(0, 3))
    layer_decay: float = param(0.4, LAYER_DECAY, search=Search(0.2, 0.8))

    depth: ClassVar[int]

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import."""
        return (*super().packages(), "transformers")

    def _network(self, train: Examples, n_classes: int) -> Network:
        return ImageResNet(train.X, n_classes, depth=self.depth, weights=self.weights, dropout=self.dropout)


@dataclass(kw_only=True, eq=False, repr=False)
class ResNet34(ResNet):
    """`ResNet` of 34 layers."""

    weights: str | None = param("microsoft/resnet-34", Text(optional=True))

    depth: ClassVar[int] = 34


@dataclass(kw_only=True, eq=False, repr=False)
class ResNet50(ResNet):
    """`ResNet` of 50 layers."""

    weights: str | None = param("microsoft/resnet-50", Text(optional=True))

    depth: ClassVar[int] = 50
