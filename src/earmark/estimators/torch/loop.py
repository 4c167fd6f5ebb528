"""How the networks learn: one loop for all, that can stop after any epoch and go on as if it had not.

Whatever chance decides in an epoch (the order, augmentation, mixup, dropout) is drawn from the seed and the
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

from earmark.errors import ModelError
from earmark.estimators.base import Examples
from earmark.estimators.torch.checkpoint import CheckpointFile, Figures, State
from earmark.estimators.torch.layers import Network, probabilities
from earmark.estimators.torch.recipe import Recipe
from earmark.models.base import Array
from earmark.progress import Progress

Augment = Callable[[Array, np.random.Generator], Array]


@dataclass
class Loop:
    """A training.

    Parameters
    ----------
    network : Network
        Its weights are where the training begins, and end up trained.
    recipe : Recipe
        How.
    multilabel : bool
        Whether several classes may apply at once.
    augment : callable, optional
        Windows [shape=(n, n_mels, n_frames)] and a generator to spoilt windows. An attribute ``mixup`` takes
        the place of `Recipe.mixup`.
    device : str
        As torch names it.
    """

    network: Network
    recipe: Recipe
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
    ) -> list[Figures]:
        """Train the network in place.

        Parameters
        ----------
        train, valid : Examples
            What to learn from, and what to watch (or, with `Recipe.patience`, to stop by).
        checkpoint : CheckpointFile, optional
            Where to go on from, and what to write after each epoch.
        progress : callable, optional
            Called after each epoch, once its checkpoint is written.

        Returns
        -------
        list of dict
            Figures of each epoch.

        Raises
        ------
        ModelError
            The loss is not finite, or the checkpoint is of another training.
        """
        recipe, network = self.recipe, self.network
        network.to(self.device, memory_format=torch.channels_last)
        state = State(network, _optimiser(network, recipe))
        if checkpoint:
            checkpoint.load(state)
        for epoch in range(len(state.history), recipe.epochs):
            if recipe.patience and state.stale >= recipe.patience:
                break
            figures = self._epoch(state, train, epoch)
            if valid is not None and len(valid):
                figures |= self._watch(state, valid)
            state.history.append(figures)
            if checkpoint:
                checkpoint.save(state)
            if progress:
                progress("training", epoch + 1, recipe.epochs, figures)
        network.load_state_dict(state.best or state.answering())
        return state.history

    def _epoch(self, state: State, train: Examples, epoch: int) -> Figures:
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        _thaw(self.network, recipe, epoch)
        batches = list(_batches(len(train), recipe.batch_size, rng))
        total = 0.0
        for number, rows in enumerate(batches):
            rate = recipe.rate((epoch + number / len(batches)) / recipe.epochs)
            for group in state.optimiser.param_groups:
                group["lr"] = group["scale"] * rate
            total += self._step(state, self._spoilt(train.take(rows), rng))
        loss = total / len(batches)
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} in epoch {epoch + 1}",
                hint=f"Try a learning_rate below {recipe.learning_rate:g}.",
            )
        return {"loss": loss, "learning_rate": recipe.rate((epoch + 1) / recipe.epochs)}

    def _step(self, state: State, batch: Examples) -> float:
        smooth = self.recipe.label_smoothing
        targets = torch.from_numpy(batch.targets).to(self.device)
        targets = targets * (1 - smooth) + smooth * (0.5 if self.multilabel else 1 / targets.shape[1])
        weights = torch.from_numpy(batch.weights.astype(np.float32)).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.recipe.bf16):
            logits, _ = self.network(torch.from_numpy(batch.X).to(self.device))
        loss = (weights * losses(logits.float(), targets, multilabel=self.multilabel)).mean()
        state.optimiser.zero_grad()
        loss.backward()
        state.optimiser.step()
        if self.recipe.average:
            state.follow(self.recipe.average)
        return float(loss.detach())

    def _spoilt(self, batch: Examples, rng: np.random.Generator) -> Examples:
        """Augmented and blended."""
        alpha = float(getattr(self.augment, "mixup", 0.0) or self.recipe.mixup)
        if self.augment is not None:
            X = np.ascontiguousarray(self.augment(batch.X, rng), dtype=np.float32)
            batch = Examples(X, batch.targets, batch.weights)
        return mixed(batch, alpha, rng) if alpha else batch

    def _watch(self, state: State, valid: Examples) -> Figures:
        """Loss and accuracy on what is held back; keeps the best weights so far."""
        learning = {name: value.clone() for name, value in self.network.state_dict().items()}
        answering = state.answering()
        self.network.load_state_dict(answering)
        proba = predict(self.network, valid.X, multilabel=self.multilabel, device=self.device)
        self.network.load_state_dict(learning)
        figures = _figures(proba, valid, multilabel=self.multilabel)
        before = [past["valid_loss"] for past in state.history]
        state.stale += 1
        if not before or figures["valid_loss"] < min(before):
            state.stale = 0
            if self.recipe.patience:
                state.best = answering
        return figures


def losses(logits: Tensor, targets: Tensor, *, multilabel: bool) -> Tensor:
    """Cross entropy of each example [shape=(n,)], the mean over the voices."""
    wanted = targets[:, None].expand_as(logits)
    if multilabel:
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((1, 2))
    return -(wanted * logits.log_softmax(-1)).sum(-1).mean(1)


def mixed(batch: Examples, alpha: float, rng: np.random.Generator) -> Examples:
    """Each example blended with another, and so its target and weight; in dB, as the network sees them."""
    other = batch.take(rng.permutation(len(batch)))
    share = rng.beta(alpha, alpha, len(batch)).astype(np.float32)
    keep = share[:, None]
    return Examples(
        batch.X * keep[..., None] + other.X * (1 - keep[..., None]),
        batch.targets * keep + other.targets * (1 - keep),
        batch.weights * share + other.weights * (1 - share),
    )


def _figures(proba: np.ndarray, valid: Examples, *, multilabel: bool) -> Figures:
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


def _optimiser(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    groups = []
    for depth, stage in enumerate(network.stages()):
        for decays in (True, False):
            some = [p for p in stage.parameters() if (p.ndim > 1) == decays]
            decay = recipe.weight_decay if decays else 0.0
            groups.append({"params": some, "weight_decay": decay, "scale": recipe.layer_decay**depth})
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.learning_rate)


def _thaw(network: Network, recipe: Recipe, epoch: int) -> None:
    """Let the stages learn that are due, from the output down; frozen ones keep their statistics too.

    Batch norms begin each epoch anew and take the plain mean over its batches: with the usual running mean,
    a training of few steps would answer from statistics that it never had.
    """
    network.train()
    stages = network.stages()
    n_awake = 1 + epoch // recipe.unfreeze_every if recipe.unfreeze_every else len(stages)
    for depth, stage in enumerate(stages):
        stage.requires_grad_(depth < n_awake)
        if depth >= n_awake:
            stage.eval()
            continue
        for module in stage.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None
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
def of_its_own(threads: int | None, device: str) -> Iterator[None]:
    """Threads and random numbers of torch for a while, and then again as they were."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        if threads:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
