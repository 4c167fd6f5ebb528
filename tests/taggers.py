"""Weights of both taggers in the published layout, of chance: they know nothing."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file


def fcn_weights() -> dict[str, torch.Tensor]:
    """A tagger of the published layout that knows nothing."""
    weights = {
        "spec.mel_scale.fb": torch.rand(257, 96) / 257,
        "spec.spectrogram.window": torch.hann_window(512),
    }
    sizes = [1, 64, 128, 128, 128, 64]
    for name, n in (("spec_bn", 1), *((f"layer{i}.bn", sizes[i]) for i in range(1, 6))):
        weights |= {
            f"{name}.weight": torch.rand(n) + 0.5,
            f"{name}.bias": torch.randn(n),
            f"{name}.running_mean": torch.randn(n),
            f"{name}.running_var": torch.rand(n) + 0.5,
        }
    for i in range(1, 6):
        weights[f"layer{i}.conv.weight"] = torch.randn(sizes[i], sizes[i - 1], 3, 3) / (
            3 * sizes[i - 1] ** 0.5
        )
        weights[f"layer{i}.conv.bias"] = torch.randn(sizes[i])
    return weights | {"dense.weight": torch.randn(50, 64), "dense.bias": torch.randn(50)}


def write_taggers(folder: Path) -> None:
    """Write mn04 and fcn_msd into a folder, under the names of the published weights."""
    from earmark.estimators.torch.mobilenet import MobileNet

    network = MobileNet(0.4)
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    save_file(network.state_dict(), folder / "mn04_as.safetensors")
    save_file(fcn_weights(), folder / "fcn_msd.safetensors")
