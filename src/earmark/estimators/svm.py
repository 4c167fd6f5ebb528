"""`svm`: support vector machines of descriptors, and probabilities that were calibrated out of fold.

The margin f_ij of the machine of a pair of classes is positive on the side of i. As a probability between
the two that is r_ij = (1 + tanh(f_ij)) / 2, and the mean over all j scores i against the others (T. Hastie
and R. Tibshirani, Classification by pairwise coupling, Annals of Statistics 26 (2), 1998). Such means are
right in order but far too even, so they go through a softmax whose inverse temperature is fitted on held-out
examples. Several labels have a machine each, and a sigmoid (J. Platt, 1999) that is fitted alike.

A sigmoid for each class over scikit-learn's scores, its own way, was three points worse in folds of the
training set of GTZAN.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from earmark.errors import InputError
from earmark.estimators.base import TrainableModel, requires_extra
from earmark.estimators.examples import Examples
from earmark.estimators.graph import Graph
from earmark.estimators.parameters import BALANCED, SEED, Real, Search, Whole, param
from earmark.estimators.scaling import Scaling
from earmark.models.base import Array
from earmark.models.onnx import INPUTS
from earmark.progress import Progress

SHARPNESS = np.geomspace(0.25, 64, 49)


@dataclass(kw_only=True, eq=False, repr=False)
class Svm(TrainableModel):
    """Support vector machine with a Gaussian kernel on standardised descriptors.

    Parameters
    ----------
    C : float
        Penalty of an example on the wrong side.
    gamma : float
        Width of the kernel: ``exp(-gamma / d * distance ** 2)`` with d descriptors.
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones.
    folds : int
        Folds of the calibration; they keep groups together, where these are given.
    seed : int
        Random seed of the folds.
    """

    input = "descriptors"

    C: float = param(3.0, Real(above=0), search=Search(0.3, 100, log=True))
    gamma: float = param(0.25, Real(above=0), search=Search(0.05, 3, log=True))
    class_weight: str | None = param("balanced", BALANCED)
    folds: int = param(5, Whole(least=2))
    seed: int = param(0, SEED)

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import."""
        return ("sklearn", "onnx")

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        train = self._weighted(train)
        folds = self._folds(train)
        held_out = np.zeros((len(train), len(self.classes_)))
        for step, (rows, held) in enumerate(folds, start=1):
            self._fit_machines(train.take(rows))
            held_out[held] = self._scores(train.X[held])
            progress("training", step, len(folds) + 1, {})
        self._sharpness = self._fit_temperature(held_out, train)
        self._fit_machines(train)
        progress("training", len(folds) + 1, len(folds) + 1, {})

    def _fit_machines(self, train: Examples) -> None:
        """Machines as one matrix: columns of `_duals` are their weights of the examples `_vectors`."""
        with requires_extra():
            from sklearn.svm import SVC
        self._scaling = Scaling.of(train.X)
        Z = self._scaling(train.X)
        options = {"C": self.C, "gamma": self.gamma / Z.shape[1], "cache_size": 500}
        duals, self._intercepts = np.zeros((len(Z), 0)), np.zeros(0)
        for labels in train.targets.T if self.multilabel_ else [train.codes]:
            weight = self.class_weight if self.multilabel_ else None
            machine = SVC(class_weight=weight, decision_function_shape="ovo", **options)
            machine.fit(Z, labels, sample_weight=train.weights)
            duals = np.column_stack([duals, *_columns(machine, len(Z))])
            self._intercepts = np.append(self._intercepts, machine.intercept_)
        used = duals.any(axis=1)
        self._vectors, self._duals = Z[used], duals[used]

    def _coupling(self) -> np.ndarray:
        """Which classes the margin of a machine is for and against [shape=(n_machines, n_classes)]."""
        n_classes = len(self.classes_)
        if self.multilabel_:
            return np.eye(n_classes)
        rows = [np.eye(n_classes)[i] - np.eye(n_classes)[j] for i, j in combinations(range(n_classes), 2)]
        sign = -1 if n_classes == 2 else 1  # of two, scikit-learn's margin is for the second
        return sign * np.array(rows) / (n_classes - 1)

    def _scores(self, X: Array) -> np.ndarray:
        Z = self._scaling(X)
        squares = (Z**2).sum(axis=1, keepdims=True) - 2 * Z @ self._vectors.T
        kernel = np.exp(-self.gamma / Z.shape[1] * (squares + (self._vectors**2).sum(axis=1)))
        margins = kernel @ self._duals + self._intercepts
        scores: np.ndarray = (margins if self.multilabel_ else np.tanh(margins)) @ self._coupling()
        return scores

    def _fit_temperature(self, scores: np.ndarray, train: Examples) -> float:
        """Inverse temperature that minimises the log loss of held-out examples."""
        losses = []
        for sharpness in SHARPNESS:
            P = self._to_proba(sharpness * scores)
            right = np.where(train.targets > 0, P, 1 - P if self.multilabel_ else 1.0)
            losses.append(-(train.weights @ np.log(np.maximum(right, 1e-12))).sum())
        return float(SHARPNESS[int(np.argmin(losses))])

    def _to_proba(self, logits: np.ndarray) -> np.ndarray:
        if self.multilabel_:
            P: np.ndarray = 0.5 * (1 + np.tanh(0.5 * logits))
            return P
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        P = powers / powers.sum(axis=1, keepdims=True)
        return P

    def _proba(self, X: Array) -> np.ndarray:
        return self._to_proba(self._sharpness * self._scores(X))

    def to_onnx(self) -> bytes:
        """Graph that holds the support vectors."""
        self._require_fitted()
        g = Graph(INPUTS[self.input], ("n", *self.shape_))
        Z = self._scaling.graph(g, INPUTS[self.input])
        squares = g("ReduceSum", g("Mul", Z, Z), np.array([1]), keepdims=1)
        squares = g("Add", squares, (self._vectors**2).sum(axis=1)[None])
        squares = g("Sub", squares, g("MatMul", Z, 2 * self._vectors.T))
        kernel = g("Exp", g("Mul", squares, np.array(-self.gamma / self.shape_[0])))
        margins = g("Add", g("MatMul", kernel, self._duals), self._intercepts)
        if not self.multilabel_:
            margins = g.to(g("Tanh", g.to(margins, np.float32)), np.float64)
        layer = self._sharpness * self._coupling(), np.zeros(len(self.classes_))
        P = g.dense(margins, [layer], multilabel=self.multilabel_)
        return g.finish(**{self.head: (P, len(self.classes_))})

    def _folds(self, train: Examples) -> list[tuple[np.ndarray, np.ndarray]]:
        """Folds whose training parts hold every class: by groups where possible, else by example."""
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
            fractions = [train.targets[rows].mean(axis=0) for rows, _ in parts]
            if all(((fraction > 0) & (fraction < 1)).all() for fraction in fractions):
                return parts
        raise InputError(
            f"a class has {smallest} example(s): too few to calibrate by",
            hint="Accepted: two or more of each class. Try: logistic, which takes fewer.",
        )


def _columns(machine: Any, n: int) -> Iterator[np.ndarray]:
    """Weights of the n examples in the machine of each pair of classes.

    libsvm keeps them folded: row j - 1 for the vectors of class i, row i for those of class j > i.
    """
    ends = np.cumsum([0, *machine.n_support_])
    of_class = [slice(*pair) for pair in itertools.pairwise(ends)]
    for i, j in combinations(range(len(of_class)), 2):
        column = np.zeros(n)
        column[machine.support_[of_class[i]]] = machine.dual_coef_[j - 1, of_class[i]]
        column[machine.support_[of_class[j]]] = machine.dual_coef_[i, of_class[j]]
        yield column
