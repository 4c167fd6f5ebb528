"""The ears of a bundle, to go on learning from: checkpoints do not travel with the project, the weights that ship do.

An exported graph holds each convolution with its batch norm folded in. The norm is unfolded again here: its
statistics are measured over windows of real music, and its scale and offset chosen so that the network says
what it said.

    python recover.py DATA TEACHER RUNS BUNDLE EARS TAG_EARS
"""

from __future__ import annotations

import argparse
from pathlib import Path

import corpus
import numpy as np
import torch
from heads import N_FRAMES, cut
from network import BothEars, Ears, TagEars, write_ears
from torch import Tensor, nn


def tensors(bundle: Path) -> tuple[dict[str, Tensor], list[list[Tensor]]]:
    """Named initialisers of the graph, and its convolutions' weights (and biases) in their order."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(bundle / "model.onnx").graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    for node in graph.node:  # of equal ones the exporter keeps one
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    return values, [
        [values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"
    ]


@torch.no_grad()
def layers(ears: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Convolutions as they follow each other, each with the norm that takes what it says, if any does."""
    order: list[nn.Module] = []
    hooks = [module.register_forward_hook(lambda m, *_: order.append(m)) for module in ears.modules()
             if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]  # fmt: skip
    ears(torch.zeros(1, 128, N_FRAMES))
    for hook in hooks:
        hook.remove()
    following = [*order[1:], None]
    return [(conv, norm if isinstance(norm, nn.BatchNorm2d) else None)
            for conv, norm in zip(order, following, strict=True) if isinstance(conv, nn.Conv2d)]  # fmt: skip


@torch.no_grad()
def folded_ears(teacher: Path, bundle: Path) -> BothEars:
    """Ears that say what the bundle's say, their norms doing nothing but adding the bias."""
    ears = BothEars(Ears(teacher / "mn04_as.safetensors"), TagEars(teacher / "fcn_msd.safetensors")).eval()
    values, folded = tensors(bundle)
    for name, parameter in ears.named_parameters():
        if f"ears.{name}" in values:  # squeeze-excitation, and what has no norm
            fill(parameter, values[f"ears.{name}"])
    pairs = layers(ears)
    if len(folded) != len(pairs):
        raise SystemExit(f"{bundle} has {len(folded)} convolutions, and not the {len(pairs)} of both ears")
    for (conv, norm), (weight, *bias) in zip(pairs, folded, strict=True):
        fill(conv.weight, weight)
        if norm is not None:
            if conv.bias is not None:
                conv.bias.zero_()
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
            norm.weight.fill_(1)
            fill(norm.bias, bias[0])
    return ears


@torch.no_grad()
def fill(whole: Tensor, part: Tensor) -> None:
    """The channels that ship, first; those that were left out say nothing."""
    whole.zero_()
    whole[tuple(slice(n) for n in part.shape)] = part


@torch.no_grad()
def unfold(ears: BothEars, windows: Tensor) -> float:
    """Give the norms their statistics over these windows; returns by how much the answers changed at most."""
    norms = [norm for _, norm in layers(ears) if norm is not None]
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
    ears = folded_ears(args.teacher, args.bundle)
    print("unfolding changed the answers by", unfold(ears, torch.from_numpy(np.float32(picked))))
    write_ears(ears.ears, args.ears)
    write_ears(ears.tag_ears, args.tag_ears)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "runs", "bundle", "ears", "tag_ears"):
        parser.add_argument(name, type=Path)
    main(parser.parse_args())
