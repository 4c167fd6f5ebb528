"""Models: what they are (`Model`, `ModelCard`), where they come from, and the suite that judges them."""

from earmark.models.base import Model, ModelOutput, SpectrogramModel, answer, as_batch
from earmark.models.bundle import read_card, save_bundle
from earmark.models.card import Head, ModelCard
from earmark.models.check import ContractReport, check_model
from earmark.models.onnx import OnnxModel
from earmark.models.registry import ModelInfo, families, family, list_models, load_model, register
from earmark.models.trainable import Examples, Progress, TrainableModel, to_bundle

__all__ = [
    "ContractReport",
    "Examples",
    "Head",
    "Model",
    "ModelCard",
    "ModelInfo",
    "ModelOutput",
    "OnnxModel",
    "Progress",
    "SpectrogramModel",
    "TrainableModel",
    "answer",
    "as_batch",
    "check_model",
    "families",
    "family",
    "list_models",
    "load_model",
    "read_card",
    "register",
    "save_bundle",
    "to_bundle",
]
