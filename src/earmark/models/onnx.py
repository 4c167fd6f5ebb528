"""Models that are an ONNX graph, run by ONNX Runtime."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import BundleError, InputError, MissingExtraError
from earmark.models.base import Array, ModelOutput, SpectrogramModel
from earmark.models.bundle import read_card, read_weights, save_bundle
from earmark.models.card import ModelCard

if TYPE_CHECKING:
    import onnxruntime

INPUTS = {"log_mel": "S_db", "log_mels": "S_dbs", "descriptors": "X"}
EMBEDDING = "embedding"
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


class OnnxModel(SpectrogramModel):
    """A graph that takes ``S_db``, ``S_dbs`` or ``X`` and gives an output for each head, maybe ``embedding``.

    The input ``S_db`` has shape (n, n_mels, n_frames), n being dynamic; the inputs ``S_dbs`` of a model of
    several log-mels and ``X`` of a model of descriptors, (n, d). Outputs named as the heads of the card are
    probabilities already.

    Parameters
    ----------
    card : ModelCard
        Its card.
    weights : bytes
        The serialised graph, in one piece.
    threads : int
        Threads for one batch. One is right where several files are worked on at once.
    flush_denormals : bool
        Take numbers below 1.2e-38 as zero. They can slow a graph down; but the processor's mode is that
        of the whole process, so NumPy flushes them from then on too, and only the first session decides.

    Raises
    ------
    BundleError
        Not a graph that ONNX Runtime can run, or its inputs and outputs are not those of the card.
    MissingExtraError
        ONNX Runtime is not installed.
    """

    def __init__(
        self, card: ModelCard, weights: bytes, *, threads: int = 1, flush_denormals: bool = False
    ) -> None:
        self.card = card
        self.weights = weights
        self._session = _open_session(card, weights, threads=threads, flush_denormals=flush_denormals)
        self._outputs = _wanted_outputs(card, self._session)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, threads: int = 1, flush_denormals: bool = False
    ) -> OnnxModel:
        """Model of the bundle in a folder, its checksum verified.

        Parameters
        ----------
        folder : path
            Folder with ``card.json`` and ``model.onnx``.
        threads, flush_denormals
            As for `OnnxModel`.

        Raises
        ------
        BundleError
            Incomplete, altered, of a newer version, or a graph that does not fit the card.
        """
        card = read_card(folder)
        return cls(card, read_weights(folder, card), threads=threads, flush_denormals=flush_denormals)

    def __reduce__(self) -> tuple[object, ...]:
        # A session cannot travel to another process; the graph can. Threads are those of a worker: one.
        return OnnxModel, (self.card, self.weights)

    def save(self, folder: str | os.PathLike[str]) -> ModelCard:
        """Write the model as a bundle, as `earmark.models.save_bundle` does it.

        Parameters
        ----------
        folder : path
            Where to.

        Returns
        -------
        ModelCard
            The card as it was written.
        """
        return save_bundle(folder, self.card, self.weights)

    def forward(self, X: Array) -> ModelOutput:
        """All heads and the embedding, in one pass.

        Raises
        ------
        BundleError
            The graph fails on the input.
        """
        n = len(X)
        if n == 0:
            heads = {head.name: np.empty((0, len(head.classes)), np.float32) for head in self.card.heads}
            size = self.card.embedding_size
            return ModelOutput(heads, np.empty((0, size), np.float32) if size else None)
        try:
            values = self._session.run(self._outputs, {INPUTS[self.card.input]: X})
        except Exception as error:  # the runtime's errors have no common base but this
            raise BundleError(
                f"model {self.card.name!r} failed on an input of shape {X.shape}: {error}",
                hint="Accepted: graphs that take any number of windows.",
            ) from error
        named = dict(zip(self._outputs, values, strict=True))
        return ModelOutput({head.name: named[head.name] for head in self.card.heads}, named.get(EMBEDDING))


def without_telemetry() -> None:
    """Have ONNX Runtime send nothing; to be called before it is imported.

    Its official builds for Linux, macOS and Windows report their use to Microsoft, from the import on (1.32),
    and keep an identifier of the machine in the user's folder for caches, unless this variable is set. A
    value of the user's own stays, and for a program that has imported the runtime before it is too late.
    """
    if "onnxruntime" not in sys.modules:
        os.environ.setdefault(NO_TELEMETRY, "1")


def _open_session(
    card: ModelCard, weights: bytes, *, threads: int, flush_denormals: bool
) -> onnxruntime.InferenceSession:
    if threads < 1:
        raise InputError(f"threads={threads}", hint="Accepted: 1 or more.")
    without_telemetry()
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX Runtime cannot be imported: {error}", hint="Try: pip install onnxruntime."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters is raised
    options.add_session_config_entry("session.set_denormal_as_zero", str(int(flush_denormals)))
    try:
        return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common base but this
        raise BundleError(
            f"model {card.name!r} is not a graph that ONNX Runtime can run: {error}",
            hint="Try: pip install --upgrade onnxruntime, if the graph is newer than the runtime.",
        ) from error


def _wanted_outputs(card: ModelCard, session: Any) -> list[str]:
    """Names of the outputs to compute, once the graph is known to fit the card."""
    inputs = [node.name for node in session.get_inputs()]
    if inputs != [INPUTS[card.input]]:
        raise BundleError(
            f"model {card.name!r} has inputs {inputs}",
            hint=f"Accepted: for {card.input}, one input, {INPUTS[card.input]!r}.",
        )
    wanted = [head.name for head in card.heads] + ([EMBEDDING] if card.embedding_size else [])
    sizes = {node.name: node.shape[-1] for node in session.get_outputs() if len(node.shape) == 2}
    outputs = [node.name for node in session.get_outputs()]
    for name in wanted:
        if name not in sizes:
            raise BundleError(
                f"model {card.name!r} has no output {name!r} of shape (n, ...)",
                hint=f"Accepted: {wanted}, as its card states; it has {outputs}.",
            )
        head = card.head(name)
        size = len(head.classes) if head else card.embedding_size
        if isinstance(sizes[name], int) and sizes[name] != size:
            raise BundleError(
                f"model {card.name!r}: output {name!r} has {sizes[name]} columns, its card states {size}"
            )
    return wanted
