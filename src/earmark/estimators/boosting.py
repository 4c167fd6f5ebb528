"""`boosting`: gradient-boosted trees of descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.estimators.base import TrainableModel, requires_extra
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph
from earmark.estimators.parameters import BALANCED, SEED, Real, Search, Whole, param
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress


@dataclass(kw_only=True, eq=False, repr=False)
class Boosting(TrainableModel):
    """Gradient boosting over histograms, by scikit-learn.

    Parameters
    ----------
    rounds : int
        Trees for each class.
    learning_rate : float
        How much each tree adds.
    leaves : int
        Leaves of a tree, at most.
    min_samples_leaf : int
        Examples in a leaf, at least.
    l2 : float
        Ridge penalty on the leaves.
    max_features : float
        Fraction of the descriptors from which each split may choose.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones; one label only.
    seed : int
        Random seed of the choice of descriptors.
    """

    input = "descriptors"

    rounds: int = param(150, Whole(least=1), search=Search(50, 400, log=True))
    learning_rate: float = param(0.06, Real(above=0), search=Search(0.02, 0.2, log=True))
    leaves: int = param(8, Whole(least=2), search=Search(4, 32, log=True))
    min_samples_leaf: int = param(8, Whole(least=1))
    l2: float = param(1.0, Real(least=0), search=Search(1e-2, 30, log=True))
    max_features: float = param(0.3, Real(above=0, most=1), search=Search(0.1, 1.0))
    class_weight: str | None = param("balanced", BALANCED)
    seed: int = param(0, SEED)

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import."""
        return ("sklearn", "onnx")

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        train = self._weighted(train)
        with requires_extra():
            from threadpoolctl import threadpool_limits
        columns = list(train.targets.T.astype(int)) if self.multilabel_ else [train.codes]
        self._ensembles = []
        for step, labels in enumerate(columns, start=1):
            with threadpool_limits(1):  # the same sums everywhere; and on few examples threads only wait
                self._ensembles.append(self._estimator().fit(train.X, labels, sample_weight=train.weights))
            progress("training", step, len(columns), {})

    def _estimator(self) -> Any:
        with requires_extra():
            from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            max_features=self.max_features,
            early_stopping=False,
            random_state=self.seed,
        )

    def _proba(self, X: Array) -> np.ndarray:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            rows: list[np.ndarray] = [ensemble.predict_proba(X) for ensemble in self._ensembles]
        return np.column_stack([row[:, 1] for row in rows]) if self.multilabel_ else rows[0]

    def to_onnx(self) -> bytes:
        """Graph of all trees, whose sums become probabilities."""
        self._require_fitted()
        n_classes = len(self.classes_)
        base = np.zeros(n_classes)
        for column, ensemble in enumerate(self._ensembles):
            start = ensemble._baseline_prediction.ravel()
            base[self._target(column, 0) : self._target(column, 0) + len(start)] = start
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        sums = g(
            "TreeEnsembleRegressor",
            INPUTS[self.input],
            domain="ai.onnx.ml",
            n_targets=n_classes,
            base_values=base.astype(np.float32).tolist(),
            **_attributes(list(self._trees())),
        )
        last = g("Sigmoid", sums) if self.multilabel_ else g("Softmax", sums, axis=1)
        return g.finish(**{self.head: (last, n_classes)})

    def _trees(self) -> Iterator[tuple[int, np.ndarray]]:
        """Class to which each tree adds, and its nodes as scikit-learn keeps them."""
        for column, ensemble in enumerate(self._ensembles):
            for trees in ensemble._predictors:
                for i, tree in enumerate(trees):
                    yield self._target(column, i), tree.nodes

    def _target(self, column: int, i: int) -> int:
        """Class of the i-th tree of a round: of two classes, all trees add to the second."""
        if self.multilabel_:
            return column
        return 1 if len(self.classes_) == 2 else i


def _attributes(trees: list[tuple[int, np.ndarray]]) -> dict[str, Any]:
    """Attributes of ``TreeEnsembleRegressor``, as the standard names them."""
    sizes = [len(nodes) for _, nodes in trees]
    ids = np.concatenate([np.arange(size) for size in sizes])
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    nodes = np.concatenate([nodes for _, nodes in trees])
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": ids.tolist(),
        "nodes_featureids": np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_values": _rounded_down(np.where(leaf, 0, nodes["num_threshold"])).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, nodes["left"]).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, nodes["right"]).tolist(),
        "target_treeids": tree_ids[leaf].tolist(),
        "target_nodeids": ids[leaf].tolist(),
        "target_ids": np.repeat([target for target, _ in trees], sizes)[leaf].tolist(),
        "target_weights": nodes["value"][leaf].astype(np.float32).tolist(),
    }


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 not above each: a float32 is below that just if it is below the value."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near).clip(-3e38, 3e38)
