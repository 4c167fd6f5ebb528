"""The training loop of all networks, which can stop after any epoch and go on as if it had not.

Whatever is random in an epoch (the order, augmentation, mixup, dropout) is drawn from the seed and the
number of the epoch alone, and the learning rate is a function of the step. So a checkpoint needs no state of
a generator or a schedule, and a training that was killed ends with the same bits, on the same processor with
as many threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from earmark.estimators.base import diverged
from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, SEED, SWITCH, Real, Whole, param
from earmark.estimators.torch.checkpoint import CheckpointFile, Metrics, State
from earmark.estimators.torch.layers import Network, probabilities
from earmark.models.base import Array
from earmark.progress import Progress

Augment = Callable[[Array, np.random.Generator], Array]

LEARNING_RATE = Real(above=0)
MIXUP = Real(least=0)
UNFREEZE = Whole(least=0)
LAYER_DECAY = Real(above=0, most=1)


@dataclass(kw_only=True, eq=False, repr=False)
class LoopParameters:
    """Parameters that all networks share.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the examples, and how many at a time; a batch norm has no variance of one.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov & Hutter 2019); only what is multiplied decays, not biases and norms.
    label_smoothing : float
        Fraction of the target that is spread over all classes (Szegedy et al. 2016, section 7).
    mixup : float
        Both parameters of the Beta distribution of the weights of two mixed examples (Zhang et al. 2018); 0
        for none.
    average : float
        Decay of the running mean of the weights, which the probabilities come from (Polyak & Juditsky 1992);
        0 for none.
    patience : int
        Epochs without a better loss on held-out examples until it stops, and takes the best weights; 0 to go
        on to the end and take the last.
    unfreeze_every : int
        Epochs until the next stage of the network is unfrozen, from the output to the input (Howard & Ruder
        2018); 0 for all at once.
    layer_decay : float
        Learning rate of a stage by that of the one above it (the same).
    bf16 : bool
        Multiply in bfloat16.
    seed : int
        Random seed.
    """

    epochs: int = param(40, Whole(least=1))
    batch_size: int = param(32, Whole(least=2))
    learning_rate: float = param(2e-3, LEARNING_RATE)
    weight_decay: float = param(1e-2, Real(least=0))
    label_smoothing: float = param(0.1, FRACTION)
    mixup: float = param(0.0, MIXUP)
    average: float = param(0.0, FRACTION)
    patience: int = param(0, Whole(least=0))
    unfreeze_every: int = param(0, UNFREEZE)
    layer_decay: float = param(1.0, LAYER_DECAY)
    bf16: bool = param(False, SWITCH)
    seed: int = param(0, SEED)

    def rate(self, progress: float) -> float:
        """Learning rate at `progress` from 0 (the first step) to 1 (the end).

        Up along a line for a fifth, then down to zero along a cosine (after Smith & Topin 2018).
        """
        rise = 0.2
        if progress < rise:
            return self.learning_rate * (0.04 + 0.96 * progress / rise)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - rise) / (1 - rise)))


@dataclass
class Loop:
    """A training.

    Parameters
    ----------
    network : Network
        Its weights are where the training begins, and end up trained.
    parameters : LoopParameters
        How to train.
    multilabel : bool
        Whether several classes may apply at once.
    augment : callable, optional
        From windows [shape=(n, n_mels, n_frames)] and a generator to augmented windows. An attribute
        ``mixup`` takes the place of `LoopParameters.mixup`.
    device : str
        As torch names it.
    """

    network: Network
    parameters: LoopParameters
    multilabel: bool = False
    augment: Augment | None = None
    device: str = "cpu"

    def run(
        self,
        train: Examples,
        valid: Examples | None = None,
        *,
        checkpoint: CheckpointFile | None = None,
        progress: Progress | None = None,
    ) -> list[Metrics]:
        """Train the network in place.

        Parameters
        ----------
        train, valid : Examples
            Examples to train on, and held-out ones to measure (or, with `patience`, to stop by).
        checkpoint : CheckpointFile, optional
            File to go on from, and to write after each epoch.
        progress : callable, optional
            Called after each epoch, once its checkpoint is written.

        Returns
        -------
        list of dict
            Metrics of each epoch.

        Raises
        ------
        ModelError
            The training diverged, or the checkpoint is of another training.
        """
        parameters, network = self.parameters, self.network
        network.to(self.device, memory_format=torch.channels_last)
        state = State(network, _optimiser(network, parameters))
        if checkpoint:
            checkpoint.load(state)
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                # A plain mean (see `_unfreeze`). The graph has it: set it even if no epoch is left.
                module.momentum = None
        for epoch in range(len(state.history), parameters.epochs):
            if parameters.patience and state.stale >= parameters.patience:
                break
            metrics = self._epoch(state, train, epoch)
            if valid is not None and len(valid):
                metrics |= self._validate(state, valid)
            state.history.append(metrics)
            if checkpoint:
                checkpoint.save(state)
            if progress:
                progress("training", epoch + 1, parameters.epochs, metrics)
        network.load_state_dict(state.best or state.evaluated())
        return state.history

    def _epoch(self, state: State, train: Examples, epoch: int) -> Metrics:
        parameters = self.parameters
        rng = np.random.default_rng([parameters.seed, epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        _unfreeze(self.network, parameters, epoch)
        batches = list(_batches(len(train), parameters.batch_size, rng))
        total = 0.0
        for number, rows in enumerate(batches):
            rate = parameters.rate((epoch + number / len(batches)) / parameters.epochs)
            for group in state.optimiser.param_groups:
                group["lr"] = group["scale"] * rate
            total += self._step(state, self._augmented(train.take(rows), rng))
        loss = total / len(batches)
        if not math.isfinite(loss):
            raise diverged(loss, epoch + 1, parameters.learning_rate)
        return {"loss": loss, "learning_rate": parameters.rate((epoch + 1) / parameters.epochs)}

    def _step(self, state: State, batch: Examples) -> float:
        smooth = self.parameters.label_smoothing
        targets = torch.from_numpy(batch.targets).to(self.device)
        targets = targets * (1 - smooth) + smooth * (0.5 if self.multilabel else 1 / targets.shape[1])
        weights = torch.from_numpy(batch.weights.astype(np.float32)).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.parameters.bf16):
            logits, _ = self.network(torch.from_numpy(batch.X).to(self.device))
        loss = (weights * losses(logits.float(), targets, multilabel=self.multilabel)).mean()
        state.optimiser.zero_grad()
        loss.backward()
        state.optimiser.step()
        if self.parameters.average:
            state.follow(self.parameters.average)
        return float(loss.detach())

    def _augmented(self, batch: Examples, rng: np.random.Generator) -> Examples:
        """Augmented and mixed."""
        alpha = float(getattr(self.augment, "mixup", 0.0) or self.parameters.mixup)
        if self.augment is not None:
            X = np.ascontiguousarray(self.augment(batch.X, rng), dtype=np.float32)
            batch = Examples(X, batch.targets, batch.weights)
        return mixed(batch, alpha, rng) if alpha else batch

    def _validate(self, state: State, valid: Examples) -> Metrics:
        """Loss and accuracy on what is held out; keeps the best weights so far."""
        trained = {name: value.clone() for name, value in self.network.state_dict().items()}
        evaluated = state.evaluated()
        self.network.load_state_dict(evaluated)
        proba = predict(self.network, valid.X, multilabel=self.multilabel, device=self.device)
        self.network.load_state_dict(trained)
        metrics = _metrics(proba, valid, multilabel=self.multilabel)
        before = [past["valid_loss"] for past in state.history]
        state.stale += 1
        if not before or metrics["valid_loss"] < min(before):
            state.stale = 0
            if self.parameters.patience:
                state.best = evaluated
        return metrics


def losses(logits: Tensor, targets: Tensor, *, multilabel: bool) -> Tensor:
    """Cross entropy of each example [shape=(n,)], the mean over the members."""
    wanted = targets[:, None].expand_as(logits)
    if multilabel:
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((1, 2))
    return -(wanted * logits.log_softmax(-1)).sum(-1).mean(1)


def mixed(batch: Examples, alpha: float, rng: np.random.Generator) -> Examples:
    """Each example mixed with another, and so its target and weight; in dB, the input of the network."""
    other = batch.take(rng.permutation(len(batch)))
    weight = rng.beta(alpha, alpha, len(batch)).astype(np.float32)
    keep = weight[:, None]
    return Examples(
        batch.X * keep[..., None] + other.X * (1 - keep[..., None]),
        batch.targets * keep + other.targets * (1 - keep),
        batch.weights * weight + other.weights * (1 - weight),
    )


def _metrics(proba: np.ndarray, valid: Examples, *, multilabel: bool) -> Metrics:
    proba = np.clip(proba, 1e-7, 1 - 1e-7)
    wanted = valid.targets
    if multilabel:
        terms = -(wanted * np.log(proba) + (1 - wanted) * np.log(1 - proba)).mean(axis=1)
        hits = ((proba > 0.5) == (wanted > 0.5)).mean(axis=1)
    else:
        terms = -(wanted * np.log(proba)).sum(axis=1)
        hits = proba.argmax(axis=1) == valid.codes
    return {"valid_loss": float(terms.mean()), "valid_accuracy": float(hits.mean())}


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """All rows in another order, in batches that differ by one at most: none is left out or alone."""
    yield from np.array_split(rng.permutation(n), max(1, n // size))


def _optimiser(network: Network, parameters: LoopParameters) -> torch.optim.Optimizer:
    groups = []
    for depth, stage in enumerate(network.stages()):
        for decays in (True, False):
            some = [p for p in stage.parameters() if (p.ndim > 1) == decays]
            decay = parameters.weight_decay if decays else 0.0
            groups.append({"params": some, "weight_decay": decay, "scale": parameters.layer_decay**depth})
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=parameters.learning_rate)


def _unfreeze(network: Network, parameters: LoopParameters, epoch: int) -> None:
    """Unfreeze the stages that are due, from the output down; frozen ones keep their statistics too.

    Batch norms begin each epoch anew and take the plain mean over its batches: with the usual running mean,
    a training of few steps would end with statistics that it never had.
    """
    network.train()
    stages = network.stages()
    n_trained = 1 + epoch // parameters.unfreeze_every if parameters.unfreeze_every else len(stages)
    for depth, stage in enumerate(stages):
        stage.requires_grad_(depth < n_trained)
        if depth >= n_trained:
            stage.eval()
            continue
        for module in stage.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()


def predict(
    network: Network, X: Array, *, multilabel: bool, device: str = "cpu", batch_size: int = 64
) -> np.ndarray:
    """Probabilities [shape=(n, n_classes)] of windows [shape=(n, n_mels, n_frames)]."""
    network.eval()
    rows = []
    with torch.inference_mode():
        for begin in range(0, len(X), batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(X[begin : begin + batch_size]))
            logits, _ = network(batch.to(device))
            rows.append(probabilities(logits, multilabel=multilabel).cpu().numpy())
    return np.concatenate(rows)


@contextmanager
def isolated_torch_state(threads: int | None, device: str) -> Iterator[None]:
    """Temporarily set the number of threads and the random number generator of torch."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        if threads:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
