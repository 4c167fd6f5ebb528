"""From a network to the graph that ONNX Runtime runs."""

from __future__ import annotations

import io
import warnings

import torch
from torch import Tensor, nn

from earmark.estimators.torch.layers import Network, probabilities

OPSET = 17  # of 2022: what every ONNX Runtime that the base install accepts can run


class _Whole(nn.Module):
    def __init__(self, network: Network, *, multilabel: bool) -> None:
        super().__init__()
        self.network, self.multilabel = network, multilabel

    def forward(self, S_db: Tensor) -> tuple[Tensor, Tensor]:
        logits, embedding = self.network(S_db)
        return probabilities(logits, multilabel=self.multilabel), embedding


def export(network: Network, shape: tuple[int, ...], *, head: str, multilabel: bool) -> bytes:
    """Graph from ``S_db`` [shape=(n, *shape)] to the probabilities, named `head`, and ``embedding``.

    Parameters
    ----------
    network : Network
        Trained, on the CPU.
    shape : tuple of int
        Of one window: (n_mels, n_frames).
    head : str
        Name of the output.
    multilabel : bool
        Whether several classes may apply at once.

    Returns
    -------
    bytes
        The serialised graph, in one piece.
    """
    whole = _Whole(network.to(memory_format=torch.contiguous_format), multilabel=multilabel).eval()
    axes = {name: {0: "n"} for name in ("S_db", head, "embedding")}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of shapes that become constants, as they should. The newer exporter needs onnxscript.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole, (torch.full((2, *shape), -40.0),), buffer, input_names=["S_db"],
            output_names=[head, "embedding"], dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    return buffer.getvalue()
