"""What the families in torch have in common: build a network, train it, export it."""

from __future__ import annotations

import copy
import hashlib
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from earmark.errors import InputError
from earmark.estimators.base import TrainableModel
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import BALANCED, Whole, param
from earmark.estimators.torch.checkpoint import CheckpointFile
from earmark.estimators.torch.export import export
from earmark.estimators.torch.layers import Ensemble, Network
from earmark.estimators.torch.loop import Augment, Loop, LoopParameters, isolated_torch_state, predict
from earmark.models.base import Array
from earmark.models.card import Input
from earmark.progress import Progress, no_progress

_HELD_OUT = 0.15


@dataclass(kw_only=True, eq=False, repr=False)
class TorchModel(LoopParameters, TrainableModel):
    """Base of the families in torch: write `_network`, and declare the parameters as fields.

    Parameters
    ----------
    class_weight : {"balanced", None}
        Whether rare classes count as much as common ones (where there is one label).
    members : int
        Networks that differ in their random numbers alone, trained together, and whose probabilities are
        averaged.

    Attributes
    ----------
    history_ : list of dict
        Metrics of each epoch: ``loss``, ``learning_rate`` and, with `valid`, ``valid_loss`` and
        ``valid_accuracy``.
    """

    class_weight: str | None = param("balanced", BALANCED)
    members: int = param(1, Whole(least=1))

    input: ClassVar[Input] = "log_mel"

    def packages(self) -> tuple[str, ...]:
        """Packages that `fit` and `to_onnx` import."""
        return ("torch", "safetensors")

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
        """Train on examples; a training that left a checkpoint goes on from there.

        On the CPU with as many threads it then ends with the same bits as if it had not been interrupted.

        Parameters
        ----------
        X, y, classes, groups, sample_weight, valid, progress
            As for `TrainableModel.fit`. With `patience`, `valid` decides when to stop; without `valid`, some
            groups are held out for it.
        augment : callable, optional
            From windows and a generator to augmented windows, such as `earmark.train.Augmentation`; it is
            applied to each batch anew.
        checkpoint : path, optional
            File to write after each epoch, and to go on from where it exists.
        threads : int, optional
            Of torch; by default unchanged.
        device : str
            As torch names it, or ``"auto"``: a GPU where there is one.

        Raises
        ------
        InputError
            As `TrainableModel.fit`.
        ModelError
            The training diverged, or the checkpoint is damaged or of another training.
        """
        train, held = self._prepare(
            X, y, classes=classes, groups=groups, sample_weight=sample_weight, valid=valid
        )
        path = Path(checkpoint) if checkpoint else None
        with self._unfitted_on_error():
            self._fit(
                train,
                held,
                progress or no_progress,
                augment=augment,
                checkpoint=path,
                threads=threads,
                device=device,
            )
            self._require_converged(train)
        return self

    def _fit(
        self,
        train: Examples,
        valid: Examples | None,
        progress: Progress,
        *,
        augment: Augment | None = None,
        checkpoint: Path | None = None,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.patience and valid is None:
            train, valid = _hold_out(train, self.seed)
        train = self._weighted(train)
        file = CheckpointFile(checkpoint, self._digest(train, valid, augment)) if checkpoint else None
        with isolated_torch_state(threads, device):
            torch.manual_seed(self.seed)
            networks = [self._network(train, len(self.classes_)) for _ in range(self.members)]
            self.based_on_ = networks[0].based_on
            network = networks[0] if self.members == 1 else Ensemble(networks)
            loop = Loop(network, self._loop_parameters(), self.multilabel_, augment, device)
            self.history_ = loop.run(train, valid, checkpoint=file, progress=progress)
        self._trained, self.embedding_size_ = network.cpu().eval(), network.embedding_size

    def _loop_parameters(self) -> LoopParameters:
        return LoopParameters(**{field.name: getattr(self, field.name) for field in fields(LoopParameters)})

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


def _hold_out(train: Examples, seed: int) -> tuple[Examples, Examples]:
    """Some groups (or, without groups, examples) apart, for early stopping."""
    groups = np.arange(len(train)).astype(str) if train.groups is None else train.groups
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    held = np.isin(groups, names[: max(1, round(_HELD_OUT * len(names)))])
    if held.all():
        raise InputError(
            f"patience needs held-out examples, and all are of the group {names[0]!r}",
            hint="Try: valid=(X, y), more groups, or patience=0.",
        )
    return train.take(~held), train.take(held)
