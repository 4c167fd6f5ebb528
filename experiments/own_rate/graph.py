"""The graph that ships: earmark-lite as it is, both ears at their own rate, and the lines that join them."""

from __future__ import annotations

import io
import warnings

import ears
import numpy as np
import onnx
import torch
from lines import Line, Scaler
from torch import Tensor, nn

SHAPES = ((128, 130), (ears.MN.n_mels, ears.n_frames(ears.MN)), (ears.TAG.n_mels, ears.n_frames(ears.TAG)))
JOINED = ("genres", "quadrant", "moods", "sound")  # heads that earmark-lite has, too


class Front(nn.Module):
    """Windows of all front ends in one row -> earmark-lite's window, and what both ears say."""

    def __init__(self, mn: ears.MnEars, tag: ears.TagEars) -> None:
        super().__init__()
        self.mn, self.tag = mn, tag

    def forward(self, S_dbs: Tensor) -> tuple[Tensor, Tensor]:
        sizes = [bands * frames for bands, frames in SHAPES]
        parts = [part.reshape(-1, *shape) for part, shape in zip(S_dbs.split(sizes, 1), SHAPES, strict=True)]
        return parts[0], torch.cat([self.mn(parts[1]), self.tag(parts[2])], 1)


def tensor(values: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.tensor(np.asarray(values), dtype=torch.float32), requires_grad=False)


class Affine(nn.Module):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self.weight, self.bias = tensor(line.weight), tensor(line.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Join(nn.Module):
    """What both ears say, and earmark-lite's answers -> the answers."""

    def __init__(self, scaler: Scaler, lines: dict[str, Line],
                 scales: dict[str, tuple[float, float]], turn: np.ndarray) -> None:  # fmt: skip
        super().__init__()
        self.mean, self.deviation = tensor(scaler.mean), tensor(scaler.deviation)
        self.lines = nn.ModuleDict({name: Affine(line) for name, line in lines.items()})
        self.turn = tensor(turn)
        self.scales = scales

    def forward(self, x: Tensor, genres: Tensor, quadrant: Tensor, moods: Tensor, sound: Tensor,
                embedding: Tensor) -> tuple[Tensor, ...]:  # fmt: skip
        z = ((x - self.mean) / self.deviation).clamp(-5, 5)
        both = ((genres + torch.softmax(self.lines["genres"](z), 1)) / 2).clamp(1e-6, 1 - 1e-6)
        scale, offset = self.scales["genres"]
        circle = (quadrant + torch.softmax(self.lines["quadrant"](z), 1)) / 2
        affect = self.lines["affect"](z)
        arousal = (affect[:, 1:] + quadrant[:, :1] + quadrant[:, 1:2]) / 2
        root = (both / both.sum(1, keepdim=True)).sqrt()
        return (
            torch.sigmoid(scale * torch.log(both / (1 - both)) + offset),
            torch.softmax(self.scales["quadrant"][0] * torch.log(circle.clamp(min=1e-6)), 1),
            (moods + torch.sigmoid(self.lines["moods"](z))) / 2,
            (sound + torch.softmax(self.lines["sound"](z), 1)) / 2,
            torch.softmax(self.lines["voice"](z), 1),
            torch.sigmoid(self.lines["instruments"](z)),
            torch.cat([affect[:, :1], arousal], 1).clamp(0, 1),
            self.lines["pace"](z).clamp(0, 1),
            torch.cat([embedding, root], 1) @ self.turn,
        )


OUTPUTS = ("genres", "quadrant", "moods", "sound", "voice", "instruments", "affect", "pace", "embedding")


@torch.no_grad()
def without_dust(network: nn.Module) -> None:
    """Weights that say nothing as nought: products with them are denormal, and slow."""
    for weight in network.parameters():
        if weight.is_floating_point():
            weight[weight.abs() < 1e-30] = 0


def exported(model: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), tuple(inputs.values()), buffer, input_names=list(inputs),
                          output_names=list(outputs), opset_version=17, dynamo=False,
                          dynamic_axes={name: {0: "n"} for name in (*inputs, *outputs)})  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def whole(front: Front, lite: bytes, join: Join) -> bytes:
    """All three as one graph: S_dbs [shape=(n, 69073)] -> OUTPUTS."""
    sizes = sum(bands * frames for bands, frames in SHAPES)
    first = exported(front, {"S_dbs": torch.full((2, sizes), -40.0)}, ("S_db", "x"))
    middle = onnx.load_from_string(lite)
    given = {o.name: o.type.tensor_type.shape.dim[1].dim_value for o in middle.graph.output}
    taken = {"x": torch.zeros(2, len(join.mean))} | {
        f"lite_{name}": torch.full((2, given[name]), 1 / given[name]) for name in (*JOINED, "embedding")
    }
    last = onnx.compose.add_prefix(exported(join, taken, OUTPUTS), "join/")
    middle = onnx.compose.add_prefix(middle, "lite/")
    for model in (first, middle, last):
        model.ir_version = middle.ir_version
    both = onnx.compose.merge_models(first, middle, [("S_db", "lite/S_db")],
                                     outputs=["x", *(f"lite/{name}" for name in (*JOINED, "embedding"))])  # fmt: skip
    joints = [("x", "join/x"), *((f"lite/{name}", f"join/lite_{name}") for name in (*JOINED, "embedding"))]
    made = onnx.compose.merge_models(both, last, joints)
    names = {f"join/{name}": name for name in OUTPUTS}
    for output in made.graph.output:
        output.name = names[output.name]
    for node in made.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    opset = made.opset_import[0]  # each part brought its own
    del made.opset_import[:]
    made.opset_import.append(opset)
    onnx.checker.check_model(made)
    return made.SerializeToString()
