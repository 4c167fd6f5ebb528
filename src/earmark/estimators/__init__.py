"""Estimators: the families of models that can be trained. Listing them imports none of them."""

from earmark.estimators.base import Examples, TrainableModel, to_bundle
from earmark.estimators.index import FamilyInfo, family, list_families

__all__ = [
    "Examples",
    "FamilyInfo",
    "TrainableModel",
    "family",
    "list_families",
    "to_bundle",
]
