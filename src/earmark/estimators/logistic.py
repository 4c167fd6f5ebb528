"""`logistic`: multinomial logistic regression of descriptors, the first thing to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.estimators.examples import Examples
from earmark.estimators.graph import Layer
from earmark.estimators.parameters import BALANCED, Real, Search, Whole, param
from earmark.estimators.scikit import ScikitModel


@dataclass(kw_only=True, eq=False, repr=False)
class Logistic(ScikitModel):
    """Logistic regression of standardised descriptors, with a ridge penalty.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty: smaller is smoother.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones.
    max_iter : int
        Steps of L-BFGS at most.
    """

    C: float = param(0.1, Real(above=0), search=Search(1e-3, 10, log=True))
    class_weight: str | None = param("balanced", BALANCED)
    max_iter: int = param(1000, Whole(least=1))

    def _classifier_of(self, train: Examples) -> Any:
        from sklearn.linear_model import LogisticRegression

        weight = self.class_weight if self.multilabel_ else None
        one = LogisticRegression(C=self.C, max_iter=self.max_iter, class_weight=weight)
        return _one_for_each(one) if self.multilabel_ else one

    def _layers(self) -> list[Layer]:
        parts = self._classifier.estimators_ if self.multilabel_ else [self._classifier]
        weights = np.concatenate([part.coef_ for part in parts])
        return [(weights.T, np.concatenate([part.intercept_ for part in parts]))]


def _one_for_each(classifier: Any) -> Any:
    """One such classifier for each of several labels, given the same weights."""
    from sklearn import config_context
    from sklearn.multiclass import OneVsRestClassifier

    with config_context(enable_metadata_routing=True):
        return OneVsRestClassifier(classifier.set_fit_request(sample_weight=True))
