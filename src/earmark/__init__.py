"""earmark listens to music and marks it: genre, mood, tempo and key from the sound alone.

>>> import earmark
>>> prediction = earmark.classify(earmark.demo_clip("house"))
>>> prediction.genres[0].label, prediction.key
('electronic', 'A minor')
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# The public names and where they live. Each is imported when it is first asked for, so that
# `import earmark` stays as light as `import numpy` whatever the names pull in.
_PUBLIC = {
    "Clip": "audio",
    "load": "audio",
    "probe": "audio",
    "FeatureSpec": "features",
    "log_mel": "features",
    "descriptors": "features",
    "demo_clip": "demo",
    "ModelCard": "models",
    "list_models": "models",
    "load_model": "models",
    "register": "models",
    "check_model": "contract",
    "Prediction": "predict",
    "WindowScorer": "predict",
    "WindowScores": "predict",
    "classify": "predict",
    "listen": "live",
    "EarmarkError": "errors",
}

__all__ = [
    "Clip",
    "EarmarkError",
    "FeatureSpec",
    "ModelCard",
    "Prediction",
    "WindowScorer",
    "WindowScores",
    "__version__",
    "check_model",
    "classify",
    "demo_clip",
    "descriptors",
    "list_models",
    "listen",
    "load",
    "load_model",
    "log_mel",
    "probe",
    "register",
]

if TYPE_CHECKING:
    from earmark.audio import Clip, load, probe
    from earmark.contract import check_model
    from earmark.demo import demo_clip
    from earmark.errors import EarmarkError
    from earmark.features import FeatureSpec, descriptors, log_mel
    from earmark.live import listen
    from earmark.models import ModelCard, list_models, load_model, register
    from earmark.predict import Prediction, WindowScorer, WindowScores, classify


def __getattr__(name: str) -> object:
    try:
        home = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
