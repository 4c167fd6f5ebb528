"""ONNX graphs, written like the NumPy code that they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from earmark.estimators.base import requires_extra

OPSET = {"": 18, "ai.onnx.ml": 3}  # what every ONNX Runtime that the base install accepts can run
IR_VERSION = 9

Value = str | np.ndarray  # the name of a value in the graph, or a constant
Layer = tuple[np.ndarray, np.ndarray]  # weights [shape=(n_in, n_out)] and bias [shape=(n_out,)]


class Graph:
    """A graph with one input that grows call by call.

    Parameters
    ----------
    name : str
        Of the input, float32.
    shape : sequence of int or str
        Its shape; a text is a size that is known only when the graph runs.

    Examples
    --------
    >>> g = Graph("X", ("n", 4))
    >>> logits = g("Add", g("MatMul", "X", W), b)
    >>> weights = g.finish(genres=(g("Softmax", logits, axis=1), W.shape[1]))
    """

    def __init__(self, name: str, shape: Sequence[int | str]) -> None:
        with requires_extra("train"):
            from onnx import TensorProto, helper
        self._helper, self._float = helper, TensorProto.FLOAT
        self._inputs = [helper.make_tensor_value_info(name, self._float, list(shape))]
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def __call__(self, operator: str, *values: Value, domain: str = "", **attributes: Any) -> str:
        """Apply an operator to values; the name of its first output, see its documentation."""
        return self.several(operator, *values, n=1, domain=domain, **attributes)[0]

    def several(
        self, operator: str, *values: Value, n: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Apply an operator that has n outputs; their names."""
        inputs = [value if isinstance(value, str) else self._constant(value) for value in values]
        outputs = [f"{operator}_{len(self._nodes)}_{i}" for i in range(n)]
        self._nodes.append(self._helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs

    def to(self, value: Value, dtype: type[np.floating[Any]]) -> str:
        """The value as another type of float."""
        return self("Cast", value, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def dense(self, value: str, layers: Sequence[Layer], *, multilabel: bool) -> str:
        """Probabilities, float32, from rectified layers (weights, bias) on a value in double precision."""
        for i, (W, b) in enumerate(layers):
            value = self("Add", self("MatMul", value, W.astype(np.float64)), b.astype(np.float64))
            value = value if i == len(layers) - 1 else self("Max", value, np.array(0.0))
        last = self("Sigmoid", value) if multilabel else self("Softmax", value, axis=1)
        return self.to(last, np.float32)

    def finish(self, **outputs: tuple[str, int]) -> bytes:
        """The graph, serialised, with outputs [shape=(n, size)] given as ``name=(value, size)``."""
        made = []
        for name, (value, size) in outputs.items():
            self._nodes.append(self._helper.make_node("Identity", [value], [name]))
            made.append(self._helper.make_tensor_value_info(name, self._float, ["n", size]))
        graph = self._helper.make_graph(self._nodes, "earmark", self._inputs, made, self._constants)
        opsets = [self._helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
        model = self._helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _constant(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
