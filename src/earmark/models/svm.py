"""`svm`: a support vector machine of descriptors, with probabilities that were calibrated out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.models.registry import register
from earmark.models.scikit import ScikitModel, one_for_each
from earmark.models.trainable import Examples


@register("svm", summary="Support vector machine of descriptors: the classic of the field")
class Svm(ScikitModel):
    """Support vector machine with a Gaussian kernel on standardised descriptors.

    Its distances become probabilities by a sigmoid for each class (J. Platt, 1999), fitted to examples that
    the machine had not seen: in folds that keep groups together, where these are given.

    Parameters
    ----------
    C : float
        Price of an example on the wrong side.
    gamma : float or "scale"
        Width of the kernel; ``"scale"`` is one over the number of descriptors.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    folds : int
        Of the calibration.
    seed : int
        Deals the folds.
    """

    def __init__(
        self,
        *,
        C: float = 3.0,
        gamma: float | str = "scale",
        class_weight: str | None = "balanced",
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.folds = folds
        self.seed = seed

    def _estimator(self, train: Examples) -> Any:
        from sklearn import config_context
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC

        parts = self._dealt(train)
        machine = SVC(C=self.C, gamma=self.gamma, cache_size=500)
        if self.multilabel_:
            with config_context(enable_metadata_routing=True):
                machine.set_fit_request(sample_weight=True)
        calibrated = CalibratedClassifierCV(machine, ensemble=False, cv=parts)
        return one_for_each(calibrated) if self.multilabel_ else calibrated

    def _dealt(self, train: Examples) -> list[tuple[np.ndarray, np.ndarray]]:
        """Folds whose training parts hold every class: by groups if that can be, else by example."""
        from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

        rows = np.arange(len(train))
        options = {"shuffle": True, "random_state": self.seed}
        smallest = int(train.targets.sum(axis=0).min())
        n_groups = len(rows) if train.groups is None else len(np.unique(train.groups))
        ways: list[Any] = []
        if self.multilabel_:
            ways = [KFold(min(self.folds, len(rows)), **options)]
        elif smallest >= 2:
            ways = [StratifiedKFold(min(self.folds, smallest), **options)]
        if train.groups is not None and n_groups >= 2 and not self.multilabel_:
            ways = [StratifiedGroupKFold(min(self.folds, n_groups), **options), *ways]
        for way in ways:
            by_groups = isinstance(way, StratifiedGroupKFold)
            parts = list(way.split(rows, train.codes, groups=train.groups if by_groups else None))
            shares = [train.targets[kept].mean(axis=0) for kept, _ in parts]
            if all(((share > 0) & (share < 1)).all() for share in shares):
                return parts
        raise InputError(
            f"a class has {smallest} example(s): too few to calibrate by",
            hint="The svm needs two of each class, and more to be of use; logistic takes fewer.",
        )

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Parameters that an Optuna trial suggests."""
        return {
            "C": trial.suggest_float("C", 0.1, 100, log=True),
            "gamma": trial.suggest_float("gamma", 1e-4, 0.1, log=True),
        }
