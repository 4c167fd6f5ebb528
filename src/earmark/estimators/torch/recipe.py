"""How a network learns: the parameters that all families in torch share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from earmark.errors import InputError


@dataclass(kw_only=True, eq=False, repr=False)
class Recipe:
    """How to learn.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the examples, and how many at a time.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov & Hutter 2019); only what is multiplied decays, not biases and norms.
    label_smoothing : float
        Share of the target that is spread over all classes (Szegedy et al. 2016, section 7).
    mixup : float
        Both parameters of the Beta distribution that says how two examples are blended (Zhang et al. 2018);
        0 for none.
    average : float
        Share that the running mean of the weights, which the answers come from, keeps at each step (Polyak &
        Juditsky 1992); 0 for none.
    patience : int
        Epochs without a better loss on held-back examples until it stops, and takes the best weights; 0 to go
        on to the end and take the last.
    unfreeze_every : int
        Epochs until the next stage of the network thaws, from the output to the input (Howard & Ruder 2018);
        0 for all at once.
    layer_decay : float
        Learning rate of a stage by that of the one above it (the same).
    bf16 : bool
        Multiply in bfloat16.
    seed : int
        Of everything that chance decides.
    """

    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    mixup: float = 0.0
    average: float = 0.0
    patience: int = 0
    unfreeze_every: int = 0
    layer_decay: float = 1.0
    bf16: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raise an InputError that names the first parameter out of range."""
        accepted: dict[str, tuple[bool, str]] = {
            "epochs": (self.epochs >= 1, "1 or more"),
            "batch_size": (self.batch_size >= 2, "2 or more: a batch norm has no variance of one"),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "from 0 to below 1"),
            "mixup": (self.mixup >= 0, "0 or more"),
            "average": (0 <= self.average < 1, "from 0 to below 1"),
            "patience": (self.patience >= 0, "0 or more"),
            "unfreeze_every": (self.unfreeze_every >= 0, "0 or more"),
            "layer_decay": (0 < self.layer_decay <= 1, "above 0, at most 1"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        for name, (fits, hint) in accepted.items():
            if not fits:
                raise InputError(f"{name}={getattr(self, name)!r}", hint=f"Accepted: {hint}.")

    def rate(self, progress: float) -> float:
        """Learning rate at `progress` from 0 (the first step) to 1 (the end).

        Up along a line for a fifth, then down to zero along a cosine (after Smith & Topin 2018).
        """
        rise = 0.2
        if progress < rise:
            return self.learning_rate * (0.04 + 0.96 * progress / rise)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - rise) / (1 - rise)))
