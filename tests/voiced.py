"""A model with the heads of voice, instruments and affect, whose scores anyone can work out: for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from earmark.models import Head, ModelCard, ModelOutput, save_bundle
from earmark.models.builtin.echo import CARD as ECHO
from earmark.models.builtin.echo import Echo

VOICES = ("instrumental", "sung", "rapped", "spoken")
INSTRUMENTS = ("guitar", "piano", "drums", "strings", "calm")  # calm is a mood word, too
THRESHOLDS = {"guitar": 0.85, "piano": 0.2, "calm": 0.95}
CARD = dataclasses.replace(
    ECHO,
    name="voiced",
    heads=(
        *ECHO.heads,
        Head("voice", VOICES, "softmax"),
        Head("instruments", INSTRUMENTS),
        Head("affect", ("valence", "arousal"), "amount"),
    ),
    thresholds={**ECHO.thresholds, "labels": {"calm": 0.3, "instruments": THRESHOLDS}},
)
# What the model gives for every window.
VOICE, PLAYED, AFFECT = (0.05, 0.85, 0.06, 0.04), (0.8, 0.3, 0.9, 0.4, 0.94), (0.81234, 0.16)


class Voiced(Echo):
    """`echo` with three more heads, which give the same for any sound.

    Parameters
    ----------
    voice, instruments, affect : sequence of float
        What they give.
    **card : object
        Other fields of the card.
    """

    def __init__(self, voice=VOICE, instruments=PLAYED, affect=AFFECT, **card):
        self.card = dataclasses.replace(CARD, **card)
        self.rows = {"voice": voice, "instruments": instruments, "affect": affect}

    def forward(self, X):
        """All seven heads and an embedding."""
        output = super().forward(X)
        more = {
            name: np.tile(np.float32(row), (len(X), 1))
            for name, row in self.rows.items()
            if self.card.head(name)
        }
        return ModelOutput({**output.heads, **more}, output.embedding)


def save_voiced(folder: Path, card: ModelCard = CARD, **rows: tuple[float, ...]) -> Path:
    """Write a bundle whose graph gives the same scores for any sound.

    Parameters
    ----------
    folder : Path
        Where to.
    card : ModelCard
        Its card.
    **rows : tuple of float
        The scores of a head; of those that are not given, a value between 0 and 1 for each class.
    """
    known = {"voice": VOICE, "instruments": PLAYED, "affect": AFFECT, **rows}
    sizes = {head.name: len(head.classes) for head in card.heads} | {"embedding": card.embedding_size}
    nodes = [helper.make_node("ReduceMean", ["S_db"], ["mean"], axes=[2], keepdims=0)]
    outputs, constants = [], []
    for name, size in sizes.items():
        row = np.float32(known.get(name) or np.linspace(0.9, 0.1, size))
        head = card.head(name)
        if head and head.kind == "softmax":
            row /= row.sum()
        constants.append(onnx.numpy_helper.from_array(np.zeros((128, size), np.float32), f"{name}_zeros"))
        constants.append(onnx.numpy_helper.from_array(row, f"{name}_row"))
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}_zeros"], [f"{name}_none"]))
        nodes.append(helper.make_node("Add", [f"{name}_none", f"{name}_row"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]))
    inputs = [helper.make_tensor_value_info("S_db", TensorProto.FLOAT, ["n", 128, "n_frames"])]
    made = helper.make_graph(nodes, "voiced", inputs, outputs, constants)
    graph = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    save_bundle(folder, card, graph.SerializeToString())
    return folder
