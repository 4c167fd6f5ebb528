"""`logistic`: multinomial logistic regression of descriptors, the first thing to try."""

from __future__ import annotations

from typing import Any

from earmark.estimators.base import Examples
from earmark.estimators.scikit import ScikitModel, one_for_each


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

    def __init__(
        self, *, C: float = 0.1, class_weight: str | None = "balanced", max_iter: int = 1000
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.max_iter = max_iter

    def _estimator(self, train: Examples) -> Any:
        from sklearn.linear_model import LogisticRegression

        one = LogisticRegression(
            C=self.C, max_iter=self.max_iter, class_weight=self.class_weight if self.multilabel_ else None
        )
        return one_for_each(one) if self.multilabel_ else one

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {"C": trial.suggest_float("C", 1e-3, 10, log=True)}
