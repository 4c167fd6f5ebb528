"""From labelled sound to a model: features, training, tuning, and which parts of its input the model uses.

>>> run = train("genres/", model="logistic")    # doctest: +SKIP
>>> run.bundle                                  # doctest: +SKIP

`settings` declares every option; `plan` checks them and joins them with the data; `feature_cache` and
`windows` compute features once; `pipeline` does the rest in a `run_folder`, which `plan.reopen` opens again.
"""

from earmark.train.feature_cache import FeatureCache, default_folder
from earmark.train.importance import FeatureImportance, Importance, importance
from earmark.train.pipeline import train
from earmark.train.run_folder import Run
from earmark.train.settings import TrainSettings, parse_setting, read_params_file
from earmark.train.tune import Tuning, tune
from earmark.train.windows import Recipe

__all__ = [
    "FeatureCache",
    "FeatureImportance",
    "Importance",
    "Recipe",
    "Run",
    "TrainSettings",
    "Tuning",
    "default_folder",
    "importance",
    "parse_setting",
    "read_params_file",
    "train",
    "tune",
]
