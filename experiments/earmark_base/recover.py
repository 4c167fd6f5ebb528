"""The ears of a bundle, to go on learning from: checkpoints do not travel with the project, the weights that ship do.

An exported graph holds each convolution with its batch norm folded in. The norm is unfolded again here: its
statistics are measured over windows of real music, and its scale and offset chosen so that the network says
what it said.

    python recover.py DATA TEACHER RUNS BUNDLE CHECKPOINT
"""

from __future__ import annotations

import argparse
from pathlib import Path

import corpus
import numpy as np
import torch
from heads import cut
from network import Ears, write_ears
from torch import Tensor, nn


def tensors(bundle: Path) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Named initialisers of the graph, and its convolutions' weights and biases in their order."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(bundle / "model.onnx").graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    folded = [values[name] for node in graph.node if node.op_type == "Conv" for name in node.input[1:]]
    return values, folded


@torch.no_grad()
def folded_ears(weights: Path, bundle: Path) -> Ears:
    """Ears that say what the bundle's say, their norms doing nothing but adding the bias."""
    ears = Ears(weights).eval()
    values, folded = tensors(bundle)
    for name, parameter in ears.named_parameters():
        if f"ears.{name}" in values:  # squeeze-excitation
            parameter.copy_(values[f"ears.{name}"])
    convs, norms = layers(ears, nn.Conv2d), layers(ears, nn.BatchNorm2d)
    if len(folded) != 2 * len(convs):
        raise SystemExit(f"{bundle} has {len(folded) // 2} convolutions, and not mn04's {len(convs)}")
    for i, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        conv.weight.copy_(folded[2 * i])
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.fill_(1)
        norm.bias.copy_(folded[2 * i + 1])
    return ears


def layers(ears: Ears, kind: type[nn.Module]) -> list[nn.Module]:
    return [module for module in ears.backbone.modules() if isinstance(module, kind)]


@torch.no_grad()
def unfold(ears: Ears, windows: Tensor) -> float:
    """Give the norms their statistics over these windows; returns by how much the answers changed at most."""
    norms = layers(ears, nn.BatchNorm2d)
    seen: dict[nn.Module, Tensor] = {}
    hooks = [n.register_forward_pre_hook(lambda m, x: seen.__setitem__(m, x[0].detach())) for n in norms]
    before = ears(windows)
    for hook, norm in zip(hooks, norms, strict=True):
        hook.remove()
        variance, mean = torch.var_mean(seen[norm], (0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias += mean
    return float((ears(windows) - before).abs().max())


def main(args: argparse.Namespace) -> None:
    clips = corpus.spectrograms(args.data, args.runs / "logmel", "panda4q")
    rng = np.random.default_rng(0)
    picked = rng.permutation([window for S_db in clips.values() for window in cut(S_db)[::4]])[:512]
    ears = folded_ears(args.teacher / "mn04_as.safetensors", args.bundle)
    print("unfolding changed the answers by", unfold(ears, torch.from_numpy(np.float32(picked))))
    write_ears(ears, args.checkpoint)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "runs", "bundle", "checkpoint"):
        parser.add_argument(name, type=Path)
    main(parser.parse_args())
