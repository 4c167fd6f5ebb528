"""Two more taggers: musicnn's MSD_musicnn and MSD_vgg, from the weights that the package `musicnn` carries (ISC).

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (late-breaking demo,
ISMIR 2019, arXiv 1909.06654), trained on the Million Song Dataset. Each hears 3 s (187 frames at 62.5 a second) of 96
Slaney mel bands at 16 kHz. What they say here is their last hidden values and the logits of 50 tags. Built anew
from the checkpoints' own graphs, whose answers it gives to 1e-5; then bfloat16, whose error is 0.03 of a logit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

NAMES = ("MSD_musicnn", "MSD_vgg")
N_FRAMES, SR, EVERY = 187, 16000, 6.0  # s from one patch to the next


def log_mel(y16: np.ndarray) -> np.ndarray:
    """What both hear [shape=(n_frames, 96)]: logarithm of compressed power in Slaney's bands, as librosa has it."""
    from earmark.features import FeatureSpec
    from earmark.features import log_mel as ours

    spec = FeatureSpec(sr=SR, n_fft=512, hop_length=256, n_mels=96)
    return np.log10(10000 * 10 ** (ours(y16.astype(np.float32), spec) / 10) + 1).T.astype(np.float32)


def patches(y16: np.ndarray) -> np.ndarray:
    """Patches [shape=(n, 187, 96)] spread evenly over the clip, the first at its begin, the last at its end."""
    S = log_mel(np.resize(y16, max(len(y16), N_FRAMES * 256)))
    n = max(1, round(len(y16) / SR / EVERY))
    starts = (
        np.linspace(0, len(S) - N_FRAMES, n).astype(int) if n > 1 else np.array([(len(S) - N_FRAMES) // 2])
    )
    return np.stack([S[s : s + N_FRAMES] for s in starts])


class Layers:
    """Weights by TensorFlow's names, which count layers of a kind in the order of their making."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as archive:
            self.w = {key: torch.from_numpy(archive[key]) for key in archive.files}
        self.prefix = next(k for k in self.w if k.endswith("batch_normalization/gamma")).removesuffix(
            "batch_normalization/gamma"
        )

    def get(self, name: str) -> Tensor:
        return self.w[self.prefix + name]

    def norm(self, x: Tensor, i: int) -> Tensor:
        """Over axis 1, in TensorFlow's evaluation mode."""
        name = f"batch_normalization_{i}" if i else "batch_normalization"
        mean, var, weight, bias = (
            self.get(f"{name}/{part}") for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return nn.functional.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    def conv(self, x: Tensor, name: str) -> Tensor:
        """Valid convolution and ReLU; kernels lie as (time, frequency, in, out)."""
        kernel = self.get(f"{name}/kernel").permute(3, 2, 0, 1).contiguous()
        return torch.relu(nn.functional.conv2d(x, kernel, self.get(f"{name}/bias")))

    def dense(self, x: Tensor, name: str) -> Tensor:
        return x @ self.get(f"{name}/kernel") + self.get(f"{name}/bias")


def numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def same(x: Tensor, length: int) -> Tensor:
    """Zeros around the time axis [shape=(n, c, time, frequency)], the odd one at the end."""
    return nn.functional.pad(x, (0, 0, (length - 1) // 2, length // 2))


def musicnn(w: Layers, S: Tensor) -> Tensor:
    """(n, 187, 96) -> 200 hidden values and 50 logits."""
    x = w.norm(S[:, None], 0)
    lengths = (7, 7, 128, 64, 32)  # two filters for timbre, three for time
    parts = [
        w.norm(w.conv(same(x, length), numbered("conv2d", i)), i + 1).amax(3)
        for i, length in enumerate(lengths)
    ]
    features = [torch.cat(parts, 1)]  # (n, channels, time)
    for i in range(5, 8):
        below = same(features[-1].transpose(1, 2)[:, None], 7)  # channels lie where frequency lay
        found = w.norm(w.conv(below, numbered("conv2d", i)), i + 1)[..., 0]
        features.append(found + features[-1] if i > 5 else found)
    dense = torch.cat(features, 1)
    pooled = torch.stack([dense.amax(2), dense.mean(2)], 2).flatten(1)
    hidden = w.norm(torch.relu(w.dense(w.norm(pooled, 9), "dense")), 10)
    return torch.cat([hidden, w.dense(hidden, "dense_1")], 1)


def vgg(w: Layers, S: Tensor) -> Tensor:
    """(n, 187, 96) -> 256 pooled values and 50 logits; pooled as the checkpoint's own graph does (the package's code
    pools otherwise, and its answers are off by up to 6)."""
    x = w.norm(S[:, None], 0)
    for i, size in enumerate([(4, 1), (1, 4), (2, 2), (2, 2), (4, 4)], start=1):
        x = w.norm(w.conv(nn.functional.pad(x, (1, 1, 1, 1)), f"{i}CNN"), i)
        x = nn.functional.max_pool2d(x, size)
    flat = x.permute(0, 2, 3, 1).flatten(1)
    return torch.cat([flat, w.dense(flat, "dense")], 1)


class Musicnn:
    """Both taggers: what each says of a clip at 16 kHz, patch by patch."""

    def __init__(self, weights: Path) -> None:
        self.layers = {name: Layers(weights / f"{name}.npz") for name in NAMES}

    @torch.no_grad()
    def __call__(self, y16: np.ndarray) -> dict[str, np.ndarray]:
        x = torch.from_numpy(patches(y16))
        with torch.autocast("cpu", torch.bfloat16):
            said = {
                "musicnn": musicnn(self.layers["MSD_musicnn"], x),
                "vgg": vgg(self.layers["MSD_vgg"], x),
            }
        return {name: answers.float().numpy() for name, answers in said.items()}
