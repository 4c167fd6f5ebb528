"""Models: what they are (`Model`, `ModelCard`) and where they come from. Inference only.

Whatever is trained is in `earmark.estimators`; the suite that every model passes is `earmark.contract`.
"""

from earmark.models.base import Model, ModelOutput, SpectrogramModel, as_batch, checked_output
from earmark.models.bundle import pack_bundle, read_card, save_bundle
from earmark.models.card import Head, ModelCard
from earmark.models.onnx import OnnxModel
from earmark.models.registry import ModelInfo, list_models, load_model, register

__all__ = [
    "Head",
    "Model",
    "ModelCard",
    "ModelInfo",
    "ModelOutput",
    "OnnxModel",
    "SpectrogramModel",
    "as_batch",
    "checked_output",
    "list_models",
    "load_model",
    "pack_bundle",
    "read_card",
    "register",
    "save_bundle",
]
