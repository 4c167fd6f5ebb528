"""From labelled sound to a model: features, training, tuning, and what the model listens to.

>>> run = train("genres/", model="logistic")    # doctest: +SKIP
>>> run.bundle                                  # doctest: +SKIP

`request` says what may be asked for, `job` settles it with the data, `cache` and `extract` compute features
once, `training` does the rest in a `run_folder`, which `importance` can `reopen`; `tuning` finds parameters.
"""

from earmark.train.feature_cache import FeatureCache, default_folder
from earmark.train.importance import Importance, Loss, importance
from earmark.train.pipeline import Run, train
from earmark.train.settings import parsed, read_params_file
from earmark.train.tune import Tuning, tune
from earmark.train.windows import Recipe

__all__ = [
    "FeatureCache",
    "Importance",
    "Loss",
    "Recipe",
    "Run",
    "Tuning",
    "default_folder",
    "importance",
    "parsed",
    "read_params_file",
    "train",
    "tune",
]
