"""`mn`: EfficientAT's mobile networks, from scratch or from a tagger of AudioSet.

F. Schmid, K. Koutini and G. Widmer, "Efficient large-scale audio tagging via transformer-to-CNN knowledge
distillation", ICASSP 2023 (arXiv 2211.04772): MobileNetV3-Large (A. Howard et al. 2019, table 1), its widths
multiplied, squeeze-excitation over the channels, and a head of 527 AudioSet classes.

Their input is another spectrogram than ours, so `FrontEnd` turns the power in our 128 Slaney bands into the
power that theirs would have held. Time stays at our 43 frames a second, which is 2.3 times cheaper than their
own 100.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from earmark.errors import InputError, ModelError
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Real, Search, Text, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Network
from earmark.estimators.torch.loop import LAYER_DECAY, LEARNING_RATE, MIXUP, UNFREEZE
from earmark.estimators.torch.weights import as_base, load_published
from earmark.features import FeatureSpec, mel_frequencies

N_TAGS = 527  # of AudioSet

# kernel, expanded channels, output channels, squeeze-excitation, hard-swish, stride; all at width 1
LAYERS = [
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
]  # fmt: skip


def channels(at_width_one: float, width: float = 1.0) -> int:
    """Channels at another width: a multiple of 8, and not more than a tenth too few."""
    wanted = at_width_one * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


def _conv(
    n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1, act: nn.Module | None = None
) -> nn.Sequential:
    layers = [
        nn.Conv2d(n_in, n_out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([act] if act is not None else []))


class SqueezeExcite(nn.Module):
    """Weights of the channels, from their means over frequency and time (J. Hu et al. 2018)."""

    def __init__(self, n_channels: int, n_squeezed: int) -> None:
        super().__init__()
        gate = nn.Module()
        gate.fc1, gate.fc2 = nn.Linear(n_channels, n_squeezed), nn.Linear(n_squeezed, n_channels)
        self.conc_se_layers = nn.ModuleList([gate])  # the name under which the published weights travel

    def forward(self, x: Tensor) -> Tensor:
        """The channels, weighted."""
        gate = self.conc_se_layers[0]
        weights = torch.sigmoid(gate.fc2(torch.relu(gate.fc1(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class InvertedResidual(nn.Module):
    """Expand, filter each channel by itself, squeeze and excite, project."""

    def __init__(
        self, n_in: int, n_mid: int, n_out: int, *, kernel: int, squeeze: bool, swish: bool, stride: int
    ) -> None:
        super().__init__()
        act = nn.Hardswish if swish else nn.ReLU
        layers: list[nn.Module] = [] if n_mid == n_in else [_conv(n_in, n_mid, 1, act=act())]
        layers.append(_conv(n_mid, n_mid, kernel, stride=stride, groups=n_mid, act=act()))
        if squeeze:
            layers.append(SqueezeExcite(n_mid, channels(n_mid // 4)))
        layers.append(_conv(n_mid, n_out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """Added to its input, where the shapes allow it."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class MobileNet(nn.Module):
    """The published network, from its own spectrogram [shape=(n, 1, 128, n_frames)]."""

    def __init__(self, width: float) -> None:
        super().__init__()
        n_in = channels(16, width)
        layers: list[nn.Module] = [_conv(1, n_in, 3, stride=2, act=nn.Hardswish())]
        for kernel, mid, out, squeeze, swish, stride in LAYERS:
            n_mid, n_out = channels(mid, width), channels(out, width)
            block = InvertedResidual(
                n_in, n_mid, n_out, kernel=kernel, squeeze=squeeze, swish=swish, stride=stride
            )
            layers.append(block)
            n_in = n_out
        self.embedding_size = 6 * n_in
        layers.append(_conv(n_in, self.embedding_size, 1, act=nn.Hardswish()))
        self.features = nn.Sequential(*layers)
        n_hidden = channels(1280, width)
        self.classifier = nn.Sequential(
            nn.Identity(),
            nn.Identity(),
            nn.Linear(self.embedding_size, n_hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(n_hidden, N_TAGS),
        )

    def embed(self, x: Tensor) -> Tensor:
        """Mean over frequency and time of the last channels."""
        embedding: Tensor = self.features(x).mean((2, 3))
        return embedding

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding, and logits of AudioSet's classes."""
        embedding = self.embed(x)
        return embedding, self.classifier(embedding)


def tagger_filters() -> np.ndarray:
    """The taggers' 128 mel filters over their 513 bins of 31.25 Hz [shape=(128, 513)].

    Kaldi's: triangles of height one, linear in mel(f) = 1127 ln(1 + f / 700), from 0 to 15 kHz.
    """
    points = np.linspace(0, 1127 * math.log(1 + 15000 / 700), 130)
    mel = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    rise = (mel - points[:-2, None]) / np.diff(points)[:-1, None]
    fall = (points[2:, None] - mel) / np.diff(points)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rise, fall)))


def mel_map(spec: FeatureSpec) -> np.ndarray:
    """Power in our Slaney bands to power in the taggers' bands [shape=(128, n_mels)].

    A Slaney band is normalised to unit area over frequency, so that of a density P(f) it holds
    P(f) n_fft sum(w^2). A bin of the taggers holds P(f) sr sum(w_t^2) |1 - 0.97 e^(-2 pi i f / sr)|^2, the
    last factor their pre-emphasis. P is interpolated along lines between our bands; of what is above our
    Nyquist frequency nothing is known.
    """
    centres_hz = mel_frequencies(spec)
    bins_hz = np.arange(513) * 31.25
    density = np.stack([np.interp(bins_hz, centres_hz, row) for row in np.eye(len(centres_hz))], axis=1)
    density[bins_hz > spec.sr / 2] = 0
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * bins_hz / 32000)) ** 2
    window, tagger_window = np.hanning(spec.n_fft + 1)[:-1], np.hanning(800)
    scale = 32000 * (tagger_window**2).sum() / (spec.n_fft * (window**2).sum())
    return np.asarray(scale * (tagger_filters() * emphasis) @ density)


class FrontEnd(nn.Module):
    """Windows of the default front end in dB to what the taggers expect [shape=(n, 1, 128, n_frames)]."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("map", torch.tensor(mel_map(FeatureSpec()), dtype=torch.float32))

    def forward(self, S_db: Tensor) -> Tensor:
        """Their logarithm, scaled as in their training."""
        power = torch.exp(S_db * (math.log(10) / 10))
        return ((torch.log(self.map @ power + 1e-5) + 4.5) / 5)[:, None]


def load_mobile(source: str | os.PathLike[str]) -> MobileNet:
    """Mobile network with published weights, its width read off them.

    Parameters
    ----------
    source : str or path
        As for `earmark.estimators.torch.weights.load_published`.

    Raises
    ------
    ModelError
        The weights cannot be loaded, or are not of this network.
    """
    tensors = load_published(source)
    try:
        hidden = tensors["classifier.2.weight"].shape[0]
        network = MobileNet(hidden / 1280)
        loose = network.load_state_dict(tensors, strict=False)
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{source} does not hold a mobile network of EfficientAT: {reason}") from error
    absent = [key for key in loose.missing_keys if not key.endswith("num_batches_tracked")]
    if wrong := [*loose.unexpected_keys, *absent]:
        raise ModelError(f"{source}: tensors that do not fit: {', '.join(wrong[:3])}")
    return network


class Tagger(Network):
    """A mobile network with a new head."""

    def __init__(self, network: MobileNet, n_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.front_end, self.features = FrontEnd(), network.features
        self.embedding_size = network.embedding_size
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.embedding_size, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """Mean over frequency and time of the last channels."""
        embedding: Tensor = self.features(self.front_end(S_db)).mean((2, 3))
        return embedding

    def stages(self) -> list[nn.Module]:
        """The head, then the layers in four groups, from the output."""
        layers = list(self.features)
        groups = [layers[13:], layers[7:13], layers[4:7], layers[:4]]
        return [self.head, *(nn.ModuleList(group) for group in groups)]


@dataclass(kw_only=True, eq=False, repr=False)
class MobileModel(TorchModel):
    """MobileNetV3-Large behind a layer that turns the default log-mel into that of EfficientAT.

    Parameters
    ----------
    weights : str or None
        ``"mn04_as"``, or a safetensors file of another of the family; None for random weights. With
        weights, set `unfreeze_every` and `layer_decay` to fine-tune it from the head down.
    width : float
        Of the channels, by those of MobileNetV3-Large; given by `weights`, if there are any.
    dropout : float
        Before the head.
    """

    weights: str | None = param(None, Text(optional=True))
    width: float = param(0.4, Real(least=0.1, most=4))
    dropout: float = param(0.3, FRACTION, search=Search(0.1, 0.5))
    learning_rate: float = param(2e-3, LEARNING_RATE, search=Search(2e-4, 4e-3, log=True))
    mixup: float = param(0.3, MIXUP)
    unfreeze_every: int = param(0, UNFREEZE, search=Search(0, 4))
    layer_decay: float = param(1.0, LAYER_DECAY, search=Search(0.3, 1.0))

    def _network(self, train: Examples, n_classes: int) -> Network:
        if train.X.shape[1] != 128:
            raise InputError(f"X.shape={train.X.shape}", hint="Accepted: 128 bands, as by default.")
        if self.weights is None:
            return Tagger(MobileNet(self.width), n_classes, dropout=self.dropout)
        network = load_mobile(self.weights)
        tagger = Tagger(network, n_classes, dropout=self.dropout)
        tagger.based_on = (as_base(self.weights, network.state_dict()),)
        return tagger
