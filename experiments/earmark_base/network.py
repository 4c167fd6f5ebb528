"""EfficientAT's mn04 behind earmark's own front end: log-mel in dB -> embedding -> heads.

The layers are those of Schmid, Koutini & Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation", ICASSP 2023 (MobileNetV3-Large, Howard et al. 2019, at width 0.4). Its input is another
spectrogram than ours, so `mel_map` turns the power in our 128 Slaney bands into the power that its 128 bands
would have held. Time stays at our 43 frames a second: the frozen network loses nothing measurable by it (see
the log) and is 2.3 times cheaper than at its own 100.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

# kernel, expanded channels, output channels, squeeze-excite, activation, stride
LAYERS = [
    (3, 8, 8, 0, nn.ReLU, 1), (3, 24, 16, 0, nn.ReLU, 2), (3, 32, 16, 0, nn.ReLU, 1),
    (5, 32, 16, 8, nn.ReLU, 2), (5, 48, 16, 16, nn.ReLU, 1), (5, 48, 16, 16, nn.ReLU, 1),
    (3, 96, 32, 0, nn.Hardswish, 2), (3, 80, 32, 0, nn.Hardswish, 1), (3, 72, 32, 0, nn.Hardswish, 1),
    (3, 72, 32, 0, nn.Hardswish, 1), (3, 192, 48, 48, nn.Hardswish, 1), (3, 272, 48, 72, nn.Hardswish, 1),
    (5, 272, 64, 72, nn.Hardswish, 2), (5, 384, 64, 96, nn.Hardswish, 1), (5, 384, 64, 96, nn.Hardswish, 1),
]  # fmt: skip
N_EMBEDDING = 384


def conv(
    n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1, act: type[nn.Module] | None = None
):
    layers: list[nn.Module] = [
        nn.Conv2d(n_in, n_out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


class SqueezeExcite(nn.Module):
    """Channel weights from the mean over frequency and time (Hu et al. 2018)."""

    def __init__(self, n_channels: int, n_squeezed: int) -> None:
        super().__init__()
        gate = nn.Module()
        gate.fc1, gate.fc2 = nn.Linear(n_channels, n_squeezed), nn.Linear(n_squeezed, n_channels)
        self.conc_se_layers = nn.ModuleList([gate])  # the name under which the published weights travel

    def forward(self, x: Tensor) -> Tensor:
        gate = self.conc_se_layers[0]
        weights = torch.sigmoid(gate.fc2(torch.relu(gate.fc1(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class Block(nn.Module):
    """Inverted residual: expand, depthwise, squeeze-excite, project."""

    def __init__(
        self, n_in: int, kernel: int, n_mid: int, n_out: int, squeeze: int, act, stride: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [] if n_mid == n_in else [conv(n_in, n_mid, 1, act=act)]
        layers.append(conv(n_mid, n_mid, kernel, stride, n_mid, act))
        if squeeze:
            layers.append(SqueezeExcite(n_mid, squeeze))
        layers.append(conv(n_mid, n_out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class MN04(nn.Module):
    """(n, 1, 128, n_frames) -> the 384 values before the tagger's head, and its 527 logits."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(1, 8, 3, 2, act=nn.Hardswish)]
        n_in = 8
        for kernel, n_mid, n_out, squeeze, act, stride in LAYERS:
            layers.append(Block(n_in, kernel, n_mid, n_out, squeeze, act, stride))
            n_in = n_out
        self.features = nn.Sequential(*layers, conv(n_in, N_EMBEDDING, 1, act=nn.Hardswish))
        self.classifier = nn.Sequential(
            nn.Identity(),
            nn.Identity(),
            nn.Linear(N_EMBEDDING, 512),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(512, 527),
        )

    def embed(self, x: Tensor) -> Tensor:
        return self.features(x).mean((2, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embed(x)
        return embedding, self.classifier(embedding)


def load_mn04(weights: Path) -> MN04:
    from safetensors.torch import load_file

    model = MN04()
    missing = model.load_state_dict(load_file(weights), strict=False)
    wrong = missing.unexpected_keys + [k for k in missing.missing_keys if "num_batches" not in k]
    if wrong:
        raise SystemExit(f"{weights}: tensors that do not fit: {wrong}")
    return model.eval()


def teacher_filters() -> np.ndarray:
    """The tagger's 128 mel filters over its 513 bins of 31.25 Hz [shape=(128, 513)]."""
    points = np.linspace(0, 1127 * np.log(1 + 15000 / 700), 130)
    mel = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    rise = (mel - points[:-2, None]) / np.diff(points)[:-1, None]
    fall = (points[2:, None] - mel) / np.diff(points)[1:, None]
    return np.maximum(0, np.minimum(rise, fall))


def mel_map(centres_hz: np.ndarray) -> np.ndarray:
    """Power in our Slaney bands -> power in the tagger's bands [shape=(128, 128)].

    A Slaney band is normalised to unit area over frequency, so that for a density P(f) it holds
    P(f) n_fft sum(w^2). A bin of the tagger holds P(f) sr sum(w_t^2) |1 - 0.97 e^(-2 pi i f / sr)|^2, the last factor
    its pre-emphasis. P is interpolated linearly between our bands; nothing is known above our Nyquist frequency.
    """
    bins_hz = np.arange(513) * 31.25
    density = np.stack([np.interp(bins_hz, centres_hz, row) for row in np.eye(len(centres_hz))], axis=1)
    density[bins_hz > 11025] = 0
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * bins_hz / 32000)) ** 2
    window, teacher_window = np.hanning(2049)[:-1], np.hanning(800)
    scale = 32000 * (teacher_window**2).sum() / (2048 * (window**2).sum())
    return scale * (teacher_filters() * emphasis) @ density


class FrontEnd(nn.Module):
    """(n, 128, n_frames) in dB -> what the tagger expects, (n, 1, 128, n_frames)."""

    def __init__(self) -> None:
        super().__init__()
        from earmark.features import mel_frequencies

        self.register_buffer("map", torch.tensor(mel_map(mel_frequencies()), dtype=torch.float32))

    def forward(self, S_db: Tensor) -> Tensor:
        power = torch.exp(S_db * (np.log(10) / 10))
        return ((torch.log(self.map @ power + 1e-5) + 4.5) / 5)[:, None]


# What each tagger answers: its embedding, then its logits.
N_ANSWERS = {"mn04": 384 + 527, "msd": 64 + 50, "jamendo": 64 + 50}


class Student(nn.Module):
    """Front end, backbone, and one linear tutor for each teacher (used in distillation only)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        teacher = load_mn04(weights)
        self.front_end = FrontEnd()
        self.backbone = teacher.features
        self.tutors = nn.ModuleDict({name: nn.Linear(N_EMBEDDING, n) for name, n in N_ANSWERS.items()})

    def embed(self, S_db: Tensor) -> Tensor:
        return self.backbone(self.front_end(S_db)).mean((2, 3))

    def tutor(self, embedding: Tensor) -> dict[str, Tensor]:
        return {name: layer(embedding) for name, layer in self.tutors.items()}


class Heads(nn.Module):
    """The backbone's 384 values -> an embedding for similarity, and from it every head's logits."""

    N_HIDDEN = 192

    def __init__(self, sizes: dict[str, int], mean: Tensor, deviation: Tensor, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.body = nn.Sequential(nn.Dropout(dropout), nn.Linear(N_EMBEDDING, self.N_HIDDEN), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(self.N_HIDDEN, size) for name, size in sizes.items()})

    def embed(self, x: Tensor) -> Tensor:
        return self.body((x - self.mean) / self.deviation)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.dropout(self.embed(x))
        return {name: head(hidden) for name, head in self.heads.items()}
