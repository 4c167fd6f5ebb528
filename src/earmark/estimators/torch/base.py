"""What the families in torch have in common: build a network, let it learn, export it."""

from __future__ import annotations

import copy
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from earmark.errors import InputError
from earmark.estimators.base import Examples, TrainableModel
from earmark.estimators.torch.checkpoint import CheckpointFile
from earmark.estimators.torch.export import export
from earmark.estimators.torch.layers import Choir, Network
from earmark.estimators.torch.loop import Loop, of_its_own, predict
from earmark.estimators.torch.recipe import Recipe
from earmark.models.base import Array
from earmark.models.card import Input
from earmark.progress import Progress

Augment = Callable[[Array, np.random.Generator], Array]

_HELD_BACK = 0.15


@dataclass(kw_only=True, eq=False, repr=False)
class TorchModel(Recipe, TrainableModel):
    """Base of the families in torch: write `_network`, and say the parameters as fields.

    Parameters
    ----------
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones (where there is one label).
    members : int
        Networks that differ by chance alone, trained together, and whose probabilities are averaged.

    Attributes
    ----------
    history_ : list of dict
        Figures of each epoch: ``loss``, ``learning_rate`` and, with `valid`, ``valid_loss`` and
        ``valid_accuracy``.
    """

    class_weight: str | None = "balanced"
    members: int = 1

    input: ClassVar[Input] = "log_mel"

    @abstractmethod
    def _network(self, train: Examples, n_classes: int) -> Network:
        """New network; whatever is random in it comes from torch's own generator."""

    def fit(
        self,
        X: Array,
        y: Any,
        *,
        classes: Sequence[str] | None = None,
        groups: Any = None,
        sample_weight: Any = None,
        valid: tuple[Array, Any] | None = None,
        progress: Progress | None = None,
        augment: Augment | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        device: str = "auto",
    ) -> Self:
        """Learn from examples; a training that left a checkpoint goes on from there.

        On the CPU with as many threads it then ends with the same bits as if nothing had happened.

        Parameters
        ----------
        X, y, classes, groups, sample_weight, valid, progress
            As for `TrainableModel.fit`. With `patience`, `valid` says when to stop; without `valid`, some
            groups are held back for it.
        augment : callable, optional
            Windows and a generator to spoilt windows, such as `earmark.train.Augmentation`; applied to each
            batch anew.
        checkpoint : path, optional
            File to write after each epoch, and to go on from where it is there.
        threads : int, optional
            Of torch; by default as they are.
        device : str
            As torch names it, or ``"auto"``: a GPU where there is one.

        Raises
        ------
        InputError
            As `TrainableModel.fit`, or a parameter out of range.
        ModelError
            The loss is not finite, or the checkpoint is damaged or of another training.
        MissingExtraError
            torch is not installed.
        """
        self.check()
        if self.members < 1:
            raise InputError(f"members={self.members}", hint="Accepted: 1 or more.")
        self._aside = (augment, Path(checkpoint) if checkpoint else None, threads, device)
        try:
            return super().fit(
                X,
                y,
                classes=classes,
                groups=groups,
                sample_weight=sample_weight,
                valid=valid,
                progress=progress,
            )
        finally:
            del self._aside

    def _fit(self, train: Examples, valid: Examples | None, progress: Progress) -> None:
        augment, path, threads, device = self._aside
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.patience and valid is None:
            train, valid = _hold_back(train, self.seed)
        if self.class_weight == "balanced" and not self.multilabel_:
            train = train.balanced()
        checkpoint = CheckpointFile(path, self._digest(train, valid, augment)) if path else None
        with of_its_own(threads, device):
            torch.manual_seed(self.seed)
            networks = [self._network(train, len(self.classes_)) for _ in range(self.members)]
            network = networks[0] if self.members == 1 else Choir(networks)
            loop = Loop(network, self, self.multilabel_, augment, device)
            self.history_ = loop.run(train, valid, checkpoint=checkpoint, progress=progress)
        self._trained, self.embedding_size_ = network.cpu().eval(), network.embedding_size

    def _proba(self, X: Array) -> np.ndarray:
        return predict(self._trained, X, multilabel=self.multilabel_)

    def to_onnx(self) -> bytes:
        """Graph from ``S_db`` to the probabilities and ``embedding``."""
        self._require_fitted()
        return export(copy.deepcopy(self._trained), self.shape_, head=self.head, multilabel=self.multilabel_)

    def _digest(self, train: Examples, valid: Examples | None, augment: Augment | None) -> str:
        """Of everything that decides the result but the number of threads."""
        facts = hashlib.sha256(f"{self!r} {augment!r} {self.classes_.tolist()}".encode())
        for part in (train, valid):
            for values in () if part is None else (part.X, part.targets, part.weights):
                facts.update(np.ascontiguousarray(values).data)
        return facts.hexdigest()


def _hold_back(train: Examples, seed: int) -> tuple[Examples, Examples]:
    """Some groups (or, without groups, examples) apart, for early stopping."""
    groups = np.arange(len(train)).astype(str) if train.groups is None else train.groups
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    held = np.isin(groups, names[: max(1, round(_HELD_BACK * len(names)))])
    if held.all():
        raise InputError(
            f"patience needs something to watch, and all examples are of the group {names[0]!r}",
            hint="Give valid=(X, y), more groups, or patience=0.",
        )
    return train.take(~held), train.take(held)
