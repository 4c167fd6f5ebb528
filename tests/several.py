"""A small model with several front ends, for tests: one matrix on all that it takes."""

from __future__ import annotations

import functools

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from earmark.features import FeatureSpec
from earmark.models import Head, ModelCard, OnnxModel
from earmark.models.builtin.echo import CARD as ECHO

MORE = (
    FeatureSpec(n_fft=704, hop_length=221, n_mels=8, fmax=10_783, htk=True, norm=None),
    FeatureSpec(n_fft=4096, hop_length=352, n_mels=6, fmax=8000, htk=True, norm=None),  # the last to come
)

CARD = ModelCard(
    name="several",
    heads=ECHO.heads,
    input="log_mels",
    more_specs=MORE,
    embedding_size=16,
    thresholds={"unsure": 0.1, "music": 0.05},
    licence="CC0-1.0",
)


def graph(card: ModelCard = CARD, *, input_name: str = "S_dbs") -> bytes:
    """A network of one layer on vectors, whose outputs depend on each number that goes in."""
    rng = np.random.default_rng(0)
    (d,) = card.input_shape
    nodes, outputs, constants = [], [], []
    heads = (*card.heads, Head("embedding", tuple(map(str, range(card.embedding_size)))))
    for head in heads:
        matrix = rng.normal(0, 1 / (60 * d**0.5), (d, len(head.classes))).astype(np.float32)
        last = {"softmax": "Softmax", "multilabel": "Sigmoid"}[head.kind]
        constants.append(numpy_helper.from_array(matrix, f"{head.name}_weights"))
        nodes.append(
            helper.make_node("MatMul", [input_name, f"{head.name}_weights"], [f"{head.name}_logits"])
        )
        nodes.append(
            helper.make_node(
                last if head.name != "embedding" else "Identity", [f"{head.name}_logits"], [head.name]
            )
        )
        outputs.append(helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["n", matrix.shape[1]]))
    inputs = [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["n", d])]
    made = helper.make_graph(nodes, "several", inputs, outputs, constants)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10
    ).SerializeToString()


@functools.cache
def model() -> OnnxModel:
    """The model."""
    return OnnxModel(CARD, graph())
