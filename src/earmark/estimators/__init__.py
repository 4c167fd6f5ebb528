"""Estimators: the families of models that can be trained. Listing them imports none of them."""

from earmark.estimators.base import TrainableModel, to_bundle
from earmark.estimators.examples import Examples
from earmark.estimators.index import FamilyInfo, build, family, list_families

__all__ = [
    "Examples",
    "FamilyInfo",
    "TrainableModel",
    "build",
    "family",
    "list_families",
    "to_bundle",
]
